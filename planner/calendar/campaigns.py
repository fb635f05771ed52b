"""Campaigns and windows to ignore: what a person says of a span of time, on the wall clock or between instants."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from planner.base import MINUTE
from planner.calendar.days import OwnDay
from planner.forecasters.base import Floats, Ints

Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """From `start` up to `end`: naive datetimes are the wall clock of the function's zone, aware ones are instants."""

    start: datetime
    end: datetime

    def minutes(self, zone: str) -> tuple[int, int]:
        """First minute and the first one after it, counted from 1970-01-01T00:00Z.

        A wall-clock time that occurs twice is the first one, one that a clock change leaves out is as late as it would
        have been without the change.
        """
        return _minute(self.start, zone), _minute(self.end, zone)

    def wall(self, zone: str) -> tuple[datetime, datetime]:
        """Both ends on the wall clock, naive."""
        return _wall(self.start, zone), _wall(self.end, zone)


@dataclass(frozen=True, slots=True, kw_only=True)
class Campaign(Span):
    """A span of another load than usual. `uplift`: times the usual; or `like` the days from that date on.

    `at_least` is a floor of concurrency, for a launch without history. `ramp_up` ends where the span begins and
    `ramp_down` begins where it ends, both straight lines. `source` names the file for people.
    """

    name: str
    source: str
    ramp_up: timedelta = timedelta(0)
    ramp_down: timedelta = timedelta(0)
    uplift: float | None = None
    like: date | None = None
    at_least: float | None = None

    def share(self, minutes: Ints, zone: str) -> Floats:
        """How much of the campaign is on at each minute, 0 to 1.

        With ramps of an hour, half an hour before the start and after the end it is 0.5.
        """
        begin, end = self.minutes(zone)
        up, down = self.ramp_up / MINUTE, self.ramp_down / MINUTE
        rising = (minutes - begin + up + 1) / (up + 1)
        falling = (end - minutes + down) / (down + 1)
        return np.asarray(np.clip(np.minimum(rising, falling), 0.0, 1.0), dtype=np.float64)

    def around(self, zone: str) -> tuple[int, int]:
        """As `minutes`, with the ramps."""
        begin, end = self.minutes(zone)
        return begin - self.ramp_up // MINUTE, end + self.ramp_down // MINUTE


@dataclass(frozen=True, slots=True, kw_only=True)
class Ignored(Span):
    """A span of the past that says nothing of the future: an outage, a load test."""

    why: str
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Dates:
    """All that a person says of dates."""

    campaigns: tuple[Campaign, ...] = ()
    ignored: tuple[Ignored, ...] = ()
    days: tuple[OwnDay, ...] = ()


def minutes_of(start: datetime, count: int) -> Ints:
    """The minutes from an aware `start`, counted from 1970-01-01T00:00Z; shape (count,)."""
    return np.arange(count, dtype=np.int64) + int(start.timestamp() // 60)


def _minute(moment: datetime, zone: str) -> int:
    aware = moment if moment.tzinfo else moment.replace(tzinfo=ZoneInfo(zone))
    return int(aware.timestamp() // 60)


def _wall(moment: datetime, zone: str) -> datetime:
    if moment.tzinfo is None:
        return moment
    return moment.astimezone(UTC).astimezone(ZoneInfo(zone)).replace(tzinfo=None)
