"""The nowcast at each hour of the past: what was known then, and nothing later."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from planner.forecast import LEVELS, Champion, Forecast
from planner.forecasters.base import Tide
from planner.forecasters.hours import HOURS, REACH, Hours, hourly
from planner.forecasters.nowcast import AHEAD_HOURS, features, signs, spans
from planner.history import History
from tests.forecast.given import DAY, a_history, a_tide, asked

Floats = NDArray[np.float64]
HOUR = timedelta(hours=1)


def from_then_on(history: History, moment: datetime, value: float) -> History:
    """Another future."""
    series = history.series.copy()
    series.iloc[-(-(moment - history.start) // history.step) : -1] = value
    series.iloc[-1] = 0.0
    return replace(history, series=series)


def each_hour(champion: Champion) -> list[Forecast]:
    """Oldest first."""
    return [forecast for day in champion.hourly for forecast in day.forecasts]


def assert_the_same_until(moment: datetime, one: Champion, other: Champion) -> None:
    pairs = zip(each_hour(one), each_hour(other), strict=True)
    earlier = [(before, after) for before, after in pairs if before.start <= moment]
    assert earlier
    assert all(before.values.tobytes() == after.values.tobytes() for before, after in earlier)


def test_each_past_day_has_a_forecast_for_every_hour_of_it_two_hours_long() -> None:
    champion = asked(a_history(a_tide(8.3)), "seasonal")
    assert [day.origin for day in champion.hourly] == [day.origin for day in champion.backtests][
        -len(champion.hourly) :
    ]
    for day in champion.hourly:
        assert [forecast.start for forecast in day.forecasts] == [day.origin + HOUR * hour for hour in range(HOURS)]
        assert {forecast.end - forecast.start for forecast in day.forecasts} == {REACH * HOUR}


def test_the_first_forecast_of_a_past_day_is_the_one_that_was_made_then() -> None:
    history = a_history(a_tide(9.3))
    for day in asked(history, "seasonal").hourly:
        then = asked(history.until(day.origin), "seasonal", now=day.origin)
        if then.nowcast_end > day.origin:
            np.testing.assert_allclose(day.forecasts[0].values[:4], then.forecast.values[:4], rtol=1e-9)


@given(
    hour=st.integers(0, 24 * 5),
    poison=st.sampled_from((0.0, 1e6, float("nan"))),
    zone=st.sampled_from(("UTC", "Asia/Kolkata", "Europe/Berlin", "Australia/Lord_Howe")),
    quarter=st.integers(0, 3),
    month=st.sampled_from((3, 10)),
)
@settings(max_examples=30)
def test_no_hour_sees_what_came_after_it_in_any_zone(
    hour: int, poison: float, zone: str, quarter: int, month: int
) -> None:
    """Ten days that end a few days after the clocks of most of these zones change."""
    start = datetime(2026, 3, 22, tzinfo=UTC) if month == 3 else datetime(2026, 10, 18, tzinfo=UTC)
    history = a_history(a_tide(10 + quarter / 96), start=start)
    moment = history.end - 5 * DAY + hour * HOUR
    clean, later = (
        asked(known, "seasonal", now=history.end, time_zone=zone)
        for known in (history, from_then_on(history, moment, poison))
    )
    assert_the_same_until(moment, clean, later)


@pytest.mark.parametrize("minutes", [15, 60, 180])
def test_every_hour_knows_the_delay_of_the_data(minutes: int) -> None:
    history, delay = a_history(a_tide(8)), timedelta(minutes=minutes)
    clean = asked(history, "seasonal", now=history.end + delay)
    moment = each_hour(clean)[70].start
    later = asked(from_then_on(history, moment - delay, 1e6), "seasonal", now=history.end + delay)
    assert_the_same_until(moment, clean, later)
    sooner = asked(from_then_on(history, moment - delay - HOUR, 1e6), "seasonal", now=history.end + delay)
    assert each_hour(sooner)[70].values.tobytes() != each_hour(clean)[70].values.tobytes()


def test_intervals_across_slot_borders_do_not_let_an_hour_peek() -> None:
    history = a_history(a_tide(9, step=20), step=20)
    clean = asked(history, "seasonal", now=history.end - timedelta(minutes=10))
    moment = each_hour(clean)[60].start
    later = asked(from_then_on(history, moment, 1e6), "seasonal", now=history.end - timedelta(minutes=10))
    assert_the_same_until(moment, clean, later)


@st.composite
def some_tide(draw: st.DrawFn) -> Tide:
    """Hourly means of four to nine days, gaps of any length among them."""
    size = draw(st.integers(4 * 24, 9 * 24))
    values = np.random.default_rng(draw(st.integers(0, 99))).gamma(2.0, 8.0, size)
    for _ in range(draw(st.integers(0, 4))):
        begin = draw(st.integers(1, size - 2))
        values[begin : begin + draw(st.integers(1, 60))] = np.nan
    return Tide(values=values, first=480_000, per_day=24, whole=len(values))


@given(tide=some_tide(), lag=st.integers(0, 4), back=st.integers(1, 90), value=st.sampled_from((0.0, 1e6, np.nan)))
@settings(max_examples=80)
def test_no_origin_depends_on_a_slot_at_or_after_its_own_known(tide: Tide, lag: int, back: int, value: float) -> None:
    size = tide.values.size
    count = (size + lag) // HOURS * HOURS
    now = size + lag
    targets = now - count + np.arange(count + 1)[:, None] + np.arange(REACH)
    known = targets[:, 0] - lag
    known[-1] = size
    hours = Hours(targets=targets, known=known)
    values = tide.values.copy()
    values[size - back :] = value
    _, clean = hourly(tide, hours, 28, 28)
    _, later = hourly(replace(tide, values=values), hours, 28, 28)
    origins = known[:-1].reshape(-1, HOURS)[::-1]
    assert len(clean) == len(later)
    for before, after, seen in zip(clean, later, origins, strict=False):
        early = seen <= size - back
        assert before[early].tobytes() == after[early].tobytes()


@pytest.mark.parametrize("hours", [1, 20, 30, 47])
def test_a_short_history_has_no_hours(hours: int) -> None:
    champion = asked(a_history(a_tide(hours / 24)))
    assert champion.hourly == ()
    assert champion.nowcast_end == champion.forecast.start


def test_after_two_days_the_nowcast_speaks_and_after_three_a_past_day_is_replayed() -> None:
    two, three = (asked(a_history(a_tide(days)), "seasonal") for days in (2, 3))
    assert two.nowcast_end == two.forecast.start + HOUR
    assert (len(two.hourly), len(three.hourly)) == (0, 1)


@pytest.mark.parametrize(("step", "slots"), [(15, 8), (30, 4), (60, 2), (90, 0), (240, 0)])
def test_slots_of_up_to_an_hour_have_a_nowcast(step: int, slots: int) -> None:
    champion = asked(a_history(a_tide(8, step=step), step=step), "seasonal")
    assert {len(forecast.values) for forecast in each_hour(champion)} == ({slots} if slots else set())


def test_where_the_data_are_hours_late_nothing_is_nowcast() -> None:
    history = a_history(a_tide(8))
    lengths = [len(asked(history, "seasonal", now=history.end + late * HOUR).hourly) for late in (4, 5)]
    assert lengths[0] > 0
    assert lengths[1] == 0


def test_a_pinned_last_resort_is_left_to_itself() -> None:
    history = a_history(a_tide(10))
    champion = asked(history, "recent")
    assert champion.hourly == ()
    assert champion.forecast.values.min() >= history.series.iloc[-4:].max() - 1e-9


@pytest.mark.parametrize("factor", [3.0, 0.3], ids=["risen", "fallen"])
def test_the_next_hours_follow_a_level_that_moved_two_hours_ago(factor: float) -> None:
    values = a_tide(15, mean=200.0)
    moved = values.copy()
    moved[-8:] *= factor
    calm, after = (asked(a_history(v), "seasonal").forecast.quantile(0.5)[:4] for v in (values, moved))
    assert (after.mean() / calm.mean() - 1) / (factor - 1) > 0.6  # of the way


def test_hours_know_all_levels_in_order() -> None:
    for forecast in each_hour(asked(a_history(a_tide(6)), "seasonal")):
        assert forecast.levels == LEVELS
        assert np.isfinite(forecast.values).all()


def test_the_errors_of_the_last_hours_are_what_was_seen_less_what_is_usual() -> None:
    """Worked: roots of 4 on every day, and of 5 in the last half hour: off by 1 then, by 1/4 over two hours."""
    values = np.full(96 * 4, 16.0)
    values[-2:] = 25.0
    tide = Tide(values=values, first=0, per_day=96, whole=len(values))
    found = features(signs(tide, values.size), np.array([[values.size - 1]]), np.array([values.size]), 96)
    np.testing.assert_allclose(found[0, 0], [4, 1, 2 / 8, 2 / 96])


def test_a_slot_belongs_to_the_span_that_its_middle_lies_in() -> None:
    ahead = np.arange(24)
    middles = (ahead + 0.5) / 4
    expected = [next(i for i, end in enumerate(AHEAD_HOURS) if middle <= end) for middle in middles]
    assert spans(ahead, 96).tolist() == expected
    assert spans(np.array([4000]), 96).tolist() == [len(AHEAD_HOURS) - 1]
