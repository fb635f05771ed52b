"""The panels of `plan.png`. Everything is drawn in instances; concurrency is the same scale on the right."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from matplotlib import dates as mdates
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.patheffects import withStroke
from matplotlib.ticker import FuncFormatter, MaxNLocator

from planner.exports import words
from planner.exports.picture_rails import Rail, rails
from planner.plan import Evidence, Plan

STEP, FORECAST, GUARD, PAST, QUIET = "#D55E00", "#0072B2", "#009E73", "#3c4043", "#5f6368"
FIGURE = "#a34700"
FIGURE_WIDTH = 0.0064
"""Of one digit on a plateau, as a share of the panel."""
NIGHT = (22, 6)
"""From ten in the evening to six in the morning, local time."""
MEDIAN = 0.5
MAX_TICKS = 20
LONG = 10_000
"""From here on an axis counts in thousands."""
HEADROOM = 1.16
FAR = 1.7
"""A ceiling or a static number this many times above everything else is named in the legend, not drawn to scale."""
_HALO = [withStroke(linewidth=3, foreground="white")]


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """What the main panel shows: from `start` to `end`, zero to `top` instances."""

    start: datetime
    end: datetime
    top: float


def draw_main(axes: Axes, plan: Plan, found: Evidence) -> None:
    """History, forecast, steps, guardrails; the now line, and the fallback after the horizon."""
    view = _view(plan, found)
    _frame(axes, view, plan.time_zone, found.instance_concurrency)
    _nights(axes, view.start, view.end, plan.time_zone)
    _fallback_region(axes, plan, view)
    handles = [*_past(axes, found), *_forecast(axes, found), *_rails(axes, plan, view), *_today(axes, plan)]
    handles.insert(0, _steps(axes, plan, view))
    axes.legend(
        handles=handles,
        loc="lower left",
        bbox_to_anchor=(-0.005, 1.005),
        ncols=len(handles),
        frameon=False,
        fontsize=10.5,
        handlelength=1.6,
        columnspacing=1.6,
        borderpad=0.2,
    )


def draw_week(axes: Axes, plan: Plan) -> None:
    """One week of the recurring form, a day's peak named."""
    schedule, estimate = plan.recurring, plan.estimate
    spans = words.spans(schedule)
    peak = max(span.instances for span in spans)
    times = [*map(_x, (span.start for span in spans)), _x(schedule.end)]
    values = [span.instances for span in spans] + [spans[-1].instances]
    axes.fill_between(times, values, step="post", color=STEP, alpha=0.13, linewidth=0)
    axes.plot(times, values, drawstyle="steps-post", color=STEP, linewidth=1.6, linestyle=(0, (4, 1.5)))
    axes.set_xlim(_x(schedule.start), _x(schedule.end))
    axes.set_ylim(0, max(1.0, peak * 1.35))
    _nights(axes, schedule.start, schedule.end, plan.time_zone)
    _tidy(axes)
    axes.yaxis.set_major_locator(MaxNLocator(nbins=2, integer=True))
    axes.yaxis.set_major_formatter(_thousands())
    _time_axis(axes, plan.time_zone, 24, "%a %d %b")
    _day_peaks(axes, plan)
    price = f" {words.daily(estimate)}" if estimate else ""
    title = f"If no newer plan is applied: this week, again and again.{price}"
    axes.set_title(title, loc="left", size=11, color=QUIET, pad=6)


def _view(plan: Plan, found: Evidence) -> View:
    horizon = plan.schedule.end - plan.created_at
    recent, band, each = found.recent, found.band, found.instance_concurrency
    oldest = plan.created_at - max(horizon, timedelta(hours=24))
    start = max(oldest, recent.start) if recent.peaks else plan.created_at
    end = plan.schedule.end + (horizon / 5 if plan.recurring.steps else timedelta(0))
    known = zip(_times(recent.start, recent.slot, len(recent.peaks)), recent.peaks, strict=True)
    loads = [load for at, load in known if load is not None and at >= start]
    loads += [load for level in band.values for load in level]
    steps = [*plan.schedule.steps, *(step for step in plan.recurring.steps if step.at < end)]
    heights = [*(load / each for load in loads), *(step.instances for step in steps), 1]
    top = max(heights)
    lines = [*(rail.ceiling for rail in rails(plan, start, end)), plan.live.default_target]
    near = [height for height in lines if height <= FAR * top]
    return View(start=start, end=end, top=max([top, *near]) * HEADROOM)


