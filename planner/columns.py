"""Columns as a source read them become UTC instants and numbers, or are refused with their row.

The reading half of the History stage: `history.py` puts what this module returns on a grid. Nothing is repaired
here; what a daylight-saving change left open is resolved and counted (`Instants`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
import numpy.typing as npt
import pandas as pd

from planner.base import EPOCH
from planner.errors import HistoryError

Numbers = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

EMPTY_WORDS = ("", "nan", "na", "n/a", "null", "none")
"""What exporters write where they hold nothing; compared in lower case."""

FIRST_YEAR, LAST_YEAR = 1970, 2199
"""Years outside are a wrong unit or a wrong column, never a history."""

LONGEST_SHOWN = 60
"""Characters of a bad cell that a message repeats."""
_OFFSET = r"[T ]\d.*[+-]\d\d(?::?\d\d)?$"
_WRITE_NUMBERS = {
    "value": "offered concurrency as a plain number >= 0 such as 12.5",
    "throttled": "requests a minute that were turned away as a plain number >= 0",
    "duration_ms": "the mean duration of a request in milliseconds as a plain number >= 0",
    "limit": "the concurrency that the running instances could serve as a plain number >= 0",
}
"""What stands in each column of numbers."""
_WRITE_ISO = "Write ISO-8601 with Z or an offset, such as 2026-03-01T08:00:00Z or 2026-03-01T16:00:00+08:00."


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Columns:
    """Columns of equal length, unchecked, as a source holds them.

    `timestamps` holds text or datetimes, the others text or numbers; an empty cell is None or NaN. Beside the value a
    source may show what was not served: `throttled`, requests a minute that were turned away; `duration_ms`, the mean
    duration of a request; `limit`, the concurrency that the running instances could serve. `rows[i]` is the
    number that a person finds record `i` by: the line of a CSV file, the count from 1 elsewhere. `source` is a name
    for messages, never an absolute path.
    """

    timestamps: pd.Series
    values: pd.Series
    source: str
    rows: Integers
    throttled: pd.Series | None = None
    duration_ms: pd.Series | None = None
    limit: pd.Series | None = None

    def __post_init__(self) -> None:
        beside = (column for column in (self.throttled, self.duration_ms, self.limit) if column is not None)
        if {len(column) for column in (self.timestamps, self.values, *beside)} != {len(self.rows)}:
            raise ValueError("the columns and rows must be equally long")

    def refuse(self, position: int, what: str, remedy: str) -> HistoryError:
        """The error that names the row of record `position`; the caller raises it."""
        return HistoryError(f"{self.source}, row {self.rows[position]}: {what}", remedy=remedy)

    def take(self, positions: Integers) -> Columns:
        """The same columns with only these records, in this order."""

        def taken(column: pd.Series | None) -> pd.Series | None:
            return None if column is None else column.iloc[positions]

        return Columns(
            timestamps=self.timestamps.iloc[positions],
            values=self.values.iloc[positions],
            source=self.source,
            rows=self.rows[positions],
            throttled=taken(self.throttled),
            duration_ms=taken(self.duration_ms),
            limit=taken(self.limit),
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Instants:
    """Local times as UTC, and the records whose local time was doubtful.

    `utc` is in microseconds since 1970. The others are positions: local times that the zone has twice and that the
    file's order told apart (`told_apart`) or couldn't (`assumed_first`: read as the first pass), and local times that
    the zone skips (`skipped`: read with the offset before the change, as PEP 495 does).
    """

    utc: Integers
    told_apart: Integers
    assumed_first: Integers
    skipped: Integers


def without_blank_rows(columns: Columns) -> Columns:
    """Drop records that hold neither timestamp nor value: blank lines of a file."""
    blank = (columns.timestamps.isna() & columns.values.isna()).to_numpy(dtype=bool)
    return columns.take(np.flatnonzero(~blank)) if blank.any() else columns


def begun(columns: Columns, until: datetime, zone: str | None) -> Columns:
    """The records whose timestamp lies before `until`; a doubtful local time counts by its earlier reading.

    Raises HistoryError at a timestamp that can't be read: nobody knows on which side it lies.
    """
    index = _parse(columns)
    if index.tz is None:
        if zone is None:
            return columns
        first = np.ones(len(index), dtype=bool)
        index = index.tz_localize(find_zone(zone), ambiguous=first, nonexistent="shift_forward")
    # What is no time at all stays, to be refused with its row.
    late = np.asarray((index >= pd.Timestamp(until)) & index.notna())
    return columns.take(np.flatnonzero(~late)) if late.any() else columns


def read_numbers(columns: Columns, name: str = "value") -> Numbers:
    """The column called `name` as floats >= 0, NaN where the cell is empty, or everywhere if there is no such column.

    Raises HistoryError at the first cell that is no number, infinite or negative.
    """
    column = columns.values if name == "value" else getattr(columns, name)
    if column is None:
        return np.full(len(columns.rows), np.nan)
    remedy = f"Write {_WRITE_NUMBERS[name]}; leave the cell empty where none is known."
    if not _is_kind(column, "iuf", text=True):
        raise columns.refuse(0, f"the {name} {_shown(column, 0)} is no number", remedy)
    parsed = pd.to_numeric(column, errors="coerce")
    numbers = np.array(parsed.to_numpy(dtype=np.float64, na_value=np.nan))
    wrong = np.isnan(numbers)
    wrong[wrong] = ~_is_empty(column[wrong])
    for mask, fault in ((wrong, "is no number"), (np.isinf(numbers), "is not finite"), (numbers < 0, "is negative")):
        if mask.any():
            position = int(mask.argmax())
            raise columns.refuse(position, f"the {name} {_shown(column, position)} {fault}", remedy)
    return numbers + 0.0  # -0.0 becomes 0.0, so that equal series have equal bytes


def read_instants(columns: Columns) -> pd.DatetimeIndex:
    """The timestamps: an index in UTC, or a naive one if no timestamp of the file has an offset.

    Raises HistoryError at the first timestamp that is empty, can't be read or is written unlike the others.
    """
    index = _parse(columns)
    outside = np.asarray((index.year < FIRST_YEAR) | (index.year > LAST_YEAR) | index.isna())
    if outside.any():
        position = int(outside.argmax())
        shown = _shown(columns.timestamps, position)
        fault = "is empty" if index.isna()[position] else f"{shown} lies outside {FIRST_YEAR}-{LAST_YEAR}"
        raise columns.refuse(position, f"the timestamp {fault}", _WRITE_ISO)
    return index.as_unit("us")


def _parse(columns: Columns) -> pd.DatetimeIndex:
    if _is_kind(columns.timestamps, "M"):
        index = pd.DatetimeIndex(columns.timestamps)
        return index if index.tz is None else index.tz_convert(UTC)
    if _is_kind(columns.timestamps, "", text=True):
        return _parse_text(columns)
    fault = f"the timestamp {_shown(columns.timestamps, 0)} is a plain {columns.timestamps.dtype}"
    raise columns.refuse(0, fault, _WRITE_ISO)


def _parse_text(columns: Columns) -> pd.DatetimeIndex:
    text = columns.timestamps.astype("str").str.strip()
    parsed = pd.to_datetime(text, format="ISO8601", utc=True, errors="coerce")
    # pandas also reads "now" and "today", from the clock: a timestamp starts with a digit.
    unread = (parsed.isna() | ~text.str.slice(0, 1).str.isdigit()).to_numpy(dtype=bool)
    if unread.any():
        position = int(unread.argmax())
        empty = _is_empty(columns.timestamps[unread])[0]
        fault = "is empty" if empty else f"{_shown(columns.timestamps, position)} can't be read"
        raise columns.refuse(position, f"the timestamp {fault}", _WRITE_ISO)
    aware = text.str.endswith(("Z", "z")).to_numpy(dtype=bool).copy()
    aware[~aware] = text[~aware].str.contains(_OFFSET).to_numpy(dtype=bool)
    if aware.any() and not aware.all():
        position = int((aware != aware[0]).argmax())
        states = ("no offset", "an offset")
        fault = f"the timestamp {_shown(columns.timestamps, position)} has {states[int(aware[position])]}"
        raise columns.refuse(position, f"{fault}, the rows above it have {states[int(aware[0])]}", _WRITE_ISO)
    index = pd.DatetimeIndex(parsed)
    return index if aware.all() else index.tz_localize(None)


def find_zone(name: str) -> ZoneInfo:
    """The time zone called `name`; raises HistoryError for a name that the zone database lacks."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        remedy = "Use a name of the IANA database such as Asia/Shanghai."
        raise HistoryError(f"the time zone {name!r} is not known", remedy=remedy) from error


