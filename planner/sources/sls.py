"""Log Service: the request metrics that Function Compute writes there, a line a request. Experimental, see `SEEN`.

Facts: fields and their meaning from Function Compute's page "request-level metric logs" (2026-03-15,
https://www.alibabacloud.com/help/en/functioncompute/fc/user-guide/request-level-metric-logs): `functionName`,
`qualifier`, `invocationStartTimestamp` (milliseconds since 1970), `durationMs`, `isColdStart`; for HTTP functions the
status code. The topic `FCRequestMetrics:/<function>` and the name `statusCode` are from public projects that query
them. GetLogs: https://alibabacloud.com/help/en/sls/developer-reference/api-sls-2020-12-30-getlogs; `from` is taken in,
`to` is not; an answer may be "Incomplete", and then the request is repeated; 100 rows without a LIMIT.

A busy function has millions of requests a day, so they are counted where they lie, by SQL, in a row a minute. A request
counts in each minute that it overlaps, by its part: the mean is exact, whatever the durations. A line comes when its
request has ended, so that the newest minutes are told late and read again.
"""

from __future__ import annotations

import json
import math
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Literal, Protocol

import numpy as np
import pandas as pd

from planner.base import EPOCH, MINUTE, FunctionRef
from planner.clock import Clock
from planner.columns import Columns
from planner.errors import ConfigError, FCError, HistoryError, SourceBusy, SourceError
from planner.fc.asking import translated
from planner.fc.retry import ANY_TROUBLE, Budgets, Retrier, RetryPolicy
from planner.fc.sdk import Connection, sdk_config, silence_credentials
from planner.fc.translate import Request
from planner.offered import read_offered
from planner.sources.derive import NIGHT, QUIET
from planner.sources.metered import Batch, Kept, Span, Tell, Way
from planner.store.records import Point

if TYPE_CHECKING:
    from alibabacloud_sls20201230.client import Client
    from alibabacloud_sls20201230.models import GetLogsRequest

SEEN = "experimental: written after the vendor's pages, no real logstore has been seen by us"
TOPIC = "FCRequestMetrics:/"
AT_ONCE = timedelta(days=1)
"""Of one query: 1,440 rows."""
LONGEST_REQUEST = timedelta(hours=1)
"""A longer one is missed in the minutes that lie further from its line's time."""
SETTLED = 3 * MINUTE
"""Younger minutes are not told: the lines of requests that run still are missing."""
BUSY = RetryPolicy(tries=4, budget=60.0, refill_per_second=1.0)
Statistic = Literal["mean", "max"]

_REQUESTS = """* and __topic__: "{topic}" | with requests as (
  select cast(invocationStartTimestamp as bigint) as s,
         cast(invocationStartTimestamp as bigint) + cast(round(cast(durationMs as double)) as bigint) as e,
         if(isColdStart = 'true', 1, 0) as cold,
         if(statusCode = '429', 1, 0) as away
  from log where invocationStartTimestamp is not null and durationMs is not null)"""
MEAN = (
    _REQUESTS  # noqa: S608  # nothing of a user's is in it
    + """, parts as (
  select m, greatest(0, least(e, (m + 1) * 60000) - greatest(s, m * 60000)) as part,
         if(m = s / 60000, 1, 0) as began, cold, away, e - s as took
  from requests cross join unnest(sequence(s / 60000, e / 60000)) as t(m))
select m as minute, sum(if(away = 1, 0, part)) / 60000.0 as value, sum(began) as requests,
       sum(began * cold) as cold, sum(began * away) as away,
       sum(if(away = 1, 0, began * took)) as took_ms
from parts group by m order by m limit 10000"""
)
"""By minute: the mean in flight, requests that began, cold ones, ones that were turned away, and how long they took."""
MAX = (
    _REQUESTS  # noqa: S608  # as above
    + """, edges as (
  select s as t, 1 as d from requests where away = 0 union all select e as t, -1 as d from requests where away = 0),
course as (select t, d, sum(d) over (order by t, d rows unbounded preceding) as n from edges)
select t / 60000 as minute, max(greatest(n, n - d)) as value from course
group by t / 60000 order by minute limit 10000"""
)
"""By minute in which a request began or ended: the most in flight. At one instant ends come before beginnings."""


