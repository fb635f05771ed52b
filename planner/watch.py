"""What a look at a function says in words: its document, its instances, and a load that nobody forecast."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from planner.base import MINUTE, iso
from planner.fc.arrival import instances_in_effect
from planner.fc.compare import difference
from planner.plan import Band, Plan
from planner.provision import LiveDocument, holds_ours
from planner.store import Point

SURPRISE = 5 * MINUTE
"""So long the load must lie above all that was forecast; also the least time between two plans made for that."""


def document(applied: Plan | None, live: LiveDocument) -> str:
    """Whether Function Compute holds what was applied last."""
    if applied is None:
        return "no plan was applied yet"
    if live.config.digest != applied.wanted.digest:
        return f"DRIFTED: somebody else changed the document ({difference(applied.wanted, live.config)})"
    return "the document is as applied" if holds_ours(applied.wanted) else "released"


def instances(applied: Plan, live: LiveDocument, now: datetime, *, patience: timedelta) -> str:
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
    return f"{count}, others may be starting{trouble}" if now - begun < patience else f"MISSING: only {count}{trouble}"


def surprise(band: Band, points: Sequence[Point]) -> str:
    """A sentence where the newest points were above the band's highest level for SURPRISE; else nothing.

    A band is of peaks, so a mean above it says all the more. Points in a gap, or outside the band, say nothing.
    """
    highest, seen, least = band.values[-1], timedelta(0), float("inf")
    for point in sorted(points, key=lambda each: each.at, reverse=True):
        slot = (point.at - band.start) // band.slot
        if point.value is None or not 0 <= slot < len(highest) or point.value <= highest[slot]:
            return ""
        seen, least = seen + point.step, min(least, point.value)
        if seen >= SURPRISE:
            level = f"P{100 * band.levels[-1]:g} of the forecast"
            return f"SURPRISE: {least:.1f} requests in flight or more for {seen // MINUTE} min, above {level}"
    return ""