def _frame(axes: Axes, view: View, zone: str, each: int) -> None:
    axes.set_xlim(_x(view.start), _x(view.end))
    axes.set_ylim(0, view.top)
    _tidy(axes)
    axes.yaxis.set_major_locator(MaxNLocator(nbins=7, integer=True))
    axes.yaxis.set_major_formatter(_thousands())
    axes.grid(axis="y", color="#e8eaed", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.set_ylabel("instances")
    twin = axes.twinx()
    twin.set_ylim(0, view.top * each)
    _tidy(twin)
    twin.yaxis.set_major_locator(MaxNLocator(nbins=7, integer=True))
    twin.yaxis.set_major_formatter(_thousands())
    twin.set_ylabel(f"requests in flight ({each} an instance)", labelpad=8)
    hours = (view.end - view.start) / timedelta(hours=1)
    every = next((step for step in (1, 2, 3, 6, 12) if hours / step <= MAX_TICKS), 24)
    _time_axis(axes, zone, every, "%H:%M\n%a %d %b")


def _past(axes: Axes, found: Evidence) -> list[Line2D]:
    recent, each = found.recent, found.instance_concurrency
    if not recent.peaks:
        return []
    loads = [float("nan") if load is None else load / each for load in recent.peaks]
    times = _times(recent.start, recent.slot, len(loads))
    label = f"history, {words.span(recent.slot)} peaks"
    return axes.plot([*map(_x, times)], loads, color=PAST, linewidth=1.3, label=label)


def _forecast(axes: Axes, found: Evidence) -> list[Patch | Line2D]:
    """Nested bands from the outermost pair of levels inwards, and the middle level as a line."""
    band, each = found.band, found.instance_concurrency
    times = [*map(_x, _times(band.start, band.slot, len(band.values[0]) if band.values else 0))]
    if not times:
        return []
    rows = [[load / each for load in level] for level in band.values]
    for low, high in zip(rows[: len(rows) // 2], reversed(rows), strict=False):
        axes.fill_between(times, low, high, color=FORECAST, alpha=0.17, linewidth=0)
    middle = len(rows) // 2
    axes.plot(times, rows[middle], color=FORECAST, linewidth=1.5)
    levels = f"{100 * band.levels[0]:g} % to {100 * band.levels[-1]:g} %"
    name = "median" if band.levels[middle] == MEDIAN else f"{100 * band.levels[middle]:g} %"
    line = Line2D([], [], color=FORECAST, linewidth=1.5, label=f"forecast, {name}")
    return [line, Patch(facecolor=FORECAST, alpha=0.3, label=levels)]


def _steps(axes: Axes, plan: Plan, view: View) -> Line2D:
    """The schedule as a bold line with its figures, and the start of the fallback dashed."""
    rolling, recurring = words.spans(plan.schedule), words.spans(plan.recurring)
    parts: tuple[tuple[Sequence[words.Span], datetime, object], ...] = (
        (rolling, plan.schedule.end, "-"),
        (recurring, view.end, (0, (3, 1.2))),
    )
    for spans, end, dashes in parts:
        shown = [span for span in spans if span.start < end]
        if not shown:
            continue
        times = [*(_x(max(span.start, view.start)) for span in shown), _x(end)]
        values = [span.instances for span in shown] + [shown[-1].instances]
        axes.fill_between(times, values, step="post", color=STEP, alpha=0.07, linewidth=0)
        axes.plot(times, values, drawstyle="steps-post", color=STEP, linewidth=2.6, linestyle=dashes, clip_on=False)
    _figures(axes, [*rolling, *(span for span in recurring if span.start < view.end)], view)
    return Line2D([], [], color=STEP, linewidth=2.6, label="scheduled")


def _figures(axes: Axes, spans: Sequence[words.Span], view: View) -> None:
    """The instances on the plateaus that are wide enough for them, and on the peak in any case."""
    length = view.end - view.start
    peak = max(spans, key=lambda span: span.instances, default=None)
    taken: list[tuple[float, float]] = []
    for span in sorted(spans, key=lambda span: (span is not peak, span.start - span.end)):
        start, end = max(span.start, view.start), min(span.end, view.end)
        text = f"{span.instances:,}"
        middle, half = (start + (end - start) / 2 - view.start) / length, len(text) * FIGURE_WIDTH / 2
        narrow = span is not peak and (end - start) / length < 1.4 * half
        gap = half + FIGURE_WIDTH / 2
        if narrow or any(middle - gap < right and middle + gap > left for left, right in taken):
            continue
        taken.append((middle - half, middle + half))
        _name(axes, text, start + (end - start) / 2, span.instances, size=9.5)


def _name(axes: Axes, text: str, moment: datetime, height: float, *, size: float) -> None:
    axes.annotate(
        text,
        (_x(moment), height),
        xytext=(0, 4),
        textcoords="offset points",
        ha="center",
        size=size,
        weight="bold",
        color=FIGURE,
        path_effects=_HALO,
        zorder=6,
    )


def _rails(axes: Axes, plan: Plan, view: View) -> list[Patch]:
    """Between the trackers' floor and their ceiling, step by step; what is too high to draw is said."""
    found = rails(plan, view.start, view.end)
    if not found:
        return []
    for rail in found:
        top = min(rail.ceiling, view.top)
        axes.fill_between([_x(rail.start), _x(rail.end)], rail.floor, top, color=GUARD, alpha=0.05, linewidth=0)
        for height in (rail.floor, rail.ceiling):
            axes.plot(
                [_x(rail.start), _x(rail.end)], [height, height], color=GUARD, linewidth=1.2, linestyle=(0, (1, 1.6))
            )
    return [Patch(facecolor=GUARD, alpha=0.35, label=_rail_text(found, plan))]


def _rail_text(found: Sequence[Rail], plan: Plan) -> str:
    now = next((rail for rail in found if rail.start <= plan.created_at < rail.end), found[0])
    return f"trackers' reach, now {now.floor:,} to {now.ceiling:,}"


def _today(axes: Axes, plan: Plan) -> list[Line2D]:
    """The static number of today's document, where it is only that."""
    live = plan.live
    if not plan.live_exists or live.scheduled_actions or live.tracking_policies:
        return []
    label = f"today: {live.default_target:,} always"
    spread = [_x(plan.created_at), _x(plan.schedule.end)]
    return axes.plot(
        spread,
        [live.default_target] * 2,
        color="#80868b",
        linewidth=1.2,
        linestyle=(0, (6, 3)),
        label=label,
    )


def _fallback_region(axes: Axes, plan: Plan, view: View) -> None:
    marks = [(plan.created_at, f"now  {words.local(plan.created_at, plan.time_zone):%H:%M}")]
    if view.end > plan.schedule.end:
        axes.axvspan(
            _x(plan.schedule.end), _x(view.end), facecolor="none", hatch="///", edgecolor="#e3e5e8", linewidth=0
        )
        marks.append((plan.schedule.end, "fallback,\nunless renewed"))
    for moment, text in marks:
        axes.axvline(_x(moment), color=QUIET, linewidth=1.0)
        axes.annotate(
            text,
            (_x(moment), 1),
            xycoords=("data", "axes fraction"),
            xytext=(5, -5),
            textcoords="offset points",
            va="top",
            size=10,
            color=QUIET,
            path_effects=_HALO,
        )


def _day_peaks(axes: Axes, plan: Plan) -> None:
    days: dict[object, words.Span] = {}
    for span in words.spans(plan.recurring):
        day = words.local(span.start, plan.time_zone).date()
        if day not in days or span.instances > days[day].instances:
            days[day] = span
    for span in days.values():
        _name(axes, f"{span.instances:,}", span.start + (span.end - span.start) / 2, span.instances, size=9)


def _nights(axes: Axes, start: datetime, end: datetime, zone: str) -> None:
    place = ZoneInfo(zone)
    day = start.astimezone(place).date() - timedelta(days=1)
    while day <= end.astimezone(place).date():
        dusk = datetime(day.year, day.month, day.day, NIGHT[0], tzinfo=place).astimezone(UTC)
        after = day + timedelta(days=1)
        dawn = datetime(after.year, after.month, after.day, NIGHT[1], tzinfo=place).astimezone(UTC)
        if dusk < end and dawn > start:
            axes.axvspan(_x(max(dusk, start)), _x(min(dawn, end)), color="#1a3a6b", alpha=0.045, linewidth=0, zorder=0)
        day = after


def _tidy(axes: Axes) -> None:
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.tick_params(axis="y", length=0)


def _time_axis(axes: Axes, zone: str, every: int, midnight: str) -> None:
    """Ticks every so many local hours; the date stands at midnight."""
    place = ZoneInfo(zone)
    axes.xaxis.set_major_locator(mdates.HourLocator(byhour=range(0, 24, every), tz=place))  # type: ignore[no-untyped-call]

    def label(value: float, _position: int) -> str:
        here: datetime = mdates.num2date(value, tz=place)  # type: ignore[no-untyped-call]
        return here.strftime(midnight if here.hour == 0 else "%H:%M")

    axes.xaxis.set_major_formatter(FuncFormatter(label))


def _thousands() -> FuncFormatter:
    return FuncFormatter(lambda value, _position: f"{value / 1000:,g}k" if value >= LONG else f"{value:,.0f}")


def _x(moment: datetime) -> float:
    """The instant's place on the time axis."""
    return float(mdates.date2num(moment))  # type: ignore[no-untyped-call]


def _times(start: datetime, slot: timedelta, number: int) -> list[datetime]:
    return [start + index * slot for index in range(number)]
