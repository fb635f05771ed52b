"""The recurring form: cron steps by day class, for the time after the horizon, when no planner may be left.

One pattern for working days and one for weekends, each the highest demand that the coming week has at that time of
day, in the function's time zone. It is dearer than dated steps and safe: FC repeats it for ever.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from planner.base import MINUTE, OWNER, floor_minute
from planner.capacity import DayPattern, StepRules, cheapest_cuts, per_minute, required
from planner.demand import Demand
from planner.provision import ScheduledAction

DAY = 24 * 60
WEEK = timedelta(days=7)
CLASSES = (("workday", "MON-FRI", (0, 1, 2, 3, 4)), ("weekend", "SAT,SUN", (5, 6)))
EVERY_DAY = ("daily", "*", (0, 1, 2, 3, 4, 5, 6))


def day_patterns(week: Demand, *, zone: str, rules: StepRules, floor: int) -> tuple[DayPattern, ...]:
    """The cheapest pattern of each day class that covers `week` (at least seven days of demand).

    `rules.max_steps` counts for all classes together; classes of the same shape become one.
    """
    need = _need_by_weekday(week, ZoneInfo(zone), floor)
    same = all((need[day] == need[0]).all() for day in range(7))
    classes = (EVERY_DAY,) if same else CLASSES
    # The last minutes of a day already ask for the first minutes of whatever day comes next.
    morning = need.max(axis=0)
    each = StepRules(
        lead=rules.lead,
        dwell=rules.dwell,
        growth_per_minute=rules.growth_per_minute,
        max_steps=max(rules.max_steps // len(classes), 1),
    )
    patterns = []
    for name, weekdays, days in classes:
        shape = need[list(days)].max(axis=0)
        asked = required(np.concatenate((shape, morning)), each)[:DAY]
        cuts = cheapest_cuts(asked, each)
        levels = np.maximum.reduceat(asked, cuts)
        steps = tuple((int(cut), int(level)) for cut, level in zip(cuts, levels, strict=True))
        patterns.append(DayPattern(name=name, weekdays=weekdays, steps=steps))
    return tuple(patterns)


def cron_actions(
    patterns: tuple[DayPattern, ...], *, start: datetime, zone: str
) -> tuple[ScheduledAction, ...]:
    """The patterns as scheduled actions that count from `start` on; the zone is said, so dates are local without Z."""
    local = floor_minute(start).astimezone(ZoneInfo(zone)).strftime("%Y-%m-%dT%H:%M:%S")
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


def _need_by_weekday(week: Demand, zone: ZoneInfo, floor: int) -> NDArray[np.int64]:
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
