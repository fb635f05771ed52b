"""Words that every stage uses: the function, aware instants, service facts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

MINUTE = timedelta(minutes=1)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
OWNER = "planner-"
"""Prefix of the names of the policies that we own; every other policy in a document is a person's."""


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class FunctionRef:
    """One function and the alias (or `LATEST`) that its policies attach to."""

    name: str
    qualifier: str = "LATEST"

    def __str__(self) -> str:
        return f"{self.name}:{self.qualifier}"


def utc(moment: datetime) -> datetime:
    """The same instant in UTC; a naive datetime is a programming error and raises ValueError."""
    if moment.tzinfo is None:
        raise ValueError(f"naive datetime {moment.isoformat()}")
    return moment.astimezone(UTC)


def iso(moment: datetime) -> str:
    """UTC with a trailing Z, whole seconds: `2026-11-22T00:05:00Z`."""
    return utc(moment).strftime("%Y-%m-%dT%H:%M:%SZ")


def floor_minute(moment: datetime) -> datetime:
    """The whole minute at or before `moment`."""
    return moment.replace(second=0, microsecond=0)


def floor_to(moment: datetime, step: timedelta) -> datetime:
    """The start of the interval that holds `moment`, of those of `step` that are counted from EPOCH; in UTC."""
    return EPOCH + (utc(moment) - EPOCH) // step * step


def minutes_between(start: datetime, end: datetime) -> int:
    """Whole minutes from `start` to `end`."""
    return int((end - start) / MINUTE)
