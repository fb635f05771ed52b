"""The panels of `backtest.png`."""

from __future__ import annotations

from datetime import timedelta
from zoneinfo import ZoneInfo

import numpy as np
from matplotlib import dates as mdates
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator

from planner.backtest import DAY, OURS
from planner.base import MINUTE
from planner.baselines import STATIC, VENDOR
from planner.exports.backtest_words import MONTH, Report

STEP, CURVE, RIVAL, LOAD, QUIET, GUARD = "#D55E00", "#0072B2", "#5f6368", "#3c4043", "#5f6368", "#009E73"
SHOWN_DAYS = 3
LEAST = 1e-5
"""Cold shares below are drawn here: the axis is logarithmic."""
OURS_SIZE, RIVAL_SIZE = 17, 14
HOURS = (1, 1.2, 1.5, 2, 3, 4, 6, 10, 20, 50, 100)


def draw_frontier(axes: Axes, report: Report) -> None:
    """Every policy as a point: cold share to the right, hours upwards; the reference as a line, the promise upright."""
    backtest = report.backtest
    objective = backtest.rules.objective
    axes.axvspan(LEAST / 2, objective, color=GUARD, alpha=0.08, linewidth=0)
    axes.axvline(objective, color=GUARD, linewidth=1.2)
    axes.plot(
        [max(share, LEAST) for share in backtest.reference.cold_shares],
        backtest.reference.hours,
        color=CURVE,
        linewidth=1.6,
        label="reference: knows the tide, not the noise",
    )
    # Points lie close together, so each bears the number that stands before its name in the panel beside it.
    for number, score in reversed(list(enumerate(backtest.scores, 1))):
        ours = score.name == OURS
        at = (max(score.cold_share, LEAST), score.hours_ratio)
        size, colour = (OURS_SIZE, STEP) if ours else (RIVAL_SIZE, RIVAL)
        axes.plot(*at, marker="o", linestyle="none", markersize=size, color=colour, markeredgecolor="white", zorder=5)
        axes.annotate(
            f"{number}", at, ha="center", va="center_baseline", size=8.5, weight="bold", color="white", zorder=5
        )
    shares = [score.cold_share for score in backtest.scores]
    heights = [score.hours_ratio for score in backtest.scores] + list(backtest.reference.hours)
    axes.set_xscale("log")
    axes.set_xlim(LEAST / 1.6, max(0.05, 2.5 * max(shares)))
    axes.set_yscale("log")
    axes.set_ylim(min(heights) / 1.1, 1.25 * max(heights))
    axes.yaxis.set_major_locator(FixedLocator(HOURS))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(FuncFormatter(lambda hours, _: f"×{hours:g}"))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda share, _: f"{100 * share:g} %"))
    axes.set_ylabel("hours over an all-knowing scaler's")
    axes.set_xlabel(f"cold share; {100 * objective:g} % promised", labelpad=4)
    axes.legend(loc="upper right", framealpha=1, edgecolor="none", fontsize=10)
    title(axes, "Cold share and hours: left and low is better")
    tidy(axes)


def draw_bills(axes: Axes, report: Report) -> None:
    """The bill of a month of each policy: always allocated, and hibernating while idle."""
    scores = report.backtest.scores
    places = np.arange(len(scores))[::-1]
    for hibernating, shift, alpha, label in ((False, 0.2, 0.55, "always allocated"), (True, -0.2, 1.0, "hibernating")):
        bills = [report.monthly(score, hibernating=hibernating) for score in scores]
        colours = [STEP if score.name == OURS else CURVE for score in scores]
        axes.barh(places + shift, bills, height=0.36, color=colours, alpha=alpha, label=label, linewidth=0)
        for place, bill in zip(places, bills, strict=True):
            axes.annotate(
                f"{bill:,.0f}", (bill, place + shift), xytext=(3, 0), textcoords="offset points", va="center", size=8
            )
    axes.set_yticks(places, [f"{score.name}  {number}" for number, score in enumerate(scores, 1)])
    axes.set_xlim(0, 1.16 * max(report.monthly(score, hibernating=False) for score in scores) or 1)
    axes.xaxis.set_major_locator(MaxNLocator(4))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda money, _: f"{money:,.0f}"))
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel("pale: always allocated, strong: hibernating while idle", labelpad=4)
    title(axes, f"Bill of {MONTH} days, {report.currency}")
    tidy(axes)


def draw_days(axes: Axes, report: Report) -> None:
    """The load of the last judged days, and what three policies held for it."""
    backtest, zone = report.backtest, report.backtest.rules.zone
    ours = backtest.score(OURS)
    count = min(SHOWN_DAYS, len(ours.days))
    minutes = count * int(DAY / MINUTE)
    load = backtest.load[-minutes:] / backtest.instance_concurrency
    times = [
        mdates.date2num(day.start + minute * MINUTE)  # type: ignore[no-untyped-call]
        for day in ours.days[-count:]
        for minute in range(int(DAY / MINUTE))
    ]
    axes.fill_between(times, load, color=LOAD, alpha=0.30, linewidth=0, label="load that came, in instances")
    for name, colour, width in ((STATIC, CURVE, 1.3), (VENDOR, GUARD, 1.0), (OURS, STEP, 1.8)):
        held = np.concatenate([day.target for day in backtest.score(name).days[-count:]])
        axes.plot(times, held, color=colour, linewidth=width, drawstyle="steps-post", label=name)
    axes.set_xlim(times[0], times[-1])
    axes.set_ylim(0, None)
    place = ZoneInfo(zone)
    axes.xaxis.set_major_locator(mdates.HourLocator(byhour=range(0, 24, 6), tz=place))  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_formatter(mdates.DateFormatter("%H:%M\n%a %d %b", tz=place))  # type: ignore[no-untyped-call]
    axes.set_ylabel("instances")
    axes.legend(loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=4, frameon=False, fontsize=10)
    title(axes, f"The last {count * DAY // timedelta(days=1)} judged days")
    tidy(axes)


def title(axes: Axes, text: str) -> None:
    """The name of a panel."""
    axes.set_title(text, loc="left", size=11.5, weight="bold", color=QUIET, pad=7)


def tidy(axes: Axes) -> None:
    """A light grid behind, and no frame above and on the right."""
    axes.grid(color="#e8eaed", linewidth=0.8)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
