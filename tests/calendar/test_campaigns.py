"""Campaigns on a forecast: factors, ramps, overlaps, models from the past, clock changes."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from planner.calendar.acting import Acting
from planner.calendar.campaigns import Campaign, Dates, Ignored
from planner.errors import HistoryError
from planner.forecast import Champion, ForecastSettings, forecast
from planner.history import History
from tests.calendar.given import DAY, ZONE, a_campaign, a_history, acting, midnight

PAST = a_history("2026-10-12", 28)
"""Four weeks up to Monday 9 November."""
SLOT = timedelta(minutes=15)

NOWCAST = 24
"""Slots that follow the last hours too."""


def lifted(found: Acting, start: str, slots: int = 96) -> np.ndarray:
    """A flat forecast of 10 in quarters of an hour from a wall-clock time of Shanghai."""
    begin = datetime.fromisoformat(f"{start}+08:00")
    return found.lift(np.full((slots, 2), 10.0), begin, SLOT)


def asked(history: History, found: Acting) -> Champion:
    settings = ForecastSettings(forecaster="seasonal", time_zone=ZONE)
    return forecast(history, now=history.end, horizon=DAY, settings=settings, acting=found)


def test_a_campaign_acts_on_every_quantile_of_its_window_and_on_nothing_else() -> None:
    plain = asked(PAST, acting(PAST)).forecast
    found = acting(PAST, campaigns=(a_campaign("2026-11-09T10:00", "2026-11-09T12:00", uplift=1.8),))
    values = asked(PAST, found).forecast.values
    np.testing.assert_allclose(values[40:48], plain.values[40:48] * 1.8)
    np.testing.assert_array_equal(
        np.delete(values, slice(40, 48), axis=0), np.delete(plain.values, slice(40, 48), axis=0)
    )


def test_a_campaign_may_lower() -> None:
    found = acting(PAST, campaigns=(a_campaign("2026-11-09T10:00", "2026-11-09T12:00", uplift=0.5),))
    assert lifted(found, "2026-11-09T09:45", 10)[:, 0].tolist() == [10.0] + [5.0] * 8 + [10.0]


def test_ramps_are_straight_lines_outside_the_window() -> None:
    hour = timedelta(hours=1)
    sale = a_campaign("2026-11-09T10:00", "2026-11-09T11:00", uplift=3, ramp_up=hour, ramp_down=hour)
    values = lifted(acting(PAST, campaigns=(sale,)), "2026-11-09T08:45", 14)[:, 0]
    assert values[[0, -1]].tolist() == [10, 10]
    assert values[5:9].tolist() == [30] * 4
    # The highest minute of a quarter counts: 15 of 61 parts of the way up after the first.
    assert values[1] == pytest.approx(10 + 20 * 15 / 61)
    np.testing.assert_allclose(values[1:5], values[12:8:-1])
    assert (np.diff(values[:6]) > 0).all()


def test_where_campaigns_overlap_the_largest_factor_acts() -> None:
    both = (
        a_campaign("2026-11-09T00:00", "2026-11-10T00:00", uplift=0.5),
        a_campaign("2026-11-09T10:00", "2026-11-09T12:00", uplift=2),
        a_campaign("2026-11-09T11:00", "2026-11-09T13:00", uplift=3),
    )
    values = lifted(acting(PAST, campaigns=both), "2026-11-09T00:00")[:, 0]
    assert values[[0, 40, 44, 48, 52]].tolist() == [5, 20, 30, 30, 5]


def test_a_launch_without_history_is_a_floor() -> None:
    found = acting(PAST, campaigns=(a_campaign("2026-11-09T10:00", "2026-11-09T12:00", at_least=25),))
    assert lifted(found, "2026-11-09T09:45", 3)[:, 0].tolist() == [10, 25, 25]
    assert found.notes == (
        "calendar: 2026-11-09 10:00 to 2026-11-09 12:00 sale: at least 25 in flight (campaign, test.yaml)",
    )


def test_a_campaign_like_a_past_day_gets_its_shape() -> None:
    history = a_history("2026-10-12", 28, factors={"2026-11-03": 3.0})
    sale = a_campaign("2026-11-09T00:00", "2026-11-10T00:00", like=date(2026, 11, 3))
    found = acting(history, campaigns=(sale,))
    # With a tenth of the ordinary mean on both sides: (120 + 4) / (40 + 4).
    np.testing.assert_allclose(lifted(found, "2026-11-09T00:00"), 10 * 124 / 44)
    assert "×2.82 to ×2.82, like 2026-11-03" in found.notes[0]


def test_the_day_that_a_campaign_is_like_is_no_ordinary_day() -> None:
    history = a_history("2026-10-12", 28, factors={"2026-11-02": 3.0})
    plain = asked(history, acting(history)).forecast.quantile(0.5)
    sale = a_campaign("2026-11-09T23:00", "2026-11-10T00:00", like=date(2026, 11, 2))
    known = asked(history, acting(history, campaigns=(sale,))).forecast.quantile(0.5)
    assert plain[:88].mean() > 44
    np.testing.assert_allclose(known[NOWCAST:88], 40, rtol=0.02)


@pytest.mark.parametrize(
    ("first", "like", "lacking"),
    [("2026-10-12", date(2025, 11, 11), "the days themselves"), ("2026-11-02", date(2026, 11, 2), "ordinary days")],
)
def test_a_model_that_the_history_lacks_is_refused_with_what_it_holds(first: str, like: date, lacking: str) -> None:
    history = a_history(first, 28 if first < "2026-11" else 7)
    sale = a_campaign("2026-11-08T20:00" if first < "2026-11" else "2026-11-09T00:00", "2026-11-10T00:00", like=like)
    with pytest.raises(HistoryError, match=rf"'sale' \(test.yaml\) is like {like}.*{lacking}.*it runs from") as caught:
        acting(history, campaigns=(sale,))
    assert "uplift" in caught.value.remedy


def test_a_past_campaign_whose_model_is_lost_does_not_stop_a_plan() -> None:
    history = a_history("2026-10-12", 28, factors={"2026-11-02": 3.0})
    sale = a_campaign("2026-11-02T00:00", "2026-11-03T00:00", like=date(2025, 11, 2))
    np.testing.assert_allclose(
        asked(history, acting(history, campaigns=(sale,))).forecast.quantile(0.5)[NOWCAST:], 40, rtol=0.02
    )


def test_ordinary_days_do_not_learn_a_past_campaign() -> None:
    history = a_history("2026-10-12", 28, factors={"2026-11-02": 3.0})
    sale = a_campaign("2026-11-02T00:00", "2026-11-03T00:00", uplift=3)
    champion = asked(history, acting(history, campaigns=(sale,)))
    np.testing.assert_allclose(champion.forecast.quantile(0.5)[NOWCAST:], 40, rtol=0.02)
    then = next(b for b in champion.backtests if b.origin == midnight("2026-11-02"))
    np.testing.assert_allclose(then.forecasts[0].quantile(0.5)[NOWCAST:], 120, rtol=0.05)


def test_nothing_acts_beyond_the_horizon() -> None:
    sale = a_campaign("2026-11-09T00:00", "2026-11-30T00:00", uplift=2, at_least=100)
    values = lifted(acting(PAST, campaigns=(sale,), hours=6), "2026-11-09T00:00")[:, 0]
    assert values[[0, 23, 24, 95]].tolist() == [100, 100, 10, 10]


def test_a_wall_clock_window_follows_the_clocks_and_an_instant_does_not() -> None:
    new_york = partial(acting, a_history("2026-10-19", 13), zone="America/New_York", hours=72)
    # Clocks go back on 1 November: the day has 25 hours, 04:00Z to 05:00Z the next day.
    wall = new_york(campaigns=(a_campaign("2026-11-01T00:00", "2026-11-02T00:00", uplift=2),))
    fixed = new_york(campaigns=(a_campaign("2026-11-01T00:00-04:00", "2026-11-02T00:00-04:00", uplift=2),))
    begin = datetime.fromisoformat("2026-11-01T03:45:00Z")
    counts = [int((found.lift(np.ones((110, 1)), begin, SLOT) > 1).sum()) for found in (wall, fixed)]
    assert counts == [100, 96]


def test_the_hour_that_a_clock_change_leaves_out_does_not_stop_a_campaign() -> None:
    history = a_history("2026-02-23", 13)
    sale = a_campaign("2026-03-08T02:30", "2026-03-08T03:30", uplift=2)
    found = acting(history, campaigns=(sale,), zone="America/New_York", hours=48)
    # 02:30 doesn't exist on that day; it is taken as 03:30, at which the window ends, so nothing acts, and says so.
    assert (found.lift(np.ones((96, 1)), datetime.fromisoformat("2026-03-08T05:00:00Z"), SLOT) == 1).all()


def test_ignored_spans_are_gaps_and_say_so() -> None:
    history = a_history("2026-10-12", 28, factors={"2026-11-02": 0.0})
    outage = Ignored(start=datetime(2026, 11, 2), end=datetime(2026, 11, 3), why="outage", source="test.yaml")
    found = acting(history, dates=Dates(ignored=(outage,)))
    seen = found.seen(history)
    assert int(seen.series.isna().sum()) == 96
    assert (seen.start, seen.end) == (history.start, history.end)
    assert seen.missing(midnight("2026-11-02"), DAY) == 1
    assert seen.missing(midnight("2026-11-02") - DAY / 2, DAY) == 0.5
    assert found.notes == ("calendar: 2026-11-02 00:00 to 2026-11-03 00:00 is left out: outage (test.yaml)",)


def test_a_history_that_is_ignored_altogether_is_refused() -> None:
    history = a_history("2026-11-02", 7)
    whole = Ignored(start=datetime(2026, 11, 1), end=datetime(2026, 12, 3), why="tests", source="test.yaml")
    with pytest.raises(HistoryError, match="nothing is left"):
        acting(history, dates=Dates(ignored=(whole,)))


def test_an_instant_can_be_asked_about() -> None:
    sale = a_campaign("2026-11-09T10:00", "2026-11-09T12:00", uplift=1.5, at_least=7)
    found = acting(PAST, campaigns=(sale,))
    during, after = (found.at(midnight("2026-11-09") + timedelta(hours=h)) for h in (11, 12))
    assert (during.campaigns, during.factor, during.at_least) == (("sale",), 1.5, 7)
    assert (after.campaigns, after.factor, after.at_least) == ((), 1.0, 0.0)
    assert during.day.date == date(2026, 11, 9)


@given(
    start=st.integers(0, 2000),
    length=st.integers(1, 2000),
    ramps=st.tuples(st.integers(0, 600), st.integers(0, 600)),
    factor=st.floats(1, 20),
)
def test_a_raising_campaign_never_lowers_and_never_exceeds_its_factor(
    start: int, length: int, ramps: tuple[int, int], factor: float
) -> None:
    begin = datetime(2026, 11, 9) + timedelta(minutes=start)
    sale = Campaign(
        name="sale",
        source="test.yaml",
        start=begin,
        end=begin + timedelta(minutes=length),
        ramp_up=timedelta(minutes=ramps[0]),
        ramp_down=timedelta(minutes=ramps[1]),
        uplift=factor,
    )
    values = lifted(acting(PAST, campaigns=(sale,), hours=48), "2026-11-09T00:00", 192)
    assert values.min() >= 10
    assert values.max() <= 10 * factor + 1e-9
