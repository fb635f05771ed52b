"""Prophet on slot peaks: the only door to the library."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from planner.errors import PlannerError
from planner.forecasters.base import SATURDAY, Centre, Floats, Ints, Outlook, Peaks
from planner.forecasters.level import Shift, move

if TYPE_CHECKING:
    from prophet import Prophet

FITS = 5
"""Fits on the past. Each serves the days up to the next one, as a kept fit would."""
FIT_DAYS = 28
SAMPLES = 200
UNEVEN = 3.0
"""Times the usual width of its day that a slot's 0.1 to 0.9 interval may have, and the other way round."""
LARGEST_LEAP = 3.0
"""Times the highest peak seen that a sample or a centre may reach: on a logarithm a young trend runs away."""
SHIFT = Shift(24, 0.5, 0.5, 12)
LOGGERS = ("prophet", "prophet.plot", "prophet.models", "cmdstanpy")


class FitError(PlannerError):
    """Prophet could not be fitted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProphetFamily:
    """Prophet on log1p, weekdays and weekends apart; the width of its samples is calibrated like any other."""

    country: str | None
    seed: int

    @property
    def name(self) -> str:
        """What a person pins it by."""
        return "prophet"

    @property
    def needs_days(self) -> float:
        """Two tides."""
        return 2.0

    def centres(self, peaks: Peaks, outlooks: Sequence[Outlook]) -> list[Centre]:
        """One centre an outlook, fewer where a fit on older days fails."""
        every = max(-(-(len(outlooks) - 1) // FITS), 1)
        groups = [outlooks[:1], *(outlooks[i : i + every] for i in range(1, len(outlooks), every))]
        found: list[Centre] = []
        with _quiet(self.seed):
            for group in groups:
                try:
                    model = _fit(peaks, min(o.known for o in group), self.country)
                except FitError:
                    if not found:
                        raise
                    break
                found += [_predict(model, peaks, o) for o in group]
        return found


def _fit(peaks: Peaks, known: int, country: str | None) -> Prophet:
    from prophet import Prophet  # noqa: PLC0415  # costs more than a second, and only who asks for it should pay

    slots = np.arange(max(known - FIT_DAYS * peaks.per_day, 0), known)
    frame = _frame(peaks, slots).assign(y=np.log1p(peaks.at(slots))).dropna()
    long = frame["ds"].max() - frame["ds"].min() >= pd.Timedelta(days=13)
    model = Prophet(
        growth="linear" if long else "flat",
        daily_seasonality=False,
        weekly_seasonality=False,
        yearly_seasonality=False,
        uncertainty_samples=SAMPLES,
    )
    if frame["weekend"].nunique() > 1:
        model.add_seasonality("weekday", period=1, fourier_order=8, condition_name="weekday")
        model.add_seasonality("weekend", period=1, fourier_order=8, condition_name="weekend")
    else:
        model.add_seasonality("daily", period=1, fourier_order=8)
    if long:
        model.add_seasonality("weekly", period=7, fourier_order=3)
    if country:
        model.add_country_holidays(country)
    try:
        return model.fit(frame)
    except (RuntimeError, ValueError) as error:
        message = str(error).splitlines()[0] if str(error) else type(error).__name__
        remedy = "Set the forecaster to auto or seasonal."
        raise FitError(f"Prophet could not be fitted: {message}", remedy=remedy) from error


def _predict(model: Prophet, peaks: Peaks, outlook: Outlook) -> Centre:
    recent = np.arange(outlook.known - peaks.per_day, outlook.known)
    samples = model.predictive_samples(_frame(peaks, np.concatenate([recent, outlook.targets])))["yhat"]
    most = LARGEST_LEAP * float(np.nanmax(peaks.values[: outlook.known]))
    roots: Floats = np.sqrt(np.expm1(np.clip(samples, 0, np.log1p(most))))
    low, middle, high = np.quantile(roots, (0.1, 0.5, 0.9), axis=1)
    expected, wanted = middle[: recent.size], middle[recent.size :]
    ahead = (outlook.targets - outlook.known + 1) * 24 / peaks.per_day
    moved = move(SHIFT, wanted, ahead, np.sqrt(peaks.at(recent)), expected)
    width = (high - low)[recent.size :]
    usual = float(np.median(width[: peaks.per_day])) or 1.0
    return Centre(roots=np.minimum(moved, np.sqrt(most)), width=np.clip(width / usual, 1 / UNEVEN, UNEVEN))


def _frame(peaks: Peaks, slots: Ints) -> pd.DataFrame:
    """Lay out what Prophet calls a frame: wall-clock times and day classes."""
    seconds = 86_400 // peaks.per_day
    weekend = peaks.weekday(slots) >= SATURDAY
    times = pd.to_datetime((slots + peaks.first) * seconds, unit="s")
    return pd.DataFrame({"ds": times, "weekend": weekend, "weekday": ~weekend})


@contextmanager
def _quiet(seed: int) -> Iterator[None]:
    """Prophet draws from numpy's global generator and talks through loggers: seed and hush them, then restore."""
    state = np.random.get_state()
    loggers = [logging.getLogger(name) for name in LOGGERS]
    before = [logger.disabled for logger in loggers]
    try:
        for logger in loggers:
            logger.disabled = True
        np.random.seed(seed)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        np.random.set_state(state)
        for logger, disabled in zip(loggers, before, strict=True):
            logger.disabled = disabled
