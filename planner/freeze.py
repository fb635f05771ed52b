"""Change windows: when nothing is pushed, and when something may be, on the wall clock of the function's zone.

A window that denies beats one that allows. Where there are windows that allow, nothing is pushed outside them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import TypeAlias
from zoneinfo import ZoneInfo

from planner.base import iso, utc

Span: TypeAlias = tuple[datetime, datetime]
DAY = timedelta(days=1)
DAYS_AHEAD = 8
"""A weekly window is looked for so far ahead: it begins within a week, and a change of the clocks moves it."""
MOST_STEPS = 100
"""Windows that are followed one by one until pushes are possible again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dated:
    """From `start` up to `end`, once; naive: on the wall clock, aware: instants."""

    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Weekly:
    """On these weekdays (Monday is 0) from `start` on; up to `end`, of the next day where that is not after it."""

    weekdays: frozenset[int]
    start: time
    end: time


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """When nothing is pushed; with `only`, when alone something is. `why` is for people."""

    when: Dated | Weekly
    why: str
    only: bool = False

    def spans(self, around: datetime, zone: ZoneInfo) -> Iterator[Span]:
        """When it is in effect, in UTC: all of a dated window, a weekly one within days of `around`.

        Clocks that go back or leave an hour out make a denial longer and an allowance shorter, never the other way.
        """
        for start, end in self._walls(around.astimezone(zone).date()):
            starts, ends = _readings(start, zone), _readings(end, zone)
            span = (max(starts), min(ends)) if self.only else (min(starts), max(ends))
            if span[0] < span[1]:
                yield span

    def _walls(self, today: date) -> Iterator[Span]:
        if isinstance(self.when, Dated):
            yield self.when.start, self.when.end
            return
        for offset in range(-2, DAYS_AHEAD):
            day = today + offset * DAY
            if day.weekday() in self.when.weekdays:
                last = day if self.when.end > self.when.start else day + DAY
                yield datetime.combine(day, self.when.start), datetime.combine(last, self.when.end)


@dataclass(frozen=True, slots=True, kw_only=True)
class Freeze:
    """Why nothing may be pushed, and until when; None: no end is in sight."""

    why: str
    until: datetime | None

    @property
    def sentence(self) -> str:
        """`frozen until 2026-11-12T00:00:00Z: 11.11`."""
        return f"frozen {f'until {iso(self.until)}' if self.until else 'without an end in sight'}: {self.why}"


def frozen(windows: Sequence[Window], now: datetime, zone: str) -> Freeze | None:
    """What forbids a push at `now`; None where nothing does."""
    place, moment = ZoneInfo(zone), utc(now)
    denied = [window.why for window in windows if not window.only and _ends(window, moment, place)]
    if denied:
        return Freeze(why="; ".join(denied), until=_opens(windows, moment, place))
    if _allowed(windows, moment, place):
        return None
    names = "; ".join(window.why for window in windows if window.only)
    return Freeze(why=f"outside the windows for changes ({names})", until=_opens(windows, moment, place))


def _opens(windows: Sequence[Window], now: datetime, zone: ZoneInfo) -> datetime | None:
    """The first instant from `now` on at which a push is possible."""
    moment = now
    for _ in range(MOST_STEPS):
        denials = [end for window in windows if not window.only for end in _ends(window, moment, zone)]
        if denials:
            moment = max(denials)
            continue
        if _allowed(windows, moment, zone):
            return moment
        coming = [start for window in windows if window.only for start, _ in window.spans(moment, zone)]
        later = [start for start in coming if start > moment]
        if not later:
            return None
        moment = min(later)
    return None


def _allowed(windows: Sequence[Window], moment: datetime, zone: ZoneInfo) -> bool:
    allowing = [window for window in windows if window.only]
    return not allowing or any(_ends(window, moment, zone) for window in allowing)


def _ends(window: Window, moment: datetime, zone: ZoneInfo) -> list[datetime]:
    """Where the window's spans end that `moment` lies in."""
    return [end for start, end in window.spans(moment, zone) if start <= moment < end]


def _readings(moment: datetime, zone: ZoneInfo) -> tuple[datetime, ...]:
    """The instants that a wall-clock time may mean: two where clocks repeat or leave out."""
    if moment.tzinfo is not None:
        return (utc(moment),)
    return tuple(moment.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
