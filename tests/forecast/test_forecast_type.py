from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
import pytest

from planner.forecast import LEVELS, Forecast
from tests.forecast.given import MONDAY

QUARTER = timedelta(minutes=15)


def a_forecast(
    values: object = ((1.0, 3.0), (2.0, 6.0)), levels: tuple[float, ...] = (0.5, 0.9), start: datetime = MONDAY
) -> Forecast:
    return Forecast(start=start, slot=QUARTER, levels=levels, values=np.array(values), forecaster="test")


def test_a_quantile_between_two_levels_is_linear_between_them() -> None:
    np.testing.assert_allclose(a_forecast().quantile(0.7), [2.0, 4.0])


def test_a_level_that_is_held_gives_its_own_column() -> None:
    np.testing.assert_array_equal(a_forecast().quantile(0.5), [1.0, 2.0])
    np.testing.assert_array_equal(a_forecast().quantile(0.9), [3.0, 6.0])


@pytest.mark.parametrize("level", [0.0, 0.4999, 0.9001, 1.0, float("nan")])
def test_a_level_outside_those_held_is_refused(level: float) -> None:
    with pytest.raises(ValueError, match="outside"):
        a_forecast().quantile(level)


def test_a_forecast_ends_with_its_last_slot() -> None:
    assert a_forecast().end == MONDAY + 2 * QUARTER


@pytest.mark.parametrize(
    ("values", "words"),
    [
        pytest.param(((3.0, 1.0),), "cross", id="crossing"),
        pytest.param(((-1.0, 1.0),), "at least 0", id="negative"),
        pytest.param(((1.0, np.nan),), "finite", id="nan"),
        pytest.param(((1.0, np.inf),), "finite", id="infinite"),
        pytest.param(((1.0, 2.0, 3.0),), "2 levels", id="shape"),
        pytest.param((1.0, 2.0), "2 levels", id="one row"),
        pytest.param(np.empty((0, 2)), "2 levels", id="no slots"),
    ],
)
def test_values_that_are_no_quantiles_are_refused(values: object, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        a_forecast(values)


@pytest.mark.parametrize("levels", [(0.9, 0.5), (0.5, 0.5), (0.0, 0.5), (0.5, 1.0)])
def test_levels_that_do_not_rise_within_zero_and_one_are_refused(levels: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="levels"):
        a_forecast(levels=levels)


def test_a_naive_start_is_refused() -> None:
    with pytest.raises(ValueError, match="naive"):
        a_forecast(start=MONDAY.replace(tzinfo=None))


def test_the_levels_reach_from_the_floor_to_one_in_a_thousand() -> None:
    assert (LEVELS[0], LEVELS[-1]) == (0.05, 0.999)
