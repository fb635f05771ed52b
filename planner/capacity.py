"""Demand to capacity schedule: the cheapest steps that FC's limits allow (the daemon's loop is `scheduler.py`)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """From `at` on (UTC, whole minute), `instances` are wanted."""

    at: datetime
    instances: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CapacitySchedule:
    """Steps in order of time, the first of them in effect at `start`; the last holds until `end`."""

    start: datetime
    end: datetime
    steps: tuple[Step, ...]