class Logs(Protocol):
    """A logstore that can be asked."""

    def ask(self, query: str, start: datetime, end: datetime) -> tuple[Sequence[Mapping[str, object]], bool]:
        """The rows of a query over lines of [start, end), and whether the answer is complete."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class _Minute:
    value: float
    requests: float
    cold: float
    away: float
    took_ms: float


@dataclass(frozen=True, slots=True, kw_only=True)
class LogService:
    """Implements `MetricSource` on a logstore; made by `connect`. `place` names region, project and logstore."""

    logs: Logs
    place: str
    statistic: Statistic
    back: timedelta
    clock: Clock
    budgets: Budgets | None = None
    retry: RetryPolicy = BUSY
    draw: Callable[[], float] = field(default=random.random)
    name: str = "Log Service (experimental)"

    @property
    def ways(self) -> Sequence[Way]:
        """Counted from requests, and silence."""
        told = f"sls:{self.place}"
        return (
            Way(series=f"{told}:{self.statistic}", words=f"requests one by one ({self.statistic} of the minute)"),
            Way(series=f"{told}:idle", words="silence taken for no calls", inferred=True),
        )

    @property
    def kept(self) -> Sequence[Kept]:
        """Minutes, for as long as the logstore keeps lines."""
        return (Kept(step=MINUTE, back=self.back),)

    def read(self, function: FunctionRef, span: Span, *, now: datetime, tell: Tell) -> Batch:
        """The concurrency of a span; raises SourceError. An answer that stays incomplete is none."""
        budget = None if self.budgets is None else self.budgets.of(f"sls {self.place}", self.retry, self.clock)
        retrier = Retrier(self.retry, self.clock, self.draw, budget)
        found: dict[int, _Minute] = {}
        highest: dict[int, float] = {}
        start = span.start
        while start < span.end:
            end = min(start + AT_ONCE, span.end)
            found |= {t: _minute(row) for t, row in self._rows(MEAN, function, start, end, retrier).items()}
            if self.statistic == "max":
                highest |= {
                    t: _figure(row, "value") for t, row in self._rows(MAX, function, start, end, retrier).items()
                }
            start = end
            tell((start - span.start) / (span.end - span.start))
        settled = int((now - SETTLED).timestamp()) - 60
        found = {t: minute for t, minute in found.items() if t <= settled}
        served = _highest(found, highest) if self.statistic == "max" else {t: m.value for t, m in found.items()}
        offered, remarks = _offered(served, found)
        idle = dict.fromkeys(_quiet(found), 0.0)
        points = (_points(each) for each in (offered, idle))
        return Batch(points=dict(zip(self.ways, points, strict=True)), remarks=(*remarks, *_cold(found)))

    def _rows(
        self, query: str, function: FunctionRef, start: datetime, end: datetime, retrier: Retrier
    ) -> dict[int, Mapping[str, object]]:
        """Rows by the start of their minute, of those in [start, end)."""
        asked = query.format(topic=f"{TOPIC}{function.name}")

        def ask() -> Sequence[Mapping[str, object]]:
            rows, complete = self.logs.ask(asked, start - LONGEST_REQUEST, end + LONGEST_REQUEST)
            if not complete:
                raise SourceBusy("Log Service's answer stays incomplete", remedy="Try again later.")
            return rows

        rows = retrier.call(ask, (SourceBusy, *ANY_TROUBLE))
        try:
            by_minute = {int(str(row["minute"])) * 60: row for row in rows}
        except (KeyError, TypeError, ValueError) as error:
            raise SourceError(
                f"Log Service's answer can't be read: {error!r}",
                remedy="Check that the logstore has an index with analysis on the fields of request metrics.",
            ) from error
        first, last = int(start.timestamp()), int(end.timestamp())
        return {t: row for t, row in by_minute.items() if first <= t < last}


def connect(
    connection: Connection,
    *,
    project: str,
    logstore: str,
    statistic: Statistic,
    back: timedelta,
    clock: Clock,
    budgets: Budgets | None = None,
) -> LogService:
    """A source; nothing is sent yet. Credentials are those of `planner.fc.sdk.connect`, found by the same rules.

    Raises ConfigError where the SDK isn't installed.
    """
    try:
        from alibabacloud_sls20201230.client import Client  # noqa: PLC0415  # an extra
        from alibabacloud_sls20201230.models import GetLogsRequest  # noqa: PLC0415  # as above
    except ImportError as error:
        raise ConfigError(
            "Log Service's SDK is not installed", remedy="Install the extra: pip install 'fc-capacity-planner[sls]'."
        ) from error
    client = Client(sdk_config(connection))
    silence_credentials()
    place = f"{connection.host}/{project}/{logstore}"
    logs = SdkLogs(client, GetLogsRequest, connection.host, project=project, logstore=logstore)
    return LogService(logs=logs, place=place, statistic=statistic, back=back, clock=clock, budgets=budgets)


class SdkLogs:
    """Implements `Logs` on the official SDK's client and the class of its requests."""

    def __init__(
        self, client: Client, request: Callable[..., GetLogsRequest], host: str, *, project: str, logstore: str
    ) -> None:
        self._client, self._request, self._host = client, request, host
        self._project, self._logstore = project, logstore

    def ask(self, query: str, start: datetime, end: datetime) -> tuple[Sequence[Mapping[str, object]], bool]:
        """See the port."""
        asked = self._request(from_=int(start.timestamp()), to=int(end.timestamp()), query=query)
        request = Request(
            action="GetLogStoreLogs",
            function=FunctionRef(name=self._logstore),
            host=f"{self._project}.{self._host}",
            service="Log Service",
            ram="log",
        )

        def call() -> tuple[Sequence[Mapping[str, object]], bool]:
            body = self._client.get_logs(self._project, self._logstore, asked).body
            return list(body.data or ()), bool(body.meta and body.meta.progress == "Complete")

        try:
            return translated(request, call)()
        except FCError as error:
            if isinstance(error, ANY_TROUBLE):
                raise SourceBusy(error.message, remedy=error.remedy, retry_after=error.retry_after) from error
            raise SourceError(error.message, remedy=error.remedy) from error


