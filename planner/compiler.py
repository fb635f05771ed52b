"""Capacity schedule and guardrails to the FC document.

The hand-over rules (design decision 4, `docs/adr`): FC may answer a put with the default target and evaluate the
policies up to two minutes later, and whether a past `at()` fires, or the last trigger or the maximum wins among
schedules, is not published. So:

- the document begins with the step in effect, its window open since before its instant;
- each step's window ends OVERLAP after the next step begins;
- the default target covers every step, and every tracker's floor, that can be in effect while the put is taken in, and
  what a tracker has scaled out to: else a put during a surge would destroy it;
- a tracker holds each step that can be in effect then, for as long as the step lasts;
- from the horizon on a terminal action, a safe tracker and the recurring form take over, none of them with an end.

Names carry the step's instant, so a renewal changes only what changed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from planner.base import MINUTE, OWNER, floor_minute, iso, minutes_between, utc
from planner.capacity import CapacitySchedule, DayPattern, Step
from planner.guard import GuardWindow
from planner.guardrails import GuardPolicy, Hold, guardrails
from planner.provision import EVALUATION_LAG, MAX_ACTIONS, MAX_TARGET, ProvisionConfig, ScheduledAction
from planner.reading import Among, instant, latest_trigger, least_values, schedule_values
from planner.recurring import cron_actions

OVERLAP = timedelta(minutes=5)
STEP = f"{OWNER}step-"
END = f"{OWNER}end-"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What the compiler is handed besides the live document: our decisions, nothing of FC's wire."""

    schedule: CapacitySchedule
    patterns: tuple[DayPattern, ...]
    time_zone: str
    guards: GuardPolicy
    guard: tuple[GuardWindow, ...]
    always_allocate_cpu: bool
    always_allocate_gpu: bool
    valid_until: datetime
    running: int = 0
    """FC's target when the live document was read."""


def compile_document(wanted: Wanted, live: ProvisionConfig) -> ProvisionConfig:
    """The document to put in place of `live`; policies that are not ours are kept as they are."""
    steps = wanted.schedule.steps
    first = replace(steps[0], at=_in_effect_since(live, wanted.schedule, steps[0]))
    dated = (first, *steps[1:])
    horizon = wanted.schedule.end
    foreign_actions = tuple(action for action in live.scheduled_actions if not action.ours)
    foreign_trackers = tuple(policy for policy in live.tracking_policies if not policy.ours)
    recurring = cron_actions(wanted.patterns, start=horizon, zone=wanted.time_zone)
    ends = [step.at for step in dated[1:]] + [horizon]
    # A put at `valid_until` finds every step until then in the past, and FC may look at it EVALUATION_LAG later.
    late = utc(wanted.valid_until) + EVALUATION_LAG
    document = ProvisionConfig(
        default_target=handover_target(wanted.schedule, wanted.valid_until),
        always_allocate_cpu=wanted.always_allocate_cpu,
        always_allocate_gpu=wanted.always_allocate_gpu,
        scheduled_actions=(
            *foreign_actions,
            *(_dated(step, end + OVERLAP) for step, end in zip(dated, ends, strict=True)),
            _terminal(recurring, horizon, max(wanted.guards.floor, 1)),
            *recurring,
        ),
        tracking_policies=(
            *foreign_trackers,
            *guardrails(
                wanted.guards,
                holds=tuple(
                    Hold(start=step.at, end=end, instances=step.instances)
                    for step, end in zip(dated, ends, strict=True)
                    if step.at <= late
                ),
                horizon_end=horizon,
                live=wanted.guard,
            ),
        ),
    )
    minutes = min(_handover_minutes(wanted.schedule, wanted.valid_until), len(wanted.schedule.per_minute()))
    floors = least_values(document, wanted.schedule.start, minutes)
    covered = max(document.default_target, int(floors.max()), _scaled_out(live, wanted))
    return replace(document, default_target=min(covered, MAX_TARGET))


def _scaled_out(live: ProvisionConfig, wanted: Wanted) -> int:
    """FC's target where a tracker of the live document has raised it above schedule and floors; else 0."""
    if not live.tracking_policies or not wanted.running:
        return 0
    given = int(least_values(live, wanted.schedule.start, 1, Among.MAX)[0])
    return wanted.running if wanted.running > given else 0


def handover_target(schedule: CapacitySchedule, valid_until: datetime) -> int:
    """The largest step in effect from the start until FC has evaluated a put at `valid_until`."""
    return min(int(schedule.per_minute()[: _handover_minutes(schedule, valid_until)].max()), MAX_TARGET)


def _handover_minutes(schedule: CapacitySchedule, valid_until: datetime) -> int:
    return max(minutes_between(schedule.start, utc(valid_until) + EVALUATION_LAG + MINUTE), 1)


def step_budget(live: ProvisionConfig, recurring: int) -> int:
    """How many dated steps fit beside a person's actions, the terminal one and `recurring` cron steps."""
    foreign = sum(not action.ours for action in live.scheduled_actions)
    return MAX_ACTIONS - foreign - 1 - recurring


def _in_effect_since(live: ProvisionConfig, schedule: CapacitySchedule, first: Step) -> datetime:
    """The instant of our live step where it already gives what the first step asks for, else the first step's own."""
    for action in live.scheduled_actions:
        if not action.name.startswith(STEP) or action.target != first.instances:
            continue
        since = latest_trigger(action, schedule.start)
        if since is not None and not _followed(live, since, schedule.start):
            return since
    return first.at


def _followed(live: ProvisionConfig, since: datetime, now: datetime) -> bool:
    """Whether another of our dated steps has fired after `since`."""
    return any(
        (fired := latest_trigger(action, now)) is not None and fired > since
        for action in live.scheduled_actions
        if action.name.startswith(STEP)
    )


def _dated(step: Step, end: datetime) -> ScheduledAction:
    at = floor_minute(utc(step.at))
    return ScheduledAction(
        name=f"{STEP}{at:%Y%m%dT%H%MZ}",
        schedule_expression=f"at({iso(at)})",
        target=step.instances,
        start_time=iso(at - MINUTE),
        end_time=iso(end),
    )


def _terminal(recurring: tuple[ScheduledAction, ...], horizon: datetime, floor: int) -> ScheduledAction:
    """From the horizon on, without an end: what the recurring form has in effect there, and never nothing."""
    unbounded = ProvisionConfig(scheduled_actions=tuple(replace(action, start_time=None) for action in recurring))
    value = int(schedule_values(unbounded, horizon, 1, Among.LAST)[0])
    return ScheduledAction(
        name=f"{END}{utc(horizon):%Y%m%dT%H%MZ}",
        schedule_expression=f"at({iso(horizon)})",
        target=max(value, floor),
        start_time=iso(horizon),
    )


def foreign_in_horizon(live: ProvisionConfig, start: datetime, end: datetime) -> tuple[ScheduledAction, ...]:
    """Scheduled actions that a person made whose window meets [start, end): they and ours would silence each other."""
    return tuple(
        action
        for action in live.scheduled_actions
        if not action.ours
        and (action.end_time is None or instant(action.end_time, action.time_zone) > start)
        and (action.start_time is None or instant(action.start_time, action.time_zone) < end)
    )
