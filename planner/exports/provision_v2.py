"""`provision-v2.json`: the same decision in the shape of FC 2.0, for `s provision put --config` of component fc.

FC 2.0 has `target`, `scheduledActions` and `targetTrackingPolicies`, dates as `2026-11-22T00:05:00.000Z`, and no
`timeZone` (source: github.com/devsapp/fc, docs/en/command/provision.md; a start without Z is refused with "The
StartTime is not in UTC time format"). So whatever has a zone is turned into UTC: dates and `at(...)` always can be,
a `cron(...)` only where UTC is the same whole hours away all year. Anything else is left out and listed, not bent.
Export only: services of FC 2.0 can't be driven by the 3.0 SDK.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from planner.base import iso
from planner.exports.provision_config import pretty
from planner.plan import Plan
from planner.provision import MAX_ACTIONS, ScheduledAction, TrackingPolicy
from planner.reading import instant

NAME = "provision-v2.json"
_WEEK = ("MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN")
_HOUR = timedelta(hours=1)
_ANY = ("*", "?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Translation:
    """The body for FC 2.0 and, in words, what it doesn't say."""

    body: dict[str, object]
    omissions: tuple[str, ...]


def render(plan: Plan) -> str:
    """The body alone."""
    return pretty(translate(plan).body)


def translate(plan: Plan) -> Translation:
    """The wanted document for FC 2.0; the plan's year decides whether a zone keeps its distance from UTC."""
    actions: list[dict[str, object]] = []
    omissions: list[str] = []
    for action in plan.wanted.scheduled_actions:
        match _expressions(action, plan.created_at):
            case str() as excuse:
                omissions.append(f"{action.name} ({action.schedule_expression}): {excuse}")
            case expressions:
                actions += [_action(action, text, index) for index, text in enumerate(expressions)]
    if len(actions) > MAX_ACTIONS:
        omissions.append(f"{len(actions)} actions in UTC; Function Compute takes at most {MAX_ACTIONS}")
    body: dict[str, object] = {
        "target": plan.wanted.default_target,
        "scheduledActions": actions,
        "targetTrackingPolicies": [_tracker(tracker) for tracker in plan.wanted.tracking_policies],
    }
    return Translation(body=body, omissions=tuple(omissions))


def _expressions(action: ScheduledAction, year: datetime) -> tuple[str, ...] | str:
    """The action's expression in UTC, in as many parts as it takes; a string is the reason why there is none."""
    text, zone = action.schedule_expression, action.time_zone
    if match := re.fullmatch(r"at\((.+)\)", text):
        return (f"at({iso(instant(match[1], zone))})",)
    if zone is None:
        return (text,)
    offset = _fixed_offset(zone, year)
    if offset is None:
        return f"{zone} changes its clock, FC 2.0 has no timeZone"
    if offset % _HOUR:
        return f"{zone} is not whole hours from UTC, FC 2.0 has no timeZone"
    return _shifted(action, int(offset / _HOUR))


def _fixed_offset(zone: str, year: datetime) -> timedelta | None:
    """The zone's distance from UTC, if it is one and the same a year either way of `year`."""
    place = ZoneInfo(zone)
    # A day's grain finds any rule of our time: clocks that change stay so for weeks.
    offsets = {(year + timedelta(days=days)).astimezone(place).utcoffset() for days in range(-366, 367)}
    return offsets.pop() if len(offsets) == 1 else None


def _shifted(action: ScheduledAction, offset_hours: int) -> tuple[str, ...] | str:
    """A cron of six fields, `offset_hours` earlier; hours that fall on another day become a part of their own."""
    from planner.reading import trigger  # noqa: PLC0415  # brings numpy, and `planner --help` stays fast

    rule = trigger(action)
    seconds, minutes, _, day, month, _ = action.schedule_expression[len("cron(") : -1].split()
    moved: dict[int, list[int]] = {}
    for hour in rule.hours:
        days, utc_hour = divmod(hour - offset_hours, 24)
        moved.setdefault(days, []).append(utc_hour)
    if set(moved) != {0} and (day not in _ANY or month not in _ANY):
        return "its date falls on another day in UTC, which a cron can't say"
    return tuple(
        f"cron({seconds} {minutes} {','.join(map(str, sorted(hours)))} {day} {month} {_weekdays(rule.weekdays, days)})"
        for days, hours in sorted(moved.items(), reverse=True)
    )


def _weekdays(weekdays: frozenset[int], days: int) -> str:
    names = [name for index, name in enumerate(_WEEK, 1) if (index - 1 - days) % 7 + 1 in weekdays]
    return "*" if len(names) == len(_WEEK) else ",".join(names)


def _action(action: ScheduledAction, expression: str, part: int) -> dict[str, object]:
    name = f"{action.name}-{part + 1}" if part else action.name
    fields = {"name": name, "scheduleExpression": expression, "target": action.target}
    return fields | _window(action)


def _tracker(tracker: TrackingPolicy) -> dict[str, object]:
    kept = {key: value for key, value in tracker.wire().items() if key != "timeZone"}
    return kept | _window(tracker)


def _window(policy: ScheduledAction | TrackingPolicy) -> dict[str, str]:
    dates = (("startTime", policy.start_time), ("endTime", policy.end_time))
    return {key: f"{instant(text, policy.time_zone):%Y-%m-%dT%H:%M:%S}.000Z" for key, text in dates if text is not None}
