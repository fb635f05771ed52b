from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

import numpy as np
import pytest

from planner.errors import HistoryError, InputError
from planner.forecast import FORECASTERS, LEVELS, Champion
from planner.history import History
from tests.forecast.given import DAY, a_history, a_tide, asked

LIGHT = ("lastweek", "mean", "seasonal")


def poisoned(history: History, since: int, value: float = 1e6) -> History:
    series = history.series.copy()
    series.iloc[since:] = value
    return replace(history, series=series)


def test_a_forecast_starts_with_the_slot_that_contains_now_and_covers_the_horizon() -> None:
    history = a_history(a_tide(5))
    champion = asked(history, "seasonal", now=history.end + timedelta(minutes=7), hours=6)
    assert champion.forecast.start == history.end
    assert champion.forecast.end >= history.end + timedelta(hours=6, minutes=7)
    assert len(champion.forecast.values) == 25


def test_what_lies_after_now_is_not_seen() -> None:
    history = a_history(a_tide(9))
    now = history.start + 6 * DAY + timedelta(hours=5)
    since = int((now - history.start) / history.step)
    for forecaster in LIGHT:
        seen = asked(history, forecaster, now=now)
        cut = asked(poisoned(history, since), forecaster, now=now)
        np.testing.assert_array_equal(seen.forecast.values, cut.forecast.values)


@pytest.mark.parametrize("forecaster", LIGHT)
def test_a_backtest_is_the_forecast_that_would_have_been_made_then(forecaster: str) -> None:
    history = a_history(a_tide(12.3))
    for backtest in asked(history, forecaster).backtests:
        then = asked(history.until(backtest.origin), forecaster, now=backtest.origin)
        own = (then.nowcast_end - backtest.origin) // backtest.forecasts[0].slot
        np.testing.assert_allclose(backtest.forecasts[0].values[own:], then.forecast.values[own:], rtol=1e-9)


