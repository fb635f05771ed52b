"""Windows of the section `daemon` in which nothing is pushed, or in which alone something is."""

from __future__ import annotations

import re
from datetime import date, datetime, time
from typing import Annotated, Self

from pydantic import AfterValidator, Field, PlainValidator, WithJsonSchema, model_validator

from planner.config.calendar import MOMENT, beginning, check_span, ending, read_moment
from planner.config.sections import Section
from planner.config.words import show

_CLOCK = r"^([01][0-9]|2[0-3]):[0-5][0-9]$"


def _read(value: object) -> date | datetime | time:
    if isinstance(value, date | time):
        return value
    if re.fullmatch(_CLOCK, str(value)):
        return time.fromisoformat(str(value))
    if re.fullmatch(MOMENT, str(value)):
        return read_moment(value)
    raise ValueError(f"{show(value)} is no time; write 18:00, a day such as 2026-11-11, or 2026-11-10T20:00")


Edge = Annotated[
    date | datetime | time,
    PlainValidator(_read),
    WithJsonSchema({"type": "string", "anyOf": [{"pattern": _CLOCK}, {"pattern": MOMENT}]}),
]
EVERY_DAY = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def _check_day(day: str) -> str:
    if day not in EVERY_DAY:
        raise ValueError(f"{show(day)} is no weekday; write {', '.join(EVERY_DAY[:-1])} or {EVERY_DAY[-1]}")
    return day


Weekday = Annotated[str, AfterValidator(_check_day), WithJsonSchema({"type": "string", "enum": list(EVERY_DAY)})]


class FreezeConfig(Section):
    """A dated window, or one of each week."""

    from_: Annotated[
        Edge, Field(alias="from", description="A day, a time of time_zone, an instant with offset; or 18:00, each week")
    ]
    to: Annotated[Edge, Field(description="The same; a day is included, a time is not; 09:00 may be of the next day")]
    days: Annotated[tuple[Weekday, ...], Field(min_length=1, description="Days on which a weekly window begins")] = (
        EVERY_DAY
    )
    only: Annotated[bool, Field(description="true: pushes are allowed in such windows alone")] = False
    why: Annotated[str, Field(min_length=1, max_length=100, description="For people")]

    @property
    def dated(self) -> tuple[datetime, datetime] | None:
        """Where it begins and has ended, naive on the wall clock; None for a weekly window."""
        if isinstance(self.from_, time) or isinstance(self.to, time):
            return None
        return beginning(self.from_), ending(self.to)

    @property
    def weekly(self) -> tuple[frozenset[int], time, time] | None:
        """Weekdays (Monday is 0) and both times of day; None for a dated window."""
        if not isinstance(self.from_, time) or not isinstance(self.to, time):
            return None
        return frozenset(EVERY_DAY.index(day) for day in self.days), self.from_, self.to

    @model_validator(mode="after")
    def _is_one_or_the_other(self) -> Self:
        if isinstance(self.from_, time) and isinstance(self.to, time):
            return self
        if isinstance(self.from_, time) or isinstance(self.to, time):
            raise ValueError(  # noqa: TRY004  # pydantic's word for a wrong value
                "from and to must both be times of day such as 18:00, or neither"
            )
        if "days" in self.model_fields_set:
            raise ValueError("has days and dates; write from and to as times of day such as 18:00, or remove days")
        check_span(self.from_, self.to, keys="from and to")
        return self
