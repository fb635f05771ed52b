"""Histories of whole days on the wall clock of Shanghai, and short ways to ask the calendar."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from planner.calendar.acting import Acting
from planner.calendar.campaigns import Campaign, Dates
from planner.calendar.decide import Calendar, Rules, decide
from planner.history import History, Statistic

ZONE = "Asia/Shanghai"
DAY = timedelta(days=1)


def midnight(day: str, zone: str = ZONE) -> datetime:
    """The day's first instant."""
    return datetime.combine(date.fromisoformat(day), datetime.min.time(), tzinfo=ZoneInfo(zone))


def a_history(
    first: str, days: int, *, factors: Mapping[str, float] | None = None, noise: float = 0.0, step: int = 15
) -> History:
    """Means of 40 on Mondays to Fridays, 10 on weekends, times the factor of a day, flat over each day."""
    start = midnight(first)
    index = pd.date_range(start, periods=days * 1440 // step, freq=f"{step}min").tz_convert("UTC")
    local = index.tz_convert(ZONE)
    values = np.where(local.day_of_week >= 5, 10.0, 40.0)
    for day, factor in (factors or {}).items():
        values[local.date == date.fromisoformat(day)] *= factor
    values += noise * np.random.default_rng(1).random(values.size)
    series = pd.Series(values, index=index, name="concurrency")
    return History(series=series, step=timedelta(minutes=step), statistic=Statistic.MEAN, repairs=(), source="test")


def a_campaign(start: str, end: str, **fields: object) -> Campaign:
    """A span on the wall clock."""
    common: dict[str, object] = {"name": "sale", "source": "test.yaml"}
    return Campaign(
        start=datetime.fromisoformat(start),
        end=datetime.fromisoformat(end),
        **(common | fields),  # type: ignore[arg-type]
    )


def acting(
    history: History,
    *,
    campaigns: tuple[Campaign, ...] = (),
    dates: Dates | None = None,
    country: str | None = None,
    rules: Rules = Rules.AUTO,
    zone: str = ZONE,
    hours: int = 24,
) -> Acting:
    """What acts on a forecast from the history's end."""
    calendar = Calendar(time_zone=zone, country=country, rules=rules, dates=dates or Dates(campaigns=campaigns))
    return decide(calendar, history, now=history.end, end=history.end + timedelta(hours=hours))
