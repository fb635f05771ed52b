"""The actions of Cloud Monitor on the account: DescribeMetricList and DescribeMetricLast.

Parameters and limits: the docstrings of alibabacloud-cms20190101 and
https://alibabacloud.com/help/doc-detail/51936.htm (2026-01). Documented of refusals is only 404
ResourceNotFound; the codes for wrong parameters are the emulator's.
"""

import base64
import binascii
import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from heapq import merge
from itertools import islice
from typing import Any, Self
from zoneinfo import ZoneInfo

from planner.emulator.errors import MissingParameter, NotCovered, ParameterInvalid, ResourceNotFound
from planner.emulator.faults import MetricFault
from planner.emulator.incoming import read_json, read_whole
from planner.emulator.models.account import Account
from planner.emulator.models.document import Json
from planner.emulator.models.metrics import (
    METRICS,
    Dimensions,
    Metric,
    Point,
    Span,
    dimension_names,
    points,
    series,
)

NAMESPACE = "acs_fc"

_PERIODS = (60, 300, 900, 3600)
_LONGEST = timedelta(days=31)
_MOST_SERIES = 50
_MOST_POINTS = 1440
_POINTS = 1000
"""Without `Length` (docstring of DescribeMetricLast)."""
_LEAST_MILLISECONDS = 10**11
"""March 1973: what is smaller was meant in seconds."""
_TEXT = re.compile(r"(\d{4}-\d{2}-\d{2})(?: (\d{2}:\d{2}:\d{2})|T(\d{2}:\d{2}:\d{2})Z)")

_Place = tuple[int, Dimensions]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Query:
    """A request that has been checked."""

    name: str
    metric: Metric
    filters: tuple[Mapping[str, str], ...]
    """The series wanted: those that agree with one of these; all without any."""
    span: Span
    length: int
    after: _Place
    """The last point of the page before."""

    @classmethod
    def read(cls, account: Account, parameters: Mapping[str, str]) -> Self:
        """Check a request; each refusal names one parameter."""
        if _required(parameters, "Namespace") != NAMESPACE:
            raise ResourceNotFound
        name = _required(parameters, "MetricName")
        metric = METRICS.get(name)
        if metric is None:
            message = f"the emulator does not have the metric '{name}'; it has {', '.join(METRICS)}"
            raise NotCovered(message)
        if parameters.get("Express"):
            message = "the emulator does not compute an Express"
            raise NotCovered(message)
        return cls(
            name=name,
            metric=metric,
            filters=_filters(parameters.get("Dimensions", ""), dimension_names(metric)),
            span=_span(account, parameters),
            length=_whole(parameters, "Length", _POINTS, range(1, _MOST_POINTS + 1)),
            after=_place(parameters.get("NextToken", ""), name),
        ).hit(account)

    def hit(self, account: Account) -> Self:
        """The same query under the fault of metrics that hits it, if one does."""
        fault = account.faults.hit(MetricFault, self.name, account.at)
        return replace(self, span=replace(self.span, fault=fault))

    def wants(self, dimensions: Dimensions) -> bool:
        """Whether a series is asked for."""
        return not self.filters or any(wanted.items() <= dict(dimensions).items() for wanted in self.filters)


def describe_metric_list(account: Account, parameters: Mapping[str, str]) -> Json:
    """The points of all series asked for, in order of time, one page.

    The token names the last point of the page before, so that points that appear between two
    pages neither repeat nor hide others.
    """
    query = _Query.read(account, parameters)
    after = datetime.fromtimestamp(query.after[0] / 1000, UTC) - query.span.period
    span = replace(query.span, after=max(query.span.after, after))
    found = (
        points(account, query.metric, dimensions, keys, span)
        for dimensions, keys in series(account, query.metric).items()
        if query.wants(dimensions)
    )
    return _page(query, merge(*found, key=_in_order))


def describe_metric_last(account: Account, parameters: Mapping[str, str]) -> Json:
    """The newest point of each series asked for, one page.

    It is looked for in the last 2 hours before the end at least, in the last 2 days for hours
    (docstring of the SDK).
    """
    query = _Query.read(account, parameters)
    back = timedelta(days=2) if query.span.period >= timedelta(hours=1) else timedelta(hours=2)
    earliest = min(query.span.after, query.span.until - back)
    span = replace(query.span, after=earliest)
    newest = [
        found[-1]
        for dimensions, keys in series(account, query.metric).items()
        if query.wants(dimensions) and (found := list(points(account, query.metric, dimensions, keys, span)))
    ]
    return _page(query, sorted(newest, key=_in_order))


ACTIONS: Mapping[str, Callable[[Account, Mapping[str, str]], Json]] = {
    "DescribeMetricList": describe_metric_list,
    "DescribeMetricLast": describe_metric_last,
}


def _in_order(point: Point) -> _Place:
    return point.place


