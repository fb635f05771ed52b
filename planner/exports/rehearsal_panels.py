"""The panels of `rehearsal.png`: a column a policy, and the policies side by side."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import numpy as np
from matplotlib import dates as mdates
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator

from planner.base import MINUTE
from planner.exports import words
from planner.exports.backtest_panels import tidy, title
from planner.exports.rehearsal_words import seconds
from planner.rehearsal.measured import COLD, NO_PLAN, OURS, SERVED, VENDOR, Rehearsal, Run

COLOURS = {NO_PLAN: "#0072B2", VENDOR: "#009E73", OURS: "#D55E00"}
LOAD, QUIET, COLD_COLOUR = "#3c4043", "#5f6368", "#CC79A7"
LATENCIES = (0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0)
MARKS = (("P50", 0, "|"), ("P95", 1, "d"), ("P99", 2, "o"))


def draw_instances(axes: Axes, found: Rehearsal, run: Run, *, first: bool) -> None:
    """The load, in instances, and what was warm for it: provisioned ones, and those on demand upon them."""
    colour, times = COLOURS[run.name], _minutes(found)
    wanted = np.append(found.scene.load, found.scene.load[-1]) / found.scene.wishes.instance_concurrency
    warm = _held([minute.warm for minute in run.minutes])
    total = warm + _held([minute.on_demand for minute in run.minutes])
    axes.fill_between(times, wanted, step="post", color=LOAD, alpha=0.25, linewidth=0)
    axes.fill_between(
        times, warm, total, step="post", facecolor="none", edgecolor=colour, hatch="////", linewidth=0, alpha=0.8
    )
    axes.plot(times, warm, color=colour, linewidth=2.2, drawstyle="steps-post")
    axes.set_ylim(0, _top(found))
    axes.yaxis.set_major_locator(MaxNLocator(5, integer=True))
    _columns(axes, found, first=first)
    axes.tick_params(axis="x", labelbottom=False)
    if first:
        axes.set_ylabel("instances")
        handles: list[Patch | Line2D] = [
            Patch(facecolor=LOAD, alpha=0.25, label="the trace's load"),
            Line2D([], [], color=QUIET, linewidth=2.2, label="provisioned, warm"),
            Patch(facecolor="none", edgecolor=QUIET, hatch="////", label="on demand, with a request", linewidth=0),
        ]
        axes.legend(handles=handles, loc="upper left", frameon=False, fontsize=9.5)
    axes.annotate(
        run.name, (0, 1), xycoords="axes fraction", xytext=(0, 19), textcoords="offset points", size=13,
        weight="bold", color=colour,
    )  # fmt: skip
    axes.annotate(
        _in_short(found, run), (0, 1), xycoords="axes fraction", xytext=(0, 5), textcoords="offset points",
        size=10, color=QUIET,
    )  # fmt: skip


def draw_requests(axes: Axes, found: Rehearsal, run: Run, *, first: bool) -> None:
    """Every request at its time: how long it took; those that waited for a start stand out."""
    start, each = found.scene.start, found.scene.minute_seconds
    served = [row for row in run.rows if row.status == SERVED]
    for cold, colour, size, alpha in ((False, COLOURS[run.name], 5, 0.25), (True, COLD_COLOUR, 26, 0.9)):
        shown = [row for row in served if (row.start == COLD) is cold]
        times = [_x(start) + row.at / each / 1440 for row in shown]
        axes.scatter(times, [row.latency for row in shown], s=size, color=colour, alpha=alpha, linewidths=0)
    _mark_p99(axes, found, run)
    axes.set_yscale("log")
    axes.set_ylim(*_latencies(found))
    _seconds_axis(axes, "y")
    _columns(axes, found, first=first)
    if first:
        axes.set_ylabel("latency of a request")
        handles = [
            Line2D([], [], marker="o", linestyle="none", markersize=3, color=QUIET, label="found a warm instance"),
            Line2D([], [], marker="o", linestyle="none", markersize=4.5, color=COLD_COLOUR, label="waited for a start"),
        ]
        axes.legend(handles=handles, loc="upper right", frameon=False, fontsize=9.5, ncols=2, borderpad=0.1)


def _mark_p99(axes: Axes, found: Rehearsal, run: Run) -> None:
    if not (p99 := found.rising(run).p99):
        return
    begin, end = (_x(moment) for moment in found.ramp)
    axes.plot([begin, end], [p99, p99], color=LOAD, linewidth=1.2, linestyle=(0, (5, 2)))
    axes.annotate(
        f"P99 in the ramp {seconds(p99)}", (begin, p99), xytext=(2, 4), textcoords="offset points", size=9.5,
        color=LOAD, bbox={"facecolor": "white", "alpha": 0.75, "edgecolor": "none", "pad": 1},
    )  # fmt: skip


def draw_percentiles(axes: Axes, found: Rehearsal) -> None:
    """P50, P95, P99 and the longest of each policy while the load rises."""
    for place, run in enumerate(reversed(found.runs)):
        figures, colour = found.rising(run), COLOURS[run.name]
        if not figures.p99:
            continue
        axes.plot([figures.quantiles[0], figures.longest], [place, place], color=colour, linewidth=1.5, alpha=0.5)
        for _, index, marker in MARKS:
            axes.plot(figures.quantiles[index], place, marker=marker, color=colour, markersize=9, markeredgewidth=2)
        axes.plot(figures.longest, place, marker="x", color=colour, markersize=7, markeredgewidth=1.5)
        axes.annotate(
            seconds(figures.p99), (figures.p99, place), xytext=(0, 8), textcoords="offset points", size=10,
            weight="bold", color=colour, ha="center",
        )  # fmt: skip
    axes.set_xscale("log")
    axes.set_xlim(*_latencies(found))
    axes.set_ylim(-0.5, len(found.runs) - 0.25)
    axes.set_yticks(range(len(found.runs)), [run.name for run in reversed(found.runs)])
    axes.tick_params(axis="y", length=0)
    _seconds_axis(axes, "x")
    title(axes, "Latency while the load rises")
    handles = [Line2D([], [], marker=mark, linestyle="none", color=QUIET, label=name) for name, _, mark in MARKS]
    handles.append(Line2D([], [], marker="x", linestyle="none", color=QUIET, label="longest"))
    axes.legend(handles=handles, loc="lower right", bbox_to_anchor=(1.0, 0.98), ncols=4, frameon=False, fontsize=9.5)
    tidy(axes)


def draw_hours(axes: Axes, found: Rehearsal) -> None:
    """Instance-hours of each policy over the span, those on demand hatched."""
    for place, run in enumerate(reversed(found.runs)):
        colour = COLOURS[run.name]
        axes.barh(place, run.warm_hours, height=0.5, color=colour, alpha=0.85, linewidth=0)
        axes.barh(
            place, run.on_demand_hours, left=run.warm_hours, height=0.5, facecolor="none", edgecolor=colour,
            hatch="////", linewidth=0,
        )  # fmt: skip
        text = f"{run.hours:.1f} h, {words.money(run.bill, found.currency)}"
        axes.annotate(text, (run.hours, place), xytext=(4, 0), textcoords="offset points", va="center", size=10)
    axes.set_yticks(range(len(found.runs)), ["" for _ in found.runs])
    axes.set_ylim(-0.5, len(found.runs) - 0.25)
    axes.set_xlim(0, 1.4 * max(run.hours for run in found.runs) or 1)
    axes.xaxis.set_major_locator(MaxNLocator(5))
    axes.tick_params(axis="y", length=0)
    title(axes, "Instance-hours and bill of the whole span")
    tidy(axes)


def _in_short(found: Rehearsal, run: Run) -> str:
    lost = found.whole(run).refused + found.whole(run).failed
    waited = words.count(found.whole(run).cold, "request")
    told = f"{words.count(run.cold_starts, 'cold start')}, which {waited} waited for"
    return f"{told}; {lost:,} not answered" if lost else told


def _columns(axes: Axes, found: Rehearsal, *, first: bool) -> None:
    """What the panels of a column share: the span, the ramp, the clock."""
    place = ZoneInfo(found.scene.wishes.zone)
    axes.axvspan(*(_x(moment) for moment in found.ramp), color="#1a3a6b", alpha=0.05, linewidth=0, zorder=0)
    axes.set_xlim(_x(found.scene.start), _x(found.scene.end))
    axes.xaxis.set_major_locator(mdates.AutoDateLocator(tz=place, minticks=3, maxticks=7))  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_formatter(mdates.DateFormatter("%H:%M", tz=place))  # type: ignore[no-untyped-call]
    axes.tick_params(axis="y", length=0, labelleft=first)
    tidy(axes)


def _latencies(found: Rehearsal) -> tuple[float, float]:
    """From a little below the shortest to above the longest latency of all policies."""
    served = [row.latency for run in found.runs for row in run.rows if row.status == SERVED] or [1.0]
    return min(served) / 1.3, max(served) * 2.2


def _top(found: Rehearsal) -> float:
    held = max(minute.warm + minute.on_demand for run in found.runs for minute in run.minutes)
    return 1.12 * max(held, float(found.scene.load.max()) / found.scene.wishes.instance_concurrency)


def _minutes(found: Rehearsal) -> list[float]:
    return [_x(found.scene.start + number * MINUTE) for number in range(found.scene.load.size + 1)]


def _held(values: list[float]) -> np.ndarray:
    return np.append(values, values[-1])


def _x(moment: object) -> float:
    return float(mdates.date2num(moment))  # type: ignore[no-untyped-call]


def _seconds_axis(axes: Axes, which: str) -> None:
    axis = axes.yaxis if which == "y" else axes.xaxis
    axis.set_major_locator(FixedLocator(LATENCIES))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g} s"))
