"""Classes of days: working days, weekends, public holidays, and the working days that make up for them.

The kept library `holidays` says which days are off and which weekend days are worked (its `weekend_workdays`); what the
owner says of a day goes before it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from holidays import HolidayBase

DAY = timedelta(days=1)
MONDAY, FRIDAY, SATURDAY, SUNDAY = 0, 4, 5, 6
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
ENGLISH = "en_US"
_SWAPPED = re.compile(r"substituted from (\d\d/\d\d/\d{4})")
_OBSERVED = re.compile(r" \((observed|estimated|observed, estimated)\)")
NOTICED = 2
"""Make-up days a year, in two years running, that say: this country publishes a notice every year."""
LOOK_BACK = 5
"""Years in which those two are looked for: an old library lacks several notices."""


class DayClass(StrEnum):
    """What kind of day it is."""

    WORKDAY = "workday"
    WEEKEND = "weekend day"
    HOLIDAY = "public holiday"
    MAKE_UP = "make-up workday"


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnDay:
    """What the owner says of a day: off, or worked. `source` names the file for people."""

    date: date
    off: bool
    name: str
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """A day and its class. `like` is the weekday (0 is Monday) that a rule would forecast it as."""

    date: date
    kind: DayClass
    name: str = ""
    like: int

    @property
    def moved(self) -> bool:
        """Whether a rule would forecast it as another weekday than its own."""
        return self.like != self.date.weekday()


def classify(country: str | None, days: Iterable[date], own: Iterable[OwnDay] = ()) -> dict[date, Day]:
    """The class of each day. `country` is ISO 3166, with a subdivision where wanted (AU-VIC); None knows weekends only.

    A public holiday is like a Sunday. A make-up workday is like the weekday whose day off it makes up for, where the
    library knows it, else like the nearest end of the working week: a Saturday like a Friday, a Sunday like a Monday.
    """
    wanted = sorted(days)
    table = _table(country, frozenset(d.year + n for d in wanted for n in (-1, 0, 1))) if country else None
    said = {day.date: day for day in own}
    return {day: _classify(day, table, said) for day in wanted}


def unknown_years(country: str | None, years: Iterable[int], own: Iterable[OwnDay] = ()) -> tuple[int, ...]:
    """Years whose official calendar the library doesn't hold yet.

    China's is complete only after the notice of the State Council, late in the year before; until then the library
    holds the statutory days without a single make-up day. So a year is unknown when it has none while two years running
    had several not long before it, and the owner names none either.
    """
    if country is None:
        return ()
    told = {day.date.year for day in own if not day.off and day.date.weekday() >= SATURDAY}
    return tuple(year for year in sorted(set(years)) if year not in told and _unnoticed(country, year))


def library() -> str:
    """Name and version of the table of holidays."""
    from holidays.version import __version__  # noqa: PLC0415  # slow to import, and few files name a country

    return f"holidays {__version__}"


def _unnoticed(country: str, year: int) -> bool:
    before = range(year - LOOK_BACK, year)
    worked = _table(country, frozenset((*before, year))).weekend_workdays
    count = {y: sum(day.year == y for day in worked) for y in (*before, year)}
    yearly = any(min(count[y], count[y + 1]) >= NOTICED for y in before[:-1])
    return yearly and not count[year]


@cache
def _table(country: str, years: frozenset[int]) -> HolidayBase:
    import holidays  # noqa: PLC0415  # as above

    code, _, subdivision = country.partition("-")
    plain = holidays.country_holidays(code, subdiv=subdivision or None)
    language = ENGLISH if ENGLISH in plain.supported_languages else None
    return holidays.country_holidays(code, subdiv=subdivision or None, years=years, language=language)


def _classify(day: date, table: HolidayBase | None, own: Mapping[date, OwnDay]) -> Day:
    weekday = day.weekday()
    if day in own:
        said = own[day]
        kind = DayClass.HOLIDAY if said.off else DayClass.MAKE_UP if weekday >= SATURDAY else DayClass.WORKDAY
        like = SUNDAY if said.off else _nearest_workday(weekday)
        return Day(date=day, kind=kind, name=said.name, like=like)
    if table is not None and day in table:
        return Day(date=day, kind=DayClass.HOLIDAY, name=_name(day, table), like=SUNDAY)
    if weekday < SATURDAY:
        return Day(date=day, kind=DayClass.WORKDAY, like=weekday)
    if table is not None and day in table.weekend_workdays:
        freed = _freed(day, table)
        like = freed.weekday() if freed else _nearest_workday(weekday)
        name = f"in place of {freed}" if freed else ""
        return Day(date=day, kind=DayClass.MAKE_UP, name=name, like=like)
    return Day(date=day, kind=DayClass.WEEKEND, like=weekday)


def _name(day: date, table: HolidayBase) -> str:
    """Name of the holiday; a day off that was swapped in bears the name of the holiday that it belongs to."""
    name = _OBSERVED.sub("", table[day])
    if not _SWAPPED.search(name):
        return name
    for back in range(1, 8):
        for near in (day - back * DAY, day + back * DAY):
            if near in table and not _SWAPPED.search(table[near]):
                return _OBSERVED.sub("", table[near])
    return name


def _freed(day: date, table: HolidayBase) -> date | None:
    """The day off that `day` makes up for."""
    for free, name in table.items():
        found = _SWAPPED.search(name)
        if found and datetime.strptime(found[1], "%m/%d/%Y").date() == day:  # noqa: DTZ007  # a date has no zone
            return free
    return None


def _nearest_workday(weekday: int) -> int:
    return {SATURDAY: FRIDAY, SUNDAY: MONDAY}.get(weekday, weekday)
