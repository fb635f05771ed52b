"""From Function Compute's metrics to the concurrency that a function was asked for, period by period. Pure.

No metric is the concurrency of a function, so it is told in one of three ways, in this order of trust:

1. requests at once in an instance x instances: `FunctionAvgConcurrentRequests` x
   (`FunctionProvisionedCurrentInstance` + `FunctionOndemandActiveInstance`), where all three have a point. The first is
   there only where the function reports instance metrics. 3.33 at once on 2 + 1 instances are 9.99.
2. calls x duration, by Little's law, L = lambda x W: `FunctionTotalInvocations` / seconds x `FunctionAvgDuration`.
   300 calls a minute of 2,000 ms are 300 / 60 x 2 = 10. Calls are requests, those that were turned away among them, so
   that this is what was offered. Of longer periods it comes first: the means of the other three need not be over the
   same minutes.
3. nothing happened: zero. A minute without calls has no point, so zero is told from what else there is (`_idle`).

To the first is added what was turned away (`planner.offered`), which never was in an instance. Names and units of the
metrics: Function Compute user guide, "monitoring data" (FC 3.0, 2025-04-23); an older page (doc-detail/53001) counts
calls as "requests to invoke functions", and throttles as those of them that failed for the limit of instances.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise

import numpy as np
import pandas as pd

from planner.base import EPOCH
from planner.columns import Columns
from planner.errors import HistoryError
from planner.offered import read_offered

AT_ONCE = "FunctionAvgConcurrentRequests"
PROVISIONED = "FunctionProvisionedCurrentInstance"
ON_DEMAND = "FunctionOndemandActiveInstance"
CALLS = "FunctionTotalInvocations"
DURATION = "FunctionAvgDuration"
THROTTLES = ("FunctionConcurrencyThrottles", "FunctionResourceThrottles")
REGION = ("RegionProvisionedCurrentInstance", "RegionConcurrentCount")
"""Of all functions of the region: a point says that the service reported at all."""
SUMS = frozenset({CALLS, *THROTTLES})
"""Counts over a period; all others are means."""

SETTLED = timedelta(minutes=10)
"""Younger than this a period is never taken for zero: its calls may just be late."""
QUIET = 5
"""Calls a minute at both edges of a hole up to which none at all within it is nothing unusual: a Poisson stream of 5 a
minute has 1 minute in 150 without any, one of 20 none in 900 years."""
NIGHT = timedelta(hours=12)
"""A longer hole is an outage of the monitoring rather than a night."""

LONG = 1440
"""Periods of a read that is worth comparing both ways, which costs two metrics more: a first one."""
DIFFERENT = 0.1
"""Share by which the two may differ before it is told: which instances the mean is over is not published."""

Series = Mapping[int, float]
"""A metric: its value by the start of each period, in seconds since 1970."""
Read = Callable[[str], Series]
"""A metric by its name; each is asked for at most once, and only where it is needed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Derived:
    """Offered concurrency by the start of the period, in seconds since 1970, by the way in which it was told."""

    by_instances: Series
    by_calls: Series
    idle: Series
    remarks: tuple[str, ...]


def derive(read: Read, periods: range, *, settled: int, mean_duration: timedelta | None) -> Derived:
    """The concurrency of `periods`, whose step is their length in seconds.

    A period that nothing certain is known of is absent, and so are those that end after `settled` unless they have a
    value. `mean_duration` is how long a request takes where throttled ones are all that the span shows.
    """
    fine = periods.step <= 60

    def by_instances() -> Series:
        return _within(_by_instances(read), periods)

    def by_calls() -> Series:
        return _within(_by_calls(read, periods.step, mean_duration), periods)

    best = by_instances() if fine else by_calls()
    # Each metric is a call that counts against a quota: what isn't needed isn't asked for.
    other = (by_calls() if fine else by_instances()) if _lacking(periods, best, settled) else {}
    other = {t: value for t, value in other.items() if t not in best}
    told = {**best, **other}
    idle = _idle(read, periods, told, settled) if _lacking(periods, told, settled) else set()
    served, calls = (best, other) if fine else (other, best)
    offered, remarks = _with_turned_away(read, served, periods.step, mean_duration)
    if fine and len(served) >= LONG:
        remarks += _compared(offered, by_calls())
    return Derived(by_instances=offered, by_calls=calls, idle=dict.fromkeys(idle, 0.0), remarks=remarks)


def _lacking(periods: range, told: Series, settled: int) -> bool:
    """Whether a period has no value, other than the last few, whose points may be on their way."""
    latest = max(told, default=0)
    return any(t not in told and (t < latest or t + periods.step <= settled) for t in periods)


def _within(found: Series, periods: range) -> Series:
    return {t: value for t, value in found.items() if t in periods}


