"""`backtest.png`: cold share against hours for every policy, the last judged days, and the bill of a month.

Drawn as `plan.png` is: matplotlib's own defaults, its bundled font, no time stamp, the colours of Okabe and Ito.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from planner.exports.backtest_words import Report, grounds, headline, savings
from planner.exports.picture import LEFT, RIGHT, SMALL_SIZE, TITLE_SIZE, TOP, as_png, wrapped

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NAME = "backtest.png"


def render(report: Report) -> bytes:
    """A PNG of 1600 x 900."""
    return as_png(lambda figure: _draw(figure, report))


def _draw(figure: Figure, report: Report) -> None:
    from planner.exports import backtest_panels  # noqa: PLC0415  # imports matplotlib

    top = _header(figure, report)
    height = top - 0.40 - 0.035
    backtest_panels.draw_frontier(figure.add_axes((LEFT, 0.40, 0.42, height)), report)
    backtest_panels.draw_bills(figure.add_axes((0.66, 0.40, RIGHT - 0.66, height)), report)
    backtest_panels.draw_days(figure.add_axes((LEFT, 0.075, RIGHT - LEFT, 0.22)), report)


def _header(figure: Figure, report: Report) -> float:
    """The verdict as the title, the savings and the grounds beneath; gives the height where the header ends."""
    title = wrapped(headline(report), TITLE_SIZE, RIGHT - LEFT, weight="bold")
    figure.text(LEFT, TOP, "\n".join(title), size=TITLE_SIZE, weight="bold", va="top", linespacing=1.25)
    height = TOP - 0.036 * len(title) - 0.008
    for text, colour in (*((line, "#202124") for line in savings(report)), (grounds(report), "#5f6368")):
        for line in wrapped(text, SMALL_SIZE, RIGHT - LEFT):
            figure.text(LEFT, height, line, size=SMALL_SIZE, color=colour, va="top")
            height -= 0.026
    return height
