"""What a look at a function says in words: its document, its instances, and a load that nobody forecast."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from planner.base import MINUTE, iso
from planner.fc.arrival import instances_in_effect
from planner.fc.compare import difference
from planner.plan import Band, Plan
from planner.provision import LiveDocument, holds_ours
from planner.store import Point

SURPRISE = 5 * MINUTE
"""So long the load must lie above all that was forecast; also the least time between two plans made for that."""


def document(applied: Plan | None, live: LiveDocument, late: int | None = None) -> str:
    """Whether Function Compute holds what was applied last; `late` is the plan of a put that came after it."""
    if applied is None:
        return "no plan was applied yet"
    if late is not None:
        return f"LATE: Function Compute holds the document of plan {late}, whose put was taken for lost"
    if live.config.digest != applied.wanted.digest:
        return f"DRIFTED: somebody else changed the document ({difference(applied.wanted, live.config)})"
    return "the document is as applied" if holds_ours(applied.wanted) else "released"


def instances(applied: Plan, live: LiveDocument, now: datetime, *, patience: Callable[[], timedelta]) -> str:
    """Whether the instances of the step in effect are there; `patience`: how long they may be on their way."""
    if now >= applied.schedule.end:
        return f"the schedule ended {iso(applied.schedule.end)}, and its fallback is in effect"
    wanted = instances_in_effect(applied.schedule, now)
    count = f"{live.current} of {wanted} instances are there"
    trouble = f"; Function Compute says: {live.current_error}" if live.current_error else ""
    if live.current >= wanted:
        return f"{count}{trouble}"
    # A lower figure may have been wanted until a moment ago, by an earlier step or an earlier document.
    begun = max([applied.created_at, *(step.at for step in applied.schedule.steps if step.at <= now)])
    return (
        f"{count}, others may be starting{trouble}" if now - begun < patience() else f"MISSING: only {count}{trouble}"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Surprise:
    """From `start` to `end` at least `least` requests were in flight, above the forecast's quantile at `level`."""

    start: datetime
    end: datetime
    least: float
    level: float

    @property
    def sentence(self) -> str:
        """What a person reads."""
        length = f"{(self.end - self.start) // MINUTE} min"
        return f"{self.least:.1f} requests in flight or more for {length}, above P{100 * self.level:g} of the forecast"


def surprise(band: Band, points: Sequence[Point]) -> Surprise | None:
    """The newest points in a row that were above the band's highest level, where they last for SURPRISE.

    A band is of peaks, so a mean above it says all the more. Points in a gap, or outside the band, end the row.
    """
    highest, above = band.values[-1], list[tuple[Point, float]]()
    for point in sorted(points, key=lambda each: each.at, reverse=True):
        slot = (point.at - band.start) // band.slot
        if point.value is None or not 0 <= slot < len(highest) or point.value <= highest[slot]:
            break
        above.append((point, point.value))
    if sum((point.step for point, _ in above), timedelta(0)) < SURPRISE:
        return None
    newest, oldest = above[0][0], above[-1][0]
    least = min(value for _, value in above)
    return Surprise(start=oldest.at, end=newest.at + newest.step, least=least, level=band.levels[-1])
