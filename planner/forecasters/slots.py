"""From a history to slot means on the local wall clock, and from instants to its slots.

Days are compared at the same local time, so the slots are laid on the wall clock once, here; where clocks go back the
two slots of one name share their mean, where they go forward the missing hour is a gap.
"""

from __future__ import annotations

from datetime import timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from planner.errors import HistoryError
from planner.forecasters.base import Floats, Ints, Tide
from planner.history import History, Statistic

DAY = timedelta(days=1)
MAX_DAYS = 56
SLOTS = tuple(timedelta(minutes=m) for m in (15, 30, 60, 120, 240, 480, 1440))


def slot_length(step: timedelta) -> timedelta:
    """Choose the shortest slot that holds a whole step."""
    for slot in SLOTS:
        if step <= slot:
            return slot
    message = f"the history's step of {step} is longer than a day"
    raise HistoryError(message, remedy="Give a history by the hour or finer.")


def wall_slots(index: pd.DatetimeIndex, slot: timedelta, zone: str) -> Ints:
    """Give the numbers of the wall-clock slots that hold these instants."""
    wall = index.tz_convert(ZoneInfo(zone)).tz_localize(None).as_unit("us")
    return wall.asi8 // (slot // timedelta(microseconds=1))


def interval_peaks(means: Floats, step: timedelta) -> Floats:
    """Peak minute of intervals of which only the mean is known.

    Requests that arrive independently leave a Poisson number in flight, with variance equal to its mean (infinite
    servers, Eick, Massey and Whitt 1993, "The physics of the Mt/G/inf queue"), and the expected maximum of n normal
    draws is at most sqrt(2 ln n) deviations above their mean (Boucheron, Lugosi and Massart 2013, "Concentration
    inequalities", theorem 2.5). So the peak of n minutes with mean m is taken as m + sqrt(2 ln n x m): 40 over 15
    minutes becomes 40 + sqrt(2 x 2.708 x 40) = 54.7.
    """
    minutes = max(step / timedelta(minutes=1), 1.0)
    return np.asarray(means + np.sqrt(2 * np.log(minutes) * means))


def typical_minutes(peaks: Floats, slot: timedelta) -> Floats:
    """Mean minute of slots of which the peak minute is known: the other way of `interval_peaks`; same shape."""
    reach = np.sqrt(2 * np.log(max(slot / timedelta(minutes=1), 1.0)))
    return np.asarray(((np.sqrt(reach**2 + 4 * peaks) - reach) / 2) ** 2)


def slot_tide(history: History, slot: timedelta, zone: str, *, days: int = MAX_DAYS) -> Tide:
    """Slot means of the newest `days`; a slot of which less than half was seen is unknown.

    Of intervals whose peak minute is known the typical minute counts: the tide is forecast, arrivals are added later.
    """
    index = pd.DatetimeIndex(history.series.index)
    newest = int(index.searchsorted(index[-1] - days * DAY))
    index = index[newest:]
    values: Floats = np.asarray(history.series.to_numpy()[newest:], dtype=np.float64)
    if history.statistic is Statistic.MAX:
        values = typical_minutes(values, history.step)
    begins = wall_slots(index, slot, zone)
    ends = wall_slots(index + history.step - timedelta(microseconds=1), slot, zone)
    first = int(begins.min())
    size = int(ends.max()) - first + 1
    sums, seen = np.zeros(size), np.zeros(size)
    for slots in (begins, ends):  # an interval across a border counts half in each slot
        sums += np.bincount(slots - first, weights=np.nan_to_num(values) / 2, minlength=size)
        seen += np.bincount(slots - first, weights=np.isfinite(values) / 2, minlength=size)
    means = np.where(seen * 2 < slot / history.step, np.nan, sums / np.maximum(seen, 1e-9))
    newest_whole = int(wall_slots(pd.DatetimeIndex([index[-1] + history.step]), slot, zone)[0]) - first
    return Tide(values=means, first=first, per_day=DAY // slot, whole=newest_whole)
