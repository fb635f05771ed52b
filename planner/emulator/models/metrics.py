"""The metrics that Function Compute reports to Cloud Monitor, computed from the ledger's minutes.

Names: https://help.aliyun.com/zh/functioncompute/fc/user-guide/monitoring-data (FC 3.0, 2025-04-23);
the `FunctionQualifier...` ones are those of the vendor's own charts (github.com/devsapp/fc-metrics).
Answers of the service that were kept in public (github.com/Serverless-Devs-Awesome/
fc-alibaba-component, `metrics/src/mock.js`, 2020) give the form of a point, two decimals, and that
minutes without a call are missing. How longer periods are computed is not published.

What is refused counts as `ResourceThrottles`: that metric is of the total of instances over its limit,
`ConcurrencyThrottles` of a function's instances over a limit of its own (the vendor's page in Chinese),
and functions have none here. A call that was refused is among the invocations too.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from heapq import merge
from itertools import groupby
from statistics import fmean
from typing import Literal

from planner.emulator.faults import MetricFault
from planner.emulator.models.account import Account
from planner.emulator.models.config import Key
from planner.emulator.models.document import Json
from planner.emulator.models.function import FunctionSpec
from planner.emulator.models.ledger import COARSE, Minute

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DECIMALS = 2

Dimensions = tuple[tuple[str, str], ...]
"""What a series is of: names and values, in the order in which points carry them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lived:
    """A minute of a function and qualifier, with what is to be known of the function."""

    minute: Minute
    function: FunctionSpec | None
    """None once it is deleted."""
    packed: bool
    """Whether requests fill one instance after the other (the switch `dispatch`)."""
    minutes: int = 1
    """How many minutes this is the mean of."""

    @property
    def instances(self) -> float:
        """Mean instances that could serve."""
        return self.minute.warm + self.minute.on_demand

    @property
    def inside(self) -> float:
        """Mean requests in them; those that are refused never get there."""
        return self.minute.offered - self.minute.throttled

    @property
    def fullest(self) -> float:
        """The most requests at once in any one instance that the means of the minute prove.

        Means hide the peaks within a minute, so that this is a lower bound.
        """
        if self.packed or self.minute.on_demand > 0:
            most = self.function.instance_concurrency if self.function else 1
            return float(min(math.ceil(self.inside), most))
        return float(math.ceil(self.minute.served / self.minute.warm)) if self.minute.warm else 0.0


Value = Callable[[Sequence[Lived]], float | None]
"""A metric of one minute of several functions and qualifiers; None if there is nothing to report."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """How a metric is computed."""

    level: Literal["region", "function", "qualifier"]
    minute: Value
    """In counts; durations in milliseconds."""
    over: Callable[[Sequence[float]], float]
    """A longer period's value, from those of its minutes."""
    of_calls: bool
    """Reported in minutes with calls, else in minutes with instances."""
    of_instances: bool = False
    """Measured inside instances: only with `enableInstanceMetrics`."""


def _total(attribute: Callable[[Minute], float]) -> Value:
    return lambda lived: sum(attribute(each.minute) for each in lived)


def _provisioned_calls(minute: Minute) -> float:
    return minute.invocations * minute.served / minute.offered if minute.offered else 0.0


def _mean_duration(lived: Sequence[Lived]) -> float | None:
    """Milliseconds, by Little's law: 60 s of concurrency 6 for 180 calls are 2,000 ms each."""
    calls = sum(each.minute.invocations - each.minute.throttles for each in lived)
    return 60_000 * sum(each.inside for each in lived) / calls if calls else None


def _mean_concurrency(lived: Sequence[Lived]) -> float | None:
    """Requests at once in an instance, over all that could serve: 6 on 2 warm and 1 other are 2."""
    instances = sum(each.instances for each in lived)
    return sum(each.inside for each in lived) / instances if instances else None


def _most_concurrency(lived: Sequence[Lived]) -> float | None:
    return max((each.fullest for each in lived if each.instances), default=None)


def _none(minute: Minute) -> float:  # noqa: ARG001 - one of the table's attributes
    """Functions have no limit of their own here."""
    return 0.0


def _calls(attribute: Callable[[Minute], float]) -> Metric:
    return Metric(level="function", minute=_total(attribute), over=sum, of_calls=True)


def _gauge(attribute: Callable[[Minute], float], level: Literal["function", "region"] = "function") -> Metric:
    return Metric(level=level, minute=_total(attribute), over=fmean, of_calls=False)


def _inside(minute: Value, over: Callable[[Sequence[float]], float]) -> Metric:
    return Metric(level="function", minute=minute, over=over, of_calls=False, of_instances=True)


_FUNCTION: Mapping[str, Metric] = {
    "TotalInvocations": _calls(lambda minute: minute.invocations),
    "ProvisionInvocations": _calls(_provisioned_calls),
    "ConcurrencyThrottles": _calls(_none),
    "ResourceThrottles": _calls(lambda minute: minute.throttles),
    "AvgDuration": Metric(level="function", minute=_mean_duration, over=fmean, of_calls=True),
    "OndemandActiveInstance": _gauge(lambda minute: minute.on_demand),
    "ProvisionedCurrentInstance": _gauge(lambda minute: minute.warm),
}
"""Those that there are of a function and of each of its qualifiers."""

