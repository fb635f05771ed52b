from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from numpy.typing import NDArray

from planner.forecast import Champion, ForecastSettings, forecast
from planner.forecasters import prophet
from planner.forecasters.base import Outlook
from planner.forecasters.keeping import NO_FITS, Fits, learnt
from planner.forecasters.slots import slot_tide
from planner.history import History
from tests.forecast.given import DAY, a_history, a_tide

HOUR = timedelta(hours=1)
TIDE = a_tide(31)


class Shelf:
    """Fits in memory."""

    def __init__(self) -> None:
        self.held: dict[str, bytes] = {}
        self.shapes: dict[str, tuple[int, ...]] = {}

    def find(self, key: str) -> NDArray[np.float64] | None:
        return np.frombuffer(self.held[key]).reshape(self.shapes[key]) if key in self.held else None

    def keep(self, key: str, fit: NDArray[np.float64]) -> None:
        self.held[key], self.shapes[key] = fit.tobytes(), fit.shape


@pytest.fixture
def fitted(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many slots each fit saw that was made in this test."""
    sizes: list[int] = []
    fit = prophet._fit

    def counted(*arguments: object) -> object:
        sizes.append(len(arguments[1]))  # type: ignore[arg-type]
        return fit(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(prophet, "_fit", counted)  # the library has no way to be counted
    return sizes


def planned(history: History, fits: Fits, **settings: object) -> Champion:
    wanted = ForecastSettings(**({"forecaster": "prophet"} | settings))  # type: ignore[arg-type]
    return forecast(history, now=history.end, horizon=8 * DAY, settings=wanted, fits=fits)


def same(first: Champion, second: Champion) -> bool:
    return (
        first.forecast.values.tobytes() == second.forecast.values.tobytes()
        and first.elected.scores == second.elected.scores
        and [f.values.tobytes() for b in (*first.backtests, *first.hourly) for f in b.forecasts]
        == [f.values.tobytes() for b in (*second.backtests, *second.hourly) for f in b.forecasts]
    )


def test_kept_fits_change_no_byte_of_the_forecast(fitted: list[int]) -> None:
    history, shelf = a_history(TIDE[: 96 * 16]), Shelf()
    cold = planned(history, shelf)
    made = len(fitted)
    warm = planned(history, shelf)
    assert len(fitted) == made > 1
    assert same(cold, warm)
    assert same(cold, planned(history, NO_FITS))


def test_with_a_day_more_only_the_newest_origin_is_fitted_anew(fitted: list[int]) -> None:
    shelf = Shelf()
    planned(a_history(TIDE[: 96 * 29]), shelf)
    del fitted[:]
    grown = a_history(TIDE[: 96 * 30])
    found = planned(grown, shelf)
    assert len(fitted) == 1
    assert same(found, planned(grown, NO_FITS))


def test_day_after_day_one_fit_is_made_for_what_was_the_newest_serves_the_past(fitted: list[int]) -> None:
    shelf = Shelf()
    planned(a_history(TIDE[: 96 * 20]), shelf)
    counts = []
    for day in range(21, 27):
        del fitted[:]
        planned(a_history(TIDE[: 96 * day]), shelf)
        counts.append(len(fitted))
    assert counts == [1] * 6


@pytest.mark.parametrize("hours", [1, 7, 23])
def test_later_on_the_same_day_nothing_is_fitted(fitted: list[int], hours: int) -> None:
    shelf = Shelf()
    planned(a_history(TIDE[: 96 * 20]), shelf)
    del fitted[:]
    later = a_history(TIDE[: 96 * 20 + 4 * hours])
    found = planned(later, shelf)
    assert fitted == []
    assert same(found, planned(later, NO_FITS))


def test_a_young_history_is_fitted_up_to_its_newest_hour(fitted: list[int]) -> None:
    planned(a_history(TIDE[: 96 * 5 + 40]), NO_FITS)
    assert fitted[0] == 96 * 5 + 40


@pytest.mark.parametrize("settings", [{"seed": 8}, {"time_zone": "Asia/Shanghai"}])
def test_other_settings_find_nothing(fitted: list[int], settings: dict[str, object]) -> None:
    history, shelf = a_history(TIDE[: 96 * 15]), Shelf()
    planned(history, shelf)
    made = len(fitted)
    found = planned(history, shelf, **settings)
    assert len(fitted) == 2 * made
    assert same(found, planned(history, NO_FITS, **settings))


def test_one_other_value_makes_every_fit_that_saw_it_anew(fitted: list[int]) -> None:
    values, shelf = TIDE[: 96 * 20].copy(), Shelf()
    planned(a_history(values), shelf)
    made = len(fitted)
    values[96 * 13 + 5] += 1
    del fitted[:]
    found = planned(a_history(values), shelf)
    assert 0 < len(fitted) < made
    assert all(size > 96 * 13 + 5 for size in fitted)
    assert same(found, planned(a_history(values), NO_FITS))


@pytest.mark.parametrize("day", [10, 17], ids=["seen", "to come"])
def test_a_day_that_the_calendar_takes_for_another_makes_another_fit(fitted: list[int], day: int) -> None:
    tide = slot_tide(a_history(TIDE[: 96 * 15]), timedelta(minutes=15), "UTC")
    slot = tide.first + 96 * day
    taken = replace(tide, relabelled=((slot, slot + 96, 6),))
    outlook = Outlook(targets=np.arange(96 * 15, 96 * 18), known=96 * 15)
    family = prophet.ProphetFamily(seed=7, fits=Shelf())
    for each in (tide, taken, tide, taken):
        family.centres(each, [outlook])
    assert len(fitted) == 2


def test_a_fit_is_known_by_its_family_its_settings_and_every_bit_it_saw() -> None:
    shelf, ones = Shelf(), np.ones(4)

    def asked(family: str, settings: tuple[object, ...], *seen: NDArray[np.generic]) -> None:
        learnt(shelf, lambda: np.zeros(1), family=family, settings=settings, seen=seen)

    variants = (
        ("a", (1,), ones),
        ("b", (1,), ones),
        ("a", (2,), ones),
        ("a", ("1",), ones),
        ("a", (1,), np.nextafter(ones, 2)),
        ("a", (1,), ones.reshape(2, 2)),
        ("a", (1,), ones[:2], ones[2:]),
        ("a", (1,), ones.view(np.int64)),
    )
    for family, settings, *seen in variants:
        asked(family, settings, *seen)  # type: ignore[arg-type]
    assert len(shelf.held) == len(variants)
    asked("a", (1,), ones[::-1])
    assert len(shelf.held) == len(variants)
