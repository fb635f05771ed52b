"""The trackers of a document: live guard, holds, fallback, and the owner's."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from planner.base import MINUTE
from planner.guard import GuardWindow
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


GUARD = GuardWindow(start=NOON, end=END, target=0.8)


def made(policy: GuardPolicy, *holds: Hold, live: tuple[GuardWindow, ...] = (GUARD,)) -> dict[str, TrackingPolicy]:
    found = guardrails(policy, holds=holds, horizon_end=END, live=live)
    return {tracker.name: tracker for tracker in found}


def test_the_guard_ends_where_the_fallback_begins() -> None:
    trackers = made(a_policy())
    assert set(trackers) == {"planner-guard-20261124T1200Z", "planner-fallback"}
    guard, fallback = trackers["planner-guard-20261124T1200Z"], trackers["planner-fallback"]
    assert guard.end_time == fallback.start_time == "2026-11-24T12:00:00Z"
    assert guard.start_time == "2026-11-23T12:00:00Z"
    assert fallback.end_time is None
    assert (guard.metric_target, fallback.metric_target) == (0.8, 0.6)


def test_each_window_of_the_guard_is_a_tracker_of_its_own_named_by_its_end() -> None:
    border = NOON + 60 * MINUTE
    windows = (replace(GUARD, end=border, target=0.7), replace(GUARD, start=border, target=0.55))
    found = [t for name, t in made(a_policy(), live=windows).items() if name.startswith("planner-guard-")]
    assert [(t.name, t.metric_target, t.start_time, t.end_time) for t in found] == [
        ("planner-guard-20261123T1300Z", 0.7, "2026-11-23T12:00:00Z", "2026-11-23T13:00:00Z"),
        ("planner-guard-20261124T1200Z", 0.55, "2026-11-23T13:00:00Z", "2026-11-24T12:00:00Z"),
    ]


def test_a_guard_that_is_not_worth_it_is_left_out_and_the_fallback_stays() -> None:
    assert set(made(a_policy(), live=())) == {"planner-fallback"}


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
    assert set(made(a_policy(), a_hold(0))) == {"planner-guard-20261124T1200Z", "planner-fallback"}


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
