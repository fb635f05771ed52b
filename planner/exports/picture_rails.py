"""Where the trackers together bound the capacity: floors compose, and the highest ceiling is as far as they raise."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from planner.plan import Plan
from planner.provision import TrackingPolicy
from planner.reading import instant


@dataclass(frozen=True, slots=True, kw_only=True)
class Rail:
    """From `start` to `end`, the trackers in effect hold at least `floor` and at most `ceiling` instances."""

    start: datetime
    end: datetime
    floor: int
    ceiling: int


def rails(plan: Plan, start: datetime, end: datetime) -> tuple[Rail, ...]:
    """The rails of the wanted document between `start`, or the plan's making if later, and `end`.

    Several policies in effect give the maximum of their values, so the largest floor is the floor, and what a
    tracker asks for ends at its own ceiling (Function Compute, "instance scaling restrictions and rules").
    """
    opening = max(start, plan.created_at)
    windows = [(tracker, *_window(tracker, opening, end)) for tracker in plan.wanted.tracking_policies]
    edges = sorted({opening, end, *(edge for _, *pair in windows for edge in pair if opening < edge < end)})
    found = []
    for left, right in pairwise(edges):
        active = [tracker for tracker, opens, closes in windows if opens <= left and closes >= right]
        if active:
            floor, ceiling = (max(values) for values in zip(*map(_bounds, active), strict=True))
            found.append(Rail(start=left, end=right, floor=floor, ceiling=ceiling))
    return tuple(found)


def _bounds(tracker: TrackingPolicy) -> tuple[int, int]:
    return tracker.min_capacity, tracker.max_capacity


def _window(tracker: TrackingPolicy, start: datetime, end: datetime) -> tuple[datetime, datetime]:
    return (
        instant(tracker.start_time, tracker.time_zone) if tracker.start_time else start,
        instant(tracker.end_time, tracker.time_zone) if tracker.end_time else end,
    )
