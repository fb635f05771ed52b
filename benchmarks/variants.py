"""Six hard kinds of series made from one: what a trace seldom holds in its last week. Deterministic.

Each gives a rate a minute (NaN in a gap) whose first judged day is `first`; the days before it look like any other, so
that nothing announces what comes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

import numpy as np
import pandas as pd
from numpy.typing import NDArray

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
Rate = pd.Series  # float64, one a minute, UTC


def short(rate: Rate, first: datetime) -> Rate:
    """Two days of history: the function was made the day before yesterday."""
    return rate[first - 2 * DAY :]


def dead_nights(rate: Rate, first: datetime) -> Rate:
    """Nothing at all in ten of the twenty-four hours, every day."""
    return rate.where(hours(rate, first) % 24 >= 10, 0.0)


def flash_crowd(rate: Rate, first: datetime) -> Rate:
    """Two crowds that nothing announces: five times the load within five minutes, gone after an hour or so."""
    crowd = np.zeros(len(rate))
    for begins in (first + DAY + 5 * HOUR, first + 4 * DAY + 9 * HOUR):
        after = (minutes(rate, begins)) / 60
        crowd += np.where(after >= 0, 4 * np.minimum(after * 12, 1) * np.exp(-np.maximum(after - 0.5, 0) * 3), 0)
    return rate * (1 + crowd)


def level_shift(rate: Rate, first: datetime) -> Rate:
    """From the third judged noon on another customer: 1.8 times the load."""
    return rate * np.where(minutes(rate, first + 2 * DAY + 12 * HOUR) >= 0, 1.8, 1.0)


def holiday(rate: Rate, first: datetime) -> Rate:
    """Two judged days at a third of the load, and a fuller day after them."""
    day = hours(rate, first) // 24
    return rate * np.asarray(np.select([(day == 3) | (day == 4), day == 5], [1 / 3, 1.2], 1.0), dtype=np.float64)


def launch(rate: Rate, first: datetime) -> Rate:
    """A launch in the second judged morning: twenty times the load, which until then was a twentieth."""
    return rate * np.where(minutes(rate, first + DAY + 10 * HOUR) >= 0, 1.0, 1 / 20)


VARIANTS: Mapping[str, Callable[[Rate, datetime], Rate]] = {
    "two days of history": short,
    "dead nights": dead_nights,
    "flash crowd": flash_crowd,
    "level shift": level_shift,
    "holiday": holiday,
    "launch ×20": launch,
}
BEGINS: Mapping[str, int] = {"flash crowd": 1, "level shift": 2, "holiday": 3, "launch ×20": 1}
"""The judged day on which the trouble begins, where not every day has it."""


def minutes(rate: Rate, since: datetime) -> NDArray[np.float64]:
    """Minutes of each value since an instant."""
    return np.asarray((pd.DatetimeIndex(rate.index) - pd.Timestamp(since)) / pd.Timedelta("1min"))


def hours(rate: Rate, since: datetime) -> NDArray[np.float64]:
    """Whole hours of each value since an instant."""
    return minutes(rate, since) // 60
