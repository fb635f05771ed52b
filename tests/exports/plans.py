"""Plans as the world has them: a tide of a day, dead nights, a huge peak, an unsafe plan, a zone with two clocks."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from planner.base import MINUTE, FunctionRef, iso
from planner.capacity import CapacitySchedule, Step
from planner.plan import Band, Breach, Change, ChangeKind, Cost, Estimate, Evidence, Plan, Recent, Rule
from planner.provision import MetricType, ProvisionConfig, ScheduledAction, TrackingPolicy
from tests.builders import an_estimate, an_evidence

NOW = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)
"""Monday noon in Shanghai."""
SLOT = timedelta(minutes=15)
HORIZON = timedelta(hours=24)
LEVELS = (0.05, 0.25, 0.5, 0.75, 0.95)
_SPREAD = (-0.22, -0.08, 0.0, 0.09, 0.28)
_DAYS = ("MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN")


@dataclass(frozen=True, slots=True, kw_only=True)
class Tide:
    """A day's load: concurrency from `low` at night to `high` in the evening, in the clock of `zone`."""

    low: float = 3.0
    high: float = 46.0
    zone: str = "Asia/Shanghai"
    instance_concurrency: int = 4
    dead_nights: bool = False

    def load(self, moment: datetime) -> float:
        """The expected peak concurrency of the slot at `moment`; two humps, at 11 and at 20:30."""
        here = moment.astimezone(ZoneInfo(self.zone))
        hour = here.hour + here.minute / 60
        if self.dead_nights and (hour < 7 or hour >= 23.5):
            return 0.0
        noon, evening = math.exp(-(((hour - 11) / 2.6) ** 2)), math.exp(-(((hour - 20.5) / 2.1) ** 2))
        ripple = 1 + 0.05 * math.sin(moment.timestamp() / 1700) + 0.04 * math.sin(moment.timestamp() / 611)
        return (self.low + (self.high - self.low) * (0.62 * noon + 0.95 * evening)) * ripple

    def instances(self, moment: datetime) -> int:
        """Whole instances for the upper quantile."""
        return math.ceil(self.load(moment) * (1 + _SPREAD[-1]) / self.instance_concurrency)


def a_tide(**fields: object) -> Plan:
    """A day of a function in Asia/Shanghai with about thirty steps, a person's tracker and a recurring fallback."""
    return build(Tide(), **fields)


def dead_nights() -> Plan:
    """No load from 23:30 to 07:00: the schedule goes to nothing."""
    return build(Tide(low=0.4, high=14, dead_nights=True, instance_concurrency=2))


def a_huge_peak() -> Plan:
    """Thousands of instances, long figures and a long name."""
    function = FunctionRef(name="multilingual-content-moderation-and-ranking-gpu", qualifier="production")
    return build(Tide(low=900, high=150_000, instance_concurrency=32), function=function)


def an_unsafe() -> Plan:
    """Three breaches, against an empty document that couldn't be read."""
    breaches = (
        Breach(rule=Rule.DROP, detail="14 instances fall to 2 at 23:10", remedy="raise the floor, or pass --force"),
        Breach(rule=Rule.STALE, detail="the history ends 9 h before now", remedy="check the source, or --now"),
        Breach(
            rule=Rule.FOREIGN,
            detail="the schedule 'evening | by hand' meets our horizon",
            remedy="--adopt it, or remove it",
        ),
    )
    lacked = ("the live document: no endpoint is configured, so the plan is made against an empty one",)
    plan = build(Tide(), breaches=breaches, live=ProvisionConfig(), live_exists=False, lacked=lacked)
    assert plan.estimate is not None
    return replace(plan, estimate=replace(plan.estimate, live=_cost(0.0, 0.31)))


def a_release() -> Plan:
    """Our policies removed without a forecast: no steps, no estimate, no evidence."""
    empty = CapacitySchedule(start=NOW, end=NOW, steps=())
    plan = a_tide()
    gone = tuple(
        Change(kind=ChangeKind.REMOVE, part="scheduledActions", name=action.name, before="", after="", reason="release")
        for action in plan.wanted.scheduled_actions
    )
    wanted = ProvisionConfig(default_target=4, tracking_policies=plan.wanted.tracking_policies[-1:])
    return replace(
        plan, wanted=wanted, schedule=empty, recurring=empty, changes=gone, estimate=None, evidence=None, notes=()
    )


