"""What the records say was promised: of the local day so far, and by the other functions that share a quota."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, time
from zoneinfo import ZoneInfo

import numpy as np

from planner.base import FunctionRef, minutes_between, utc
from planner.provision import ProvisionConfig
from planner.reading import Minutes, least_values
from planner.store import Store

HOUR = 60


def promised_today(store: Store, function: FunctionRef, *, zone: str, now: datetime) -> float:
    """Instance-hours that the documents which were in force asked for at least, from local midnight until `now`.

    Before the first apply nothing was promised.
    """
    midnight = utc(datetime.combine(now.astimezone(ZoneInfo(zone)).date(), time(), ZoneInfo(zone)))
    total, end = 0, now
    for begin, document in _in_force(store, function):
        start = max(begin, midnight)
        if start < end:
            total += int(least_values(document, start, minutes_between(start, end)).sum())
            end = start
        if begin <= midnight:
            break
    return total / HOUR


def promised_beside(store: Store, others: Sequence[FunctionRef], start: datetime, minutes: int) -> Minutes:
    """Instances that the documents of other functions ask for at least, together, in each minute; shape (minutes,)."""
    total = np.zeros(minutes, dtype=np.int64)
    for other in others:
        last = store.last_applied(other)
        if last is not None:
            total += least_values(store.plan(last.plan_id).wanted, start, minutes)
    return total


def _in_force(store: Store, function: FunctionRef) -> Iterator[tuple[datetime, ProvisionConfig]]:
    """From when, and which document; newest first."""
    for attempt in store.applied(function, limit=24 * HOUR):
        yield attempt.began_at, store.plan(attempt.plan_id).wanted
