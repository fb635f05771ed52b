from __future__ import annotations

from datetime import timedelta

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray

from planner.forecast import LEVELS
from tests.forecast.given import a_history, a_tide, asked

LIGHT = st.sampled_from(["lastweek", "mean", "seasonal", "recent"])
DEMAND = st.one_of(st.just(0.0), st.just(np.nan), st.floats(0, 1e6), st.floats(0, 1e-6))
HOURS = st.integers(48, 24 * 12)


@st.composite
def series(draw: st.DrawFn) -> NDArray[np.float64]:
    """Hourly values of any kind, from two days on, ending in a number."""
    values = draw(arrays.arrays(np.float64, HOURS, elements=DEMAND, fill=st.sampled_from([0.0, 3.0, np.nan])))
    values[[0, -1]] = draw(st.floats(0, 1e6)), draw(st.floats(0, 1e6))
    return values


@settings(max_examples=80, deadline=None)
@given(values=series(), forecaster=LIGHT, delay=st.integers(0, 300), hours=st.sampled_from([1, 24, 60]))
def test_any_history_gives_finite_quantiles_that_rise_and_are_never_negative(
    values: NDArray[np.float64], forecaster: str, delay: int, hours: int
) -> None:
    history = a_history(values, step=60)
    champion = asked(history, forecaster, now=history.end + timedelta(minutes=delay), hours=hours)
    for forecast in (champion.forecast, *(f for b in (*champion.backtests, *champion.hourly) for f in b.forecasts)):
        assert forecast.values.shape[1] == len(LEVELS)
        assert np.isfinite(forecast.values).all()
        assert (forecast.values >= 0).all()
        assert (np.diff(forecast.values, axis=1) >= 0).all()


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 99), days=st.integers(3, 16), factor=st.sampled_from([0.01, 3.0, 1e4]))
def test_a_service_of_another_size_has_the_same_forecast_in_its_size(seed: int, days: int, factor: float) -> None:
    values = a_tide(days, seed=seed)
    small = asked(a_history(values), "seasonal").forecast.values
    large = asked(a_history(values * factor), "seasonal").forecast.values
    np.testing.assert_allclose(large, small * factor, rtol=1e-4, atol=1e-4 * factor)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 99), days=st.integers(2, 10), forecaster=LIGHT)
def test_asked_twice_the_same_bytes_come_back(seed: int, days: int, forecaster: str) -> None:
    history = a_history(a_tide(days, seed=seed))
    assert asked(history, forecaster).forecast.values.tobytes() == asked(history, forecaster).forecast.values.tobytes()


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 99), hours=st.integers(1, 23))
def test_below_a_day_nothing_less_than_the_last_hours_highest_mean_is_forecast(seed: int, hours: int) -> None:
    values = a_tide(hours / 24, step=1, seed=seed)
    highest = values[-60:].reshape(-1, 15).mean(axis=1).max()
    assert asked(a_history(values, step=1)).forecast.values.min() >= highest - 1e-9
