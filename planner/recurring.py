"""The recurring form: cron steps by day class, for the time after the horizon, when no planner may be left.

One pattern for working days and one for weekends, each the highest demand that the coming week has at that time of
day, in the function's time zone. It is dearer than dated steps and safe: FC repeats it for ever.

Whether a cron fires at a local time that daylight saving skips, or once or twice at one that it repeats, is not
published: no step lies there.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from planner.base import EPOCH, MINUTE, OWNER, floor_minute, minutes_between
from planner.capacity import DayPattern, Need, StepRules, cheapest_cuts, per_minute, required
from planner.provision import ScheduledAction

DAY = 24 * 60
WEEK = timedelta(days=7)
CLASSES = (("workday", "MON-FRI", (0, 1, 2, 3, 4)), ("weekend", "SAT,SUN", (5, 6)))
EVERY_DAY = ("daily", "*", (0, 1, 2, 3, 4, 5, 6))


def day_patterns(week: Need, *, zone: str, rules: StepRules, floor: int) -> tuple[DayPattern, ...]:
    """The cheapest pattern of each day class that covers `week` (at least seven days).

    `rules.max_steps` counts for all classes together; classes of the same shape become one.
    """
    need = _need_by_weekday(week, ZoneInfo(zone), floor)
    same = all((need[day] == need[0]).all() for day in range(7))
    classes = (EVERY_DAY,) if same else CLASSES
    # The last minutes of a day already ask for the first minutes of whatever day comes next.
    morning = need.max(axis=0)
    doubtful = _doubtful_minutes(ZoneInfo(zone), week.start)
    # A day that begins with a skipped hour begins once more after it.
    again = np.flatnonzero(~doubtful)[: int(doubtful[0])]
    each = replace(rules, max_steps=max(rules.max_steps // len(classes) - len(again), 1))
    shapes = np.stack([need[list(days)].max(axis=0) for _, _, days in classes])
    patterns = []
    for (name, weekdays, _), asked in zip(classes, _steady(_asked(shapes, morning, each), doubtful), strict=True):
        cuts = np.union1d(cheapest_cuts(asked, each), again)
        levels = np.maximum.reduceat(asked, cuts)
        steps = tuple((int(cut), int(level)) for cut, level in zip(cuts, levels, strict=True))
        patterns.append(DayPattern(name=name, weekdays=weekdays, steps=steps))
    return tuple(patterns)


def cron_actions(patterns: tuple[DayPattern, ...], *, start: datetime, zone: str) -> tuple[ScheduledAction, ...]:
    """The patterns as scheduled actions that count from `start` on; the zone is said, so dates are local without Z."""
    opens, place = floor_minute(start), ZoneInfo(zone)
    while opens.astimezone(place).fold:
        # The text of a repeated local time means the first of the two; no step lies in the rest of that hour.
        opens += MINUTE
    local = opens.astimezone(place).strftime("%Y-%m-%dT%H:%M:%S")
    return tuple(
        ScheduledAction(
            name=f"{OWNER}{pattern.name}-{minute // 60:02d}{minute % 60:02d}",
            schedule_expression=f"cron(0 {minute % 60} {minute // 60} * * {pattern.weekdays})",
            target=instances,
            start_time=local,
            time_zone=zone,
        )
        for pattern in patterns
        for minute, instances in pattern.steps
    )


def _asked(shapes: NDArray[np.int64], morning: NDArray[np.int64], rules: StepRules) -> NDArray[np.int64]:
    """What each class must have asked for, shape (classes, 1440), the minutes before `morning` included."""
    both = np.concatenate((shapes, np.broadcast_to(morning, shapes.shape)), axis=1)
    return required(both, rules)[:, :DAY]


def _steady(asked: NDArray[np.int64], doubtful: NDArray[np.bool_]) -> NDArray[np.int64]:
    """`asked`, raised so that it does not change within doubtful minutes nor rises into them at their first."""
    steady = asked.copy()
    for first in np.flatnonzero(doubtful & ~np.roll(doubtful, 1)):
        around = np.arange(first - 1, first + int(np.argmin(np.roll(doubtful, -first)))) % DAY
        # What goes over midnight may be of another class on the other side.
        steady[:, around] = steady[:, around].max(axis=None if 0 in around else 1, keepdims=True)
    return steady


def _doubtful_minutes(zone: ZoneInfo, start: datetime) -> NDArray[np.bool_]:
    """The local minutes of a day that a change of the clocks within a year of `start` skips or repeats."""
    doubtful = np.zeros(DAY, dtype=bool)
    days = [start + timedelta(days=day) for day in range(367)]
    for day, next_day in pairwise(days):
        if _offset(day, zone) == _offset(next_day, zone):
            continue
        # Zones move at whole quarters of an hour.
        change = next(at for at in _quarters(day) if _offset(at, zone) != _offset(day, zone))
        walls = sorted((_offset(day, zone), _offset(next_day, zone)))
        first, end = (minutes_between(EPOCH, change + wall) for wall in walls)
        doubtful[np.arange(first, end) % DAY] = True
    return doubtful


def _quarters(day: datetime) -> Iterator[datetime]:
    return (day + quarter * timedelta(minutes=15) for quarter in range(1, 97))


def _offset(moment: datetime, zone: ZoneInfo) -> timedelta:
    return moment.astimezone(zone).utcoffset() or timedelta(0)


def _need_by_weekday(week: Need, zone: ZoneInfo, floor: int) -> NDArray[np.int64]:
    """Highest demand of each local minute by weekday (Monday first), shape (7, 1440); never below `floor`."""
    minutes = int(len(week.instances) * week.slot / MINUTE)
    values = per_minute(week, week.start, minutes)
    need = np.full((7, DAY), floor, dtype=np.int64)
    # Zones move by whole quarters of an hour and slots are whole quarters too.
    for first in range(0, minutes, 15):
        local = (week.start + first * MINUTE).astimezone(zone)
        at = local.hour * 60 + local.minute
        quarter = need[local.weekday(), at : at + 15]
        np.maximum(quarter, values[first : first + len(quarter)].max(), out=quarter)
    return need
