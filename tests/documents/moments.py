"""The moments at which a document can change: between two neighbours its value is constant, so they are enough."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from planner.base import MINUTE
from planner.provision import ProvisionConfig, ScheduledAction, TrackingPolicy

DAY = timedelta(days=1)
_CRON = re.compile(r"cron\(0 (\d+) (\d+) \* \* \S+\)")


def turning_points(config: ProvisionConfig, start: datetime, end: datetime) -> list[datetime]:
    """Every whole minute of [start, end) at which a window opens or closes or something may fire, and its neighbours.

    A cron counts on every day, whatever its weekday, at both readings of its local time.
    """
    found = {start}
    for policy in (*config.scheduled_actions, *config.tracking_policies):
        found.update(_ends(policy))
        if isinstance(policy, ScheduledAction):
            found.update(_triggers(policy, start, end))
    near = {moment + side * MINUTE for moment in found for side in (-1, 0, 1)}
    return sorted(moment for moment in near if start <= moment < end)


def _ends(policy: ScheduledAction | TrackingPolicy) -> Iterator[datetime]:
    for text in (policy.start_time, policy.end_time):
        if text:
            yield _instant(text, policy.time_zone)


def _instant(text: str, zone: str | None) -> datetime:
    return datetime.fromisoformat(text.removesuffix("Z")).replace(tzinfo=ZoneInfo(zone or "UTC")).astimezone(UTC)


def _triggers(action: ScheduledAction, start: datetime, end: datetime) -> Iterator[datetime]:
    if action.schedule_expression.startswith("at("):
        yield _instant(action.schedule_expression[3:-1], action.time_zone)
    if match := _CRON.fullmatch(action.schedule_expression):
        place = ZoneInfo(action.time_zone or "UTC")
        day = start.astimezone(place).replace(hour=int(match[2]), minute=int(match[1]), tzinfo=None) - DAY
        while (at := day.replace(tzinfo=place).astimezone(UTC)) < end + DAY:
            yield at
            yield day.replace(tzinfo=place, fold=1).astimezone(UTC)
            day += DAY
