"""Drawn documents of both kinds, and a second, simpler reading of what they ask for."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from tests.emulator.fc import NOON
from tests.published import SHANGHAI, Body

_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """Provision or scaling config: where it is, and what its fields are called."""

    path: str
    listing: str
    configs: str
    default: str
    schedules: str
    trackers: str
    low: str
    high: str
    current: str
    target: str


PROVISION = Kind(
    path="provision-config",
    listing="/2023-03-30/provision-configs",
    configs="provisionConfigs",
    default="defaultTarget",
    schedules="scheduledActions",
    trackers="targetTrackingPolicies",
    low="minCapacity",
    high="maxCapacity",
    current="current",
    target="target",
)
SCALING = Kind(
    path="scaling-config",
    listing="/2023-03-30/scaling-configs",
    configs="scalingConfigs",
    default="minInstances",
    schedules="scheduledPolicies",
    trackers="horizontalScalingPolicies",
    low="minInstances",
    high="maxInstances",
    current="currentInstances",
    target="targetInstances",
)


def _every_three(at: datetime) -> datetime:
    return at.replace(minute=at.minute // 3 * 3, second=0, microsecond=0)


def _sevens(at: datetime) -> datetime:
    """Minutes 5, 12, ..., 54 of every hour."""
    moment = at.replace(second=0, microsecond=0)
    while moment.minute % 7 != 5:
        moment -= _MINUTE
    return moment


def _workday_evening(at: datetime) -> datetime:
    """21:15 in Shanghai, Monday to Friday."""
    moment = at.replace(hour=13, minute=15, second=0, microsecond=0)
    while moment > at or moment.weekday() > 4:
        moment -= timedelta(days=1)
    return moment


def _once(moment: datetime) -> Callable[[datetime], datetime | None]:
    return lambda at: moment if moment <= at else None


TRIGGERS: Mapping[tuple[str, str], Callable[[datetime], datetime | None]] = {
    ("cron(0 */3 * * * *)", ""): _every_three,
    ("cron(0 5/7 * * * ?)", ""): _sevens,
    ("cron(0 15 21 * * MON-FRI)", SHANGHAI): _workday_evening,
    ("at(2026-11-23T11:30:00Z)", ""): _once(NOON - 30 * _MINUTE),
    ("at(2026-11-23T12:20:00Z)", ""): _once(NOON + 20 * _MINUTE),
    ("at(2026-11-23T20:40:00)", SHANGHAI): _once(NOON + 40 * _MINUTE),
}
"""Expression and zone: when it fired last, at a moment."""
_WINDOWS = ((None, None), (None, None), (10, 60), (30, None), (None, 45), (25 * 60, 26 * 60))
"""Start and end, in minutes after noon."""


def _dates(window: tuple[int | None, int | None], zone: str) -> Body:
    def text(minutes: int) -> str:
        moment = NOON + minutes * _MINUTE
        return f"{moment.astimezone(ZoneInfo(zone)):%FT%T}" if zone else f"{moment:%FT%TZ}"

    dates = {"startTime": window[0], "endTime": window[1]}
    rendered = {name: text(minutes) for name, minutes in dates.items() if minutes is not None}
    return {**rendered, "timeZone": zone} if zone else rendered


@st.composite
def _schedule(draw: DrawFn) -> Body:
    expression, zone = draw(st.sampled_from(sorted(TRIGGERS)))
    return {
        "name": draw(st.sampled_from("abcd")),
        "scheduleExpression": expression,
        "target": draw(st.integers(0, 15)),
        **_dates(draw(st.sampled_from(_WINDOWS)), zone),
    }


@st.composite
def _tracker(draw: DrawFn, kind: Kind) -> Body:
    low = draw(st.integers(0, 5))
    return {
        "name": draw(st.sampled_from("xyz")),
        "metricType": draw(st.sampled_from(["ProvisionedConcurrencyUtilization"] * 2 + ["CPUUtilization"])),
        "metricTarget": draw(st.sampled_from([0.37, 0.6, 1])),
        kind.low: low,
        kind.high: low + draw(st.integers(0, 12)),
        **_dates(draw(st.sampled_from(_WINDOWS)), draw(st.sampled_from(["", SHANGHAI]))),
    }


def _named(entries: st.SearchStrategy[Body], most: int) -> st.SearchStrategy[list[Body]]:
    return st.lists(entries, max_size=most, unique_by=lambda entry: str(entry["name"]))


def puts(kind: Kind) -> st.SearchStrategy[Body]:
    """A put that is accepted where trackers are; each field may be left out."""
    often = {kind.schedules: _named(_schedule(), 4)}
    optional = {
        kind.default: st.integers(0, 15),
        kind.trackers: _named(_tracker(kind), 2),
    }
    return st.fixed_dictionaries(often, optional=optional) | st.fixed_dictionaries({}, optional={**often, **optional})


def faulty_puts(kind: Kind) -> st.SearchStrategy[Body]:
    """A put that is refused for one of its fields, whatever the others are."""
    entry = {"name": "a", "scheduleExpression": "cron(0 0 20 * * *)", "target": 1}
    tracker = {"name": "x", "metricType": "CPUUtilization", "metricTarget": 0.5, kind.low: 3, kind.high: 3}
    faults: list[Body] = [
        {kind.default: -1},
        {kind.default: 10_001},
        {kind.schedules: [entry, entry]},
        {kind.schedules: [{**entry, "scheduleExpression": "cron(0 0 25 * * *)"}]},
        {kind.schedules: [{**entry, "startTime": "2026-11-23T12:00:00"}]},
        {kind.schedules: [{**entry, "target": None}]},
        {kind.trackers: [{**tracker, kind.high: 2}]},
        {kind.trackers: [{**tracker, "metricTarget": 0}]},
        {kind.trackers: "none"},
    ]
    return st.tuples(puts(kind), st.sampled_from(faults)).map(lambda pair: {**pair[0], **pair[1]})


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """How schedules are read: the switches of the same names."""

    among: str
    past_at: str


def asked(kind: Kind, document: Body, put_at: datetime, at: datetime, reading: Reading) -> tuple[int, int]:
    """The least and the most that a document asks for when it is evaluated at `at`.

    Trackers move between their bounds, by what is measured; without one in effect both are the same.
    """
    scheduled = _scheduled(document[kind.schedules], put_at, at, reading)
    trackers = [tracker for tracker in document[kind.trackers] if _within(tracker, at)]
    floor = [] if scheduled is None else [scheduled]
    least = [*floor, *(int(tracker[kind.low]) for tracker in trackers)]
    most = [*floor, *(int(tracker[kind.high]) for tracker in trackers)]
    default = int(document[kind.default])
    return max(least, default=default), max(most, default=default)


def _scheduled(schedules: Sequence[Body], put_at: datetime, at: datetime, reading: Reading) -> int | None:
    fired: list[tuple[datetime, int]] = []
    for entry in schedules:
        when = TRIGGERS[entry["scheduleExpression"], entry.get("timeZone", "")](at)
        start = _bound(entry, "startTime")
        if when is None or not _within(entry, at) or (start is not None and when < start):
            continue
        if reading.past_at == "fires" or not entry["scheduleExpression"].startswith("at") or when >= put_at:
            fired.append((when, entry["target"]))
    if reading.among == "max":
        return max((target for _, target in fired), default=None)
    return max(fired)[1] if fired else None


def _within(entry: Body, at: datetime) -> bool:
    start, end = _bound(entry, "startTime"), _bound(entry, "endTime")
    return (start is None or start <= at) and (end is None or at < end)


def _bound(entry: Body, name: str) -> datetime | None:
    if name not in entry:
        return None
    local = datetime.fromisoformat(entry[name].removesuffix("Z"))
    return local.replace(tzinfo=ZoneInfo(entry.get("timeZone", "UTC"))).astimezone(UTC)
