"""Cloud Monitor through the official SDK: the metrics of a function, read page by page. The one user of that SDK.

Facts of the API: DescribeMetricList, https://alibabacloud.com/help/doc-detail/51936.htm (2026-01): ranges without their
start and of 31 days at most, 1,440 points a page, minutes kept for 31 days and five minutes for 91, 50 calls a second
for an account with all its users. `planner.sources.derive` makes concurrency of the metrics.
"""

from __future__ import annotations

import json
import math
import random
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any

from planner.base import MINUTE, FunctionRef
from planner.clock import Clock
from planner.errors import FCError, FCRefused, FCThrottled, SourceError
from planner.fc.asking import translated
from planner.fc.retry import ANY_TROUBLE, Budgets, Retrier, RetryPolicy
from planner.fc.sdk import Connection, sdk_config, silence_credentials
from planner.fc.translate import Request
from planner.sources.metered import Batch, Kept, Span, Tell, Way
from planner.store.records import Point

if TYPE_CHECKING:
    from alibabacloud_cms20190101.client import Client
    from alibabacloud_cms20190101.models import DescribeMetricListResponseBody

NAMESPACE = "acs_fc"
KEPT = (
    Kept(step=5 * MINUTE, back=timedelta(days=91)),
    Kept(step=MINUTE, back=timedelta(days=31)),
)
PAGE = 1440
LONGEST = timedelta(days=30)
"""Of one request: a day less than is allowed, so that no clock makes it too long."""
PATIENT = RetryPolicy(tries=4, budget=60.0, refill_per_second=1.0)
"""The 50 calls a second are shared with every other reader of the account, so that throttling is usual and short."""
MOST_PAGES = 1000
"""Of one request: a month of minutes is 30. More are no list that ends."""
METRICS = 7
"""Metrics that most reads ask for: of so many the progress is a share."""


@dataclass(slots=True, kw_only=True)
class _Reading:
    """One span on its way: what was dropped, and how far it is."""

    function: FunctionRef
    span: Span
    tell: Tell
    dropped: Counter[str] = field(default_factory=Counter)
    metrics: int = 0

    def passed(self, milliseconds: int) -> None:
        """A page of the present metric ended there."""
        length = (self.span.end - self.span.start).total_seconds()
        share = min(max((milliseconds / 1000 - self.span.start.timestamp()) / length, 0.0), 1.0)
        self.tell(min((self.metrics + share) / METRICS, 1.0))


class CloudMonitor:
    """Implements `MetricSource` on the SDK's client; made by `connect`."""

    name = "Cloud Monitor"

    def __init__(
        self, client: Client, host: str, retrier: Retrier, *, region: str | None, mean_duration: timedelta | None
    ) -> None:
        self._client, self._host, self._retrier = client, host, retrier
        self._region, self._mean_duration = region, mean_duration

    @property
    def ways(self) -> Sequence[Way]:
        """Named with the place: a function of another region is another one."""
        return ways(self._region or self._host)

    @property
    def kept(self) -> Sequence[Kept]:
        """Minutes, and five minutes for longer."""
        return KEPT

    def read(self, function: FunctionRef, span: Span, *, now: datetime, tell: Tell) -> Batch:
        """The concurrency of a span; raises SourceError. Metrics are a function's: its alias says nothing here."""
        # Slow to import, and only this needs it.
        from planner.sources.derive import SETTLED, derive  # noqa: PLC0415

        reading = _Reading(function=function, span=span, tell=tell)

        @cache
        def series(metric: str) -> dict[int, float]:
            return self._series(metric, reading)

        seconds = int(span.step.total_seconds())
        periods = range(int(span.start.timestamp()), int(span.end.timestamp()), seconds)
        settled = int((now - SETTLED).timestamp())
        found = derive(series, periods, settled=settled, mean_duration=self._mean_duration)
        tell(1.0)
        points = (_points(each, span.step) for each in (found.by_instances, found.by_calls, found.idle))
        dropped = tuple(
            f"{count} values of {metric} were no use, left out" for metric, count in reading.dropped.items()
        )
        return Batch(points=dict(zip(self.ways, points, strict=True)), remarks=(*found.remarks, *dropped))

    def _series(self, metric: str, reading: _Reading) -> dict[int, float]:
        """A metric by the start of its periods; of several points of one period the largest counts."""
        span = reading.span
        found: dict[int, float] = {}
        first, end, step = (int(t) for t in (span.start.timestamp(), span.end.timestamp(), span.step.total_seconds()))
        for row in self._rows(metric, reading):
            moment, value = row.get("timestamp"), _value(metric, row)
            if value is None or not isinstance(moment, int):
                reading.dropped[metric] += 1
                continue
            start = moment // 1000 // step * step
            if first <= start < end and _is_of(row, metric, reading.function):
                found[start] = max(found.get(start, 0.0), value)
        reading.metrics += 1
        return found

    def _rows(self, metric: str, reading: _Reading) -> Iterator[dict[str, Any]]:
        start, step = reading.span.start, reading.span.step
        while start < reading.span.end:
            end = min(start + LONGEST, reading.span.end)
            # A range leaves its start out and takes its end in.
            yield from self._pages(metric, reading, after=start - step, until=end - step)
            start = end

    def _pages(self, metric: str, reading: _Reading, *, after: datetime, until: datetime) -> Iterator[dict[str, Any]]:
        token, seen = None, set[str]()
        while True:
            page = self._ask(metric, reading, after=after, until=until, token=token)
            yield from page.rows
            token = page.token
            if not token:
                return
            if token in seen or len(seen) == MOST_PAGES:
                raise SourceError(f"Cloud Monitor's pages of {metric} have no end", remedy="Try again later.")
            seen.add(token)
            if page.rows and isinstance(last := page.rows[-1].get("timestamp"), int):
                reading.passed(last)

    def _ask(self, metric: str, reading: _Reading, *, after: datetime, until: datetime, token: str | None) -> _Page:
        from alibabacloud_cms20190101 import models  # noqa: PLC0415  # `planner --help` stays fast

        where = {"region": self._region} if self._region else {}
        who = {} if metric.startswith("Region") else {"functionName": reading.function.name}
        asked = models.DescribeMetricListRequest(
            namespace=NAMESPACE,
            metric_name=metric,
            dimensions=json.dumps({**where, **who}),
            period=str(int(reading.span.step.total_seconds())),
            start_time=_milliseconds(after),
            end_time=_milliseconds(until),
            length=str(PAGE),
            next_token=token,
        )
        request = Request(
            action="DescribeMetricList", function=reading.function, host=self._host, service=self.name, ram="cms"
        )

        def ask() -> _Page:
            return _page(self._client.describe_metric_list(asked).body)

        try:
            return self._retrier.call(translated(request, ask), ANY_TROUBLE)
        except FCError as error:
            raise SourceError(f"{error.message} (metric {metric})", remedy=error.remedy) from error


