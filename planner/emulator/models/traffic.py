"""Traffic from a trace: a CSV file of concurrency, of requests a minute, or of single arrivals, read as a load."""

import csv
import io
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Literal, NamedTuple, Self, get_args

from planner.emulator.models.load import Load

Kind = Literal["concurrency", "requests", "arrivals"]
Shift = Literal["start", "none"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LAST = datetime(9000, 1, 1, tzinfo=UTC).timestamp()
_LONGEST = timedelta(days=366).total_seconds()
"""A longer trace is taken for a wrong date."""
_MINUTE = 60.0


class _Row(NamedTuple):
    """Seconds since 1970, and the value or, of an arrival, its duration in seconds."""

    at: float
    value: float


_Piece = tuple[float, float, float]
"""From when to when, in seconds since 1970, so much concurrency."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceFormat:
    """How a trace is to be read."""

    kind: Kind = "concurrency"
    """What a row says: the concurrency, or the requests a minute, from its time to that of the next
    row; or that one request arrived then."""
    time: str = "timestamp"
    """The column of the time: ISO 8601, in UTC where it has no zone, or seconds since 1970."""
    column: str = ""
    """The column of the value, `value` by default. Of arrivals: that of their durations in seconds,
    none by default."""
    duration_seconds: float = 1.0
    """The mean duration of a request; of arrivals, that of every one where no column says it."""
    repeat: bool = False
    """Whether the trace begins again after its last minute; else nothing is asked for then."""
    shift: Shift = "start"
    """Where the first minute goes: `start`, to the emulator's present when the load is set (a world
    file's: at its start); `none`, to where the trace's own dates put it."""

    def __post_init__(self) -> None:
        """Refuse an unknown kind or shift, and no duration."""
        for name, choices in (("kind", get_args(Kind)), ("shift", get_args(Shift))):
            if getattr(self, name) not in choices:
                message = f"{name} must be one of {', '.join(choices)}"
                raise ValueError(message)
        if not 0 < self.duration_seconds < math.inf:
            message = "duration_seconds must be positive"
            raise ValueError(message)

    @classmethod
    def from_mapping(cls, values: Mapping[str, object]) -> Self:
        """From the keys of a file or a query, whose texts are read as the field's type.

        Contract: an unknown key raises `ValueError` that lists the known ones.
        """
        known = [field.name for field in fields(cls)]
        if unknown := sorted(set(values) - set(known)):
            message = f"unknown keys of a trace: {', '.join(unknown)}; known: {', '.join(known)}"
            raise ValueError(message)
        read = {name: str(value) for name, value in values.items()}
        duration, repeat = read.pop("duration_seconds", "1"), read.pop("repeat", "false").lower()
        if repeat not in ("true", "false"):
            message = "repeat must be true or false"
            raise ValueError(message)
        typed = {"duration_seconds": _number("duration_seconds", duration), "repeat": repeat == "true"}
        return cls(**read, **typed)  # type: ignore[arg-type]  # the other fields are texts

    @property
    def value_column(self) -> str:
        """The column that is read beside the time; empty for arrivals that all take the same."""
        return self.column or ("" if self.kind == "arrivals" else "value")


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """A trace as a load at its own dates, and whether it moves to the present."""

    load: Load
    shift: Shift

    def begin(self, at: datetime) -> Load:
        """The load as it is set at `at`: from that minute on, or at its own dates."""
        return self.load if self.shift == "none" else replace(self.load, start=at.replace(second=0, microsecond=0))


def read_trace(path: Path, form: TraceFormat) -> Trace:
    """The trace of a CSV file in UTF-8 with a header.

    Contract: anything that is no such trace is a `ValueError` of the file, the line and the reason.
    """
    try:
        raw = path.read_bytes()
    except OSError as error:
        message = f"{path}: {error.strerror}"
        raise ValueError(message) from error
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        message = f"{path}:{line}: not UTF-8"
        raise ValueError(message) from error
    return parse_trace(text, form, name=str(path))


def parse_trace(text: str, form: TraceFormat, *, name: str) -> Trace:
    """The trace of a CSV text with a header; faults are told with `name` and the line."""
    reader = csv.reader(io.StringIO(text), strict=True)
    try:
        rows = list(_rows(reader, form))
    except (ValueError, csv.Error) as error:
        message = f"{name}:{max(reader.line_num, 1)}: {error}"
        raise ValueError(message) from error
    duration = form.duration_seconds
    if form.kind == "arrivals":
        duration = sum(row.value for row in rows) / len(rows)
        pieces = [(row.at, row.at + row.value, 1.0) for row in rows]
    else:
        # Little's law: concurrency is the requests a second times their mean duration.
        scale = duration / _MINUTE if form.kind == "requests" else 1.0
        pieces = [(begin, end, value * scale) for begin, end, value in _held(rows)]
    if not duration:
        message = f"{name}: all requests take 0 s"
        raise ValueError(message)
    first, values = _minutes(pieces)
    load = Load(
        values=tuple(values if form.repeat else [*values, 0.0]),
        start=_EPOCH + first * timedelta(seconds=_MINUTE),
        repeat=form.repeat,
        duration_seconds=duration,
    )
    return Trace(load=load, shift=form.shift)


def _rows(reader: Iterator[list[str]], form: TraceFormat) -> Iterator[_Row]:
    """Every row, read; a `ValueError` says what is wrong with the one that the reader stands at."""
    header = next(reader, [])
    time = _place(header, form.time)
    place = _place(header, form.value_column) if form.value_column else None
    first = last = None
    for cells in filter(None, reader):
        if len(cells) != len(header):
            message = f"{len(cells)} cells under {len(header)} columns"
            raise ValueError(message)
        at = _seconds(cells[time])
        value = form.duration_seconds if place is None else _number(form.value_column, cells[place])
        first = at if first is None else first
        if max(abs(at - first), value if form.kind == "arrivals" else 0) > _LONGEST:
            message = f"'{cells[time]}' is, or ends, more than {_LONGEST / 86400:.0f} days from the first row"
            raise ValueError(message)
        if form.kind != "arrivals" and last is not None and at <= last:
            message = f"'{cells[time]}' is not after the row before"
            raise ValueError(message)
        last = at
        yield _Row(at, value)
    if last is None:
        message = "no rows"
        raise ValueError(message)


def _place(header: Sequence[str], column: str) -> int:
    if column not in header:
        message = f"no column '{column}', but {', '.join(header) or 'none at all'}"
        raise ValueError(message)
    return header.index(column)


def _seconds(text: str) -> float:
    """A moment in seconds since 1970."""
    try:
        at = float(text)
    except ValueError:
        at = _instant(text)
    if not 0 <= at < _LAST:
        message = f"'{text}' is neither an ISO 8601 time nor seconds since 1970"
        raise ValueError(message)
    return at


def _instant(text: str) -> float:
    """An ISO 8601 time in seconds since 1970, NaN for another text."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return math.nan
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _number(column: str, text: str) -> float:
    """A number from 0 on."""
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 <= number < math.inf:
        message = f"{column} is no number from 0 on: '{text}'"
        raise ValueError(message)
    return number


def _held(rows: Sequence[_Row]) -> Iterator[_Piece]:
    """Every value until the next row's time; the last for as long as the one before, or a minute."""
    for row, after in pairwise(rows):
        yield row.at, after.at, row.value
    last = rows[-1]
    yield last.at, last.at + (last.at - rows[-2].at if len(rows) > 1 else _MINUTE), last.value


def _minutes(pieces: Sequence[_Piece]) -> tuple[int, list[float]]:
    """The number of the first minute since 1970, and the mean concurrency of each from there on.

    Worked: a request from 0:50 to 1:20 is 10 s of the first minute and 20 s of the second: 1/6 and 1/3.
    """
    first = int(min(begin for begin, _, _ in pieces) // _MINUTE)
    values = [0.0] * max(math.ceil(max(end for _, end, _ in pieces) / _MINUTE) - first, 1)
    for begin, end, value in pieces:
        at = begin
        while at < end:
            minute = int(at // _MINUTE)
            until = min(end, (minute + 1) * _MINUTE)
            # Over 60 first, so that a whole minute keeps its value to the last digit.
            values[minute - first] += value * ((until - at) / _MINUTE)
            at = until
    return first, values
