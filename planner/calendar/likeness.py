"""How a past campaign compared with its ordinary days: the shape that a coming one `like` it gets."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np

from planner.base import iso
from planner.calendar.campaigns import Campaign, Mask
from planner.calendar.rules import number
from planner.errors import HistoryError
from planner.forecasters.base import SATURDAY, Floats, Ints, Tide
from planner.forecasters.slots import DAY
from planner.history import History

ORDINARY_DAYS = 4
LOOK_BACK = 28
"""Days before the past campaign of which the ordinary ones are taken: the newest four of the same weekday."""
SMOOTHING = timedelta(hours=1)
LOWEST, HIGHEST = 0.1, 20.0
FLOOR = 0.1
"""Of the ordinary mean, added to both sides of the ratio: nights near zero have no ratio worth following."""
KNOWN = 0.75


def shape(campaign: Campaign, tide: Tide, history: History, zone: str) -> Floats:
    """Times the usual, for each wall-clock slot of the campaign's span (without ramps), smoothed over an hour.

    Each slot is compared with the same slot on up to four earlier days of the same weekday, or, where the four weeks
    before hold none, of the same half of the week. A day at 30 whose ordinary days ran at 10 gives about
    (30 + 1) / (10 + 1) = 2.8. `tide` reaches as far back as the history. Raises HistoryError where it doesn't hold the
    days.
    """
    slots = _slots(campaign, tide, zone)
    seen = tide.at(slots)
    if np.isfinite(seen).mean() < KNOWN:
        raise _missing(campaign, history, "the days themselves")
    usual = _usual(tide, slots)
    if np.isfinite(usual).mean() < KNOWN:
        raise _missing(campaign, history, "ordinary days in the four weeks before")
    both = np.isfinite(seen) & np.isfinite(usual)
    floor = FLOOR * float(usual[both].mean()) + 1e-9
    above, below = (_smooth(np.where(both, values, 0), both, tide.per_day) for values in (seen, usual))
    return np.asarray(np.clip((above + floor) / (below + floor), LOWEST, HIGHEST))


def wall_slot(moment: datetime, per_day: int) -> int:
    """Number of the wall-clock slot that holds a naive `moment`."""
    return (moment - datetime(1970, 1, 1)) // (DAY / per_day)  # noqa: DTZ001  # the wall clock has no zone


def _slots(campaign: Campaign, tide: Tide, zone: str) -> Ints:
    assert campaign.like is not None
    start, end = campaign.wall(zone)
    first = wall_slot(start, tide.per_day)
    last = wall_slot(end - timedelta(microseconds=1), tide.per_day)
    back = number(start.date()) - number(campaign.like)
    return np.arange(first, last + 1) - back * tide.per_day - tide.first


def _usual(tide: Tide, slots: Ints) -> Floats:
    """Mean of the newest ordinary days at the same time; NaN where there is none."""
    day = tide.per_day
    before = int(slots[0] + tide.first) // day * day - tide.first
    lags = np.arange(1, LOOK_BACK + (slots[-1] - slots[0]) // day + 2) * day
    at = slots[:, None] - lags
    values = tide.at(np.where((at < before) & (at >= before - LOOK_BACK * day), at, -1))
    here, there = tide.weekday(slots)[:, None], tide.weekday(at)
    same = np.where(here == there, values, np.nan)
    alike = np.where((here >= SATURDAY) == (there >= SATURDAY), values, np.nan)
    chosen = np.where(np.isfinite(same).any(axis=1, keepdims=True), same, alike)
    known: Mask = np.isfinite(chosen)
    taken = known & (known.cumsum(axis=1) <= ORDINARY_DAYS)
    count = taken.sum(axis=1)
    total = np.where(taken, chosen, 0).sum(axis=1)
    return np.asarray(np.divide(total, count, out=np.full(count.size, np.nan), where=count > 0))


def _smooth(values: Floats, held: Mask, per_day: int) -> Floats:
    reach = min(int(SMOOTHING / (DAY / per_day)), (values.size - 1) // 2)
    kernel = np.ones(2 * reach + 1)
    sums, counts = (np.convolve(v, kernel, mode="same") for v in (values, held.astype(np.float64)))
    return np.asarray(sums / np.maximum(counts, 1))


def _missing(campaign: Campaign, history: History, what: str) -> HistoryError:
    assert campaign.like is not None
    return HistoryError(
        f"the campaign {campaign.name!r} ({campaign.source}) is like {campaign.like}, but the history doesn't hold "
        f"{what}: it runs from {iso(history.start)} to {iso(history.end)}",
        remedy="Give a longer history, or write the campaign's uplift as a factor.",
    )
