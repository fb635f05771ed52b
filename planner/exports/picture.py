"""`plan.png`: history, forecast, steps and guardrails in one picture; below it the week that follows unrenewed.

Drawn with the Agg canvas on matplotlib's own defaults and its bundled font, without a time stamp: the same plan gives
the same bytes. Colours are of Okabe and Ito's palette, told apart by every kind of colour vision.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import TYPE_CHECKING

from planner.exports import words
from planner.plan import Evidence, Plan

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NAME = "plan.png"
INCHES = (16.0, 9.0)
DPI = 100
LEFT, RIGHT, TOP = 0.05, 0.937, 0.972
LEGEND = 0.042
"""Height of the strip between the header and the panel."""
TITLE_SIZE, SMALL_SIZE = 18, 11.5
LINES, LINE_LENGTH = 24, 150
STYLE: dict[str, object] = {
    "font.size": 11,
    "axes.edgecolor": "#9aa0a6",
    "axes.labelcolor": "#5f6368",
    "axes.linewidth": 0.8,
    "xtick.color": "#5f6368",
    "ytick.color": "#5f6368",
    "text.color": "#202124",
    "hatch.linewidth": 0.6,
}


def render(plan: Plan) -> bytes:
    """A PNG of 1600 x 900."""
    return as_png(lambda figure: _draw(figure, plan))


def as_png(draw: Callable[[Figure], None]) -> bytes:
    """What `draw` puts on a figure of 1600 x 900, as a PNG: the same on every machine."""
    import matplotlib as mpl  # noqa: PLC0415  # a third of a second that only this export needs
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415
    from matplotlib.figure import Figure  # noqa: PLC0415

    # A person's matplotlibrc must not change what is exported.
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(STYLE)  # type: ignore[arg-type]  # its keys are a list of literals
        figure = Figure(figsize=INCHES, dpi=DPI, facecolor="white")
        FigureCanvasAgg(figure)
        draw(figure)
        image = io.BytesIO()
        figure.savefig(image, format="png", dpi=DPI, metadata={"Software": None})
    return image.getvalue()


def _draw(figure: Figure, plan: Plan) -> None:
    from planner.exports import picture_panels  # noqa: PLC0415  # imports matplotlib

    top = _header(figure, plan) - LEGEND
    if plan.evidence is None or not plan.schedule.steps:
        _list_changes(figure, plan, top)
        return
    week = bool(plan.recurring.steps)
    bottom = 0.325 if week else 0.085
    picture_panels.draw_main(figure.add_axes((LEFT, bottom, RIGHT - LEFT, top - bottom)), plan, plan.evidence)
    if week:
        picture_panels.draw_week(figure.add_axes((LEFT, 0.055, RIGHT - LEFT, 0.15)), plan)


def _header(figure: Figure, plan: Plan) -> float:
    """One sentence as the title beside the verdict, the grounds beneath; gives the height where the header ends."""
    colour, fill = ("#00664b", "#e3f3ee") if plan.safe else ("#a50e0e", "#fbe4e4")
    badge = {"boxstyle": "round,pad=0.35", "facecolor": fill, "edgecolor": colour}
    figure.text(
        RIGHT,
        TOP - 0.016,
        words.verdict(plan),
        size=12,
        weight="bold",
        color=colour,
        ha="right",
        va="center",
        bbox=badge,
    )
    title = wrapped(words.headline(plan), TITLE_SIZE, 0.83 if plan.safe else 0.75, weight="bold")
    figure.text(LEFT, TOP, "\n".join(title), size=TITLE_SIZE, weight="bold", va="top", linespacing=1.25)
    height = TOP - 0.036 * len(title) - 0.008
    for line in _breaches(plan):
        figure.text(LEFT, height, line, size=SMALL_SIZE, color=colour, va="top")
        height -= 0.026
    figure.text(LEFT, height, _grounds(plan), size=SMALL_SIZE, color="#5f6368", va="top")
    return height - 0.026


def _list_changes(figure: Figure, plan: Plan, top: float) -> None:
    """In place of a chart, where nothing was forecast: the changes as text."""
    shown = plan.changes[:LINES]
    texts = [f"{change.kind} {change.part} {change.name}: {change.reason}"[:LINE_LENGTH] for change in shown]
    more = len(plan.changes) - len(shown)
    figure.text(LEFT, top, "\n".join([*texts, f"and {more} more"] if more > 0 else texts), va="top", linespacing=1.6)


def _guard(found: Evidence) -> str:
    targets = sorted({window.target for window in found.guard})
    if not targets:
        return "no live guard"
    return f"live guard at {' to '.join(f'{100 * target:g}' for target in dict.fromkeys((targets[0], targets[-1])))} %"


def _grounds(plan: Plan) -> str:
    found, estimate = plan.evidence, plan.estimate
    if found is None or estimate is None:
        return f"times in {plan.time_zone}  ·  plan {plan.digest[:12]}"
    parts = (
        _guard(found),
        f"{words.percent(estimate.wanted.cold_share)} cold expected",
        f"asked for {found.lead.total_seconds() / 60:g} min ahead",
        f"forecast by {found.forecaster}",
        f"times in {plan.time_zone}",
        f"plan {plan.digest[:12]}",
    )
    return "  ·  ".join(parts)


def _breaches(plan: Plan) -> list[str]:
    """At most two lines; the rest is in plan.md."""
    if plan.safe:
        return []
    text = "  ·  ".join(f"{breach.rule.replace('_', ' ')}: {breach.detail}" for breach in plan.breaches)
    lines = wrapped(text, SMALL_SIZE, RIGHT - LEFT)
    return lines if len(lines) <= 2 else [lines[0], f"{lines[1]} …"]


def wrapped(text: str, size: float, share: float, weight: str = "normal") -> list[str]:
    """The text in lines no wider than `share` of the figure, measured as the canvas measures what it draws."""
    from matplotlib.backends.backend_agg import RendererAgg  # noqa: PLC0415
    from matplotlib.font_manager import FontProperties  # noqa: PLC0415

    font, canvas = FontProperties(weight=weight, size=size), RendererAgg(1, 1, DPI)  # type: ignore[no-untyped-call]  # matplotlib has no types here
    limit = share * INCHES[0] * DPI
    lines: list[str] = []
    for word in text.replace(" %", "\N{NO-BREAK SPACE}%").split(" "):
        longer = f"{lines[-1]} {word}" if lines else word
        fits = canvas.get_text_width_height_descent(longer, font, ismath=False)[0] <= limit  # type: ignore[no-untyped-call]
        lines[-1:] = [longer] if fits or not lines else [lines[-1], word]
    return lines
