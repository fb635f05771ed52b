"""A trace as a service's history: minute concurrency with the arrival noise that a small service has.

A trace is a CSV with the columns timestamp,value. Coarser steps are interpolated, the P99.9 of the past before the
judged days is scaled to `PEAK` requests in flight, and every minute is drawn as a Poisson count.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd

from planner.base import MINUTE
from planner.history import History
from planner.sources.files import read_history

PEAK = 40.0
SEED = 7
JUDGED = 7
MOST = 5000.0
"""Requests in flight, never more: a trace may hold a launch from nothing."""
LATENCY = timedelta(minutes=3)
"""The newest minutes have not reached the metric store yet."""
DAY = timedelta(days=1)
PAST = 2 * DAY
"""What has to be known before a day is judged."""
MOST_MISSING = 0.02
"""Of the minutes of a judged day."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """One service: `minutes` are drawn from `rate` (one a minute, NaN in a gap).

    `native` is the step of its source: only whole intervals are known.
    """

    name: str
    minutes: History
    rate: pd.Series[float]
    native: timedelta

    def known(self, now: datetime) -> History:
        """What the planner may see at `now`."""
        cut = pd.Timestamp(now - LATENCY).floor(self.native)
        return self.minutes.until(cut.to_pydatetime())

    def days(self, count: int) -> tuple[datetime, ...]:
        """The last `count` midnights (UTC) that a whole day follows and two days precede, oldest first."""
        found = midnights(self.rate, count)
        return tuple(day for day in found if day - self.minutes.start >= PAST and self._whole(day))

    def _whole(self, day: datetime) -> bool:
        held = self.rate[day : day + DAY - MINUTE]
        return len(held) == DAY // MINUTE and float(held.isna().mean()) <= MOST_MISSING


def midnights(rate: pd.Series[float], count: int) -> tuple[datetime, ...]:
    """The last `count` midnights (UTC) that end before the series does, oldest first."""
    last = pd.Timestamp(rate.index[-1]).floor("D").to_pydatetime()
    return tuple(last - DAY * back for back in range(count, 0, -1))


def traces(folder: Path, *, seed: int = SEED) -> Iterator[Trace]:
    """Every CSV of a folder, in order of name."""
    for path in sorted(folder.glob("*.csv*")):
        source = read_history(path)
        yield drawn(path.name, source, scaled_rate(source), seed=seed)


def scaled_rate(source: History) -> pd.Series[float]:
    """A rate a minute, the P99.9 of what is known before the judged days at `PEAK`."""
    values = source.series
    if source.step != MINUTE:
        values = values.resample("1min").mean().interpolate("time", limit=360)
    before = values[: midnights(values, JUDGED)[0]].dropna()
    enough = len(before) > DAY // MINUTE and np.quantile(before.to_numpy(), 0.999) > 0
    shown = before if enough else values.dropna()
    return values * (PEAK / float(np.quantile(shown.to_numpy(), 0.999)))


def drawn(name: str, source: History, rate: pd.Series[float], *, seed: int = SEED) -> Trace:
    """The trace of a service whose arrivals come at `rate` a minute."""
    known = rate.notna().to_numpy()
    counts = np.random.default_rng(seed).poisson(np.minimum(rate.fillna(0.0).to_numpy(), MOST)).astype(float)
    counts[~known] = np.nan
    series = pd.Series(counts, index=rate.index, name="concurrency")
    minutes = replace(source, series=series, step=MINUTE, source=name)
    return Trace(name=name, minutes=minutes, rate=rate, native=max(source.step, MINUTE))