def _by_instances(read: Read) -> Series:
    if not (at_once := read(AT_ONCE)):
        return {}
    warm, others = read(PROVISIONED), read(ON_DEMAND)
    return {t: value * (warm[t] + others[t]) for t, value in at_once.items() if t in warm and t in others}


def _by_calls(read: Read, seconds: int, mean_duration: timedelta | None) -> Series:
    calls, duration = read(CALLS), read(DURATION)
    lasted = {t: duration[t] for t in calls if t in duration}
    lasted |= {t: 0.0 for t, count in calls.items() if count == 0 and t not in lasted}
    if len(lasted) < len(calls) and (usual := _usual(duration, mean_duration)) is not None:
        # Where every request was turned away, none lasted.
        lasted |= {t: usual for t in calls if t not in lasted and _turned_away(read, t) >= calls[t]}
    return {t: calls[t] / seconds * milliseconds / 1000 for t, milliseconds in lasted.items()}


def _usual(duration: Series, mean_duration: timedelta | None) -> float | None:
    """How many milliseconds a request takes where the period doesn't say."""
    if mean_duration is not None:
        return mean_duration / timedelta(milliseconds=1)
    return float(np.median(list(duration.values()))) if duration else None


def _turned_away(read: Read, period: int) -> float:
    return sum(read(name).get(period, 0.0) for name in THROTTLES)


def _compared(instances: Series, calls: Series) -> tuple[str, ...]:
    common = [t for t in instances if t in calls]
    by_instances, by_calls = (sum(series[t] for t in common) for series in (instances, calls))
    if not by_calls or abs(by_instances / by_calls - 1) <= DIFFERENT:
        return ()
    ratio = by_instances / by_calls
    return (f"concurrent requests x instances are {ratio:.2f} times calls x duration over {len(common):,} periods",)


def _idle(read: Read, periods: range, told: Series, settled: int) -> set[int]:
    """The periods in which nothing was asked for, among those without a value.

    Zero where the service reported something in the same period, of the function (its instances) or of the region, and
    nothing that only calls leave. Zero also in a hole in which it reported nothing, where a hole is what a function
    without instances leaves: no longer than `NIGHT`, and at both edges neither provisioned instances, which would have
    gone on reporting, nor more than `QUIET` calls a minute. Any other silence is a gap.
    """
    traces = {t for name in (CALLS, DURATION, *THROTTLES) for t in read(name)}
    traces |= {t for name in (AT_ONCE, ON_DEMAND) for t, value in read(name).items() if value > 0}
    reported = {t for name in (AT_ONCE, PROVISIONED, ON_DEMAND) for t in read(name)}
    silent = [t for t in periods if t not in told and t not in traces]
    if any(t not in reported for t in silent):
        reported |= {t for name in REGION for t in read(name)}
    found = {t for t in silent if t in reported}
    found |= _quiet_holes(read, periods, sorted(reported | traces | set(told)))
    return {t for t in found if t + periods.step <= settled}


def _quiet_holes(read: Read, periods: range, heard: list[int]) -> set[int]:
    provisioned, calls, most = read(PROVISIONED), read(CALLS), QUIET * periods.step / 60
    found: set[int] = set()
    for before, after in pairwise(heard):
        hole = range(before + periods.step, after, periods.step)
        quiet = all(provisioned.get(edge, 0) == 0 and calls.get(edge, 0) <= most for edge in (before, after))
        if hole and quiet and len(hole) * periods.step <= NIGHT.total_seconds():
            found.update(hole)
    return found


def _with_turned_away(
    read: Read, served: Series, seconds: int, mean_duration: timedelta | None
) -> tuple[Series, tuple[str, ...]]:
    """The served concurrency and what was turned away; without the periods where nobody knows how much that is."""
    away = {t: _turned_away(read, t) for t in served}
    turned = {t for t, count in away.items() if count > 0}
    if not turned:
        return served, ()
    times = sorted(served)
    duration = read(DURATION)
    columns = Columns(
        timestamps=pd.Series([EPOCH + timedelta(seconds=t) for t in times]),
        values=pd.Series([served[t] for t in times], dtype="float64"),
        throttled=pd.Series([away[t] * 60 / seconds for t in times], dtype="float64"),
        duration_ms=pd.Series([duration.get(t) for t in times], dtype="float64"),
        source="Cloud Monitor",
        rows=np.arange(1, len(times) + 1),
    )
    try:
        offered = read_offered(columns, mean_duration=mean_duration)
    except HistoryError:
        why = "nothing says how long a request takes (history.mean_duration_ms would)"
        known = {t: value for t, value in served.items() if t not in turned}
        return known, (f"requests were turned away in {len(turned)} periods, left out since {why}",)
    return dict(zip(times, offered.values.tolist(), strict=True)), (offered.basis,)
