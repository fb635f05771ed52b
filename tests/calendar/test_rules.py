"""Rules of special days act where the function's own past speaks for them."""

from __future__ import annotations

from datetime import date, timedelta

import holidays
import pytest

from planner.calendar.campaigns import Dates
from planner.calendar.days import Day, DayClass, OwnDay
from planner.calendar.decide import Rules
from planner.calendar.rules import Evidence, Trial, weigh
from planner.forecast import ForecastSettings, forecast
from tests.calendar.given import DAY, ZONE, a_history, acting

NOWCAST = 24
"""Slots that follow the last hours rather than the calendar."""
QUIET = {"2026-09-24": 0.25, "2026-09-25": 0.25}
"""Two days off on which load was that of a Sunday: the owner's Thursday and the Mid-Autumn Festival."""
OWN = OwnDay(date=date(2026, 9, 24), off=True, name="founder's day", source="test.yaml")


def median(found, history) -> float:
    settings = ForecastSettings(forecaster="seasonal", time_zone=ZONE)
    made = forecast(history, now=history.end, horizon=DAY, settings=settings, acting=found)
    return float(made.forecast.quantile(0.5)[NOWCAST:].mean())


def test_a_holiday_is_forecast_as_a_sunday_where_that_helped_before() -> None:
    history = a_history("2026-08-03", 59, factors=QUIET, noise=1)
    found = acting(history, country="CN", dates=Dates(days=(OWN,)))
    assert median(found, history) < 15
    (note,) = found.notes
    assert note.startswith("calendar: 2026-10-01 National Day: forecast as a Sunday (evidence: error 2.")
    assert note.endswith("on 2 past public holidays)")


def test_a_holiday_is_a_working_day_where_it_always_was_one() -> None:
    history = a_history("2026-08-03", 59, noise=1)
    found = acting(history, country="CN", dates=Dates(days=(OWN,)))
    assert median(found, history) > 30
    assert "known but not acting: as a Sunday it would not be forecast better by a tenth" in found.notes[0]


def test_without_past_holidays_the_rule_waits_for_the_owner() -> None:
    history = a_history("2026-08-03", 53, noise=1)
    found = acting(history, country="CN")
    (note,) = found.notes
    assert note == (
        "calendar: 2026-09-25 Mid-Autumn Festival: known but not acting: the history holds no past public holidays to "
        "judge by (calendar.rules: always would forecast it as a Sunday)"
    )
    assert median(found, history) > 30
    trusted = acting(history, country="CN", rules=Rules.ALWAYS)
    assert median(trusted, history) < 15
    assert trusted.notes == ("calendar: 2026-09-25 Mid-Autumn Festival: forecast as a Sunday (calendar.rules: always)",)
    never = acting(history, country="CN", rules=Rules.NEVER)
    assert median(never, history) > 30
    assert never.notes[0].endswith("known but not acting (calendar.rules: never)")


def test_a_make_up_workday_is_forecast_as_a_workday() -> None:
    # Sunday 20 September is worked; Saturday 10 October follows.
    history = a_history("2026-08-10", 61, factors={"2026-09-20": 4.0}, noise=1)
    found = acting(history, country="CN")
    assert median(found, history) > 30
    assert "2026-10-10 make-up workday (in place of 2026-10-07): forecast as a Wednesday (evidence" in found.notes[0]


@pytest.mark.parametrize("forecaster", ["seasonal", "lastweek"])
def test_a_past_holiday_does_not_pollute_the_same_weekday(forecaster: str) -> None:
    history = a_history("2026-08-03", 59, factors=QUIET, noise=1)
    settings = ForecastSettings(forecaster=forecaster, time_zone=ZONE)

    def thursday(rules: Rules) -> float:
        found = acting(history, country=None, rules=rules, dates=Dates(days=(OWN,)))
        made = forecast(history, now=history.end, horizon=DAY, settings=settings, acting=found)
        return float(made.forecast.quantile(0.5)[NOWCAST:].mean())

    assert thursday(Rules.NEVER) < 39 < thursday(Rules.ALWAYS)


def test_a_trial_sees_only_what_came_before_its_day() -> None:
    cut = a_history("2026-08-03", 54, factors=QUIET, noise=1)
    longer = a_history("2026-08-03", 59, factors=QUIET | {"2026-09-28": 5.0}, noise=1)
    first, second = (
        {j.day.date: j.evidence for j in acting(h, country="CN", dates=Dates(days=(OWN,))).judged}[OWN.date]
        for h in (cut, longer)
    )
    assert first is not None
    assert first.days == 1
    assert first == second


def test_labels_end_with_the_horizon_so_that_the_recurring_form_has_no_dates() -> None:
    history = a_history("2026-08-03", 59)
    found = acting(history, country="CN", rules=Rules.ALWAYS, hours=6)
    instants = [found.at(history.end + timedelta(hours=h)).forecast_as for h in (5, 6)]
    assert instants == [6, None]


def test_the_horizon_of_an_unofficial_year_is_a_warning() -> None:
    last = max(day.year for day in holidays.country_holidays("CN", years=range(2020, 2060)).weekend_workdays)
    history = a_history(f"{last}-12-01", 31)
    notes = acting(history, country="CN", hours=24).notes
    assert f"the official calendar of CN for {last + 1} is not known to holidays" in notes[-1]
    assert "name the days in calendar.days" in notes[-1]
    known = OwnDay(date=_a_saturday(last + 1), off=False, name="in place of Friday", source="test.yaml")
    told = acting(history, country="CN", hours=24, dates=Dates(days=(known,)))
    assert not any("official calendar" in note for note in told.notes)


def _a_saturday(year: int) -> date:
    return next(day for n in range(20, 27) if (day := date(year, 2, n)).weekday() == 5)


@pytest.mark.parametrize(
    ("days", "acts"), [(0, False), (1, False), (2, True)], ids=["nothing", "one lucky day", "two days"]
)
def test_few_days_need_a_larger_gain(days: int, acts: bool) -> None:
    assert Evidence(days=days, named=False, without=1.0, acting=0.5).helps is acts


def test_a_holiday_of_one_name_tried_twice_outweighs_the_others_and_a_saturday_says_nothing_of_a_monday() -> None:
    def trial(day: str, name: str, gain: float) -> Trial:
        held = Day(date=date.fromisoformat(day), kind=DayClass.HOLIDAY, name=name, like=6)
        return Trial(day=held, without=1.0, acting=gain)

    tried = [trial("2026-09-07", "Labor Day", 2.0), trial("2026-07-04", "Independence Day", 0.1)]
    twice = [trial("2024-11-28", "Thanksgiving Day", 0.1), trial("2025-11-27", "Thanksgiving Day", 0.3)]
    coming = Day(date=date(2026, 11, 26), kind=DayClass.HOLIDAY, name="Thanksgiving Day", like=6)
    assert weigh(coming, tried) == Evidence(days=1, named=False, without=1.0, acting=2.0)
    assert weigh(coming, tried + twice) == Evidence(days=2, named=True, without=1.0, acting=0.2)
    assert weigh(coming, tried + twice[:1]).days == 2