@pytest.mark.parametrize("forecaster", [*LIGHT, "prophet"])
def test_a_backtest_sees_nothing_past_its_origin(forecaster: str) -> None:
    history = a_history(a_tide(9.4))
    clean = asked(history, forecaster)
    middle = clean.backtests[len(clean.backtests) // 2]
    since = int((middle.origin - history.start) / history.step)
    later = asked(poisoned(history, since), forecaster)
    for before, after in zip(clean.backtests, later.backtests, strict=True):
        if before.origin <= middle.origin:
            np.testing.assert_array_equal(before.forecasts[0].values, after.forecasts[0].values)


def test_intervals_across_slot_borders_do_not_let_a_backtest_peek() -> None:
    history = a_history(a_tide(9, step=20), step=20)
    now = history.end - timedelta(minutes=10)
    clean = asked(history, "seasonal", now=now)
    origin = clean.backtests[-1].origin
    later = asked(poisoned(history, -(-(origin - history.start) // history.step) - 1), "seasonal", now=now)
    np.testing.assert_array_equal(clean.backtests[-1].forecasts[0].values, later.backtests[-1].forecasts[0].values)


def test_backtests_start_at_the_time_of_day_of_now_a_day_long_and_oldest_first() -> None:
    champion = asked(a_history(a_tide(8.25)), "seasonal", hours=3)
    origins = [b.origin for b in champion.backtests]
    assert all(b.forecasts[0].start == b.origin and b.forecasts[0].end == b.origin + DAY for b in champion.backtests)
    assert origins[-1] == champion.forecast.start - DAY
    assert all(later - earlier == DAY for earlier, later in pairwise(origins))


@pytest.mark.parametrize(("step", "late"), [(15, 120), (1, 8)], ids=["two hours", "half a slot"])
def test_backtests_know_the_delay_of_the_data(step: int, late: int) -> None:
    """A slot of which the newest data hold a part is as unknown now as it was on earlier days."""
    history = a_history(a_tide(8, step=step), step=step)
    now = history.end
    known = history.until(now - timedelta(minutes=late))
    champion = asked(known, "seasonal", now=now)
    origin = champion.backtests[-1].origin
    since = int((origin - timedelta(minutes=max(late, 15)) - history.start) / history.step)
    other = asked(poisoned(known, since), "seasonal", now=now)
    for clean, later in ((champion.backtests, other.backtests), (champion.hourly, other.hourly)):
        np.testing.assert_array_equal(clean[-1].forecasts[0].values, later[-1].forecasts[0].values)


def test_the_number_of_backtests_is_the_number_asked_for() -> None:
    assert len(asked(a_history(a_tide(12)), "seasonal", backtest_days=4).backtests) == 4


def test_the_champion_lost_least_or_was_not_clearly_beaten() -> None:
    champion = asked(a_history(a_tide(15)))
    losses = {s.forecaster: s.wql for s in champion.elected.scores}
    assert set(losses) == {"lastweek", "mean", "prophet", "seasonal"}
    assert losses[champion.forecast.forecaster] <= min(losses.values()) / 0.95
    assert champion.elected.reason.startswith(champion.forecast.forecaster)
    assert len({s.origins for s in champion.elected.scores}) == 1


def test_a_tide_by_the_week_is_within_its_arrival_noise() -> None:
    champion = asked(a_history(a_tide(29)), "seasonal")
    truth = a_tide(30)[-96:]
    assert np.mean(truth <= champion.forecast.quantile(0.9)) > 0.8
    assert np.mean(truth <= champion.forecast.quantile(0.5)) == pytest.approx(0.5, abs=0.2)
    score = champion.elected.scores[0]
    assert score.coverage99 > 0.97


def test_with_fewer_than_five_past_days_the_safe_mean_is_taken() -> None:
    champion = asked(a_history(a_tide(5)))
    assert champion.forecast.forecaster == "mean"
    assert "too few" in champion.elected.reason


@pytest.mark.parametrize("hours", [1, 5, 23, 25, 40])
def test_without_a_repeated_day_the_last_resort_never_asks_for_less_than_what_ran_last(hours: int) -> None:
    values = a_tide(hours / 24, step=1)
    champion = asked(a_history(values, step=1))
    assert champion.forecast.forecaster == "recent"
    assert champion.forecast.values.min() >= values[-60:].reshape(-1, 15).mean(axis=1).max() - 1e-9
    assert "never asks for less" in champion.elected.reason
    excused = {s.forecaster for s in champion.elected.scores if "needs 2 days" in s.excuse}
    assert excused == {"lastweek", "prophet", "seasonal"}


@pytest.mark.parametrize("forecaster", ["auto", "recent"])
def test_a_history_in_which_no_slot_is_seen_is_refused(forecaster: str) -> None:
    with pytest.raises(HistoryError, match="no slot of 15 minutes is seen") as refused:
        asked(a_history(np.full(5, 3.0), step=1), forecaster)
    assert "at least 15 minutes" in refused.value.remedy


@pytest.mark.parametrize("days", [2, 3, 14])
@pytest.mark.parametrize("forecaster", LIGHT)
def test_the_light_forecasters_work_from_two_days_on(days: int, forecaster: str) -> None:
    champion = asked(a_history(a_tide(days, step=1), step=1), forecaster)
    assert champion.forecast.forecaster == forecaster
    assert champion.forecast.quantile(0.99).max() > champion.forecast.quantile(0.5).max() > 0


def test_a_single_point_is_enough_for_the_last_resort() -> None:
    assert asked(a_history([3.0])).forecast.values.min() >= 3


@pytest.mark.parametrize("forecaster", ["seasonal", "lastweek", "mean", "prophet"])
def test_a_pinned_forecaster_that_lacks_days_is_refused_with_a_remedy(forecaster: str) -> None:
    with pytest.raises(HistoryError, match=r"needs 2 days, has 1\.0") as caught:
        asked(a_history(a_tide(1)), forecaster)
    assert "auto" in caught.value.remedy


def test_an_unknown_forecaster_is_refused_with_those_that_exist() -> None:
    with pytest.raises(InputError, match="'crystal'") as caught:
        asked(a_history(a_tide(3)), "crystal")
    assert all(name in caught.value.remedy for name in FORECASTERS)


def test_a_horizon_of_nothing_is_refused() -> None:
    with pytest.raises(InputError, match="horizon"):
        asked(a_history(a_tide(3)), hours=0)


def test_a_history_that_ended_long_ago_is_refused() -> None:
    history = a_history(a_tide(20))
    with pytest.raises(HistoryError, match=r"ends 8\.0 days before now"):
        asked(history, now=history.end + 8 * DAY)


def test_a_history_that_ended_hours_ago_still_serves() -> None:
    history = a_history(a_tide(10))
    champion = asked(history, "seasonal", now=history.end + timedelta(hours=7))
    assert champion.forecast.start == history.end + timedelta(hours=7)


def test_a_pinned_last_resort_says_that_it_is_pinned() -> None:
    champion = asked(a_history(a_tide(10)), "recent")
    assert (champion.forecast.forecaster, champion.backtests, champion.elected.scores) == ("recent", (), ())
    assert "pinned" in champion.elected.reason


def test_a_week_ahead_is_less_certain_than_a_day_ahead_when_levels_wander() -> None:
    wandering = np.exp(np.cumsum(np.random.default_rng(3).normal(0, 0.12, 40))).repeat(96)
    champion = asked(a_history(20 * wandering), "seasonal", hours=24 * 7)
    width = np.sqrt(champion.forecast.quantile(0.99)) - np.sqrt(champion.forecast.quantile(0.5))
    assert width[-96:].mean() > 1.2 * width[:96].mean()


def test_progress_is_told() -> None:
    from planner.forecast import ForecastSettings, forecast

    told: list[str] = []
    history = a_history(a_tide(3))
    settings = ForecastSettings(forecaster="mean")
    forecast(history, now=history.end, horizon=DAY, settings=settings, progress=told.append)
    assert [line.split()[1] for line in told] == ["lastweek", "seasonal"]


def digest(champion: Champion) -> str:
    import hashlib

    return hashlib.sha256(champion.forecast.values.tobytes() + champion.elected.reason.encode()).hexdigest()


def test_the_same_question_gets_the_same_bytes_in_another_process() -> None:
    code = (
        "from tests.forecast.given import *; from tests.forecast.test_champion import digest; "
        "print(digest(asked(a_history(a_tide(4)))))"
    )
    env = {**os.environ, "PYTHONHASHSEED": "4711"}
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=env)
    assert other.stdout.strip() == digest(asked(a_history(a_tide(4))))
    assert other.stderr == ""


def test_every_level_is_given() -> None:
    assert asked(a_history(a_tide(3)), "seasonal").forecast.levels == LEVELS
