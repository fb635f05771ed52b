"""The cheapest stairs, by comparison with every stair that there is."""

from __future__ import annotations

from itertools import pairwise, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from planner.stairs import StairRules, cheapest, cheapest_for_each

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Case = tuple[Floats, Ints, Floats, StairRules]


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Up to seven slots and four sizes; what is cold falls with the size, or is anything."""
    slots, width = draw(st.integers(1, 7)), draw(st.integers(1, 4))
    figures = st.lists(st.integers(0, 60), min_size=slots * width, max_size=slots * width)
    cold = np.array(draw(figures), dtype=np.float64).reshape(slots, width) / 4
    if draw(st.booleans()):
        cold = -np.sort(-cold, axis=1)
    sizes = np.cumsum(draw(st.lists(st.integers(1, 5), min_size=width, max_size=width))) - draw(st.integers(0, 1))
    price = np.array(draw(st.lists(st.integers(0, 12), min_size=slots, max_size=slots)), dtype=np.float64) / 3
    rules = StairRules(
        minutes=draw(st.sampled_from((1.0, 15.0, 60.0))),
        rise=float(draw(st.sampled_from((0, 3, 20)))),
        dwell=draw(st.integers(1, 4)),
    )
    return cold, sizes.astype(np.int64), price, rules


def cost_of(places: tuple[int, ...], case: Case) -> float:
    """In the words of the module: instance-minutes, what is cold at its price, and rises paid ahead."""
    cold, sizes, price, rules = case
    held = sum(rules.minutes * (sizes[place] + price[slot] * cold[slot, place]) for slot, place in enumerate(places))
    risen = sum(max(int(sizes[after] - sizes[before]), 0) for before, after in pairwise(places))
    return float(held + rules.rise * risen)


def beginnings(places: tuple[int, ...]) -> list[int]:
    return [0, *(slot for slot in range(1, len(places)) if places[slot] != places[slot - 1])]


def allowed(places: tuple[int, ...], dwell: int, most: int) -> bool:
    """The first stair may have begun before, and the last is cut by the end: neither has a least length."""
    begun = beginnings(places)
    return len(begun) <= most and all(end - first >= dwell for first, end in pairwise(begun[1:]))


def brute_force(case: Case, most: int) -> float:
    cold, _, _, rules = case
    slots, width = cold.shape
    every = product(range(width), repeat=slots)
    return min(cost_of(places, case) for places in every if allowed(places, rules.dwell, most))


@given(case=cases(), most=st.integers(1, 7))
@settings(max_examples=250)
def test_the_stairs_are_as_cheap_as_the_best_of_all_stairs_and_keep_dwell_and_number(case: Case, most: int) -> None:
    cold, sizes, price, rules = case
    places = tuple(int(place) for place in cheapest(cold, sizes, price, rules, most))
    assert allowed(places, rules.dwell, most)
    assert cost_of(places, case) == pytest.approx(brute_force(case, most))


@given(case=cases(), prices=st.lists(st.floats(0, 9), min_size=1, max_size=4))
@settings(max_examples=100)
def test_the_stairs_for_each_price_are_those_of_that_price_alone(case: Case, prices: list[float]) -> None:
    cold, sizes, _, rules = case
    together = cheapest_for_each(cold, sizes, np.array(prices), rules)
    for price, places in zip(prices, together, strict=True):
        alone = cheapest(cold, sizes, np.full(len(cold), price), rules, len(cold) + 1)
        assert places.tolist() == alone.tolist()


@given(case=cases())
@settings(max_examples=100)
def test_fewer_stairs_never_cost_less(case: Case) -> None:
    cold, sizes, price, rules = case
    costs = [cost_of(tuple(cheapest(cold, sizes, price, rules, most)), case) for most in range(1, cold.shape[0] + 1)]
    assert all(fewer >= more - 1e-9 for fewer, more in pairwise(costs))


def test_a_stair_that_is_worth_its_slot_but_not_its_dwell_is_left_out() -> None:
    cold = np.array([[0.0, 0.0], [6.0, 0.0], [0.0, 0.0], [0.0, 0.0], [0.0, 0.0]])
    sizes, price = np.array([1, 5]), np.ones(5)
    assert cheapest(cold, sizes, price, StairRules(1.0, 0.0, 1), 9).tolist() == [0, 1, 0, 0, 0]
    assert cheapest(cold, sizes, price, StairRules(1.0, 0.0, 3), 9).tolist() == [0, 0, 0, 0, 0]


def test_a_rise_that_costs_more_than_it_saves_is_left_out() -> None:
    cold = np.array([[0.0, 0.0], [6.0, 0.0], [0.0, 0.0]])
    sizes, price = np.array([1, 5]), np.ones(3)
    assert cheapest(cold, sizes, price, StairRules(1.0, 0.4, 1), 9).tolist() == [0, 1, 0]
    assert cheapest(cold, sizes, price, StairRules(1.0, 0.6, 1), 9).tolist() == [0, 0, 0]
