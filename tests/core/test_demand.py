"""Forecast to whole instances."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from planner.base import MINUTE
from planner.demand import Sizing, demand
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


def test_a_demand_sizes_the_quantile_that_was_asked_for() -> None:
    made = demand(a_forecast(8, 12), risk_level=0.95, sizing=a_sizing(floor=1))
    assert (made.start, made.slot, made.instances, made.risk_level) == (NOON, 15 * MINUTE, (4, 6), 0.95)
    assert demand(a_forecast(8, 12), risk_level=0.05, sizing=a_sizing(floor=1)).instances == (1, 2)


@given(st.lists(st.floats(0, 500), min_size=1, max_size=8), st.floats(0.05, 0.95), st.floats(0.05, 0.95))
def test_less_risk_never_needs_fewer_instances(medians: list[float], one: float, other: float) -> None:
    low, high = sorted((one, other))
    forecast = a_forecast(*medians)
    less = demand(forecast, risk_level=low, sizing=a_sizing()).instances
    more = demand(forecast, risk_level=high, sizing=a_sizing()).instances
    assert all(a <= b for a, b in zip(less, more, strict=True))


@pytest.mark.parametrize(
    ("concurrency", "floor", "ceiling"),
    [(0, 0, 1), (1, -1, 1), (1, 3, 2)],
    ids=["nothing at once", "below 0", "crossed"],
)
def test_an_impossible_sizing_is_refused(concurrency: int, floor: int, ceiling: int) -> None:
    with pytest.raises(ValueError, match="impossible sizing"):
        a_sizing(concurrency, floor, ceiling)
