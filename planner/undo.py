"""Plans that take something back: a rollback to an earlier plan, and the release of a function.

A rollback restores an earlier plan's intent, not its bytes: dated steps whose windows have ended would give nothing,
so the steps are dated anew by time of the week and compiled from now on.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from planner.base import MINUTE, FunctionRef, floor_minute, minutes_between, utc
from planner.capacity import CapacitySchedule, Step, StepRules, cheapest_cuts
from planner.compiler import Wanted, compile_document, foreign_in_horizon, step_budget
from planner.cost import Scene, estimate
from planner.diff import changes
from planner.guard import GuardWindow
from planner.guardrails import GuardPolicy
from planner.plan import Plan
from planner.provision import MAX_TARGET, LiveDocument, ProvisionConfig
from planner.reading import Minutes, least_values
from planner.replay import Floats
from planner.safety import SafetyRules, drop_breaches, foreign_breaches, limit_breaches, quota_breaches

DAY = 24 * 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Present:
    """Where a plan that takes something back starts from."""

    function: FunctionRef
    time_zone: str
    now: datetime
    valid_for: timedelta
    live: LiveDocument
    endpoint: str = ""


def rollback(
    earlier: Plan,
    present: Present,
    *,
    guards: GuardPolicy,
    safety: SafetyRules,
    floor: Minutes | None = None,
    ceiling: int = MAX_TARGET,
) -> Plan:
    """The earlier plan's steps, dated anew from now on, its live guard and its recurring form.

    `floor`: instances below which no minute of the coming day may be, shape (DAY,); `ceiling`: above which none may be
    but for that.
    """
    now = floor_minute(utc(present.now))
    recurring = sum(len(pattern.steps) for pattern in earlier.patterns)
    values = np.minimum(redated(earlier, now), ceiling)
    if floor is not None:
        values = np.maximum(values, floor)
    steps = _fewest(values, now, max(step_budget(present.live.config, recurring), 1))
    wanted = Wanted(
        schedule=steps,
        patterns=earlier.patterns,
        time_zone=earlier.time_zone,
        guards=guards,
        guard=_redated_guard(earlier, now),
        always_allocate_cpu=earlier.wanted.always_allocate_cpu,
        always_allocate_gpu=earlier.wanted.always_allocate_gpu,
        valid_until=now + present.valid_for,
        running=present.live.target,
    )
    live = present.live.config
    document = compile_document(wanted, live)
    why = f"as in the plan of {earlier.created_at:%Y-%m-%d %H:%M} UTC"
    return replace(
        earlier,
        created_at=now,
        valid_until=wanted.valid_until,
        endpoint=present.endpoint,
        live=live,
        live_exists=present.live.exists,
        lacked=(),
        wanted=document,
        schedule=steps,
        recurring=steps_of(document, steps.end, timedelta(days=7), "recurring form"),
        changes=changes(live, document, {action.name: why for action in document.scheduled_actions}),
        breaches=(
            *drop_breaches(steps, running=present.live.target, rules=safety),
            *quota_breaches(document, safety),
            *foreign_breaches(foreign_in_horizon(live, now, steps.end)),
            *limit_breaches(document),
        ),
        estimate=None,
        notes=(f"rollback: {why}, its steps dated anew by local time of the week", *earlier.notes),
    )


def release(found: ProvisionConfig, present: Present) -> Plan:
    """Our policies go; the default, `alwaysAllocate*` and the actions that were `found` at adoption come back.

    What a person added since then stays as it is.
    """
    live = present.live.config
    names = {action.name for action in live.scheduled_actions}
    document = ProvisionConfig(
        default_target=found.default_target,
        always_allocate_cpu=found.always_allocate_cpu,
        always_allocate_gpu=found.always_allocate_gpu,
        scheduled_actions=(
            *(action for action in live.scheduled_actions if not action.ours),
            *(action for action in found.scheduled_actions if not action.ours and action.name not in names),
        ),
        tracking_policies=tuple(policy for policy in live.tracking_policies if not policy.ours),
    )
    return _handing_back(document, present, "release: what was found at adoption comes back")


def release_to_zero(present: Present) -> Plan:
    """Nothing stays: no policy of anybody, no instance. Forgotten provisioned instances go on costing."""
    live = present.live.config
    document = ProvisionConfig(
        always_allocate_cpu=live.always_allocate_cpu, always_allocate_gpu=live.always_allocate_gpu
    )
    return _handing_back(document, present, "release to zero: every policy goes, also those of other people")


def steps_of(document: ProvisionConfig, start: datetime, span: timedelta, reason: str) -> CapacitySchedule:
    """What a document gives at least in each minute of `span`, as steps."""
    values = least_values(document, start, int(span / MINUTE))
    cuts = np.concatenate(([0], np.flatnonzero(np.diff(values)) + 1))
    steps = tuple(Step(at=start + int(cut) * MINUTE, instances=int(values[cut]), reason=reason) for cut in cuts)
    return CapacitySchedule(start=start, end=start + span, steps=steps)


def _handing_back(document: ProvisionConfig, present: Present, note: str) -> Plan:
    now = floor_minute(utc(present.now))
    live = present.live
    day, week = timedelta(days=1), timedelta(days=7)
    return Plan(
        function=present.function,
        time_zone=present.time_zone,
        created_at=now,
        valid_until=now + present.valid_for,
        endpoint=present.endpoint,
        live=live.config,
        live_exists=live.exists,
        lacked=(),
        wanted=document,
        schedule=steps_of(document, now, day, note),
        recurring=steps_of(document, now + day, week, note),
        changes=changes(live.config, document, {}),
        breaches=(),
        notes=(note,),
    )


def redated(earlier: Plan, now: datetime) -> Minutes:
    """The plan's instances in each minute of a day from `now`, by local time of the week; shape (DAY,).

    A schedule of a Monday says nothing of a Tuesday: where the plan's says nothing, its recurring form does.
    """
    zone = ZoneInfo(earlier.time_zone)
    by_time = np.full(7 * DAY, earlier.schedule.per_minute().max())
    for said in (earlier.recurring, earlier.schedule):
        values = said.per_minute()
        minutes = _minutes_of_week(said.start, len(values), zone)
        by_time[minutes] = 0
        np.maximum.at(by_time, minutes, values)
    again: Minutes = by_time[_minutes_of_week(now, DAY, zone)]
    return again


def replayed(plan: Plan, load: Floats, *, static_instances: int, scene: Scene) -> Plan:
    """The same plan with its estimate on `load`, offered concurrency a minute from its beginning; shape (1, DAY)."""
    costs = estimate(load, wanted=plan.wanted, live=plan.live, static_instances=static_instances, scene=scene)
    return replace(plan, estimate=costs)


def _fewest(wanted: Minutes, now: datetime, max_steps: int) -> CapacitySchedule:
    """A day of steps from `now`, `max_steps` at most: the fewest instances on or above those wanted a minute."""
    nothing = timedelta(0)
    cuts = cheapest_cuts(wanted, StepRules(lead=nothing, dwell=nothing, growth_per_minute=1, max_steps=max_steps))
    levels = np.maximum.reduceat(wanted, cuts)
    steps = tuple(
        Step(at=now + int(cut) * MINUTE, instances=int(level), reason="rollback, same time of the week")
        for cut, level in zip(cuts, levels, strict=True)
    )
    return CapacitySchedule(start=now, end=now + timedelta(days=1), steps=steps)


def _redated_guard(earlier: Plan, now: datetime) -> tuple[GuardWindow, ...]:
    """The plan's live guard by local time of day, for a day from `now`; where it says nothing, none."""
    found = earlier.evidence.guard if earlier.evidence else ()
    zone = ZoneInfo(earlier.time_zone)
    by_time = np.full(DAY, np.nan)
    for window in reversed(found):
        by_time[_minutes_of_week(window.start, minutes_between(window.start, window.end), zone) % DAY] = window.target
    targets = np.nan_to_num(by_time[_minutes_of_week(now, DAY, zone) % DAY])
    cuts = np.concatenate(([0], np.flatnonzero(np.diff(targets)) + 1, [DAY]))
    return tuple(
        GuardWindow(start=now + int(cut) * MINUTE, end=now + int(end) * MINUTE, target=float(targets[cut]))
        for cut, end in pairwise(cuts)
        if targets[cut] > 0
    )


def _minutes_of_week(start: datetime, minutes: int, zone: ZoneInfo) -> NDArray[np.int64]:
    """Local minute of the week, which begins on Monday, of each minute from `start`; shape (minutes,)."""
    local = [(start + offset * MINUTE).astimezone(zone) for offset in range(minutes)]
    return np.array([(moment.weekday() * 24 + moment.hour) * 60 + moment.minute for moment in local])
