"""Our reading of what a document means: the value of its schedule, and its trackers' windows, minute by minute.

Rules and sources: Function Compute user guide, "instance scaling restrictions and rules" (the default counts only
while no policy is in effect; the maximum of what is in effect wins), and the vendor's example pair 20:00 up / 22:00
down, from which follows that among schedules the last trigger wins. That last point is inferred, so every question
here can be asked under the other reading too (`Among.MAX`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from itertools import product
from typing import TypeAlias
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
from numpy.typing import NDArray

from planner.base import EPOCH, MINUTE, floor_minute, minutes_between, utc
from planner.errors import DocumentError
from planner.provision import ProvisionConfig, ScheduledAction, TrackingPolicy

Minutes: TypeAlias = NDArray[np.int64]
NONE = -1
"""The schedule's value where no action has one."""
DAY, QUARTER = 24 * 60, 15
LOOK_BACK = 35 * DAY
"""Minutes in which an earlier trigger of a cron is looked for minute by minute; further back, day by day."""
RARE = 5 * 366
"""Days in which it is looked for in all: a leap day is found, and 30 February given up."""
NEVER = -(10**9)

_DAYS = {name: number for number, name in enumerate(("MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN"), 1)}
_MONTH_NAMES = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_MONTHS = {name: number for number, name in enumerate(_MONTH_NAMES, 1)}


class Among(StrEnum):
    """Which value counts where several scheduled actions have one."""

    LAST = "last"
    MAX = "max"


@dataclass(frozen=True, slots=True, kw_only=True)
class Trigger:
    """When an action fires: once (`at`), or whenever local time matches the cron's sets."""

    at: datetime | None = None
    minutes: frozenset[int] = frozenset()
    hours: frozenset[int] = frozenset()
    days: frozenset[int] = frozenset()
    months: frozenset[int] = frozenset()
    weekdays: frozenset[int] = frozenset()


def instant(text: str, zone: str | None) -> datetime:
    """A date of the wire in UTC.

    Ours are local without Z when the policy has a zone, and UTC with Z when it has none. Other people's documents are
    read by what they say: Z or an offset counts, else the zone, else UTC.
    """
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=ZoneInfo(zone or "UTC"))
        return utc(moment)
    except (ValueError, ZoneInfoNotFoundError) as error:
        raise DocumentError(
            f"{text!r} with timeZone {zone!r} is not a date that Function Compute takes: {error}",
            remedy="With timeZone write local time without Z, without it UTC with Z.",
        ) from error


def trigger(action: ScheduledAction) -> Trigger:
    """The action's expression, read; raises DocumentError where FC would refuse it."""
    text = action.schedule_expression.strip()
    if match := re.fullmatch(r"at\((.+)\)", text):
        return Trigger(at=floor_minute(instant(match[1], action.time_zone)))
    match = re.fullmatch(r"cron\((.+)\)", text)
    fields = match[1].split() if match else []
    if len(fields) != 6:
        raise DocumentError(f"{action.name}: {text!r} is neither at(...) nor a cron(...) of six fields")
    try:
        _field(fields[0], 0, 59)  # seconds, which have to be sound and do not count
        return Trigger(
            minutes=_field(fields[1], 0, 59),
            hours=_field(fields[2], 0, 23),
            days=_field(fields[3], 1, 31),
            months=_field(fields[4], 1, 12, _MONTHS),
            weekdays=_field(fields[5], 1, 7, _DAYS),
        )
    except (ValueError, KeyError) as error:
        raise DocumentError(f"{action.name}: cron field out of range in {text!r}") from error


def window(policy: ScheduledAction | TrackingPolicy) -> tuple[datetime | None, datetime | None]:
    """From when (inclusive) until when (exclusive) a policy is in effect; None is without end."""
    start, end = policy.start_time, policy.end_time
    return (
        instant(start, policy.time_zone) if start else None,
        instant(end, policy.time_zone) if end else None,
    )


