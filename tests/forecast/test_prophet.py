from __future__ import annotations

import logging
from datetime import timedelta
from functools import partial

import numpy as np
import pytest

from planner.calendar.acting import Acting, Judged
from planner.calendar.days import Day, DayClass
from planner.errors import PlannerError
from planner.forecast import ForecastSettings, forecast
from planner.forecasters import prophet
from planner.forecasters.prophet import FitError
from tests.forecast.given import a_history, a_tide, asked


def test_pinned_prophet_forecasts_a_tide() -> None:
    champion = asked(a_history(a_tide(15)), "prophet")
    truth = a_tide(16)[-96:]
    assert champion.forecast.forecaster == "prophet"
    assert len(champion.backtests) == 12  # of 14 past days the first two teach it nothing
    assert np.corrcoef(champion.forecast.quantile(0.5), truth)[0, 1] > 0.8
    assert np.mean(truth <= champion.forecast.quantile(0.95)) > 0.85


@pytest.mark.parametrize("days", [2, 3, 5.5])
def test_pinned_prophet_works_from_two_days_on(days: float) -> None:
    assert asked(a_history(a_tide(days)), "prophet").forecast.quantile(0.5).max() > 10


def test_the_global_random_state_is_what_it_was() -> None:
    before = np.random.get_state()[1].copy()
    asked(a_history(a_tide(3)), "prophet")
    np.testing.assert_array_equal(np.random.get_state()[1], before)


def test_the_seed_decides_the_draws_and_nothing_else_does() -> None:
    history = a_history(a_tide(4))
    first = asked(history, "prophet", seed=7).forecast.values
    np.random.seed(99)
    assert asked(history, "prophet", seed=7).forecast.values.tobytes() == first.tobytes()
    assert asked(history, "prophet", seed=8).forecast.values.tobytes() != first.tobytes()


def test_prophet_says_nothing(caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]) -> None:
    with caplog.at_level(logging.DEBUG):
        asked(a_history(a_tide(3)), "prophet")
    assert caplog.records == []
    assert capfd.readouterr() == ("", "")
    assert not logging.getLogger("prophet").disabled


def test_prophet_forecasts_a_day_as_the_weekday_that_the_calendar_takes_it_for() -> None:
    history = a_history(a_tide(21))
    until = history.end + timedelta(days=1)
    monday = Day(date=history.end.date(), kind=DayClass.HOLIDAY, name="a Monday off", like=6)
    acting = Acting(until=until, judged=(Judged(day=monday, acts=True, evidence=None),))
    settings = ForecastSettings(forecaster="prophet", backtest_days=1)
    asks = partial(forecast, history, now=history.end, horizon=timedelta(days=1), settings=settings)
    # Weekends of the tide are half as high.
    off, worked = asks(acting=acting).forecast.quantile(0.5).sum(), asks().forecast.quantile(0.5).sum()
    assert off < 0.75 * worked


def test_nothing_all_night_and_nothing_at_weekends_does_not_stop_prophet() -> None:
    values = np.where(np.arange(96 * 9) % 96 < 40, 0, 8.0)
    values[96 * 5 : 96 * 7] = 0
    assert asked(a_history(values), "prophet").forecast.values.max() < 100


def test_a_young_launch_does_not_run_away_on_the_logarithm() -> None:
    values = np.zeros(96 * 4)
    values[-40:] = np.linspace(1, 100, 40)
    assert asked(a_history(values), "prophet").forecast.quantile(0.99).max() <= 1000


def failing(calls: list[int], good: int):
    fit = prophet._fit

    def replacement(*arguments: object):
        calls.append(1)
        if len(calls) > good:
            raise FitError("L-BFGS gave up")
        return fit(*arguments)

    return replacement


def test_a_failed_fit_is_an_excuse_when_others_can_do_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prophet, "_fit", failing([], 0))  # real data on which L-BFGS fails differ by platform
    champion = asked(a_history(a_tide(8)))
    assert champion.forecast.forecaster in {"lastweek", "mean", "seasonal"}
    assert [s.excuse for s in champion.elected.scores if s.forecaster == "prophet"] == ["L-BFGS gave up"]


def test_a_failed_fit_is_an_error_when_prophet_is_pinned(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prophet, "_fit", failing([], 0))  # as above
    with pytest.raises(PlannerError, match="L-BFGS gave up"):
        asked(a_history(a_tide(8)), "prophet")


def test_a_fit_that_fails_on_older_days_only_costs_their_backtests(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prophet, "_fit", failing([], 3))  # as above
    champion = asked(a_history(a_tide(12)), "prophet")
    assert champion.forecast.forecaster == "prophet"
    assert 0 < len(champion.backtests) < 10


def test_what_the_library_raises_becomes_an_error_with_a_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    from prophet import Prophet

    def refuse(*_: object, **__: object) -> None:
        raise RuntimeError("Error during optimization!\nmore")

    monkeypatch.setattr(Prophet, "fit", refuse)  # as above
    with pytest.raises(FitError, match=r"could not be fitted: Error during optimization!$") as caught:
        asked(a_history(a_tide(8)), "prophet")
    assert "auto" in caught.value.remedy
