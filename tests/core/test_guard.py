"""The live guard's targets and its windows."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from planner.base import MINUTE
from planner.guard import LOWEST, NO_GUARD, Guard, following, whole_hours, windows
from tests.builders import NOON

HOUR = timedelta(hours=1)
loads = st.lists(st.floats(0, 500), min_size=1, max_size=30)


def by_the_hour(load: list[float], minutes: int) -> np.ndarray:
    return np.resize(np.repeat(load, 60), minutes)


def test_a_target_is_the_tide_and_so_many_deviations_of_what_is_held() -> None:
    """Worked: 16 in flight on room for 40 at one deviation of 4 is a half, at two deviations 0.6."""
    tide, capacity, edges = np.full(120, 16.0), np.full(120, 40.0), np.array([0, 60])
    assert following(tide, capacity, edges, 1.0).tolist() == [0.5, 0.5]
    assert following(tide, capacity, edges, 2.0).tolist() == [0.6, 0.6]


def test_each_window_takes_its_own_means() -> None:
    tide = np.concatenate((np.full(30, 4.0), np.full(30, 28.0), np.full(60, 100.0)))
    capacity = np.concatenate((np.full(60, 40.0), np.full(60, 200.0)))
    assert following(tide, capacity, np.array([0, 60]), 0.0).tolist() == [0.4, 0.5]


def test_targets_of_many_plans_are_those_of_each_alone() -> None:
    tide = by_the_hour([3, 80, 12], 180)
    capacities = np.stack([by_the_hour([8, 120, 16], 180), by_the_hour([40, 90, 12], 180)])
    edges = whole_hours(NOON, 180)
    alone = [following(tide, capacity, edges, 0.5).tolist() for capacity in capacities]
    assert following(tide, capacities, edges, 0.5).tolist() == alone


@given(tide=loads, capacity=loads, deviations=st.floats(-0.5, 2), start=st.integers(0, 59))
def test_a_target_never_asks_for_four_times_the_plan_nor_waits_for_more_than_it_holds(
    tide: list[float], capacity: list[float], deviations: float, start: int
) -> None:
    minutes = 60 * len(tide)
    edges = whole_hours(NOON + start * MINUTE, minutes)
    found = following(by_the_hour(tide, minutes), by_the_hour(capacity, minutes), edges, deviations)
    assert found.shape == edges.shape
    assert (found >= LOWEST).all()
    assert (found <= 1).all()


@given(
    tide=loads,
    capacity=loads,
    deviations=st.sampled_from((-0.5, 0.0, 2.0)),
    start=st.integers(0, 59),
    length=st.integers(1, 7 * 24 * 60),
    most=st.integers(2, 90),
)
def test_windows_cover_every_minute_once_begin_at_whole_hours_differ_and_are_never_too_many(
    tide: list[float], capacity: list[float], deviations: float, start: int, length: int, most: int
) -> None:
    begin = NOON + start * MINUTE
    guard = Guard(deviations=deviations)
    found = windows(guard, begin, by_the_hour(tide, length), by_the_hour(capacity, length), most=most)
    assert (found[0].start, found[-1].end) == (begin, begin + length * MINUTE)
    assert all(before.end == after.start for before, after in pairwise(found))
    assert all(window.start.minute == 0 for window in found[1:])
    assert all(before.target != after.target for before, after in pairwise(found))
    assert len(found) <= most


def test_a_fixed_target_is_one_window_and_no_guard_is_none() -> None:
    load = np.full(200, 5.0)
    (whole,) = windows(Guard(target=0.8), NOON, load, load, most=9)
    assert (whole.start, whole.end, whole.target) == (NOON, NOON + 200 * MINUTE, 0.8)
    assert windows(NO_GUARD, NOON, load, load, most=9) == ()


@pytest.mark.parametrize("guard", [NO_GUARD, Guard(target=0.8), Guard(deviations=0.5)], ids=str)
def test_no_minutes_have_no_windows(guard: Guard) -> None:
    assert windows(guard, NOON, np.empty(0), np.empty(0), most=9) == ()


def test_neighbours_with_one_target_are_one_window() -> None:
    tide, capacity = by_the_hour([16, 16, 4, 4, 16], 300), np.full(300, 40.0)
    found = windows(Guard(deviations=0.0), NOON, tide, capacity, most=20)
    assert [(w.start - NOON) // HOUR for w in found] == [0, 2, 4]


def test_fewer_windows_are_longer_and_begin_at_the_same_hours_of_every_day() -> None:
    tide, capacity = by_the_hour([1, 9, 20, 5, 13, 7, 30], 24 * 60), np.full(24 * 60, 40.0)
    hours = [
        {w.start.hour for w in windows(Guard(deviations=0.0), NOON + late * HOUR, tide, capacity, most=10)[1:]}
        for late in (0, 24)
    ]
    assert hours[0] == hours[1] <= {0, 3, 6, 9, 12, 15, 18, 21}


@pytest.mark.parametrize(
    ("guard", "words"),
    [
        (NO_GUARD, "no guard"),
        (Guard(target=0.8), "a guard at 80 %"),
        (Guard(deviations=-0.5), "a guard by the hour at the tide and -0.5 deviations"),
    ],
    ids=["none", "fixed", "following"],
)
def test_a_guard_says_what_it_is(guard: Guard, words: str) -> None:
    assert str(guard) == words
