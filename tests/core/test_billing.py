"""What a replay costs."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from planner.billing import Bill, Prices, bill
from planner.replay import simulate

TESLA = Prices(currency="CNY", unit=0.00011, active=46.4, idle=11.2)
"""16 GB of a Tesla GPU, 8 vCPU, 32 GB: 16 x 2.1 + 8 + 32 x 0.15, hibernating 16 x 0.5 + 32 x 0.1."""
START = timedelta(seconds=20)


def billed(schedule: int, load: list[float], *, always: bool = False, prices: Prices = TESLA) -> Bill:
    found = simulate(np.array([[schedule]]), [], np.array([load]), lead=0)
    return bill(found, prices, always_allocated=always, start_up=START)


def test_an_hour_of_an_instance_costs_what_the_price_page_says() -> None:
    """Worked: 3,600 s x 46.4 CU x 0.00011 CNY are 18.37 CNY, hibernating 4.44."""
    assert billed(1, [0.0] * 60, always=True).money[0] == pytest.approx(18.3744)
    assert billed(1, [0.0] * 60).money[0] == pytest.approx(4.4352)


def test_idle_mode_is_billed_as_in_the_announcement() -> None:
    """FC's announcement of 2024-06-14: 16 GB, an hour, 1,800 calls of a second: 57,600 GB s, or half active, half idle.

    Its prices then were 0.000018 and 0.000007 USD for a GB s: 1.0368 against 0.72 USD.
    """
    gpu = Prices(currency="USD", unit=1.0, active=16 * 0.000018, idle=16 * 0.000007)
    half = [0.5] * 60
    assert billed(1, half, always=True, prices=gpu).money[0] == pytest.approx(1.0368)
    assert billed(1, half, prices=gpu).money[0] == pytest.approx(0.72)


def test_what_is_cold_is_billed_as_active_on_demand_time_with_each_start() -> None:
    """Worked: 2 cold for two minutes, none, then 1: 5 minutes of an instance and 3 starts of 20 s."""
    found = billed(1, [3.0, 3.0, 1.0, 2.0])
    assert found.on_demand_cu[0] == pytest.approx((5 * 60 + 3 * 20) * 46.4)
    assert found.active_cu[0] == pytest.approx(4 * 60 * 46.4)
    assert found.idle_cu[0] == 0


@given(st.integers(0, 9), st.lists(st.integers(0, 12), min_size=1, max_size=20))
def test_hibernation_is_never_dearer_and_every_unit_is_paid(schedule: int, load: list[int]) -> None:
    awake, asleep = (billed(schedule, [float(value) for value in load], always=always) for always in (True, False))
    assert asleep.money[0] <= awake.money[0]
    for found in (awake, asleep):
        units = found.active_cu + found.idle_cu + found.on_demand_cu
        assert found.money[0] == pytest.approx(units[0] * TESLA.unit)