def _minute(row: Mapping[str, object]) -> _Minute:
    figures = {name: _figure(row, name) for name in ("value", "requests", "cold", "away", "took_ms")}
    return _Minute(**figures)


def _figure(row: Mapping[str, object], name: str) -> float:
    """A figure of a row: text, as SQL's answers have it; absent or "null" where nothing was summed."""
    text = row.get(name)
    value = 0.0 if text in (None, "", "null") else float(str(text))
    if not math.isfinite(value) or value < 0:
        raise SourceError(f"Log Service's answer has {name} {json.dumps(text)}", remedy="Look at the logstore's lines.")
    return value


def _highest(found: Mapping[int, _Minute], highest: Mapping[int, float]) -> dict[int, float]:
    """The most in flight; in a minute in which nothing began or ended it is the mean, which is whole then."""
    return {t: max(highest.get(t, 0.0), math.ceil(minute.value - 1e-9)) for t, minute in found.items()}


def _offered(served: Mapping[int, float], found: Mapping[int, _Minute]) -> tuple[dict[int, float], tuple[str, ...]]:
    """With what was turned away, as if it had taken as long as the others (`planner.offered`)."""
    if not any(minute.away for minute in found.values()):
        return dict(served), ()
    times = sorted(served)
    took = [_mean_ms(found[t]) for t in times]
    columns = Columns(
        timestamps=pd.Series([EPOCH + timedelta(seconds=t) for t in times]),
        values=pd.Series([served[t] for t in times], dtype="float64"),
        throttled=pd.Series([found[t].away for t in times], dtype="float64"),
        duration_ms=pd.Series(took, dtype="float64"),
        source="Log Service",
        rows=np.arange(1, len(times) + 1),
    )
    try:
        offered = read_offered(columns, mean_duration=None)
    except HistoryError:
        known = {t: value for t, value in served.items() if not found[t].away}
        return known, ("minutes in which every request was turned away are left out: nothing says how long they take",)
    return dict(zip(times, offered.values.tolist(), strict=True)), (offered.basis,)


def _mean_ms(minute: _Minute) -> float | None:
    took = minute.requests - minute.away
    return minute.took_ms / took if took > 0 else None


def _quiet(found: Mapping[int, _Minute]) -> list[int]:
    """Minutes without a line that are no outage: between two quiet ones, and no longer than a night."""
    idle: list[int] = []
    for before, after in pairwise(sorted(found)):
        hole = range(before + 60, after, 60)
        quiet = max(found[before].requests, found[after].requests) <= QUIET
        if hole and quiet and len(hole) * MINUTE <= NIGHT:
            idle += hole
    return idle


def _cold(found: Mapping[int, _Minute]) -> tuple[str, ...]:
    requests = sum(minute.requests for minute in found.values())
    if not requests:
        return ()
    share = sum(minute.cold for minute in found.values()) / requests
    return (f"{share:.2%} of {requests:,.0f} requests waited for an instance to start",)


def _points(series: Mapping[int, float]) -> tuple[Point, ...]:
    return tuple(
        Point(at=datetime.fromtimestamp(t, UTC), value=value, step=MINUTE) for t, value in sorted(series.items())
    )
