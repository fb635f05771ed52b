"""What every monitoring system is asked for: a function's offered concurrency in a span of time, and how it was told.

MetricSource.read -> Batch -> planner.collect -> the store
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from planner.base import FunctionRef, floor_to
from planner.store.records import Point


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """One way of telling the concurrency: the name of its series in the store, and its words for people."""

    series: str
    words: str
    inferred: bool = False
    """Told from silence: only what came from the source itself can stand at the edge of a silence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A source has points every `step`, and keeps them for `back`."""

    step: timedelta
    back: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """The intervals of one step that begin in [start, end); both ends lie on the grid."""

    start: datetime
    end: datetime
    step: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """What a source said of one span. Intervals that it said nothing of are absent, never zero."""

    points: Mapping[Way, tuple[Point, ...]]
    remarks: tuple[str, ...] = ()
    """What was left out or corrected, one sentence each."""


Tell = Callable[[float], None]
"""Is told which share of a span has been read, from 0 to 1."""


class MetricSource(Protocol):
    """A monitoring system."""

    @property
    def name(self) -> str:
        """For people."""
        ...

    @property
    def ways(self) -> Sequence[Way]:
        """How a point may have been told, the best first."""
        ...

    @property
    def kept(self) -> Sequence[Kept]:
        """What there is to read, the coarsest step first; each step divides the one before it."""
        ...

    def read(self, function: FunctionRef, span: Span, *, now: datetime, tell: Tell) -> Batch:
        """What is known at `now` of a span; raises SourceError where nothing certain came back."""
        ...


def spans(kept: Sequence[Kept], since: datetime | None, now: datetime) -> tuple[Span, ...]:
    """What to read so that nothing is missing from `since` (None: from the oldest point) to `now`, oldest first.

    Each time is read at the finest step that is still kept. With minutes kept for 31 days and 5 minutes for 91, a
    first read is one of 60 days of 5 minutes and one of 31 days of minutes; later ones are of minutes.
    """
    grid, found = kept[0].step, []
    for each, finer in zip(kept, (*kept[1:], None), strict=True):
        oldest = now - each.back
        start = floor_to(oldest if since is None else max(since, oldest), grid)
        end = floor_to(now - finer.back, grid) if finer else floor_to(now, each.step)
        if start < end:
            found.append(Span(start=start, end=end, step=each.step))
    return tuple(found)