def inside(policy: ScheduledAction | TrackingPolicy, start: datetime, minutes: int) -> NDArray[np.bool_]:
    """Minutes from `start` in which the policy's window is open; shape (minutes,)."""
    opens, closes = window(policy)
    at = np.arange(minutes)
    mask = np.ones(minutes, dtype=bool)
    if opens is not None:
        mask &= at >= -(minutes_between(opens, start))
    if closes is not None:
        mask &= at < _ceil_minutes(start, closes)
    return mask


def schedule_values(config: ProvisionConfig, start: datetime, minutes: int, among: Among = Among.LAST) -> Minutes:
    """Instances that the scheduled actions ask for in each minute from `start`; NONE where none has a value.

    An earlier trigger inside a window that is still open counts. Shape (minutes,).
    """
    if not config.scheduled_actions:
        return np.full(minutes, NONE, dtype=np.int64)
    fired = np.stack([_last_fired(action, start, minutes) for action in config.scheduled_actions])
    targets = np.array([action.target for action in config.scheduled_actions], dtype=np.int64)[:, None]
    alive = fired > NEVER
    chosen = alive if among is Among.MAX else alive & (fired == fired.max(axis=0))
    values: Minutes = np.where(chosen, targets, NONE).max(axis=0)
    return values


def least_values(config: ProvisionConfig, start: datetime, minutes: int, among: Among = Among.LAST) -> Minutes:
    """Instances that FC gives at least in each minute: the schedule or a tracker's floor, else the default."""
    values = schedule_values(config, start, minutes, among)
    for policy in config.tracking_policies:
        values = np.maximum(values, np.where(inside(policy, start, minutes), policy.min_capacity, NONE))
    return np.where(values == NONE, config.default_target, values)


def latest_trigger(action: ScheduledAction, now: datetime) -> datetime | None:
    """When the action last fired, if it still has a value at `now`."""
    start = floor_minute(now)
    fired = int(_last_fired(action, start, 1)[0])
    return start + fired * MINUTE if fired > NEVER else None


def _last_fired(action: ScheduledAction, start: datetime, minutes: int) -> Minutes:
    """Per minute, the newest trigger as minutes from `start` (negative: before it); NEVER without one."""
    rule = trigger(action)
    opens, closes = window(action)
    # A recurring form waits behind the horizon in most documents, and most questions are of less.
    if (opens and opens >= start + minutes * MINUTE) or (closes and closes <= start):
        return np.full(minutes, NEVER, dtype=np.int64)
    if rule.at is not None:
        if (opens and rule.at < floor_minute(opens)) or (closes and rule.at >= closes):
            return np.full(minutes, NEVER, dtype=np.int64)
        first = minutes_between(start, rule.at)
        fired = np.where(np.arange(minutes) >= first, first, NEVER)
    else:
        hits = _cron_hits(rule, start, minutes, action.time_zone or "UTC")
        at = np.arange(-LOOK_BACK, minutes)
        if opens is not None:
            hits = hits & (at >= _ceil_minutes(start, opens))
        fired = np.maximum.accumulate(np.where(hits, at, NEVER))[LOOK_BACK:]
        if fired[0] == NEVER:
            fired = np.maximum(fired, _rare_trigger(rule, start, opens, action.time_zone or "UTC"))
    if closes is not None:
        fired = np.where(np.arange(minutes) < _ceil_minutes(start, closes), fired, NEVER)
    return fired


def _rare_trigger(rule: Trigger, start: datetime, opens: datetime | None, zone: str) -> int:
    """The newest trigger from before LOOK_BACK and not before `opens`, as minutes from `start`; NEVER without one."""
    place = ZoneInfo(zone)
    end = floor_minute(start) - LOOK_BACK * MINUTE
    last = end.astimezone(place).date()
    for day in (last - timedelta(days=back) for back in range(RARE)):
        if opens is not None and day < opens.astimezone(place).date():
            break
        if not (day.day in rule.days and day.month in rule.months and day.isoweekday() in rule.weekdays):
            continue
        for hour, minute in product(sorted(rule.hours, reverse=True), sorted(rule.minutes, reverse=True)):
            local = datetime(day.year, day.month, day.day, hour, minute, tzinfo=place, fold=1)
            at = utc(local)
            skipped = at.astimezone(place).hour != hour
            if at < end and not skipped and (opens is None or at >= opens):
                return minutes_between(start, at)
    return NEVER