@dataclass(frozen=True, slots=True, kw_only=True)
class _Page:
    rows: list[dict[str, Any]]
    token: str | None


def connect(
    connection: Connection,
    *,
    region: str | None,
    clock: Clock,
    mean_duration: timedelta | None = None,
    retry: RetryPolicy = PATIENT,
    draw: Callable[[], float] = random.random,
    budgets: Budgets | None = None,
) -> CloudMonitor:
    """A source; nothing is sent yet. Credentials are those of `planner.fc.sdk.connect`, found by the same rules.

    `region` narrows the metrics to it; None where an endpoint speaks for itself. `mean_duration` is how long a request
    takes where Cloud Monitor doesn't say.
    """
    from alibabacloud_cms20190101.client import Client  # noqa: PLC0415  # `planner --help` stays fast

    from planner.fc import transport  # noqa: PLC0415  # as above

    transport.mount(connection.protocol, connection.host)
    client = Client(sdk_config(connection))
    silence_credentials()
    budget = None if budgets is None else budgets.of(f"cms {connection.host}", retry, clock)
    retrier = Retrier(retry, clock, draw, budget)
    return CloudMonitor(client, connection.host, retrier, region=region, mean_duration=mean_duration)


def ways(place: str) -> tuple[Way, ...]:
    """The ways in which the concurrency of a function in `place` is told."""
    told = f"cloudmonitor:{place}"
    return (
        Way(series=f"{told}:instances", words="concurrent requests x instances"),
        Way(series=f"{told}:calls", words="calls x duration"),
        Way(series=f"{told}:idle", words="silence taken for no calls", inferred=True),
    )


def _page(body: DescribeMetricListResponseBody) -> _Page:
    # Some refusals come with 200 and say so inside.
    if body.success is False or body.code not in (None, "200"):
        kind = FCThrottled if str(body.code).startswith("Throttling") else FCRefused
        raise kind(f"Cloud Monitor refused: {body.message or 'no explanation came with it'} ({body.code})")
    rows = json.loads(body.datapoints or "[]")
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise ValueError("the Datapoints are no list of points")
    return _Page(rows=rows, token=body.next_token or None)


def _value(metric: str, row: dict[str, Any]) -> float | None:
    """The point's figure: `Value`, or that of the statistic where a point has several; None where it is none."""
    from planner.sources.derive import SUMS  # noqa: PLC0415  # as above

    value = row.get("Value", row.get("Sum" if metric in SUMS else "Average"))
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if math.isfinite(value) and value >= 0 else None


def _is_of(row: dict[str, Any], metric: str, function: FunctionRef) -> bool:
    return metric.startswith("Region") or row.get("functionName", function.name) == function.name


def _points(series: Mapping[int, float], step: timedelta) -> tuple[Point, ...]:
    return tuple(
        Point(at=datetime.fromtimestamp(t, UTC), value=value, step=step) for t, value in sorted(series.items())
    )


def _milliseconds(moment: datetime) -> str:
    return str(round(moment.timestamp() * 1000))
