"""The calendar section of a function, and what a company file may hold: campaigns, spans to ignore, days off and on."""

from __future__ import annotations

import re
from datetime import date, datetime, time, timedelta
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, PlainValidator, WithJsonSchema, model_validator

from planner.config.fields import Country, Day, Duration, between
from planner.config.sections import Section
from planner.config.words import show

MOMENT = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}([T ][0-9]{2}:[0-9]{2}(:[0-9]{2})?([+-][0-9]{2}:[0-9]{2}|Z)?)?$"
SUFFIXES = (".yaml", ".yml", ".csv", ".ics")


def read_moment(value: object) -> date | datetime:
    """A day, a wall-clock time or an instant; ValueError in words for people."""
    if isinstance(value, date):
        return value
    text = str(value)
    if re.fullmatch(MOMENT, text):
        try:
            return date.fromisoformat(text) if len(text) == 10 else datetime.fromisoformat(text)
        except ValueError:
            pass
    raise ValueError(f"{show(value)} is no day or time; write 2026-11-11, 2026-11-10T20:00, or add an offset to it")


def _check_file(file: str) -> str:
    if not file.lower().endswith(SUFFIXES):
        raise ValueError(f"{show(file)} is no calendar file; name a {', '.join(SUFFIXES[:-1])} or {SUFFIXES[-1]} file")
    return file


def beginning(moment: date | datetime) -> datetime:
    """Where a span from it begins; naive: on the wall clock."""
    return moment if isinstance(moment, datetime) else datetime.combine(moment, time())


def ending(moment: date | datetime) -> datetime:
    """Where a span up to it has ended: a day is included."""
    return moment if isinstance(moment, datetime) else datetime.combine(moment + timedelta(days=1), time())


def check_span(start: date | datetime, end: date | datetime, *, keys: str) -> None:
    """ValueError where the two of these keys are no span."""
    first, stop = beginning(start), ending(end)
    if (first.tzinfo is None) != (stop.tzinfo is None):
        raise ValueError(f"{keys} must both carry an offset, or neither")
    if stop <= first:
        raise ValueError(f"ends {show(str(end))}, which is not after {show(str(start))}; correct one")


Moment = Annotated[date | datetime, PlainValidator(read_moment), WithJsonSchema({"type": "string", "pattern": MOMENT})]
"""A day, a wall-clock time of the function's zone, or an instant where it carries an offset."""
Ramp = Annotated[Duration, AfterValidator(between("0s", "7d"))]
CalendarFile = Annotated[str, AfterValidator(_check_file)]


class SpanConfig(Section):
    """From a time up to another; two days include the second."""

    start: Annotated[Moment, Field(description="Day or time; without an offset on the wall clock of time_zone")]
    end: Annotated[Moment, Field(description="The same; a day is included, a time is not")]

    @property
    def first(self) -> datetime:
        """Where it begins; naive: on the wall clock."""
        return beginning(self.start)

    @property
    def stop(self) -> datetime:
        """Where it has ended; naive: on the wall clock."""
        return ending(self.end)

    @model_validator(mode="after")
    def _ends_after_it_begins(self) -> Self:
        check_span(self.start, self.end, keys="start and end")
        return self


class CampaignConfig(SpanConfig):
    """A span of another load than usual."""

    name: Annotated[str, Field(min_length=1, max_length=100, description="For people")]
    uplift: Annotated[float | None, Field(ge=0, le=1000, description="Times the usual; below 1: less")] = None
    like: Annotated[Day | None, Field(description="Measured instead: as on the days from this date on")] = None
    at_least: Annotated[
        float | None, Field(gt=0, description="Requests in flight, never forecast lower; for a launch")
    ] = None
    ramp_up: Annotated[Ramp, Field(description="Before start, a straight line up to it")] = timedelta(0)
    ramp_down: Annotated[Ramp, Field(description="After end, a straight line down")] = timedelta(0)

    @model_validator(mode="after")
    def _says_how_much(self) -> Self:
        if self.uplift is not None and self.like is not None:
            raise ValueError("has uplift and like; keep one")
        if self.uplift is None and self.like is None and self.at_least is None:
            raise ValueError("doesn't say how much; add uplift (a factor), like (a past day) or at_least (in flight)")
        if self.like is not None and self.like >= self.first.date():
            raise ValueError(f"is like {self.like}, which is not before it; name an earlier day")
        return self


class IgnoreConfig(SpanConfig):
    """A span of the past that says nothing of the future."""

    why: Annotated[str, Field(min_length=1, max_length=100, description="An outage, a load test")]


class DayConfig(Section):
    """A day that is off or worked, whatever the country's calendar says."""

    day: Annotated[Day, Field(description="The day")]
    kind: Annotated[Literal["holiday", "workday"], Field(description="Off, or worked")]
    name: Annotated[str, Field(max_length=100, description="For people")] = "company day"


class EntriesConfig(Section):
    """What a company file may hold, and the section itself."""

    campaigns: Annotated[tuple[CampaignConfig, ...], Field(description="Always act")] = ()
    ignore: Annotated[tuple[IgnoreConfig, ...], Field(description="Outages and load tests, left out")] = ()
    days: Annotated[tuple[DayConfig, ...], Field(description="Days off and worked, before the country's")] = ()


class CalendarConfig(EntriesConfig):
    """What people know of dates and the history does not."""

    country: Annotated[
        Country | None, Field(description="Of the public holidays, such as CN, or with a subdivision: AU-VIC")
    ] = None
    rules: Annotated[
        Literal["auto", "always", "never"],
        Field(description="Holidays as Sundays, make-up days as workdays: where it helped before, always, or never"),
    ] = "auto"
    files: Annotated[
        tuple[CalendarFile, ...], Field(description="YAML, CSV or ICS, relative to this file's folder")
    ] = ()
