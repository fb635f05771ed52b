"""What people run today, each as a document of Function Compute that is made from the history alone.

They are the rivals of a plan in `planner backtest`, so each is as good as a careful person could make it: asked for
early by the lead, lowered on time, never below one instance, renewed as often as the plan is. A history too short for
the weeks that a rule speaks of is read by days instead. Where a product's method is not published, the docstring says
what stands in for it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from planner.base import MINUTE, iso
from planner.holtwinters import seasonal_peaks
from planner.provision import MetricType, ProvisionConfig, ScheduledAction, TrackingPolicy

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]
QUARTER, HOUR, DAY, WEEK = 15, 60, 24 * 60, 7 * 24 * 60
"""Minutes."""
MARGIN = 1.1
"""What people put on last week's hourly maximum."""
AROUND = 7
"""Minutes on either side of a slot whose values count as the slot's."""
AWS_DAYS, AWS_TARGET = 14, 0.6
AHPA_DAYS, AHPA_QUANTILE, AHPA_PASSIVE = 7, 0.95, 0.6
HOLT_WINTERS_GUARD = 0.8
"""Targets of the trackers beside a forecast: of those tried on nineteen public traces, the ones that did best."""
LEVEL_RANGE = (0.5, 2.0)
"""How far the level of the last day may move what a pattern says."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Known:
    """What is known at `now`.

    `minutes`: offered concurrency of each minute up to `now`, shape (minutes,), at least a day; minutes that have not
    reached the metric store hold the last value. `lead`: minutes from asking to warm. `zone` is where people are.
    """

    now: datetime
    minutes: Floats
    instance_concurrency: int
    lead: int
    ceiling: int
    zone: str

    def __post_init__(self) -> None:
        if self.minutes.size < DAY:
            raise ValueError("a baseline needs a day of history")


Baseline = Callable[[Known], ProvisionConfig]


def static_peak(known: Known) -> ProvisionConfig:
    """The highest minute of the last seven days, all the time."""
    return ProvisionConfig(default_target=int(_instances(known, known.minutes[-WEEK:].max())))


def tracking(target: float, floor: int = 2) -> Baseline:
    """Nothing but a tracker of the concurrency utilisation, from `floor` instances to the owner's ceiling.

    A floor of two is what a careful person takes: at one, a tracker above one half answers a night's first requests
    one instance at a time.
    """

    def document(known: Known) -> ProvisionConfig:
        return ProvisionConfig(default_target=floor, tracking_policies=(_tracker(known, target, floor),))

    return document


def last_week(known: Known) -> ProvisionConfig:
    """Each hour's highest minute of the same hour a week ago (a day ago, until a week is known), and 10 % more."""
    lag = _lags(known, 1)[0]
    return _steps(known, [MARGIN * _past(known, hour, HOUR, lag).max() for hour in _slots(known, HOUR)], HOUR)


def quantile_by_time(known: Known) -> ProvisionConfig:
    """P99 of the same quarter of an hour, seven minutes around it, in the last four weeks (or the days known)."""
    lags = _lags(known, 4)
    pooled = (
        np.concatenate([_past(known, slot - AROUND, QUARTER + 2 * AROUND, lag) for lag in lags])
        for slot in _slots(known, QUARTER)
    )
    return _steps(known, [float(np.quantile(values, 0.99)) for values in pooled], QUARTER)


def quantile_and_tracking(known: Known) -> ProvisionConfig:
    """The same with a tracker at 0.9 beside it, for surprises."""
    return replace(quantile_by_time(known), tracking_policies=(_tracker(known, 0.9),))


