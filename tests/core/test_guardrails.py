"""The trackers of a document: live guard, holds, fallback, and the owner's."""

from __future__ import annotations

from datetime import timedelta

import pytest

from planner.base import MINUTE
from planner.guardrails import CustomTracker, GuardPolicy, Hold, guardrails
from planner.provision import MetricType, TrackingPolicy
from tests.builders import NOON

END = NOON + timedelta(hours=24)


def a_policy(
    *, enabled: bool = True, floor: int = 0, ceiling: int = 20, custom: tuple[CustomTracker, ...] = ()
) -> GuardPolicy:
    return GuardPolicy(enabled=enabled, fallback_target=0.6, floor=floor, ceiling=ceiling, custom=custom)


def a_hold(instances: int = 5, *, start: int = 0, end: int = 60) -> Hold:
    return Hold(start=NOON + start * MINUTE, end=NOON + end * MINUTE, instances=instances)


def made(policy: GuardPolicy, *holds: Hold, live_target: float | None = 0.8) -> dict[str, TrackingPolicy]:
    found = guardrails(policy, holds=holds, horizon_end=END, live_target=live_target)
    return {tracker.name: tracker for tracker in found}


def test_the_guard_ends_where_the_fallback_begins() -> None:
    trackers = made(a_policy())
    assert set(trackers) == {"planner-guard", "planner-fallback"}
    assert trackers["planner-guard"].end_time == trackers["planner-fallback"].start_time == "2026-11-24T12:00:00Z"
    assert trackers["planner-guard"].start_time is None
    assert trackers["planner-fallback"].end_time is None
    assert (trackers["planner-guard"].metric_target, trackers["planner-fallback"].metric_target) == (0.8, 0.6)


def test_a_guard_that_is_not_worth_it_is_left_out_and_the_fallback_stays() -> None:
    assert set(made(a_policy(), live_target=None)) == {"planner-fallback"}


@pytest.mark.parametrize("floor", [0, 1, 3])
def test_every_floor_is_at_least_one_for_a_tracker_with_no_instance_never_rises(floor: int) -> None:
    assert {tracker.min_capacity for tracker in made(a_policy(floor=floor)).values()} == {max(floor, 1)}


def test_a_ceiling_below_the_floor_gives_way() -> None:
    assert {t.max_capacity for t in made(a_policy(floor=3, ceiling=2)).values()} == {3}


def test_a_hold_stands_in_for_its_step_and_carries_its_instant_in_the_name() -> None:
    hold = made(a_policy(ceiling=2), a_hold(5), a_hold(9, start=60, end=90))
    assert hold["planner-hold-20261123T1200Z"].wire() == {
        "name": "planner-hold-20261123T1200Z",
        "metricType": "ProvisionedConcurrencyUtilization",
        "metricTarget": 1.0,
        "minCapacity": 5,
        "maxCapacity": 5,
        "startTime": "2026-11-23T12:00:00Z",
        "endTime": "2026-11-23T13:00:00Z",
    }
    assert hold["planner-hold-20261123T1300Z"].min_capacity == 9


def test_a_step_of_nothing_needs_no_hold() -> None:
    assert set(made(a_policy(), a_hold(0))) == {"planner-guard", "planner-fallback"}


@pytest.mark.parametrize("metric", list(MetricType))
def test_every_metric_that_the_api_takes_can_be_configured(metric: MetricType) -> None:
    own = CustomTracker(name="mine", metric=metric, target=0.7, min_instances=0, max_instances=4, start=NOON, end=END)
    assert made(a_policy(custom=(own,)))["planner-own-mine"].wire() == {
        "name": "planner-own-mine",
        "metricType": metric.value,
        "metricTarget": 0.7,
        "minCapacity": 0,
        "maxCapacity": 4,
        "startTime": "2026-11-23T12:00:00Z",
        "endTime": "2026-11-24T12:00:00Z",
    }


def test_without_trackers_there_is_none_not_even_the_owners() -> None:
    own = CustomTracker(name="mine", metric=MetricType.CPU, target=0.7, min_instances=0, max_instances=4)
    assert made(a_policy(enabled=False, custom=(own,)), a_hold()) == {}