def in_new_york() -> Plan:
    """A zone that changes its clock: the recurring crons can't be said in UTC."""
    return build(Tide(zone="America/New_York"))


def build(tide: Tide, **fields: object) -> Plan:
    """A whole plan of one tide; `fields` replace the plan's."""
    schedule = rolling(tide)
    wanted = document(tide, schedule)
    live = ProvisionConfig(default_target=static(schedule))
    plan = Plan(
        function=FunctionRef(name="text-moderation", qualifier="prod"),
        time_zone=tide.zone,
        created_at=NOW,
        valid_until=NOW + timedelta(minutes=15),
        live=live,
        live_exists=True,
        lacked=(),
        wanted=wanted,
        schedule=schedule,
        recurring=week(tide, schedule.end),
        changes=changes(live, wanted),
        breaches=(),
        estimate=estimate(schedule),
        evidence=evidence(tide),
        notes=("the tracker 'night-watch' is not ours: kept, and it may only raise",),
    )
    return replace(plan, **fields)  # type: ignore[arg-type]  # a test names fields of Plan


def rolling(tide: Tide) -> CapacitySchedule:
    """Half-hour needs, asked for five minutes early; equal ones merged."""
    steps: list[Step] = []
    for half in range(int(HORIZON / (2 * SLOT))):
        need = max(tide.instances(NOW + (2 * half + i) * SLOT) for i in range(3))
        if not steps or need != steps[-1].instances:
            at = NOW + 2 * half * SLOT - (5 * MINUTE if half else 0 * MINUTE)
            reason = _reason(steps[-1].instances if steps else None, need)
            steps.append(Step(at=at, instances=need, reason=reason))
    return CapacitySchedule(start=NOW, end=NOW + HORIZON, steps=tuple(steps))


def _reason(before: int | None, need: int) -> str:
    if before is None:
        return f"in effect now: P95 of the peak needs {need}"
    if need > before:
        return f"{need - before} more, asked 5 min ahead: P95 of the peak needs {need}"
    return f"{before - need} fewer: P95 of the peak needs {need} from here"


def week(tide: Tide, start: datetime) -> CapacitySchedule:
    """Four levels a day for seven days, weekends a little lower."""
    steps: list[Step] = []
    for hour in range(7 * 24):
        at = start + timedelta(hours=hour)
        here = at.astimezone(ZoneInfo(tide.zone))
        if here.hour in (1, 8, 18, 23) or not steps:
            share = 0.8 if here.weekday() >= 5 else 1.0
            need = math.ceil(share * max(tide.instances(at + timedelta(hours=ahead)) for ahead in range(6)))
            steps.append(Step(at=at, instances=max(1, need), reason=f"{_DAYS[here.weekday()]} {here:%H:%M}"))
    return CapacitySchedule(start=start, end=start + timedelta(days=7), steps=tuple(steps))


def document(tide: Tide, schedule: CapacitySchedule) -> ProvisionConfig:
    """Dated steps, crons in the tide's zone from the horizon on, a guard, a safe tracker, a person's tracker."""
    end = schedule.end
    dated = tuple(
        ScheduledAction(
            name=f"planner-{step.at:%Y%m%dT%H%M}",
            schedule_expression=f"at({iso(step.at)})",
            target=step.instances,
            start_time=iso(step.at - MINUTE),
            end_time=iso((after.at if after else end) + 5 * MINUTE),
        )
        for step, after in zip(schedule.steps, (*schedule.steps[1:], None), strict=True)
    )
    from_horizon = end.astimezone(ZoneInfo(tide.zone)).strftime("%Y-%m-%dT%H:%M:%S")
    recurring = tuple(
        ScheduledAction(
            name=f"planner-{days.lower()}-{hour:02}",
            schedule_expression=f"cron(0 55 {hour} * * {days})",
            target=target,
            start_time=from_horizon,
            time_zone=tide.zone,
        )
        for days, share in (("MON-FRI", 1.0), ("SAT,SUN", 0.8))
        for hour, target in ((0, 2), (7, 10), (17, math.ceil(17 * share)))
    )
    top, second = max(step.instances for step in schedule.steps), schedule.steps[1].at
    return ProvisionConfig(
        default_target=schedule.steps[0].instances,
        always_allocate_gpu=False,
        scheduled_actions=dated + recurring,
        tracking_policies=(
            _tracker("planner-guard-first", 0.9, schedule.steps[0].instances, top + 4, NOW - MINUTE, second),
            _tracker("planner-guard", 0.9, 1, top + 4, second, end),
            _tracker("planner-safe", 0.5, 1, top, end, None),
            _tracker("night-watch", 0.7, 1, 6, NOW - timedelta(days=9), None),
        ),
    )