def _ceil_minutes(start: datetime, moment: datetime) -> int:
    return -int((start - moment) // MINUTE)


def _cron_hits(rule: Trigger, start: datetime, minutes: int, zone: str) -> NDArray[np.bool_]:
    minute, hour, day, month, weekday = _local_fields(start, minutes, zone)
    sets = (rule.minutes, rule.hours, rule.days, rule.months, rule.weekdays)
    hits = np.ones(minute.shape, dtype=bool)
    for value, allowed in zip((minute, hour, day, month, weekday), sets, strict=True):
        table = np.zeros(
            60, dtype=bool
        )  # no field goes beyond a minute's 59; looked up, not searched: documents have many
        table[list(allowed)] = True
        hits &= table[value]
    return hits


@lru_cache(maxsize=256)
def _offsets(day: int, zone: str) -> Minutes:
    """Minutes by which local time is ahead of UTC in each minute of a UTC day, counted from 1970."""
    place, midnight = ZoneInfo(zone), EPOCH + timedelta(days=day)
    # Zones move by whole quarters of an hour, so one look-up a quarter is exact when the quarters are UTC's.
    quarters = [
        int((midnight + timedelta(minutes=at)).astimezone(place).utcoffset() // MINUTE)  # type: ignore[operator]  # an aware datetime has an offset
        for at in range(0, DAY, QUARTER)
    ]
    return np.repeat(np.array(quarters, dtype=np.int64), QUARTER)


@lru_cache(maxsize=8)
def _local_fields(start: datetime, minutes: int, zone: str) -> tuple[Minutes, ...]:
    """Local minute, hour, day of month, month and ISO weekday of each minute from LOOK_BACK before `start`."""
    first = floor_minute(start) - timedelta(minutes=LOOK_BACK)
    count = LOOK_BACK + minutes
    begun = int(first.timestamp() // 60)
    lead_in = begun % DAY
    days = range(begun // DAY, (begun + count - 1) // DAY + 1)
    offsets = np.concatenate([_offsets(day, zone) for day in days])[lead_in : lead_in + count]
    local = begun + np.arange(count) + offsets
    local_days = local // DAY
    dates = local_days.astype("datetime64[D]")
    months = dates.astype("datetime64[M]")
    return (
        local % 60,
        local // 60 % 24,
        (dates - months.astype("datetime64[D]")).astype(np.int64) + 1,
        months.astype(np.int64) % 12 + 1,
        (local_days + 3) % 7 + 1,
    )


def _field(text: str, low: int, high: int, names: dict[str, int] | None = None) -> frozenset[int]:
    """One cron field: `*`, `?`, lists, ranges and steps, with names where the field has them."""
    values: set[int] = set()
    for part in text.upper().split(","):
        body, _, step = part.partition("/")
        if body in ("*", "?"):
            first, last = low, high
        else:
            first, last = _bounds(body, names or {}, open_end=high if step else None)
        if not (low <= first <= high and low <= last <= high):
            raise ValueError(text)
        stride = int(step) if step else 1
        wrapped = range(first, last + 1) if first <= last else (*range(first, high + 1), *range(low, last + 1))
        values.update(list(wrapped)[::stride])
    return frozenset(values)


def _bounds(body: str, names: dict[str, int], *, open_end: int | None) -> tuple[int, int]:
    first, _, last = body.partition("-")
    start = names[first] if first in names else int(first)
    if last:
        return start, names[last] if last in names else int(last)
    return start, start if open_end is None else open_end
