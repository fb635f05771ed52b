from __future__ import annotations

import numpy as np
import pytest

from tests.forecast.given import a_history, a_tide, asked

LIGHT = ("lastweek", "mean", "seasonal")


@pytest.mark.parametrize("forecaster", LIGHT)
@pytest.mark.parametrize("value", [0.0, 7.0])
def test_what_never_changes_is_forecast_as_it_is(forecaster: str, value: float) -> None:
    """The nowcast's fixed weights give back 98 % of a constant at least."""
    np.testing.assert_allclose(asked(a_history([value] * 96 * 4), forecaster).forecast.values, value, rtol=0.02)


@pytest.mark.parametrize("forecaster", LIGHT)
def test_dead_nights_stay_dead_and_days_stay_busy(forecaster: str) -> None:
    night = np.arange(96 * 14) % 96 < 40
    forecast = asked(a_history(np.where(night, 0, a_tide(14) + 5)), forecaster).forecast
    assert forecast.quantile(0.99)[8:36].max() < 3
    assert forecast.quantile(0.5)[4:36].max() < 1
    assert forecast.quantile(0.5)[44:].min() > 2


def test_a_launch_of_twenty_times_is_followed_at_once_and_stays_in_reach() -> None:
    values = a_tide(14)
    values[-24:] = 400
    forecast = asked(a_history(values), "seasonal").forecast
    assert forecast.quantile(0.99)[0] > 400
    assert forecast.quantile(0.5)[0] > 150
    assert forecast.values.max() < 4000


def test_a_service_that_starts_from_nothing_does_not_explode() -> None:
    values = np.zeros(96 * 6)
    values[-16:] = 100
    forecast = asked(a_history(values), "seasonal").forecast
    assert forecast.quantile(0.5)[0] > 50
    assert forecast.values.max() < 1000


def test_a_flash_crowd_of_last_week_does_not_become_the_tide() -> None:
    values = a_tide(14)
    values[96 * 6 + 48 : 96 * 6 + 52] *= 10
    calm = asked(a_history(a_tide(14)), "seasonal").forecast
    after = asked(a_history(values), "seasonal").forecast
    assert after.quantile(0.9).max() < 1.5 * calm.quantile(0.9).max()


def test_a_level_that_fell_is_followed_down() -> None:
    values = a_tide(19)
    values[-96 * 2 :] *= 0.3
    calm = asked(a_history(a_tide(19)), "seasonal").forecast
    fallen = asked(a_history(values), "seasonal").forecast
    assert fallen.quantile(0.5).mean() < 0.75 * calm.quantile(0.5).mean()


@pytest.mark.parametrize("forecaster", LIGHT)
def test_a_gap_is_never_zero_demand(forecaster: str) -> None:
    values = a_tide(14)
    values[96 * 10 : 96 * 12] = np.nan
    whole = asked(a_history(a_tide(14)), forecaster).forecast.quantile(0.5).mean()
    holed = asked(a_history(values), forecaster).forecast.quantile(0.5).mean()
    assert holed > 0.7 * whole


def test_one_time_of_day_that_was_never_seen_is_filled_from_its_neighbours() -> None:
    values = np.full(96 * 5, 10.0)
    values[np.arange(values.size) % 96 // 8 == 5] = np.nan
    np.testing.assert_allclose(asked(a_history(values), "seasonal").forecast.quantile(0.5), 10, rtol=0.02)


def test_a_history_of_almost_only_gaps_still_gives_a_forecast() -> None:
    values = np.full(96 * 4, np.nan)
    values[[0, 1, -1]] = 9.0
    forecast = asked(a_history(values), "seasonal").forecast
    assert forecast.quantile(0.99).min() > 9