def _tracker(
    name: str, target: float, floor: int, ceiling: int, start: datetime, end: datetime | None
) -> TrackingPolicy:
    return TrackingPolicy(
        name=name,
        metric_type=MetricType.CONCURRENCY,
        metric_target=target,
        min_capacity=floor,
        max_capacity=ceiling,
        start_time=iso(start),
        end_time=iso(end) if end else None,
    )


def changes(live: ProvisionConfig, wanted: ProvisionConfig) -> tuple[Change, ...]:
    """From one static number to the whole document, and one removal."""
    default = Change(
        kind=ChangeKind.CHANGE,
        part="defaultTarget",
        name="",
        before=str(live.default_target),
        after=str(wanted.default_target),
        reason="covers the step in effect until the policies are evaluated",
    )
    gone = Change(
        kind=ChangeKind.REMOVE,
        part="scheduledActions",
        name="planner-20261122T0400",
        before="at(2026-11-22T04:00:00Z) target 9",
        after="",
        reason="past",
    )
    steps = (
        _added("scheduledActions", action.name, f"{action.schedule_expression} target {action.target}", "tide")
        for action in wanted.scheduled_actions
    )
    guards = (
        _added("targetTrackingPolicies", tracker.name, f"{tracker.min_capacity}..{tracker.max_capacity}", "surprises")
        for tracker in wanted.tracking_policies
        if tracker.ours
    )
    return (default, gone, *steps, *guards)


def _added(part: str, name: str, after: str, reason: str) -> Change:
    return Change(kind=ChangeKind.ADD, part=part, name=name, before="", after=after, reason=reason)


def estimate(schedule: CapacitySchedule) -> Estimate:
    """Hours as the steps give them, at 18.4 an hour."""
    ends = (*(step.at for step in schedule.steps[1:]), schedule.end)
    used = sum(
        step.instances * (end - step.at) / timedelta(hours=1) for step, end in zip(schedule.steps, ends, strict=True)
    )
    top = max(step.instances for step in schedule.steps)
    return replace(
        an_estimate(),
        wanted=_cost(used, 0.004),
        live=_cost(static(schedule) * 24.0, 0.0),
        static_peak=_cost(top * 24.0, 0.001),
        static_instances=top,
    )


def static(schedule: CapacitySchedule) -> int:
    """What a careful person sets by hand: two fifths above the highest step."""
    return round(1.4 * max(step.instances for step in schedule.steps))


def _cost(hours: float, cold: float) -> Cost:
    return Cost(instance_hours=round(hours, 2), money=round(hours * 18.4, 2), cold_share=cold)


def evidence(tide: Tide) -> Evidence:
    """Two days of history with a gap, a band of five levels over the horizon."""
    slots = int(HORIZON / SLOT)
    past = [NOW + index * SLOT for index in range(-2 * slots, 0)]
    peaks = tuple(
        None if 110 <= index < 116 else round(tide.load(at) * (1 + 0.07 * math.sin(index * 1.9)), 2)
        for index, at in enumerate(past)
    )
    ahead = [NOW + index * SLOT for index in range(slots)]
    return replace(
        an_evidence(NOW),
        instance_concurrency=tide.instance_concurrency,
        recent=Recent(start=past[0], slot=SLOT, peaks=peaks),
        band=Band(
            start=NOW,
            slot=SLOT,
            levels=LEVELS,
            values=tuple(tuple(round(tide.load(at) * (1 + spread), 2) for at in ahead) for spread in _SPREAD),
        ),
    )
