"""`cron(...)` and `at(...)`: reading them, and the last time that they triggered.

`cron(Seconds Minutes Hours Day-of-month Month Day-of-week)`, always six fields, with the values
and special characters of the vendor's table (https://help.aliyun.com/document_detail/193265.htm).
Not in the table, chosen here: 1 is Monday, as the table pairs 1-7 with MON-SUN; where both day
fields are restricted either may match, as in every other cron.
"""

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from itertools import product
from types import MappingProxyType
from typing import Protocol
from zoneinfo import ZoneInfo

from planner.emulator.settings import Settings

_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_WEEKDAYS = ("MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN")
_DAY = timedelta(days=1)
_LOOK_BACK_DAYS = 5 * 366
"""How far a trigger is looked for: past every 29 February, and finite for 30 February."""


class Trigger(Protocol):
    """An expression in its zone."""

    def last(self, at: datetime) -> datetime | None:
        """The latest trigger at or before `at`, or None."""
        ...

    def steady_until(self, at: datetime) -> datetime | None:
        """An instant after `at` before which `last` stays what it is; None if it stays for ever."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class At:
    """`at(...)`: one instant."""

    instant: datetime

    def last(self, at: datetime) -> datetime | None:
        """The instant once it has come."""
        return self.instant if self.instant <= at else None

    def steady_until(self, at: datetime) -> datetime | None:
        """The instant until it has come."""
        return self.instant if at < self.instant else None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Field:
    """One cron field: its range, its names, the special characters that the table gives it."""

    low: int
    high: int
    specials: str
    names: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))

    def parse(self, text: str) -> frozenset[int] | None:
        """The values allowed, None for every value; `ValueError` for what the table lacks."""
        if text in ("*", "?") and text in self.specials:
            return None
        if "," in text and "," not in self.specials:
            raise ValueError(text)
        return frozenset().union(*(self._part(part) for part in text.split(",")))

    def _part(self, text: str) -> range:
        base, slash, step_text = text.partition("/")
        if slash and "/" not in self.specials:
            raise ValueError(text)
        step = _digits(step_text) if slash else 1
        if step < 1:
            raise ValueError(text)
        if base == "*" and slash:
            return range(self.low, self.high + 1, step)
        first_text, dash, last_text = base.partition("-")
        if dash and "-" not in self.specials:
            raise ValueError(text)
        first = self._value(first_text)
        # `a/n` runs from a to the end of the field, a plain `a` is only itself.
        last = self._value(last_text) if dash else (self.high if slash else first)
        if first > last:
            raise ValueError(text)
        return range(first, last + 1, step)

    def _value(self, text: str) -> int:
        value = self.names.get(text.upper())
        if value is None:
            value = _digits(text)
        if not self.low <= value <= self.high:
            raise ValueError(text)
        return value


def _digits(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise ValueError(text)
    return int(text)


_FIELDS = (
    _Field(low=0, high=59, specials=""),
    _Field(low=0, high=59, specials=",-*/"),
    _Field(low=0, high=23, specials=",-*/"),
    _Field(low=1, high=31, specials=",-*?/"),
    _Field(low=1, high=12, specials=",-*/", names={n: i for i, n in enumerate(_MONTHS, 1)}),
    _Field(low=1, high=7, specials=",-*?", names={n: i for i, n in enumerate(_WEEKDAYS, 1)}),
)


@dataclass(slots=True, kw_only=True)
class Cron:
    """A cron expression in a zone. Remembers the day it was last asked for, nothing else."""

    times: tuple[timedelta, ...]
    """Of the day, on the clock on the wall."""
    days: frozenset[int] | None
    months: frozenset[int] | None
    weekdays: frozenset[int] | None
    zone: ZoneInfo
    settings: Settings
    _day: date | None = None
    _today: tuple[datetime, ...] = ()
    _before: datetime | None = None

    def last(self, at: datetime) -> datetime | None:
        """The latest trigger at or before `at`: of its local day, else of an earlier one."""
        self._turn_to(at.astimezone(self.zone).date())
        index = bisect_right(self._today, at)
        return self._today[index - 1] if index else self._before

    def steady_until(self, at: datetime) -> datetime | None:
        """The next trigger of its local day, else the end of that day."""
        day = at.astimezone(self.zone).date()
        self._turn_to(day)
        coming = self._today[bisect_right(self._today, at) :]
        return coming[0] if coming else self._midnight(day + _DAY)

    def _turn_to(self, day: date) -> None:
        if day == self._day:
            return
        if self._day is not None and day == self._day + _DAY:
            self._before = self._today[-1] if self._today else self._before
        else:
            self._before = self._last_before(day)
        self._day, self._today = day, self._on(day)

    def _last_before(self, day: date) -> datetime | None:
        for back in range(1, _LOOK_BACK_DAYS):
            if triggers := self._on(day - back * _DAY):
                return triggers[-1]
        return None

    def _on(self, day: date) -> tuple[datetime, ...]:
        if not self._matches(day):
            return ()
        midnight = self._midnight(day)
        if self._midnight(day + _DAY) - midnight == _DAY:
            return tuple(midnight + moment for moment in self.times)
        # A day on which the clocks change: each time of the wall by itself.
        local = (datetime.combine(day, time()) + moment for moment in self.times)
        return tuple(sorted(i for wall in local for i in self._instants(wall)))

    def _midnight(self, day: date) -> datetime:
        return datetime.combine(day, time(), self.zone).astimezone(UTC)

    def _matches(self, day: date) -> bool:
        if self.months is not None and day.month not in self.months:
            return False
        of_month = self.days is None or day.day in self.days
        of_week = self.weekdays is None or day.isoweekday() in self.weekdays
        if self.days is not None and self.weekdays is not None:
            return of_month or of_week
        return of_month and of_week

    def _instants(self, wall: datetime) -> tuple[datetime, ...]:
        """The instants of a local time, by the two switches for changes of the clocks."""
        first = wall.replace(tzinfo=self.zone).astimezone(UTC)
        second = wall.replace(tzinfo=self.zone, fold=1).astimezone(UTC)
        if first == second:
            return (first,)
        # In a gap the earlier offset leads to the later instant.
        if first > second:
            return (first,) if self.settings.missing_local_time == "shifted" else ()
        return (first, second) if self.settings.repeated_local_time == "both" else (first,)


def parse_cron(text: str, zone: ZoneInfo, settings: Settings) -> Cron:
    """Read the inside of `cron(...)`; `ValueError` unless it has six fields of the table."""
    parts = text.split()
    if len(parts) != len(_FIELDS):
        raise ValueError(text)
    seconds, minutes, hours, days, months, weekdays = (
        field.parse(part) for field, part in zip(_FIELDS, parts, strict=True)
    )
    times = product(
        range(24) if hours is None else sorted(hours),
        range(60) if minutes is None else sorted(minutes),
        seconds or (0,),
    )
    return Cron(
        times=tuple(timedelta(hours=hour, minutes=minute, seconds=second) for hour, minute, second in times),
        days=days,
        months=months,
        weekdays=weekdays,
        zone=zone,
        settings=settings,
    )
