from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from planner.base import floor_to
from planner.errors import HistoryError
from planner.forecasters.slots import interval_peaks, slot_length, slot_tide, typical_minutes
from planner.history import Statistic
from tests.forecast.given import a_history, asked

QUARTER, HOUR = timedelta(minutes=15), timedelta(hours=1)


@pytest.mark.parametrize(
    ("step", "slot"), [(0.5, 15), (1, 15), (10, 15), (15, 15), (20, 30), (30, 30), (60, 60), (90, 120), (1440, 1440)]
)
def test_a_slot_is_the_shortest_that_holds_a_step(step: float, slot: int) -> None:
    assert slot_length(timedelta(minutes=step)) == timedelta(minutes=slot)


def test_a_step_of_more_than_a_day_is_refused() -> None:
    with pytest.raises(HistoryError, match="longer than a day"):
        slot_length(timedelta(days=2))


def test_a_slot_contains_its_moment() -> None:
    assert floor_to(datetime(2026, 1, 5, 10, 14, 59, tzinfo=UTC), QUARTER) == datetime(2026, 1, 5, 10, tzinfo=UTC)


def test_the_peak_minute_of_a_mean_of_40_over_15_minutes_is_54_7() -> None:
    assert interval_peaks(np.array([40.0]), QUARTER)[0] == pytest.approx(54.7, abs=0.05)


def test_nothing_on_the_mean_is_nothing_at_the_peak_and_a_minute_is_its_own_peak() -> None:
    assert interval_peaks(np.array([0.0]), HOUR)[0] == 0
    assert interval_peaks(np.array([40.0]), timedelta(minutes=1))[0] == 40


def test_means_are_taken_as_they_are_and_of_maxima_the_typical_minute_counts() -> None:
    means = slot_tide(a_history([40.0] * 8, statistic=Statistic.MEAN), QUARTER, "UTC")
    maxima = slot_tide(a_history([54.7] * 8, statistic=Statistic.MAX), QUARTER, "UTC")
    np.testing.assert_array_equal(means.values, [40] * 8)
    np.testing.assert_allclose(maxima.values, [40] * 8, atol=0.05)


@pytest.mark.parametrize("step", [0.5, 1, 5, 15, 60])
def test_the_typical_minute_is_the_other_way_of_the_peak_minute(step: float) -> None:
    values, length = np.array([0.0, 0.3, 8.0, 4000.0]), timedelta(minutes=step)
    np.testing.assert_allclose(typical_minutes(interval_peaks(values, length), length), values, atol=1e-9)


@pytest.mark.parametrize("statistic", list(Statistic))
def test_a_slot_holds_the_mean_of_its_minutes(statistic: Statistic) -> None:
    peaks = slot_tide(a_history(np.arange(30.0), step=1, statistic=statistic), QUARTER, "UTC")
    np.testing.assert_allclose(peaks.values, [7, 22])


def test_a_slot_of_which_less_than_half_was_seen_is_unknown_and_not_zero() -> None:
    minutes = np.full(45, 5.0)
    minutes[17:28] = np.nan
    peaks = slot_tide(a_history(minutes, step=1), QUARTER, "UTC")
    np.testing.assert_array_equal(peaks.values, [5, np.nan, 5])


def test_an_interval_across_a_border_counts_half_on_each_side() -> None:
    start = datetime(2026, 1, 5, 0, 30, tzinfo=UTC)
    peaks = slot_tide(a_history([1.0, 9.0, 1.0], step=60, start=start), HOUR, "UTC")
    np.testing.assert_array_equal(peaks.values, [1, 5, 5, 1])
    assert peaks.whole == 3  # of the last slot only a half was seen


def test_where_clocks_go_forward_the_missing_hour_is_a_gap() -> None:
    night = datetime(2026, 3, 29, tzinfo=UTC)  # Berlin goes from 2:00 to 3:00 at 1:00 UTC
    peaks = slot_tide(a_history([1.0, 2.0, 3.0], step=60, start=night), HOUR, "Europe/Berlin")
    np.testing.assert_array_equal(peaks.values, [1, np.nan, 2, 3])


def test_where_clocks_go_back_the_two_slots_of_one_name_share_their_mean() -> None:
    night = datetime(2026, 10, 25, tzinfo=UTC)  # Berlin goes from 3:00 to 2:00 at 1:00 UTC
    peaks = slot_tide(a_history([7.0, 2.0, 3.0], step=60, start=night), HOUR, "Europe/Berlin")
    np.testing.assert_array_equal(peaks.values, [4.5, 3])


@pytest.mark.parametrize("start", [datetime(2026, 3, 20, tzinfo=UTC), datetime(2026, 10, 16, tzinfo=UTC)])
def test_a_tide_by_the_local_clock_stays_on_it_when_the_clocks_change(start: datetime) -> None:
    quarter_hours = [start + QUARTER * n for n in range(96 * 10)]
    local = [
        (
            moment.hour
            + (1 if not datetime(2026, 3, 29, 1, tzinfo=UTC) <= moment < datetime(2026, 10, 25, 1, tzinfo=UTC) else 2)
        )
        % 24
        for moment in quarter_hours
    ]
    history = a_history(np.where(np.array(local) == 8, 50.0, 5.0), start=start)
    forecast = asked(history, "lastweek", time_zone="Europe/Berlin").forecast
    busy = [forecast.start + QUARTER * int(n) for n in np.flatnonzero(forecast.quantile(0.5) > 25)]
    assert {(moment.hour + (2 if start.month == 3 else 1)) % 24 for moment in busy} == {8}
