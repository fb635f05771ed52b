"""Histories for forecast tests: a tide, its arrivals, and short ways to ask."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from planner.forecast import Champion, ForecastSettings, forecast
from planner.history import History, Statistic

MONDAY = datetime(2026, 1, 5, tzinfo=UTC)
DAY = timedelta(days=1)


def a_history(
    values: ArrayLike, *, step: int = 15, statistic: Statistic = Statistic.MEAN, start: datetime = MONDAY
) -> History:
    """A history of these values, `step` minutes apart."""
    array = np.asarray(values, dtype=np.float64)
    known = np.flatnonzero(np.isfinite(array))
    index = pd.date_range(start, periods=array.size, freq=f"{step}min", name="timestamp")
    series = pd.Series(array, index=index, name="concurrency").iloc[known[0] : known[-1] + 1]
    return History(series=series, step=timedelta(minutes=step), statistic=statistic, repairs=(), source="test")


def a_tide(days: float, *, step: int = 15, seed: int = 1, mean: float = 20.0) -> NDArray[np.float64]:
    """Arrivals around a daily wave, half as high at weekends; the first day is a Monday."""
    minutes = np.arange(round(days * 1440 / step)) * step
    weekend = (minutes // 1440) % 7 >= 5
    rate = mean * (1 + 0.75 * np.sin(2 * np.pi * minutes / 1440)) * np.where(weekend, 0.5, 1.0)
    return np.random.default_rng(seed).poisson(rate).astype(np.float64)


def asked(
    history: History, forecaster: str = "auto", *, hours: float = 24, now: datetime | None = None, **settings: object
) -> Champion:
    """The forecast from the history's end, or from `now`."""
    wanted = ForecastSettings(forecaster=forecaster, **settings)  # type: ignore[arg-type]
    return forecast(history, now=now or history.end, horizon=timedelta(hours=hours), settings=wanted)
