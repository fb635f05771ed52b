"""Documents on a running Function Compute: sent by the official SDK, then served minute by minute for 26 hours.

Under every combination of the switches that decide what a document means, and with a load that moves the trackers.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import product

import numpy as np
import pytest
from alibabacloud_fc20230330 import models

from planner.base import MINUTE
from planner.capacity import CapacitySchedule, Need, Step, StepRules
from planner.compiler import Wanted
from planner.emulator import FunctionSpec, Load, ManualClock, Running, Settings, World, running
from planner.exports import scaling_config
from planner.guard import GuardWindow
from planner.guardrails import GuardPolicy
from planner.plan import Plan
from planner.provision import MetricType, ProvisionConfig, TrackingPolicy
from planner.recurring import day_patterns
from tests.builders import FUNCTION
from tests.contract.support import connected
from tests.documents.given import Case, printed
from tests.documents.test_pipeline import plan
from tests.documents.test_recurring_form import level
from tests.emulator.fc import client

HOUR = timedelta(hours=1)
LAGS = (0, 60, 120)
SWITCHES = [
    pytest.param({"evaluation_lag_seconds": lag, "among": among, "past_at": past}, id=f"{lag}s-{among}-{past}")
    for lag, among, past in product(LAGS, ("last", "max"), ("fires", "ignored"))
]
FOREIGN = TrackingPolicy(
    name="busy", metric_type=MetricType.CONCURRENCY, metric_target=0.5, min_capacity=1, max_capacity=40
)


def a_case(start: datetime, zone: str, *, live: ProvisionConfig) -> Case:
    """A day of steps, two of them before the plan expires, nothing at night, and a week's pattern behind it."""
    figures = (4, 7, 2, 0, 0, 1, 3, 9, 14, 20, 26, 18, 22, 30, 12, 11, 6, 5, 8, 13, 3, 2, 1, 5)
    marks = [0, 20, 27, *(60 * hour for hour in range(1, 22))]
    steps = [
        Step(at=start + mark * MINUTE, instances=figure, reason="tide")
        for number, (mark, figure) in enumerate(zip(marks, figures, strict=True))
        if number == 0 or figure != figures[number - 1]
    ]
    end = start + 24 * HOUR
    week = Need(start=end, slot=HOUR, instances=np.array((3, 1, 9, 4, 17, 2) * 32))
    rules = StepRules(lead=3 * MINUTE, dwell=15 * MINUTE, growth_per_minute=100, max_steps=16)
    wanted = Wanted(
        schedule=CapacitySchedule(start=start, end=end, steps=tuple(steps)),
        patterns=day_patterns(week, zone=zone, rules=rules, floor=1),
        time_zone=zone,
        guards=GuardPolicy(enabled=True, fallback_target=0.6, floor=1, ceiling=40),
        guard=(GuardWindow(start=start, end=end, target=0.8),),
        always_allocate_cpu=False,
        always_allocate_gpu=True,
        valid_until=start + 60 * MINUTE,
    )
    return Case(wanted=wanted, live=live)


def a_function(start: datetime, switches: dict[str, object]) -> tuple[World, ManualClock]:
    function = FunctionSpec(
        name=FUNCTION.name,
        aliases=(FUNCTION.qualifier,),
        instance_concurrency=4,
        instance_metrics=True,
        startup_seconds=(25.0,),
    )
    return World(functions=(function,), settings=Settings.from_mapping(switches)), ManualClock(start)


def follow(server: Running, hours: int, wanted: Callable[[datetime], int], target: str = "target") -> None:
    """Minute by minute: the target is never below what was printed."""
    for _ in range(hours * 60):
        at = server.emulator.now()
        config = server.emulator.config(FUNCTION.name, FUNCTION.qualifier)
        assert config is not None
        assert config[target] >= wanted(at), at
        server.emulator.advance(MINUTE)