def localise(local: pd.DatetimeIndex, zone: ZoneInfo) -> Instants:
    """Local wall-clock times of `zone` (naive, in microseconds, in the order of the file) as UTC instants.

    The hour that comes twice when clocks go back is told apart by that order: the rows before the wall clock jumps
    back belong to the first pass, the rows after it to the second.
    """
    placed = local.tz_localize(zone, ambiguous="NaT", nonexistent="NaT")
    utc, doubtful = placed.asi8.copy(), np.flatnonzero(placed.isna())
    skipped = np.array([_is_skipped(moment, zone) for moment in local[doubtful].to_pydatetime()], dtype=bool)
    twice = doubtful[~skipped]
    second, told = _passes(local[twice])
    late = set(twice[second].tolist())
    for position in doubtful.tolist():
        moment = local[position].to_pydatetime().replace(tzinfo=zone, fold=int(position in late))
        utc[position] = (moment.astimezone(UTC) - EPOCH) // timedelta(microseconds=1)
    return Instants(utc=utc, told_apart=twice[told], assumed_first=twice[~told], skipped=doubtful[skipped])


def _is_skipped(moment: datetime, zone: ZoneInfo) -> bool:
    """Whether clocks jump over this local time: then the offset after the change (fold 1) is the smaller in UTC."""
    before, after = (moment.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    return before > after


def _passes(local: pd.DatetimeIndex) -> tuple[Mask, Mask]:
    """For local times that come twice: which are of the second pass, and which the order could tell apart."""
    second, told = np.zeros(len(local), dtype=bool), np.zeros(len(local), dtype=bool)
    days = local.normalize()
    for day in days.unique():
        block = np.flatnonzero(days == day)
        moves = np.diff(local[block].to_numpy()).astype(np.int64)
        # A jump back marks the second pass; where the hour is one row long, its repetition does.
        turns = np.flatnonzero(moves < 0) if (moves < 0).any() else np.flatnonzero(moves == 0)
        if turns.size:
            told[block] = True
            second[block[turns[0] + 1 :]] = True
    return second, told


def _is_kind(column: pd.Series, kinds: str, *, text: bool = False) -> bool:
    """Whether the column's type is one of numpy's kinds, or text."""
    return column.dtype.kind in kinds if column.dtype.kind != "O" else text


def _is_empty(column: pd.Series) -> Mask:
    words = column.astype("str").str.strip().str.lower()
    return (column.isna() | words.isin(EMPTY_WORDS)).to_numpy(dtype=bool)


def _shown(column: pd.Series, position: int) -> str:
    """The cell for a message: quoted if it is text, and never longer than a person reads."""
    cell = column.iloc[position]
    shown = repr(cell) if isinstance(cell, str) else str(cell)
    return shown if len(shown) <= LONGEST_SHOWN else f"{shown[:LONGEST_SHOWN]}..."
