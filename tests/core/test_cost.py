"""What documents cost on the forecast's load."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest

from planner.base import MINUTE
from planner.billing import Prices
from planner.cost import PATHS, Scene, document_cost, estimate
from planner.forecast import LEVELS, Forecast
from planner.provision import ProvisionConfig, ScheduledAction
from planner.risk import expected_load
from tests.builders import NOON

HOUR = timedelta(hours=1)
PRICES = Prices(currency="CNY", unit=0.5, active=10.0, idle=2.0)


def a_scene(hours: int = 2, concurrency: int = 4) -> Scene:
    return Scene(
        start=NOON,
        end=NOON + hours * HOUR,
        instance_concurrency=concurrency,
        start_up=timedelta(seconds=61),
        prices=PRICES,
    )


def static(instances: int, *, always: bool = True) -> ProvisionConfig:
    return ProvisionConfig(default_target=instances, always_allocate_cpu=always, always_allocate_gpu=always)


def a_forecast(*peaks: float) -> Forecast:
    """The same at every level, one slot of 15 minutes each."""
    values = np.repeat(np.array(peaks)[:, None], len(LEVELS), axis=1)
    return Forecast(start=NOON, slot=15 * MINUTE, levels=LEVELS, values=values, forecaster="drawn")


def a_load(value: float, minutes: int = 120) -> np.ndarray:
    return np.full((1, minutes), value)


def test_an_instance_that_is_always_allocated_costs_the_active_price_idle_or_not() -> None:
    """Worked: 3 instances over 2 hours are 6 instance-hours of 3,600 s x 10 CU x 0.5."""
    cost = document_cost(static(3), a_load(4), a_scene())
    assert (cost.instance_hours, cost.money, cost.cold_share) == (6.0, 6 * 3600 * 10 * 0.5, 0.0)


def test_an_instance_that_hibernates_costs_the_idle_price_while_it_serves_nothing() -> None:
    """Worked: of 3 instances a load of 4 keeps one busy; the other two hibernate."""
    cost = document_cost(static(3, always=False), a_load(4), a_scene())
    assert cost.money == (2 * 3600 * 10 + 4 * 3600 * 2) * 0.5


def test_what_finds_no_warm_instance_is_the_cold_share() -> None:
    assert document_cost(static(1), a_load(16), a_scene()).cold_share == 0.75
    assert document_cost(static(1), a_load(0), a_scene()).cold_share == 0.0


def test_more_instances_never_cost_less_nor_leave_more_cold() -> None:
    costs = [document_cost(static(count), a_load(20), a_scene()) for count in range(8)]
    assert [c.instance_hours for c in costs] == sorted(c.instance_hours for c in costs)
    assert [c.cold_share for c in costs] == sorted((c.cold_share for c in costs), reverse=True)


def test_the_expected_load_begins_within_a_slot_and_has_one_path_a_level() -> None:
    load = expected_load(a_forecast(1, 2, 3), PATHS, start=NOON + 10 * MINUTE, minutes=30)
    assert load.shape == (len(PATHS), 30)


def test_the_expected_load_varies_around_the_tide_as_arrivals_do() -> None:
    forecast = a_forecast(*[40.0] * 96)
    load = expected_load(forecast, PATHS, start=NOON, minutes=24 * 60)
    assert load.mean() == pytest.approx(40, abs=0.5)
    assert load.var() == pytest.approx(40, rel=0.1)  # Poisson's variance is its mean
    # The worked number of Forecast.peak: the busiest of 15 minutes has its middle at 51.4.
    assert np.median(load.reshape(-1, 15).max(axis=1)) == pytest.approx(forecast.peak(0.5)[0], rel=0.05)


def test_three_documents_are_compared_on_the_same_hours() -> None:
    nightly = ScheduledAction(name="planner-daily-0000", schedule_expression="cron(0 0 0 * * *)", target=2)
    morning = ScheduledAction(name="planner-daily-1200", schedule_expression="cron(0 0 12 * * *)", target=4)
    wanted = ProvisionConfig(default_target=1, scheduled_actions=(nightly, morning))
    found = estimate(a_load(4.0), wanted=wanted, live=static(5), static_instances=6, scene=a_scene())
    hours = (found.wanted.instance_hours, found.live.instance_hours, found.static_peak.instance_hours)
    assert hours == (8.0, 10.0, 12.0)
    assert (found.currency, found.static_instances) == ("CNY", 6)
    # Half of the day two and half of it four; under the maximum reading four all day.
    assert (found.recurring_daily_hours, found.recurring_daily_hours_max) == (72.0, 96.0)


def test_the_price_under_the_maximum_is_never_below_that_under_the_last_trigger() -> None:
    up = ScheduledAction(name="a", schedule_expression="cron(0 0 8 * * *)", target=9)
    down = ScheduledAction(name="b", schedule_expression="cron(0 0 22 * * MON-FRI)", target=0)
    wanted = ProvisionConfig(scheduled_actions=(up, down))
    found = estimate(a_load(1.0), wanted=wanted, live=wanted, static_instances=0, scene=a_scene())
    assert found.recurring_daily_hours_max == pytest.approx(9 * 24)
    assert found.recurring_daily_hours < found.recurring_daily_hours_max
