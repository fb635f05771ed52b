"""A document against a load, minute by minute."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planner.provision import MetricType, ProvisionConfig, TrackingPolicy
from planner.reading import NONE
from planner.replay import Put, Replay, State, Tracker, replay_document, simulate
from tests.builders import NOON

Figures = list[float]


def run(
    schedule: list[int], load: Figures, *trackers: Tracker, lead: int = 0, default: int = 0, at_once: int = 1
) -> Replay:
    return simulate(
        np.array([schedule]), trackers, np.array([load], dtype=float),
        default=default, instance_concurrency=at_once, lead=lead, keep_target=True,
    )  # fmt: skip


def a_tracker(target: float = 0.5, floor: int = 1, ceiling: int = 50, active: bool = True) -> Tracker:
    return Tracker(
        target=np.array([[target]]),
        floor=np.array([[floor]]),
        ceiling=np.array([[ceiling]]),
        window=np.array([[int(active)]]),
    )


def test_what_the_warm_instances_do_not_serve_is_cold() -> None:
    found = run([2, 2, 3], [1, 5, 6], at_once=2)
    assert (found.offered[0], found.cold[0], found.provisioned[0], found.busy[0]) == (12, 1, 7, 5.5)
    assert found.cold_share[0] == 1 / 12


def test_an_instance_is_paid_from_the_ask_and_serves_after_the_lead() -> None:
    found = run([1, 3, 3, 3], [3, 3, 3, 3], lead=2)
    assert found.target[0].tolist() == [1, 3, 3, 3]
    assert found.provisioned[0] == 1 + 3 + 3 + 3
    assert found.cold[0] == 2 + 2 + 2 + 0


def test_what_is_too_much_goes_at_once_the_newest_first() -> None:
    found = run([2, 5, 2, 2, 2, 2], [2] * 6, lead=3)
    assert found.provisioned[0] == 2 + 5 + 2 * 4
    assert found.cold[0] == 0


def test_the_default_counts_only_where_neither_schedule_nor_tracker_has_a_value() -> None:
    assert run([NONE, 3, 0], [0, 0, 0], default=7).target[0].tolist() == [7, 3, 0]
    assert run([NONE], [0], a_tracker(), default=7).target[0].tolist() == [1]
    assert run([NONE], [0], a_tracker(active=False), default=7).target[0].tolist() == [7]


def test_a_saturated_tracker_grows_by_one_over_its_target_a_minute_after_three_full_minutes() -> None:
    """Worked: 1 warm, target 0.5, saturated: 2 after three minutes, then 4, 8, 16."""
    assert run([NONE] * 7, [99.0] * 7, a_tracker()).target[0].tolist() == [1, 1, 1, 2, 4, 8, 16]


def test_a_tracker_scales_in_after_fifteen_minutes_and_holds_up_a_scheduled_step_down() -> None:
    """Worked: 10 there, nothing to do: half of them go at once, then half of the rest."""
    found = run([10, *[1] * 19], [0.0] * 20, a_tracker()).target[0].tolist()
    assert found[:15] == [10] * 15
    assert found[15:] == [5, 3, 2, 1, 1]


@pytest.mark.parametrize("metric", [MetricType.CPU, MetricType.GPU_MEMORY])
def test_a_tracker_whose_metric_is_not_the_load_counts_with_its_floor(metric: MetricType) -> None:
    policy = TrackingPolicy(name="x", metric_type=metric, metric_target=0.1, min_capacity=3, max_capacity=30)
    document = ProvisionConfig(default_target=9, tracking_policies=(policy,))
    found = replay_document(document, NOON, np.full((1, 30), 50.0), instance_concurrency=1, lead=0, keep_target=True)
    assert set(found.target[0].tolist()) == {3}


@given(
    schedule=st.lists(st.integers(0, 9), min_size=4, max_size=30),
    load=st.lists(st.integers(0, 30), min_size=30, max_size=30),
    lead=st.integers(0, 3),
    floor=st.integers(1, 4),
)
@settings(max_examples=60)
def test_load_is_served_or_cold_and_a_tracker_only_raises(
    schedule: list[int], load: Figures, lead: int, floor: int
) -> None:
    load = load[: len(schedule)]
    bare = run(schedule, load, lead=lead)
    guarded = run(schedule, load, a_tracker(floor=floor), lead=lead)
    assert (bare.target[0] == schedule).all()
    assert (guarded.target[0] >= np.maximum(schedule, floor)).all()
    assert guarded.target.max() <= max(50, *schedule)
    for found in (bare, guarded):
        assert found.busy[0] + found.cold[0] == pytest.approx(found.offered[0])
        assert found.provisioned[0] == pytest.approx(found.target[0].sum())


@given(st.lists(st.integers(0, 20), min_size=40, max_size=40), st.integers(0, 3))
@settings(max_examples=40)
def test_many_cases_side_by_side_are_the_same_as_one_by_one(load: Figures, lead: int) -> None:
    loads = np.array([load, load[::-1]], dtype=float)
    schedule = np.array([[2] * 20 + [5] * 20])
    both = simulate(schedule, [a_tracker()], loads, lead=lead, keep_target=True)
    for case in range(2):
        alone = simulate(schedule, [a_tracker()], loads[case : case + 1], lead=lead, keep_target=True)
        assert alone.cold[0] == both.cold[case]
        assert alone.target[0].tolist() == both.target[case].tolist()


@given(
    load=st.lists(st.integers(0, 20), min_size=40, max_size=40),
    lead=st.integers(0, 3),
    cut=st.integers(1, 39),
    lag=st.one_of(st.none(), st.integers(0, 2)),
)
def test_a_replay_cut_in_two_is_the_whole(load: Figures, lead: int, cut: int, lag: int | None) -> None:
    schedule, loads = np.array([[2] * 20 + [5] * 10 + [1] * 10]), np.array([load], dtype=float)
    put = None if lag is None else Put(evaluation_lag=min(lag, cut))
    whole = simulate(schedule, [a_tracker()], loads, lead=lead, put=put, default=1, keep_target=True)
    first = simulate(schedule[:, :cut], [a_tracker()], loads[:, :cut], lead=lead, put=put, default=1, keep_target=True)
    rest = simulate(schedule[:, cut:], [a_tracker()], loads[:, cut:], lead=lead, begin=first.end, keep_target=True)
    assert [*first.target[0], *rest.target[0]] == whole.target[0].tolist()
    for name in ("offered", "cold", "provisioned", "busy", "spilled", "starts", "changes", "cold_minutes"):
        assert getattr(first, name)[0] + getattr(rest, name)[0] == pytest.approx(getattr(whole, name)[0])
    assert rest.end.warm.tolist() == whole.end.warm.tolist()


def test_a_put_destroys_what_is_above_the_default_until_the_policies_are_evaluated() -> None:
    """Worked: 6 warm, default 2, evaluated a minute later; what was destroyed is warm again after the lead of 2."""
    found = simulate(
        np.array([[6] * 5]), [], np.full((1, 5), 6.0), default=2, lead=2, put=Put(evaluation_lag=1), keep_target=True
    )
    assert found.target[0].tolist() == [2, 6, 6, 6, 6]
    assert (found.cold[0], found.cold_minutes[0], found.changes[0]) == (3 * 4, 3, 2)
    assert (found.spilled[0], found.starts[0]) == (12, 4)


def test_a_put_that_is_evaluated_in_its_minute_still_costs_the_start_up() -> None:
    found = simulate(np.array([[6] * 4]), [], np.full((1, 4), 6.0), default=2, lead=2, put=Put(), keep_target=True)
    assert found.target[0].tolist() == [6] * 4
    assert found.cold[0] == 2 * 4


def test_without_a_put_nothing_is_destroyed() -> None:
    assert simulate(np.array([[6] * 4]), [], np.full((1, 4), 6.0), default=2, lead=2).cold[0] == 0


def test_the_next_document_begins_with_what_is_warm_and_what_is_coming() -> None:
    first = simulate(np.array([[1, 4]]), [], np.zeros((1, 2)), lead=3)
    assert (first.end.warm.tolist(), first.end.coming.sum()) == ([1], 3)
    then = simulate(np.array([[4] * 3]), [], np.full((1, 3), 4.0), lead=3, begin=first.end)
    assert (then.cold[0], then.cold_minutes[0]) == (2 * 3, 2)


def test_one_state_begins_every_case() -> None:
    begin = State(warm=np.array([3]))
    found = simulate(np.array([[5], [2]]), [], np.full((1, 2), 3.0), lead=9, begin=begin)
    assert found.end.warm.tolist() == [3, 2]


def test_a_tracker_whose_window_changes_counts_anew() -> None:
    def targets(*windows: int) -> list[int]:
        tracker = Tracker(
            target=np.array([[0.5]]), floor=np.array([[1]]), ceiling=np.array([[50]]), window=np.array([windows])
        )
        return run([NONE] * len(windows), [99.0] * len(windows), tracker).target[0].tolist()

    assert targets(1, 1, 1, 1, 1) == [1, 1, 1, 2, 4]
    assert targets(1, 1, 2, 2, 2) == [1, 1, 1, 1, 2]


@pytest.mark.parametrize(("then", "expected"), [("guard", [2, 4, 8]), ("other", [1, 1, 2])])
def test_the_minutes_of_a_tracker_live_on_under_its_name(then: str, expected: list[int]) -> None:
    def named(name: str) -> Tracker:
        return replace(a_tracker(), name=name)

    load = np.full((1, 3), 99.0)
    first = simulate(np.array([[NONE]]), [named("guard")], load, lead=0)
    found = simulate(np.array([[NONE]]), [named(then)], load, lead=0, begin=first.end, keep_target=True)
    assert found.target[0].tolist() == expected


def test_without_a_folder_for_the_machine_code_the_loop_is_compiled_all_the_same() -> None:
    """As in a read-only installation without a home: numba's one remaining place can't be made."""
    code = "import tests.core.test_replay as t; print(t.run([2, 2, 3], [1, 5, 6], at_once=2).cold[0])"
    places = {"NUMBA_CACHE_LOCATOR_CLASSES": "UserProvidedCacheLocator", "NUMBA_CACHE_DIR": "/dev/null/nowhere"}
    done = subprocess.run(  # noqa: PLW1510  # the assertion shows what it said
        [sys.executable, "-c", code], env=os.environ | places, capture_output=True, text=True
    )
    assert done.stdout == "1.0\n", done.stderr
