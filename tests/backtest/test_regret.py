"""The reference and the regret, against figures worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given as examples
from hypothesis import strategies as st

from planner.regret import Reference, ideal_minutes, reference, regret, smoothed_rate

CURVE = Reference(cold_shares=(0.1, 0.001, 0.00001), hours=(1.0, 1.2, 1.4))


def test_the_ideal_counts_whole_instances_and_forgives_rounding() -> None:
    assert ideal_minutes(np.array([0.0, 0.1, 1.0, 7.0, 8.0 + 1e-12]), 4) == 0 + 1 + 1 + 2 + 2


def test_between_two_points_the_hours_are_linear_in_the_logarithm_of_the_share() -> None:
    assert CURVE.hours_at(0.01) == pytest.approx(1.1)
    assert CURVE.hours_at(0.0001) == pytest.approx(1.3)


def test_beyond_the_curve_its_ends_count() -> None:
    assert CURVE.hours_at(0.5) == 1.0
    assert CURVE.hours_at(0.0) == 1.4


def test_a_plan_is_compared_at_its_own_cold_share() -> None:
    assert regret(CURVE, cold_share=0.001, hours=2.4, objective=0.001) == pytest.approx(2.0)


def test_a_plan_colder_than_a_fifth_of_the_objective_is_compared_there() -> None:
    hardly = regret(CURVE, cold_share=0.0, hours=2.0, objective=0.001)

    assert hardly == pytest.approx(2.0 / CURVE.hours_at(0.0002))


def test_a_broken_promise_has_no_score() -> None:
    assert math.isfinite(regret(CURVE, cold_share=0.002, hours=1.0, objective=0.001))
    assert math.isinf(regret(CURVE, cold_share=0.0021, hours=1.0, objective=0.001))


def test_a_load_without_noise_costs_the_reference_what_poisson_fears() -> None:
    # Poisson with mean 4: the quantile 0.3 is 3, the median 4.
    load = np.full(30, 4.0)
    found = reference([(load, load)], 1)

    assert (found.cold_shares[0], found.hours[0]) == (0.25, 0.75)
    assert found.hours_at(0) == 1.0  # the fewest hours at which nothing was cold


def test_the_reference_holds_what_the_highest_rate_of_a_quarter_needs() -> None:
    load = np.concatenate([np.zeros(14), [4.0], np.zeros(15)])

    assert reference([(load, load)], 1).hours[0] == 15 * 3 / 4


def test_instances_that_serve_several_are_counted_whole() -> None:
    load = np.full(15, 4.0)

    assert reference([(load, load)], 4).hours[0] == 1.0


@examples(peak=st.floats(1, 60), seed=st.integers(0, 99))
def test_less_cold_never_costs_the_reference_fewer_hours(peak: float, seed: int) -> None:
    rate = peak * (1 - np.cos(2 * np.pi * np.arange(1440) / 1440)) / 2
    found = reference([(np.random.default_rng(seed).poisson(rate).astype(float), rate)], 1)

    assert list(found.hours) == sorted(found.hours)
    assert list(found.cold_shares) == sorted(found.cold_shares, reverse=True)


def test_the_smoothed_rate_is_the_mean_around_each_minute_and_keeps_the_length() -> None:
    load = np.zeros(60)
    load[30] = 15.0

    assert smoothed_rate(load) == pytest.approx(np.repeat([0.0, 1.0, 0.0], [23, 15, 22]))
