"""Metric-tracking policies: the live guard, what holds until the next step, the safe fallback, and a person's own.

Under FC's maximum rule a tracker that is safe on its own would make the schedule worthless, so the live guard is
cheap and answers surprises only, and the safe one lies dormant behind a `startTime` at the horizon. A tracker with no
instance has no utilisation and never rises: every floor is at least 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from planner.base import OWNER, iso
from planner.guard import GuardWindow
from planner.provision import MetricType, TrackingPolicy

HOLD = f"{OWNER}hold-"
GUARD = f"{OWNER}guard-"
FALLBACK = f"{OWNER}fallback"
OWN = f"{OWNER}own-"


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomTracker:
    """A tracker that the owner configured. `start` and `end` are UTC; None is without end."""

    name: str
    metric: MetricType
    target: float
    min_instances: int
    max_instances: int
    start: datetime | None = None
    end: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """A step whose `at()` may lie before the put that brings it: `instances` from `start` until `end` (UTC)."""

    start: datetime
    end: datetime
    instances: int


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardPolicy:
    """What the owner allows. `floor` and `ceiling` are instances."""

    enabled: bool
    fallback_target: float
    floor: int
    ceiling: int
    custom: tuple[CustomTracker, ...] = ()


def guardrails(
    policy: GuardPolicy, *, holds: Sequence[Hold], horizon_end: datetime, live: Sequence[GuardWindow]
) -> tuple[TrackingPolicy, ...]:
    """The trackers of a document whose dated steps end at `horizon_end`.

    `holds` are the steps that may be in effect while the document is put. `live` is the live guard, empty where none
    is wanted; each of its windows is a tracker of its own, named by its end, which a renewal within it keeps.
    """
    if not policy.enabled:
        return ()
    floor = max(policy.floor, 1)
    # A past at() may not fire on a new document; until the next step a tracker's floor stands in for it. Its name
    # carries the step's instant, as the step's own does.
    trackers = [
        _tracker(
            f"{HOLD}{hold.start:%Y%m%dT%H%MZ}", 1.0, hold.instances, hold.instances, start=hold.start, end=hold.end
        )
        for hold in holds
        if hold.instances > 0
    ]
    trackers.extend(
        _tracker(
            f"{GUARD}{window.end:%Y%m%dT%H%MZ}",
            window.target,
            floor,
            policy.ceiling,
            start=window.start,
            end=window.end,
        )
        for window in live
    )
    trackers.append(_tracker(FALLBACK, policy.fallback_target, floor, policy.ceiling, start=horizon_end))
    trackers.extend(
        TrackingPolicy(
            name=f"{OWN}{own.name}",
            metric_type=own.metric,
            metric_target=own.target,
            min_capacity=own.min_instances,
            max_capacity=own.max_instances,
            start_time=iso(own.start) if own.start else None,
            end_time=iso(own.end) if own.end else None,
        )
        for own in policy.custom
    )
    return tuple(trackers)


def _tracker(
    name: str, target: float, floor: int, ceiling: int, *, start: datetime | None = None, end: datetime | None = None
) -> TrackingPolicy:
    return TrackingPolicy(
        name=name,
        metric_type=MetricType.CONCURRENCY,
        metric_target=target,
        min_capacity=floor,
        max_capacity=max(floor, ceiling),
        start_time=iso(start) if start else None,
        end_time=iso(end) if end else None,
    )
