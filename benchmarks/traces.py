"""A trace as a service's history: minute concurrency with the arrival noise that a small service has.

A trace is a CSV with the columns timestamp,value. Coarser steps are interpolated, the P99.9 is scaled to `PEAK`
requests in flight, and every minute is drawn as a Poisson count.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd

from planner.history import History
from planner.sources.files import read_history

PEAK = 40.0
SEED = 7
LATENCY = timedelta(minutes=3)
"""The newest minutes have not reached the metric store yet."""
DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """One service. `native` is the step of its source: only whole intervals are known."""

    name: str
    minutes: History
    native: timedelta

    def known(self, now: datetime) -> History:
        """What the planner may see at `now`."""
        cut = pd.Timestamp(now - LATENCY).floor(self.native)
        return self.minutes.until(cut.to_pydatetime())

    def days(self, count: int) -> tuple[datetime, ...]:
        """The last `count` midnights (UTC) that a whole day follows and two days precede, oldest first."""
        last = pd.Timestamp(self.minutes.end).floor("D").to_pydatetime()
        days = [last - DAY * back for back in range(count, 0, -1)]
        return tuple(day for day in days if day - self.minutes.start >= 2 * DAY)


def traces(folder: Path, *, seed: int = SEED) -> Iterator[Trace]:
    """Every CSV of a folder, in order of name."""
    for path in sorted(folder.glob("*.csv*")):
        source = read_history(path)
        values = source.series.resample("1min").mean().interpolate("time", limit=360)
        scaled = values * (PEAK / float(np.nanquantile(values.to_numpy(), 0.999)))
        known = scaled.notna().to_numpy()
        counts = np.random.default_rng(seed).poisson(scaled.fillna(0.0).to_numpy()).astype(float)
        counts[~known] = np.nan
        series = pd.Series(counts, index=scaled.index, name="concurrency")
        yield Trace(
            name=path.name,
            minutes=replace(source, series=series, step=timedelta(minutes=1)),
            native=max(source.step, timedelta(minutes=1)),
        )
