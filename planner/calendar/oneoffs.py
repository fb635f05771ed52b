"""Surprises that say nothing of the future: bursts that nobody forecast, that passed, and that don't come again.

A burst that lasts is the new level, one that comes back at its hour is the tide, and where they come often they are how
this load is: in these cases nothing is left out, since a forecast without them would be too low.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from planner.base import iso
from planner.calendar.campaigns import Ignored
from planner.history import History

HOUR, DAY, WEEK = timedelta(hours=1), timedelta(days=1), timedelta(days=7)
PASSED = HOUR
"""So long the load has to be back within the forecast."""
LONGEST = 6 * HOUR
"""A burst that isn't over by then is no burst."""
MOST = 2
"""Bursts within a week that are exceptions; more are a habit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unforeseen:
    """A load above the forecast from `start` on; `highest` is the forecast's highest level by slot from `begins` on."""

    start: datetime
    begins: datetime
    slot: timedelta
    highest: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Burst:
    start: datetime
    end: datetime | None
    """Where the load was back; None: it isn't, or wasn't in time."""


def one_offs(surprises: Sequence[Unforeseen], history: History, zone: str) -> tuple[Ignored, ...]:
    """The bursts to leave out of later fits, of those that began within `history`."""
    bursts = _bursts(surprises, history)
    if any(third.start - first.start <= WEEK for first, third in zip(bursts, bursts[MOST:], strict=False)):
        return ()
    place = ZoneInfo(zone)
    return tuple(
        Ignored(start=burst.start, end=burst.end, why=f"a burst of {iso(burst.start)}", source="surprises on record")
        for burst in bursts
        if burst.end is not None and not any(_same_hour(burst, other, place) for other in bursts if other is not burst)
    )


def _bursts(surprises: Sequence[Unforeseen], history: History) -> list[_Burst]:
    """What began as one belongs together: until the load was back, or for a day where it never was."""
    found: list[_Burst] = []
    for surprise in sorted(surprises, key=lambda each: each.start):
        if not history.start <= surprise.start < history.end:
            continue
        if found and surprise.start < (found[-1].end or found[-1].start + DAY):
            continue
        found.append(_Burst(start=surprise.start, end=_back(surprise, history)))
    return found


def _back(surprise: Unforeseen, history: History) -> datetime | None:
    """From when on the load was within the forecast for PASSED; what is in a gap counts as above."""
    span = history.series.loc[pd.Timestamp(surprise.start) : pd.Timestamp(surprise.start + LONGEST + PASSED)]
    times = pd.DatetimeIndex(span.index)
    slots = (times - pd.Timestamp(surprise.begins)) // surprise.slot
    limit = np.array(surprise.highest)[np.clip(slots.to_numpy(), 0, len(surprise.highest) - 1)]
    above = times[~np.asarray(span.to_numpy() <= limit)]
    ends = [surprise.start, *(at.to_pydatetime() + history.step for at in above)]
    for last, following in pairwise([*ends, history.end]):
        if following - last > PASSED:
            return last if last - surprise.start <= LONGEST else None
    return None


def _same_hour(one: _Burst, other: _Burst, zone: ZoneInfo) -> bool:
    """Whether both begin at one time of day, an hour more or less."""
    first, second = (each.start.astimezone(zone).replace(tzinfo=None) for each in (one, other))
    apart = (first - second) % DAY
    return min(apart, DAY - apart) <= HOUR