def want(case: Case) -> Callable[[datetime], int]:
    """The printed step, then the level of the day's pattern."""
    end, patterns, zone = case.schedule.end, case.wanted.patterns, case.wanted.time_zone
    return lambda at: case.printed(at) if at < end else level(patterns, at, zone)


@pytest.mark.parametrize("switches", SWITCHES)
def test_a_document_put_late_serves_at_least_its_plan_and_then_its_pattern(switches: dict[str, object]) -> None:
    start = datetime(2026, 11, 23, 3, 30, tzinfo=UTC)
    case = a_case(start, "Asia/Shanghai", live=ProvisionConfig(tracking_policies=(FOREIGN,)))
    world, clock = a_function(start + 23.5 * MINUTE, switches)  # after the second step, before the third
    with running(world, clock=clock) as server:
        server.emulator.offer(FUNCTION.name, Load(values=(3, 60, 10, 0), repeat=True), qualifier=FUNCTION.qualifier)
        answer = connected(server.url).put_provision_config(FUNCTION, case.document)
        assert answer.config == case.document
        follow(server, 26, want(case))


@pytest.mark.parametrize("switches", SWITCHES)
def test_a_day_of_renewals_serves_at_least_the_plan_that_holds_then(switches: dict[str, object]) -> None:
    """Every three hours or so another plan, each made against what FC holds, over New York's change of the clocks."""
    start = datetime(2026, 10, 31, 9, 0, tzinfo=UTC)
    world, clock = a_function(start, switches)
    with running(world, clock=clock) as server:
        fc = connected(server.url)
        for renewal in range(6):
            at = server.emulator.now().replace(second=0)
            live = fc.get_provision_config(FUNCTION).config
            case = a_case(at, "America/New_York", live=live)
            turned = case.schedule.steps if renewal % 2 else _mirrored(case.schedule)
            plan = replace(case.schedule, steps=turned)
            case = Case(wanted=replace(case.wanted, schedule=plan), live=live)
            server.emulator.advance(timedelta(seconds=7 + 400 * renewal))
            fc.put_provision_config(FUNCTION, case.document)
            follow(server, 3, want(case))
        follow(server, 30, want(case))


def _mirrored(schedule: CapacitySchedule) -> tuple[Step, ...]:
    """The same instants, with the instances in reverse."""
    figures = [step.instances for step in reversed(schedule.steps)]
    return tuple(replace(step, instances=figure) for step, figure in zip(schedule.steps, figures, strict=True))


@cache
def a_plan() -> Plan:
    """What the planner decides from two weeks of history, for the next day and, if nobody renews, after it."""
    return plan(live=ProvisionConfig(tracking_policies=(FOREIGN,)))


def planned(at: datetime) -> int:
    """The printed step of that plan, then its recurring form."""
    made = a_plan()
    return printed(made.schedule if at < made.schedule.end else made.recurring, at)


@pytest.mark.parametrize("switches", SWITCHES)
def test_a_plan_from_a_history_serves_at_least_what_it_prints_put_as_late_as_it_may_be(
    switches: dict[str, object],
) -> None:
    made = a_plan()
    world, clock = a_function(made.valid_until, switches)
    with running(world, clock=clock) as server:
        server.emulator.offer(FUNCTION.name, Load(values=(3, 60, 10, 0), repeat=True), qualifier=FUNCTION.qualifier)
        connected(server.url).put_provision_config(FUNCTION, made.wanted)
        follow(server, 27, planned)


@pytest.mark.parametrize("switches", SWITCHES)
def test_its_scaling_config_serves_as_much(switches: dict[str, object]) -> None:
    """As exported, and put by the official SDK; the two forms of a plan are never below the same steps."""
    made = a_plan()
    world, clock = a_function(made.valid_until, switches)
    body = models.PutScalingConfigInput().from_map(json.loads(scaling_config.render(made)))
    with running(world, clock=clock) as server:
        request = models.PutScalingConfigRequest(qualifier=FUNCTION.qualifier, body=body)
        client(server.endpoint).put_scaling_config(FUNCTION.name, request)
        follow(server, 6, planned, "targetInstances")
