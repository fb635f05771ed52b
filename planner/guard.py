"""The live guard: a tracker that answers load above the plan, with one metric target or one for each hour.

FC's tracker asks for `warm * utilisation / target` once its target has been exceeded for some minutes. Where the target
follows the plan, (tide + z * sqrt(tide)) / capacity, it answers when the load leaves what the tide's arrivals
explain, and scales the plan in proportion; one target for the whole day is too nervous at the peak or asleep at night.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from planner.base import MINUTE, minutes_between

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

LOWEST = 0.25
"""A target below it would ask for four times the plan at once."""
WINDOW = timedelta(hours=1)
DIGITS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Guard:
    """No guard, one fixed `target`, or one that follows the plan at so many `deviations` of the tide's arrivals."""

    target: float | None = None
    deviations: float | None = None

    def __str__(self) -> str:
        """In words for people."""
        if self.target is not None:
            return f"a guard at {100 * self.target:g} %"
        if self.deviations is not None:
            return f"a guard by the hour at the tide and {self.deviations:g} deviations"
        return "no guard"


NO_GUARD = Guard()


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardWindow:
    """The guard's metric target from `start` until `end` (UTC)."""

    start: datetime
    end: datetime
    target: float


def following(tide: Floats, capacity: Floats, edges: Ints, deviations: float) -> Floats:
    """Metric targets of the windows that begin at `edges`; shape (.., windows).

    `tide` and `capacity` are concurrency a minute, shape (.., minutes); each window takes their means.
    """
    lengths = np.diff(np.append(edges, tide.shape[-1]))
    usual = np.add.reduceat(tide, edges, axis=-1) / lengths
    held = np.maximum(np.add.reduceat(capacity, edges, axis=-1) / lengths, 0.5)
    targets = np.clip((usual + deviations * np.sqrt(usual)) / held, LOWEST, 1.0)
    return np.asarray(np.round(targets, DIGITS), dtype=np.float64)


def windows(guard: Guard, start: datetime, tide: Floats, capacity: Floats, *, most: int) -> tuple[GuardWindow, ...]:
    """The guard's windows over the minutes from `start`, `most` at most; neighbours with one target are one window."""
    if not len(tide):
        return ()
    end = start + len(tide) * MINUTE
    if guard.target is not None:
        return (GuardWindow(start=start, end=end, target=guard.target),)
    if guard.deviations is None:
        return ()
    each = WINDOW
    while -(-(end - start) // each) + 1 > max(most, 2):
        each += WINDOW
    edges = whole_hours(start, len(tide), each)
    targets = following(tide, capacity, edges, guard.deviations)
    kept = np.flatnonzero(np.append(True, np.diff(targets) != 0))
    starts = [start + int(edge) * MINUTE for edge in edges[kept]]
    return tuple(
        GuardWindow(start=begin, end=until, target=float(target))
        for begin, until, target in zip(starts, [*starts[1:], end], targets[kept], strict=True)
    )


def whole_hours(start: datetime, minutes: int, each: timedelta = WINDOW) -> Ints:
    """Minutes after `start` at which a window begins: the start, and then whole hours (UTC) `each` apart."""
    midnight = start.replace(hour=0, minute=0, second=0, microsecond=0)
    first = -minutes_between(midnight, start) % int(each / MINUTE)
    later = np.arange(first, minutes, int(each / MINUTE))
    return np.unique(np.append(0, later)).astype(np.int64)