METRICS: Mapping[str, Metric] = {
    "RegionConcurrentCount": _gauge(lambda minute: minute.on_demand, "region"),
    "RegionProvisionedCurrentInstance": _gauge(lambda minute: minute.warm, "region"),
    **{f"Function{name}": metric for name, metric in _FUNCTION.items()},
    **{f"FunctionQualifier{name}": replace(metric, level="qualifier") for name, metric in _FUNCTION.items()},
    "FunctionAvgConcurrentRequests": _inside(_mean_concurrency, fmean),
    "FunctionMaxConcurrentRequests": _inside(_most_concurrency, max),
}
"""Every metric that is covered. FunctionLatencyAvg is not: the ledger knows no waiting times."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """Which points are wanted: of which period, with timestamps in (after, until]."""

    period: timedelta
    after: datetime
    until: datetime
    fault: MetricFault | None = None
    """What hides some of them, or spoils them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One period of one series."""

    at: datetime
    """Its timestamp."""
    dimensions: Dimensions
    statistics: Mapping[str, float]

    @property
    def place(self) -> tuple[int, Dimensions]:
        """Where it stands among the points of an answer: by milliseconds since 1970, then by series."""
        return round(self.at.timestamp() * 1000), self.dimensions

    def to_wire(self) -> Json:
        """An element of `Datapoints`."""
        statistics = {name: round(value, _DECIMALS) for name, value in self.statistics.items()}
        return {"timestamp": self.place[0], **dict(self.dimensions), **statistics}


def dimension_names(metric: Metric) -> tuple[str, ...]:
    """The names of the dimensions of a metric, in the order in which points carry them."""
    names = ("userId", "region", "serviceName", "functionName", "qualifier")
    return {"region": names[:2], "function": names[:4], "qualifier": names}[metric.level]


def series(account: Account, metric: Metric) -> Mapping[Dimensions, tuple[Key, ...]]:
    """The series of a metric: of what each is, and which functions and qualifiers it sums."""
    found: dict[Dimensions, tuple[Key, ...]] = {}
    for key in account.ledger.keys():  # noqa: SIM118 - a method, no mapping
        function = account.functions.get(key[0])
        # What a deleted function left stays, but for what only its instances could tell.
        if metric.of_instances and not (function and function.instance_metrics):
            continue
        # FC 3.0 has no services: the dimension is there, and empty.
        values = (account.settings.account_id, account.settings.region, "", *key)
        dimensions = tuple(zip(dimension_names(metric), values, strict=False))
        found[dimensions] = (*found.get(dimensions, ()), key)
    return found


def points(
    account: Account, metric: Metric, dimensions: Dimensions, keys: Sequence[Key], span: Span
) -> Iterator[Point]:
    """The points of a series, oldest first; a period is there once it is over and the delay is, too."""
    shift = span.period if account.settings.metric_timestamp == "end" else timedelta(0)
    delay = timedelta(seconds=account.settings.metric_delay_seconds)
    settings = account.settings
    days = settings.kept_days if span.period < COARSE else max(settings.kept_days, settings.coarse_kept_days)
    kept = account.at - timedelta(days=days)
    first = max(_floor(span.after - shift, span.period), _floor(kept, span.period)) + span.period
    until = min(span.until, account.at)
    last = min(_floor(until - shift, span.period) + span.period, _floor(account.at - delay, span.period))
    rows = _rows(account, keys, first, last, coarse=span.period >= COARSE)
    for start, period in groupby(rows, key=lambda row: _floor(row[0].minute.start, span.period)):
        shown_at = start + span.period + delay
        shown = [row for row in period if not (span.fault and span.fault.hides(_start(row[0]), shown_at, account.at))]
        # A row that stands for several minutes is as many of them.
        values = [
            value
            for row in shown
            if (value := _reported(account, metric, row)) is not None
            for _ in range(row[0].minutes)
        ]
        if values:
            statistics = _statistics(account, metric, values)
            if span.fault and span.fault.spoiled:
                statistics = {name: span.fault.spoil(value) for name, value in statistics.items()}
            yield Point(at=start + shift, dimensions=dimensions, statistics=statistics)


def _floor(moment: datetime, period: timedelta) -> datetime:
    return moment - (moment - _EPOCH) % period


def _rows(
    account: Account, keys: Sequence[Key], first: datetime, last: datetime, *, coarse: bool
) -> Iterator[list[Lived]]:
    """What the functions and qualifiers lived through, minute by minute; the older part by fives, if `coarse`."""
    packed = account.settings.dispatch == "packed"

    def lived(key: Key) -> Iterator[Lived]:
        function, ledger = account.functions.get(key[0]), account.ledger
        if coarse:
            for minute, minutes in ledger.parts(key, first, last):
                yield Lived(minute=minute, function=function, packed=packed, minutes=minutes)
        else:
            for minute in ledger.between(key, first, last):
                yield Lived(minute=minute, function=function, packed=packed)

    merged = merge(*(lived(key) for key in keys), key=_start)
    return (list(row) for _, row in groupby(merged, key=_start))


def _start(lived: Lived) -> datetime:
    return lived.minute.start


def _reported(account: Account, metric: Metric, row: Sequence[Lived]) -> float | None:
    """A minute's value, None if there is none or if nothing is reported of an idle minute."""
    if account.settings.metric_idle_minutes == "absent":
        calls = sum(each.minute.invocations for each in row)
        instances = sum(each.instances for each in row)
        if not (calls if metric.of_calls else instances):
            return None
    return metric.minute(row)


def _statistics(account: Account, metric: Metric, values: Sequence[float]) -> Mapping[str, float]:
    if account.settings.metric_statistics == "value":
        return {"Value": metric.over(values)}
    return {"Average": fmean(values), "Maximum": max(values), "Minimum": min(values), "Sum": sum(values)}