def two_levels(known: Known) -> ProvisionConfig:
    """A hand-made cron table: one level by day and one by night, the best pair of hours for the last seven days.

    Each level is the highest minute of its hours. Of all pairs of full hours the one with the fewest instance-hours.
    """
    place, week = ZoneInfo(known.zone), known.minutes[-WEEK:]
    first = (known.now - len(week) * MINUTE).astimezone(place)
    hours = (first.hour * HOUR + first.minute + np.arange(len(week))) // HOUR % 24
    peaks = _instances(known, np.array([week[hours == hour].max() for hour in range(24)]))
    best: tuple[int, int, int, int, int] | None = None
    for begin in range(24):
        turned = np.roll(peaks, -begin)
        for length in range(1, 24):
            day, night = int(turned[:length].max()), int(turned[length:].max())
            cost = day * length + night * (24 - length)
            if day >= night and (best is None or cost < best[0]):
                best = (cost, begin, (begin + length) % 24, day, night)
    assert best is not None  # the hour with the highest peak alone is such a pair
    _, begin, end, day, night = best
    up = (begin * HOUR - known.lead) % DAY
    # Of two fixed levels the higher one is never wrong as a default: it only counts while a put is evaluated.
    return ProvisionConfig(
        default_target=day,
        scheduled_actions=(
            _cron("day", up, day, known.zone),
            _cron("night", end * HOUR % DAY, night, known.zone),
        ),
    )