def _page(query: _Query, found: Iterable[Point]) -> Json:
    copies = 2 if query.span.fault and query.span.fault.duplicated else 1
    # A point and its copy stay together, since the token could not tell them apart.
    length = max(query.length // copies, 1)
    rest = list(islice((point for point in found if point.place > query.after), length + 1))
    shown = [point for point in rest[:length] for _ in range(copies)]
    answer: Json = {
        "Code": "200",
        "Success": True,
        "Period": str(int(query.span.period.total_seconds())),
        "Datapoints": json.dumps([point.to_wire() for point in shown], separators=(",", ":")),
    }
    if len(rest) > length:
        answer["NextToken"] = _token(query.name, shown[-1])
    return answer


def _required(parameters: Mapping[str, str], name: str) -> str:
    value = parameters.get(name, "")
    if not value:
        raise MissingParameter(name)
    return value


def _filters(text: str, names: tuple[str, ...]) -> tuple[Mapping[str, str], ...]:
    if not text:
        return ()
    try:
        read = read_json(text)
    except ValueError as error:
        message = f"The Dimensions is not JSON (actual: '{text}')"
        raise ParameterInvalid(message) from error
    entries = read if isinstance(read, list) else [read]
    if not 1 <= len(entries) <= _MOST_SERIES:
        message = f"The Dimensions should name 1 to {_MOST_SERIES} resources (actual: {len(entries)})"
        raise ParameterInvalid(message)
    for entry in entries:
        if not isinstance(entry, dict) or not all(isinstance(value, str) for value in entry.values()):
            message = f"The Dimensions should be an object of texts, or a list of them (actual: '{text}')"
            raise ParameterInvalid(message)
        if unknown := sorted(set(entry) - set(names)):
            message = f"The Dimensions of this metric are {', '.join(names)} (actual: {', '.join(unknown)})"
            raise ParameterInvalid(message)
    return tuple(entries)


def _span(account: Account, parameters: Mapping[str, str]) -> Span:
    """The period and range; without an end up to the present, without a start for 2 hours (chosen)."""
    period = _whole(parameters, "Period", _PERIODS[0], _PERIODS)
    zone = ZoneInfo(account.settings.metric_zone)
    until = _moment(parameters, "EndTime", zone) or account.at
    after = _moment(parameters, "StartTime", zone) or until - timedelta(hours=2)
    if after >= until:
        message = f"The StartTime should be before the EndTime (actual: '{after}', '{until}')"
        raise ParameterInvalid(message)
    if until - after > _LONGEST:
        message = f"The StartTime and EndTime should be {_LONGEST.days} days apart at most (actual: {until - after})"
        raise ParameterInvalid(message)
    return Span(period=timedelta(seconds=period), after=after, until=until)


def _whole(parameters: Mapping[str, str], name: str, default: int, allowed: range | tuple[int, ...]) -> int:
    text = parameters.get(name, "")
    if not text:
        return default
    number = read_whole(text)
    if number is not None and number in allowed:
        return number
    choice = f"from {allowed[0]} to {allowed[-1]}" if isinstance(allowed, range) else f"one of {allowed}"
    message = f"The {name} should be {choice} (actual: '{text}')"
    raise ParameterInvalid(message)


def _moment(parameters: Mapping[str, str], name: str, zone: ZoneInfo) -> datetime | None:
    """A time in milliseconds since 1970, as local text, or as the older UTC text; None if absent."""
    text = parameters.get(name, "")
    if not text:
        return None
    try:
        if text.isascii() and text.isdigit() and int(text) >= _LEAST_MILLISECONDS:
            return datetime.fromtimestamp(int(text) / 1000, UTC)
        if match := _TEXT.fullmatch(text):
            day, local, utc = match.groups()
            moment = datetime.fromisoformat(f"{day}T{local or utc}").replace(tzinfo=zone if local else UTC)
            if moment.timestamp() * 1000 >= _LEAST_MILLISECONDS:
                return moment.astimezone(UTC)
    except (ValueError, OverflowError, OSError):
        pass  # answered below, as every other text that is no time
    message = f"The {name} should be milliseconds since 1970 or 'YYYY-MM-DD hh:mm:ss' (actual: '{text}')"
    raise ParameterInvalid(message)


def _token(name: str, point: Point) -> str:
    return base64.urlsafe_b64encode(json.dumps([name, *point.place]).encode()).decode()


def _place(token: str, name: str) -> _Place:
    """Where the page before ended; a token of another metric's list is none."""
    if not token:
        return 0, ()
    try:
        read: Any = read_json(base64.urlsafe_b64decode(token.encode()))
        of, milliseconds, dimensions = read
        place = int(milliseconds), tuple((str(key), str(value)) for key, value in dimensions)
        datetime.fromtimestamp(place[0] / 1000, UTC)
    except (binascii.Error, ValueError, TypeError, OverflowError, OSError) as error:
        message = f"The NextToken is invalid (actual: '{token}')"
        raise ParameterInvalid(message) from error
    if of != name:
        message = f"The NextToken is of the metric '{of}'"
        raise ParameterInvalid(message)
    return place
