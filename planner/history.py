"""History: a checked series of offered concurrency, the first stage.

    Columns -> check_history -> History

A history is checked once, where it enters. What can't be trusted is refused with its row and a remedy; what can be
mended is mended and reported as a `Repair`. A gap stays a gap: demand is never invented, least of all zero demand.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum

import numpy as np
import pandas as pd

from planner.base import EPOCH, iso, utc
from planner.columns import (
    Columns,
    Instants,
    Integers,
    Numbers,
    begun,
    find_zone,
    localise,
    read_instants,
    without_blank_rows,
)
from planner.errors import HistoryError
from planner.grid import Grid, infer_grid
from planner.offered import UNSEEN, read_offered

BEYOND_REPAIR = 0.25
"""Share of rows out of order, or of intervals with conflicting values, that says: this is the wrong file or column.
A shuffled file has half of its rows out of order, a file of several functions conflicts at every interval."""


class Statistic(StrEnum):
    """What a point says of its interval."""

    MEAN = "mean"
    MAX = "max"


class RepairKind(StrEnum):
    """The repairs that are made, and reported."""

    ORDER = "order"  # rows sorted, or a newest-first file turned round
    DST = "dst"  # doubtful local times of a daylight-saving change resolved
    PARTIAL_INTERVAL = "partial_interval"  # the last interval was not over
    OFF_GRID = "off_grid"  # timestamps moved by at most half a step
    DUPLICATES = "duplicates"  # rows of one interval that agree
    CONFLICTS = "conflicts"  # rows of one interval that disagree: the larger value is kept
    GAPS = "gaps"  # intervals without a value
    IGNORED_COLUMNS = "ignored_columns"  # columns that a history doesn't have


@dataclass(frozen=True, slots=True, kw_only=True)
class Repair:
    """One kind of repair and how often; `detail` is one sentence for people."""

    kind: RepairKind
    count: int
    detail: str


Repairs = tuple[Repair, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class History:
    """Offered concurrency (requests in flight) on a regular grid.

    `series`: float64 >= 0, named "concurrency", index in UTC every `step`; the value at t is the `statistic` over
    [t, t + step). NaN is a gap, never zero demand; the first and the last value are numbers. Read-only. `repairs` tell
    of all that was checked, also after `until`, and so does `basis`: in words, how the offered load was told from what
    was served. `source` is a name for people.
    """

    series: pd.Series[float]
    step: timedelta
    statistic: Statistic
    repairs: Repairs
    source: str
    basis: str = UNSEEN
    _digest: list[str] = field(default_factory=list, init=False, repr=False)

    def __post_init__(self) -> None:
        index = self.series.index
        if not isinstance(index, pd.DatetimeIndex) or str(index.tz) != "UTC":
            raise ValueError("a History's index is in UTC")
        step = self.step // timedelta(microseconds=1)
        if step <= 0 or (np.diff(index.as_unit("us").asi8) != step).any():
            raise ValueError("a History's index is regular, one step apart")
        values = self.series.to_numpy()
        if values.dtype != np.float64 or (values < 0).any() or np.isinf(values).any():
            raise ValueError("a History's values are finite floats >= 0 or NaN")
        if not values.size or np.isnan(values[[0, -1]]).any():
            raise ValueError("a History starts and ends with a value")

    @property
    def start(self) -> datetime:
        """The start of the first interval, aware UTC."""
        return pd.Timestamp(self.series.index[0]).to_pydatetime()

    @property
    def end(self) -> datetime:
        """The end of the last interval (exclusive), aware UTC."""
        return self.start + len(self.series) * self.step

    def missing(self, start: datetime, span: timedelta) -> float:
        """Share of the intervals that begin in [start, start + span) without a value; outside the history all are."""
        held = self.series.loc[pd.Timestamp(start) : pd.Timestamp(start + span - timedelta(microseconds=1))]
        return 1 - float(held.notna().sum()) * (self.step / span)

    @property
    def days(self) -> timedelta:
        """The time from start to end, gaps included."""
        return self.end - self.start

    @property
    def digest(self) -> str:
        """SHA-256, in hex, of step, statistic, timestamps and values: equal data, equal digest, on any machine."""
        if not self._digest:
            values = self.series.to_numpy()
            canonical = hashlib.sha256(f"{self.step // timedelta(microseconds=1)} {self.statistic}\n".encode())
            canonical.update(pd.DatetimeIndex(self.series.index).as_unit("us").asi8.astype("<i8").tobytes())
            canonical.update(np.where(np.isnan(values), np.nan, values).astype("<f8").tobytes())
            self._digest.append(canonical.hexdigest())
        return self._digest[0]

    def until(self, now: datetime) -> History:
        """The history that was known at `now`: every interval that ends later is dropped, so nothing peeks.

        Raises ValueError for a naive `now`, HistoryError if nothing is left.
        """
        if utc(now) >= self.end:
            return self
        # Floor division: the interval that ends exactly at `now` is known, the one that runs at `now` isn't.
        known = _trimmed(self.series.iloc[: max((now - self.start) // self.step, 0)])
        if known.empty:
            message = f"{self.source}: the history starts at {iso(self.start)}, nothing of it was known at {iso(now)}"
            raise HistoryError(message, remedy="Choose a later time, or a history that starts earlier.")
        return replace(self, series=known)


def check_history(
    columns: Columns,
    *,
    statistic: Statistic = Statistic.MEAN,
    zone: str | None = None,
    minimum: timedelta = timedelta(0),
    mean_duration: timedelta | None = None,
    until: datetime | None = None,
) -> History:
    """Check and mend raw columns.

    `zone` is the IANA zone of timestamps without an offset; without it they are refused. `minimum` is the shortest
    history to accept, from its first value to its last. `mean_duration` is how long a request takes where a source
    with `throttled` doesn't say (`planner.offered`). Of a source that goes past `until`, only what was known then is
    checked and reported. Raises HistoryError with a remedy, and with the row where one is at fault.
    """
    columns = without_blank_rows(columns)
    if not len(columns.rows):
        raise HistoryError(f"{columns.source}: no rows", remedy="Give a history with one row for each interval.")
    if until is not None and not len((columns := begun(columns, utc(until), zone)).rows):
        raise _unknown(columns.source, until)
    columns, stamps, repairs = _in_utc(columns, zone)
    columns, stamps, sorting = _in_order(columns, stamps)
    grid = infer_grid(columns, stamps)
    known = np.arange(_over(grid, until))
    if until is not None and not len(known):
        raise _unknown(columns.source, until)
    offered = read_offered(columns.take(known), mean_duration=mean_duration)
    slots, values, merging = _merge(columns, grid.slots[known], offered.values)
    series = _series(grid, slots, values)
    if series.empty:
        raise HistoryError(f"{columns.source}: no row has a value", remedy="Check the column `value`.")
    if (span := len(series) * grid.step) < minimum:
        message = f"{columns.source}: the history spans {_days(span)}, the configured minimum is {_days(minimum)}"
        raise HistoryError(message, remedy="Give a longer history, or lower the minimum.")
    repairs += sorting + _moves(columns, stamps, grid) + merging + _gaps(series, grid.step)
    return History(
        series=series,
        step=grid.step,
        statistic=statistic,
        repairs=repairs,
        source=columns.source,
        basis=offered.basis,
    )


def _unknown(source: str, until: datetime) -> HistoryError:
    remedy = "Choose a later time, or a history that starts earlier."
    return HistoryError(f"{source}: nothing of the history was known at {iso(until)}", remedy=remedy)


def _over(grid: Grid, until: datetime | None) -> int:
    """How many records belong to intervals that were over: at `until`, or else at the end of the source."""
    over = len(grid.slots) - grid.partial_last
    if until is None:
        return over
    # The interval that ends exactly at `until` is known, the one that runs at `until` isn't.
    running = (utc(until) - EPOCH - timedelta(microseconds=grid.phase)) // grid.step
    return min(over, int(np.searchsorted(grid.slots, running)))


def _in_utc(columns: Columns, zone: str | None) -> tuple[Columns, Integers, Repairs]:
    """The columns, oldest first, with their timestamps in microseconds of UTC."""
    index = read_instants(columns)
    repairs: Repairs = ()
    if index.tz is None and zone is None:
        remedy = "Write timestamps with Z or an offset, or configure the time zone of the history."
        raise columns.refuse(0, f"the timestamp '{index[0]}' has no offset and no time zone is configured", remedy)
    # Before local times become UTC: their order is what tells the two passes of an hour apart.
    if _disorder(index.asi8) > BEYOND_REPAIR and _disorder(index.asi8[::-1]) <= BEYOND_REPAIR:
        columns, index = columns.take(np.arange(len(index))[::-1]), index[::-1]
        detail = f"a file with its newest row first turned round ({len(index)} rows)"
        repairs = (Repair(kind=RepairKind.ORDER, count=len(index), detail=detail),)
    if index.tz is not None or zone is None:
        return columns, index.asi8, repairs
    instants = localise(index, find_zone(zone))
    return columns, instants.utc, repairs + _dst(columns, instants, zone)


def _dst(columns: Columns, instants: Instants, zone: str) -> Repairs:
    told = f"that {zone} has twice, told apart by the order of the rows"
    assumed = f"that {zone} has twice but the file once, read as the first of the two"
    skipped = f"that {zone} skips, read with the offset before the change"
    cases = ((told, instants.told_apart), (assumed, instants.assumed_first), (skipped, instants.skipped))
    return tuple(
        Repair(
            kind=RepairKind.DST,
            count=len(positions),
            detail=f"{_counted(positions.size, 'local time')} {text} ({_first(columns, instants.utc, positions)})",
        )
        for text, positions in cases
        if len(positions)
    )


def _disorder(stamps: Integers) -> float:
    """Share of rows that are earlier than the row above them."""
    return float((np.diff(stamps) < 0).mean()) if len(stamps) > 1 else 0.0


def _in_order(columns: Columns, stamps: Integers) -> tuple[Columns, Integers, Repairs]:
    """Both sorted by time; rows of equal time keep their order."""
    late = np.flatnonzero(np.diff(stamps) < 0) + 1
    if not len(late):
        return columns, stamps, ()
    if _disorder(stamps) > BEYOND_REPAIR:
        what = f"{len(late)} of {len(stamps)} rows are earlier than the row above them, first here"
        raise columns.refuse(int(late[0]), what, "Check that `timestamp` is the right column, or sort the file by it.")
    detail = f"{_counted(len(late), 'row')} out of order, sorted ({_first(columns, stamps, late)})"
    order = np.argsort(stamps, kind="stable")
    return columns.take(order), stamps[order], (Repair(kind=RepairKind.ORDER, count=len(late), detail=detail),)


def _moves(columns: Columns, stamps: Integers, grid: Grid) -> Repairs:
    """What it took to put the records on the grid."""
    repairs: Repairs = ()
    if grid.partial_last:
        where = _first(columns, stamps, np.array([len(stamps) - 1]))
        detail = f"the last row, inside an interval that was not over, dropped ({where})"
        repairs += (Repair(kind=RepairKind.PARTIAL_INTERVAL, count=1, detail=detail),)
    if count := len(grid.moved):
        where = _first(columns, stamps, grid.moved)
        detail = f"{_counted(count, 'timestamp')} off the grid of {grid.step}, moved to the nearest interval ({where})"
        repairs += (Repair(kind=RepairKind.OFF_GRID, count=count, detail=detail),)
    return repairs


def _merge(columns: Columns, slots: Integers, values: Numbers) -> tuple[Integers, Numbers, Repairs]:
    """One value for each interval that has a row: the largest, since too little capacity costs more than too much."""
    starts = np.flatnonzero(np.diff(slots, prepend=slots[0] - 1))
    extra = np.diff(starts, append=len(slots)) - 1
    if not extra.any():
        return slots, values, ()
    # fmax and fmin pass over NaN: an empty row yields to a row with a value and doesn't disagree with it.
    largest, smallest = np.fmax.reduceat(values, starts), np.fmin.reduceat(values, starts)
    differ = smallest < largest
    if differ.mean() > BEYOND_REPAIR:
        what = f"{differ.sum()} of {len(starts)} intervals have several values that differ, first here"
        remedy = "Give the series of one function only, one row for each interval."
        raise columns.refuse(int(starts[differ.argmax()]), what, remedy)
    repeats, rows = int(extra[~differ].sum()), columns.rows[np.minimum(starts + 1, len(slots) - 1)]
    cases = (
        (RepairKind.DUPLICATES, repeats, ~differ & (extra > 0), "row", "repeating an interval, dropped"),
        (RepairKind.CONFLICTS, int(differ.sum()), differ, "interval", "with several values, the largest kept"),
    )
    repairs = tuple(
        Repair(kind=kind, count=count, detail=f"{_counted(count, noun)} {what} (first in row {rows[where.argmax()]})")
        for kind, count, where, noun, what in cases
        if count
    )
    return slots[starts], largest, repairs


def _series(grid: Grid, slots: Integers, values: Numbers) -> pd.Series[float]:
    """The values on the whole grid, NaN where there are none, from the first value to the last; read-only."""
    dense = np.full(slots[-1] - slots[0] + 1, np.nan)
    dense[slots - slots[0]] = values
    dense.setflags(write=False)
    step = pd.Timedelta(grid.step)
    first = pd.Timestamp(EPOCH) + timedelta(microseconds=grid.phase) + int(slots[0]) * grid.step
    index = pd.date_range(first, periods=len(dense), freq=step, unit="us", name="timestamp")
    return _trimmed(pd.Series(dense, index=index, name="concurrency", copy=False))


def _trimmed(series: pd.Series[float]) -> pd.Series[float]:
    """Without empty intervals at either end: nothing is known of them, so they are not part of the history."""
    known = np.flatnonzero(series.notna().to_numpy())
    return series.iloc[known[0] : known[-1] + 1] if len(known) else series.iloc[:0]


def _gaps(series: pd.Series[float], step: timedelta) -> Repairs:
    empty = series.isna().to_numpy()
    if not (count := int(empty.sum())):
        return ()
    # The series starts and ends with a value, so every run of empty intervals has both edges.
    edges = np.diff(empty.astype(np.int8))
    starts, ends = np.flatnonzero(edges == 1) + 1, np.flatnonzero(edges == -1) + 1
    widest = int((ends - starts).argmax())
    longest = f"the longest of {len(starts)} starts at {iso(series.index[starts[widest]])}"
    lasts = (ends - starts)[widest].item() * step
    detail = f"{count} of {len(series)} intervals without a value, left empty ({longest} and lasts {lasts})"
    return (Repair(kind=RepairKind.GAPS, count=count, detail=detail),)


def _first(columns: Columns, stamps: Integers, positions: Integers) -> str:
    """Where the first of these records is, for a repair's detail."""
    position = int(positions[0])
    return f"first at {iso(EPOCH + timedelta(microseconds=int(stamps[position])))}, row {columns.rows[position]}"


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _days(span: timedelta) -> str:
    return f"{span / timedelta(days=1):.2f} days"
