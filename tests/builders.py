"""Values for tests: each builder gives a small sound value, and a test names only what it is about."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TypedDict, Unpack

from planner.base import MINUTE, FunctionRef, iso
from planner.capacity import CapacitySchedule, Step
from planner.guard import GuardWindow
from planner.plan import Band, Breach, Change, ChangeKind, Cost, Estimate, Evidence, Plan, Recent, Rule
from planner.provision import MetricType, ProvisionConfig, ScheduledAction, TrackingPolicy

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
"""A Monday: the `now` of tests that don't care which."""
FUNCTION = FunctionRef(name="asr-gpu", qualifier="prod")


class PlanFields(TypedDict, total=False):
    """What a test may set on a plan."""

    function: FunctionRef
    time_zone: str
    created_at: datetime
    valid_until: datetime
    endpoint: str
    live: ProvisionConfig
    live_exists: bool
    lacked: tuple[str, ...]
    wanted: ProvisionConfig
    schedule: CapacitySchedule
    recurring: CapacitySchedule
    changes: tuple[Change, ...]
    breaches: tuple[Breach, ...]
    estimate: Estimate
    evidence: Evidence
    notes: tuple[str, ...]


def an_action(at: datetime = NOON, target: int = 3, *, name: str = "", minutes: int = 65) -> ScheduledAction:
    """One of our dated steps: fires at `at`, its window open from a minute before for `minutes`."""
    return ScheduledAction(
        name=name or f"planner-{at:%Y%m%dT%H%M}",
        schedule_expression=f"at({iso(at)})",
        target=target,
        start_time=iso(at - MINUTE),
        end_time=iso(at + minutes * MINUTE),
    )


def a_tracker(name: str = "planner-guard", *, floor: int = 1, ceiling: int = 8) -> TrackingPolicy:
    """A tracker on concurrency utilisation that is always in effect."""
    return TrackingPolicy(
        name=name,
        metric_type=MetricType.CONCURRENCY,
        metric_target=0.8,
        min_capacity=floor,
        max_capacity=ceiling,
        start_time=iso(NOON - timedelta(days=1)),
        end_time=iso(NOON + timedelta(days=30)),
    )


def a_config(
    *targets: int, default: int = 1, start: datetime = NOON, trackers: tuple[TrackingPolicy, ...] = ()
) -> ProvisionConfig:
    """A document with one hourly step a target, from `start` on."""
    return ProvisionConfig(
        default_target=default,
        scheduled_actions=tuple(
            an_action(start + timedelta(hours=hour), target) for hour, target in enumerate(targets)
        ),
        tracking_policies=trackers,
    )


def a_schedule(*instances: int, start: datetime = NOON, each: timedelta = timedelta(hours=1)) -> CapacitySchedule:
    """Steps of equal length; without figures 2, 6, 3."""
    figures = instances or (2, 6, 3)
    steps = tuple(
        Step(at=start + index * each, instances=figure, reason="peak" if figure == max(figures) else "tide")
        for index, figure in enumerate(figures)
    )
    return CapacitySchedule(start=start, end=start + len(figures) * each, steps=steps)


def a_breach(rule: Rule = Rule.DROP) -> Breach:
    """A broken safety rule."""
    return Breach(rule=rule, detail="20 instances fall to 2 within an hour", remedy="raise the floor or pass --force")


def a_cost(instance_hours: float = 11.0) -> Cost:
    """At 18.4 a GPU hour."""
    return Cost(instance_hours=instance_hours, money=round(instance_hours * 18.4, 2), cold_share=0.004)


def an_estimate() -> Estimate:
    """The wanted document is the cheapest of the three."""
    return Estimate(
        currency="CNY",
        wanted=a_cost(11.0),
        live=a_cost(14.5),
        static_peak=a_cost(18.0),
        static_instances=6,
        recurring_daily_hours=80.0,
        recurring_daily_hours_max=96.0,
    )


def an_evidence(now: datetime = NOON) -> Evidence:
    """Two weeks of minutes, a forecast of three hourly slots."""
    hour = timedelta(hours=1)
    return Evidence(
        history_source="tests/history.csv",
        history_digest="5f" * 32,
        history_start=now - timedelta(days=14),
        history_end=now,
        history_step=MINUTE,
        repairs=("3 gaps, 12 minutes in all, left unknown",),
        forecaster="seasonal",
        forecaster_reason="lowest loss on 5 rolling origins",
        scores=(("seasonal", 0.081, ""), ("prophet", 0.094, ""), ("last-value", 0.21, "")),
        chosen_at=now,
        policy="instances that are busy at least 30.00% of the time around the tide, a guard at 80 %",
        policy_reason="the cheapest policy that keeps 0.5 % cold",
        near_policy="instances that are busy at least 40.00% of the time around the tide, no guard",
        near_reason="the cheapest policy that keeps 0.5 % cold, renewed each hour",
        near_end=now + hour,
        guard=(GuardWindow(start=now, end=now + 3 * hour, target=0.8),),
        instance_concurrency=4,
        lead=timedelta(minutes=3),
        recent=Recent(start=now - 3 * hour, slot=hour, peaks=(6.0, None, 7.5)),
        band=Band(
            start=now,
            slot=hour,
            levels=(0.1, 0.5, 0.95),
            values=((5.0, 14.0, 7.0), (6.5, 18.0, 9.5), (8.0, 23.5, 12.0)),
        ),
    )


def the_changes(live: ProvisionConfig, wanted: ProvisionConfig) -> tuple[Change, ...]:
    """The default and one line an action that comes, in the words of a plan."""
    default = Change(
        kind=ChangeKind.CHANGE,
        part="defaultTarget",
        name="",
        before=str(live.default_target),
        after=str(wanted.default_target),
        reason="covers the step in effect until FC evaluates the policies",
    )
    added = tuple(
        Change(
            kind=ChangeKind.ADD,
            part="scheduledActions",
            name=action.name,
            before="",
            after=f"{action.schedule_expression} target {action.target}",
            reason="tide",
        )
        for action in wanted.scheduled_actions
    )
    return (default, *added)


def a_plan(now: datetime = NOON, **fields: Unpack[PlanFields]) -> Plan:
    """A safe plan made at `now`, valid for 15 minutes, from a static default of 4 to steps of 2, 6 and 3."""
    live, wanted = ProvisionConfig(default_target=4), a_config(2, 6, 3, default=2, start=now, trackers=(a_tracker(),))
    schedule = a_schedule(start=now)
    plan = Plan(
        function=FUNCTION,
        time_zone="Asia/Shanghai",
        created_at=now,
        valid_until=now + timedelta(minutes=15),
        live=live,
        live_exists=True,
        lacked=(),
        wanted=wanted,
        schedule=schedule,
        recurring=a_schedule(1, 4, 2, start=schedule.end, each=timedelta(hours=56)),
        changes=the_changes(fields.get("live", live), fields.get("wanted", wanted)),
        breaches=(),
        estimate=an_estimate(),
        evidence=an_evidence(now),
        notes=("the evening peak is 12 % higher than last week's",),
    )
    return replace(plan, **fields)