def aws_like(known: Known) -> ProvisionConfig:
    """Predictive scaling as AWS describes it, with target tracking beside it, as AWS advises.

    Published: up to 14 days of history, an hourly forecast, capacity = load / target, acts before the hour, refuses to
    scale in by itself, the maximum of all policies counts. Not published: the forecaster. In its place: the mean of the
    same hour of the past two weeks (of the past days, until a week is known), moved by the level of the last day.
    Approximated: scaling in is left to the steps, which is cheaper than AWS's own.
    """
    lags = _lags(known, AWS_DAYS * DAY // WEEK)
    level = _level(known, lags)
    loads = [
        level * float(np.concatenate([_past(known, hour, HOUR, lag) for lag in lags]).mean()) / AWS_TARGET
        for hour in _slots(known, HOUR)
    ]
    return replace(_steps(known, loads, HOUR), tracking_policies=(_tracker(known, AWS_TARGET),))


def ahpa_like(known: Known) -> ProvisionConfig:
    """AHPA's shape: P95 a minute of the day from seven days, asked for early, with a reactive path beside it.

    Published: seven days of history, a forecast a minute for 24 hours, a quantile (95 in the examples), an early start.
    Not published: the robust decomposition. In its place: each past day scaled to the level of the last one, fifteen
    minutes of every day pooled around each minute. Approximated: Function Compute takes 100 actions, so the curve is
    cut into the maxima of quarters of an hour, and the reactive path is a tracker.
    """
    length = len(_slots(known, QUARTER)) * QUARTER
    lags = [day * DAY for day in range(1, min(AHPA_DAYS, known.minutes.size // DAY) + 1)]
    days = [_past(known, -AROUND, length + 2 * AROUND, lag) for lag in lags]
    # The oldest day may miss its first minutes, before the history begins.
    whole = [day * _ratio(days[0], day) for day in days if day.size == length + 2 * AROUND]
    windows = np.lib.stride_tricks.sliding_window_view(np.stack(whole or [_padded(days[0], length)]), 15, axis=1)
    curve = np.quantile(windows, AHPA_QUANTILE, axis=(0, 2))
    steps = _steps(known, list(curve.reshape(-1, QUARTER).max(axis=1)), QUARTER)
    return replace(steps, tracking_policies=(_tracker(known, AHPA_PASSIVE),))


def holt_winters(known: Known) -> ProvisionConfig:
    """Holt-Winters on hourly maxima (`planner.holtwinters`), its own errors as the margin, and a tracker beside it."""
    hours = known.minutes.size // HOUR
    peaks = known.minutes[-hours * HOUR :].reshape(-1, HOUR).max(axis=1)
    steps = _steps(known, list(seasonal_peaks(peaks, len(_slots(known, HOUR)))), HOUR)
    return replace(steps, tracking_policies=(_tracker(known, HOLT_WINTERS_GUARD),))


VENDOR_TARGET = 0.3
STATIC, VENDOR = "static peak of 7 days", "tracking 0.3 (vendor's)"
CRON, LAST_WEEK = "day and night by cron", "last week's hours + 10 %"
BASELINES: Mapping[str, Baseline] = {
    STATIC: static_peak,
    VENDOR: tracking(VENDOR_TARGET, floor=1),
    "tracking 0.6": tracking(0.6),
    "tracking 0.9": tracking(0.9),
    CRON: two_levels,
    LAST_WEEK: last_week,
    "P99 of 4 weeks": quantile_by_time,
    "P99 and tracking 0.9": quantile_and_tracking,
    "like AWS predictive": aws_like,
    "like AHPA": ahpa_like,
    "Holt-Winters": holt_winters,
}
"""Every baseline by the name that tables show."""


def _instances(known: Known, concurrency: Floats | float) -> Counts:
    """Whole instances for a concurrency: at least one, at most the owner's ceiling."""
    whole = np.ceil(np.asarray(concurrency) / known.instance_concurrency - 1e-9).astype(np.int64)
    return np.clip(whole, 1, known.ceiling)


def _slots(known: Known, slot: int) -> range:
    """Where the slots begin that cover a day from `now` and the lead after it, in minutes from `now`."""
    return range(0, DAY + known.lead, slot)


def _lags(known: Known, weeks: int) -> list[int]:
    """How far back the same time lies: whole weeks, at most so many, or days until a week is known."""
    if whole := known.minutes.size // WEEK:
        return [week * WEEK for week in range(1, min(weeks, whole) + 1)]
    return [day * DAY for day in range(1, known.minutes.size // DAY + 1)]


def _past(known: Known, first: int, length: int, lag: int) -> Floats:
    """The minutes from `first` (from now) as they were `lag` ago; what was not yet is taken a day earlier."""
    at = known.minutes.size + first + np.arange(length) - lag
    at = np.where(at >= known.minutes.size, at - DAY, at)
    return np.asarray(known.minutes[at[at >= 0]])


def _padded(day: Floats, length: int) -> Floats:
    return np.pad(day, (length + 2 * AROUND - day.size, 0), mode="edge")


def _level(known: Known, lags: list[int]) -> float:
    """How the last day stands to the same day of the nearest period; 1 where that is not known."""
    lag = lags[0] if lags[0] + DAY <= known.minutes.size else 0
    earlier = known.minutes[known.minutes.size - lag - DAY : known.minutes.size - lag]
    return _ratio(known.minutes[-DAY:], earlier)


def _ratio(new: Floats, old: Floats) -> float:
    mean = float(old.mean())
    return float(np.clip(new.mean() / mean, *LEVEL_RANGE)) if mean > 0 else 1.0


def _steps(known: Known, loads: list[float], slot: int) -> ProvisionConfig:
    """Dated steps for a day from one concurrency a slot: raised `lead` minutes early, lowered on time."""
    wanted = np.repeat(_instances(known, np.array(loads)), slot)[: DAY + known.lead]
    early = np.lib.stride_tricks.sliding_window_view(wanted, known.lead + 1).max(axis=1)
    turns = [0, *(np.flatnonzero(np.diff(early[:DAY])) + 1)]
    actions = tuple(
        ScheduledAction(
            name=f"step-{known.now + int(turn) * MINUTE:%Y%m%dT%H%MZ}",
            schedule_expression=f"at({iso(known.now + int(turn) * MINUTE)})",
            target=int(early[turn]),
        )
        for turn in turns
    )
    return ProvisionConfig(default_target=int(early[0]), scheduled_actions=actions)


def _cron(name: str, minute: int, target: int, zone: str) -> ScheduledAction:
    hours, minutes = divmod(minute, HOUR)
    return ScheduledAction(
        name=name, schedule_expression=f"cron(0 {minutes} {hours} * * *)", target=target, time_zone=zone
    )


def _tracker(known: Known, target: float, floor: int = 1) -> TrackingPolicy:
    return TrackingPolicy(
        name="tracking",
        metric_type=MetricType.CONCURRENCY,
        metric_target=target,
        min_capacity=min(floor, known.ceiling),
        max_capacity=known.ceiling,
    )
