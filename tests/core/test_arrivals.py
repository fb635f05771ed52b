"""What finds no warm instance, against the sums and integrals that it stands for."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import poisson

from planner.arrivals import LARGE, cold

Floats = NDArray[np.float64]
means = st.floats(0, 600)
rising = st.lists(st.integers(0, 900), min_size=1, max_size=12, unique=True).map(sorted)


def brute_force(mean: float, capacity: float) -> float:
    """The sum over every number of requests that has any weight."""
    counts = np.arange(int(mean + 40 * np.sqrt(mean) + 60))
    return float(np.sum(np.maximum(counts - capacity, 0) * poisson.pmf(counts, mean)))


@given(mean=st.floats(0, LARGE), capacities=rising)
def test_what_is_cold_is_the_sum_over_poisson_numbers(mean: float, capacities: list[int]) -> None:
    found = cold(np.array([[mean]]), np.array(capacities, dtype=np.float64))
    np.testing.assert_allclose(found[0], [brute_force(mean, c) for c in capacities], atol=1e-9 * (1 + mean))


@given(mean=st.floats(LARGE, 2000, exclude_min=True), deviations=st.floats(-6, 6))
def test_a_large_mean_is_close_to_the_same_sum(mean: float, deviations: float) -> None:
    capacity = mean + deviations * np.sqrt(mean)
    (found,) = cold(np.array([[mean]]), np.array([capacity]))[0]
    assert found == pytest.approx(brute_force(mean, capacity), abs=0.012 * np.sqrt(mean))


def test_where_the_laws_meet_they_agree_to_a_twentieth_of_a_request() -> None:
    capacities = np.arange(150.0, 260.0)
    below, above = (cold(np.array([[mean]]), capacities) for mean in (LARGE, LARGE * (1 + 1e-12)))
    assert np.abs(below - above).max() < 0.05


@given(points=st.lists(means, min_size=1, max_size=6), capacities=rising)
def test_a_mixture_is_the_mean_of_its_points(points: list[float], capacities: list[int]) -> None:
    at = np.array(capacities, dtype=np.float64)
    mixed = cold(np.array([points]), at)[0]
    alone = cold(np.array(points)[:, None], at)
    np.testing.assert_allclose(mixed, alone.mean(axis=0), rtol=1e-9, atol=1e-9)


@given(mean=means, instance_concurrency=st.integers(1, 9), sizes=st.integers(3, 60))
def test_more_capacity_leaves_less_cold_and_each_instance_helps_less_than_the_one_before(
    mean: float, instance_concurrency: int, sizes: int
) -> None:
    found = cold(np.array([[mean]]), np.arange(sizes, dtype=np.float64) * instance_concurrency)[0]
    assert found[0] == pytest.approx(mean)  # with no instance everything is cold
    assert (found >= 0).all()
    assert (np.diff(found) <= 1e-9).all()
    assert (np.diff(found, 2) >= -1e-6 * (1 + mean)).all()


@given(mean=means, more=st.floats(0, 50), capacities=rising)
def test_more_load_never_leaves_less_cold(mean: float, more: float, capacities: list[int]) -> None:
    at = np.array(capacities, dtype=np.float64)
    less, most = cold(np.array([[mean], [mean + more]]), at)
    # The normal law stands in from LARGE on and lies a little beside.
    assert (most >= less - (0.05 if mean <= LARGE < mean + more else 1e-9)).all()


def test_between_whole_numbers_it_is_linear() -> None:
    whole, between, next_whole = cold(np.array([[3.0]]), np.array([2.0, 2.25, 3.0]))[0]
    assert between == pytest.approx(0.75 * whole + 0.25 * next_whole)


def test_each_row_is_its_own_slot_and_nothing_on_the_way_is_nothing_cold() -> None:
    found = cold(np.array([[0.0, 0.0], [2.0, 4.0]]), np.array([0.0, 1.0]))
    assert found[0].tolist() == [0.0, 0.0]
    assert found[1, 0] == pytest.approx(3.0)
