"""A small service with a tide, and what its policies know."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd

from planner.backtest import Past, Rules, past_of
from planner.base import MINUTE
from planner.baselines import DAY, Known
from planner.billing import Prices
from planner.config import FunctionConfig, load_config
from planner.history import History, Statistic

ROOT = Path(__file__).parents[2]
NOW = datetime(2026, 3, 23, tzinfo=UTC)
LEAD = 4
PRICES = Prices(currency="CNY", unit=0.5, active=2.0, idle=0.5)


def tide(days: int, *, top: float = 20.0) -> np.ndarray:
    """A sine a day from nothing to `top`, lowest at midnight, in whole requests; shape (minutes,)."""
    angle = 2 * np.pi * np.arange(days * DAY) / DAY
    return np.round(top * (1 - np.cos(angle)) / 2)


def known(minutes: np.ndarray, *, now: datetime = NOW, each: int = 1, lead: int = LEAD, ceiling: int = 1000) -> Known:
    return Known(now=now, minutes=minutes, instance_concurrency=each, lead=lead, ceiling=ceiling, zone="Asia/Shanghai")


def history(values: np.ndarray, *, step: timedelta = timedelta(minutes=5), end: datetime = NOW) -> History:
    index = pd.date_range(end - len(values) * step, periods=len(values), freq=step, tz="UTC", unit="us")
    series = pd.Series(values.astype(float), index=index, name="concurrency")
    return History(series=series, step=step, statistic=Statistic.MAX, repairs=(), source="tide")


def past(days: int = 5, *, each: int = 1) -> Past:
    return past_of(history(tide(days)[::5]), each)


def rules(**changes) -> Rules:
    usual = {
        "start_up": 2 * MINUTE,
        "early": LEAD,
        "ceiling": 1000,
        "zone": "UTC",
        "objective": 0.001,
        "prices": PRICES,
    }
    return Rules(**(usual | changes))


@cache
def settings() -> FunctionConfig:
    (found,) = load_config(ROOT / "config" / "traces.yaml", environ={}).functions
    return found.model_copy(update={"forecast": found.forecast.model_copy(update={"forecaster": "recent"})})
