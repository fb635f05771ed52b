"""Forecast to what each number of instances leaves cold."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planner.arrivals import cold
from planner.base import MINUTE
from planner.demand import SIZES, Demand, Sizing, demand, numbers
from planner.forecast import Forecast
from tests.builders import NOON


def a_forecast(*medians: float) -> Forecast:
    """Quantiles at half, once and twice these medians."""
    values = np.array([[0.5 * median, median, 2 * median] for median in medians])
    return Forecast(start=NOON, slot=15 * MINUTE, levels=(0.05, 0.5, 0.95), values=values, forecaster="drawn")


def a_sizing(concurrency: int = 4, floor: int = 0, ceiling: int = 100) -> Sizing:
    return Sizing(instance_concurrency=concurrency, floor=floor, ceiling=ceiling)


@pytest.mark.parametrize(
    ("load", "instances"),
    [(0, 0), (0.01, 1), (4, 1), (4.01, 2), (8, 2), (3 * 0.1 / 0.1 * 4, 3), (1000, 100)],
    ids=["nothing", "a little", "one full", "just over", "two full", "a rounded product", "over the ceiling"],
)
def test_instances_are_whole_and_no_more_than_the_load_fills(load: float, instances: int) -> None:
    assert a_sizing().instances(np.array([load])).tolist() == [instances]


@given(
    loads=st.lists(st.floats(0, 1e6), min_size=1, max_size=20),
    more=st.floats(0, 1e6),
    concurrency=st.integers(1, 200),
    floor=st.integers(0, 20),
    room=st.integers(0, 200),
)
def test_bounds_hold_and_more_load_never_needs_fewer(
    loads: list[float], more: float, concurrency: int, floor: int, room: int
) -> None:
    sizing = a_sizing(concurrency, floor, floor + room)
    less, most = sizing.instances(np.array(loads)), sizing.instances(np.array(loads) + more)
    assert (less <= most).all()
    assert (less >= floor).all()
    assert (most <= floor + room).all()
    served = less * concurrency
    assert ((served >= np.array(loads) - 1e-6 * concurrency) | (less == floor + room)).all()


def weighed(forecast: Forecast, worth: float, *, errors: bool = False, sizing: Sizing | None = None) -> Demand:
    return demand(forecast, sizing=sizing or a_sizing(), worth=worth, errors=errors)


def busy(made: Demand, slot: int, place: int) -> float:
    """How busy the instances above the size before are, a share of their concurrency."""
    more = int(made.sizes[place] - made.sizes[place - 1])
    served = made.cold[slot, place - 1] - made.cold[slot, place]
    return float(served / (more * made.instance_concurrency))


@given(
    medians=st.lists(st.floats(0, 300), min_size=1, max_size=6),
    worth=st.floats(0.0003, 0.9),
    errors=st.booleans(),
    concurrency=st.integers(1, 20),
)
@settings(max_examples=100)
def test_the_last_instance_is_worth_its_minute_and_the_next_one_would_not_be(
    medians: list[float], worth: float, errors: bool, concurrency: int
) -> None:
    """The newsvendor's number, slot by slot."""
    made = weighed(a_forecast(*medians), worth, errors=errors, sizing=a_sizing(concurrency, ceiling=1000))
    for slot, instances in enumerate(made.instances):
        place = int(np.searchsorted(made.sizes, instances))
        assert place == 0 or busy(made, slot, place) >= worth * (1 - 1e-6)
        assert place == len(made.sizes) - 1 or busy(made, slot, place + 1) <= worth * (1 + 1e-6)


@given(
    medians=st.lists(st.floats(0, 500), min_size=1, max_size=8),
    one=st.floats(0.0003, 0.9),
    other=st.floats(0.0003, 0.9),
)
@settings(max_examples=60)
def test_instances_that_may_idle_more_are_never_fewer(medians: list[float], one: float, other: float) -> None:
    low, high = sorted((one, other))
    forecast = a_forecast(*medians)
    assert (weighed(forecast, low).instances >= weighed(forecast, high).instances).all()


def test_without_errors_only_arrivals_vary_around_the_median() -> None:
    forecast = a_forecast(8, 12)
    alone, spread = (weighed(forecast, 0.1, errors=errors) for errors in (False, True))
    np.testing.assert_allclose(alone.cold, cold(np.array([[8.0], [12.0]]), 4.0 * alone.sizes))
    assert (spread.cold[:, 2:6] > alone.cold[:, 2:6]).all()


def test_worth_and_errors_may_differ_by_slot() -> None:
    forecast = a_forecast(40, 40, 40)
    sizing = a_sizing()
    made = demand(forecast, sizing=sizing, worth=np.array([0.2, 0.2, 0.001]), errors=np.array([False, True, True]))
    alike = [
        int(demand(forecast, sizing=sizing, worth=worth, errors=errors).instances[0])
        for worth, errors in ((0.2, False), (0.2, True), (0.001, True))
    ]
    assert made.instances.tolist() == alike
    assert len(set(alike)) == 3


@given(highest=st.floats(0, 1e5), floor=st.integers(0, 3000), room=st.integers(0, 10_000), at_once=st.integers(1, 9))
def test_sizes_reach_from_the_floor_to_what_may_be_wanted_and_are_never_too_many(
    highest: float, floor: int, room: int, at_once: int
) -> None:
    sizing = a_sizing(at_once, floor, floor + room)
    sizes = numbers(np.array([[highest / 2, highest]]), sizing)
    assert sizes[0] == floor
    wanted = (highest + 6 * np.sqrt(highest)) / at_once
    assert sizes[-1] >= min(wanted, floor + room)
    assert sizes[-1] <= floor + room
    assert len(sizes) <= SIZES
    assert (np.diff(sizes) > 0).all()
    assert sizes[-1] - sizes[0] >= SIZES or (np.diff(sizes) == 1).all()


def test_a_large_service_is_weighed_in_steps_of_several_instances_its_ceiling_among_them() -> None:
    sizes = numbers(np.array([[1e6]]), a_sizing(1, floor=10, ceiling=9_999))
    assert (int(sizes[0]), int(sizes[-1])) == (10, 9_999)
    assert set(np.diff(sizes)[:-1]) == {26}


@pytest.mark.parametrize("median", [0, 8, 4000])
def test_floor_and_ceiling_are_kept_whatever_comes(median: float) -> None:
    made = weighed(a_forecast(median, median), 0.01, sizing=a_sizing(floor=3, ceiling=20))
    assert set(made.instances) <= set(range(3, 21))


def test_a_demand_until_a_time_holds_the_slots_that_begin_before_it() -> None:
    made = weighed(a_forecast(1, 2, 3, 4), 0.1)
    lengths = [len(made.until(NOON + minutes * MINUTE).cold) for minutes in (0, 1, 15, 16, 60, 300)]
    assert lengths == [1, 1, 1, 2, 4, 4]
    assert len(made.until(NOON + 16 * MINUTE).worth) == 2


@pytest.mark.parametrize(
    ("concurrency", "floor", "ceiling"),
    [(0, 0, 1), (1, -1, 1), (1, 3, 2)],
    ids=["nothing at once", "below 0", "crossed"],
)
def test_an_impossible_sizing_is_refused(concurrency: int, floor: int, ceiling: int) -> None:
    with pytest.raises(ValueError, match="impossible sizing"):
        a_sizing(concurrency, floor, ceiling)
