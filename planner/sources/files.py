"""A history from a file: CSV (also gzipped) or Parquet with the columns `timestamp` and `value`.

What was not served may stand beside them: `throttled`, `duration_ms` and `limit` (see `planner.columns.Columns`).
"""

from __future__ import annotations

import csv
import gzip
import zlib
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

from planner.columns import Columns
from planner.errors import HistoryError
from planner.history import History, Repair, RepairKind, Statistic, check_history

TIMESTAMP, VALUE = "timestamp", "value"
BESIDE = ("throttled", "duration_ms", "limit")
PARQUET_SUFFIXES = (".parquet", ".pq")

_FILE_REMEDY = f"Give a CSV (.csv, .csv.gz) or Parquet (.parquet) file with the columns `{TIMESTAMP}` and `{VALUE}`."


def read_history(
    path: Path,
    *,
    statistic: Statistic = Statistic.MEAN,
    zone: str | None = None,
    minimum: timedelta = timedelta(0),
    mean_duration: timedelta | None = None,
    until: datetime | None = None,
) -> History:
    """Read and check the history in `path`; see `check_history` for the options.

    Other columns are ignored and reported. Rows in messages are line numbers of a CSV file (the header is
    line 1) and counts from 1 in a Parquet file. Raises HistoryError if the file can't be read or its content is
    refused.
    """
    if not path.exists():
        raise HistoryError(f"{path}: no such file", remedy=_FILE_REMEDY)
    if path.is_dir():
        raise HistoryError(f"{path}: is a directory", remedy=_FILE_REMEDY)
    read = _read_parquet if path.suffix.lower() in PARQUET_SUFFIXES else _read_csv
    try:
        columns, ignored = read(path)
    except PermissionError as error:
        raise HistoryError(f"{path.name}: can't be opened: {error.strerror}", remedy="Allow reading it.") from error
    history = check_history(
        columns, statistic=statistic, zone=zone, minimum=minimum, mean_duration=mean_duration, until=until
    )
    if not ignored:
        return history
    detail = f"columns that a history doesn't have were ignored: {', '.join(ignored)}"
    repair = Repair(kind=RepairKind.IGNORED_COLUMNS, count=len(ignored), detail=detail)
    return replace(history, repairs=(*history.repairs, repair))


def _read_csv(path: Path) -> tuple[Columns, Sequence[str]]:
    try:
        held, ignored = _sorted(path, _csv_header(path))
        table = pacsv.read_csv(
            path,
            # One thread, so that errors name the row; it still reads a year of minutes in a twentieth of a second.
            read_options=pacsv.ReadOptions(use_threads=False),
            # Blank lines are kept, as empty records, so that record i is on line i + 2.
            parse_options=pacsv.ParseOptions(ignore_empty_lines=False),
            convert_options=pacsv.ConvertOptions(
                include_columns=held,
                column_types=dict.fromkeys(held, pa.string()),
                strings_can_be_null=True,
                null_values=[""],
            ),
        )
    except (UnicodeDecodeError, pa.ArrowInvalid) as error:
        if isinstance(error, UnicodeDecodeError) or "UTF8" in str(error):
            message, remedy = f"{path.name}: is not UTF-8 text", "Save the file as UTF-8."
        else:
            message, remedy = f"{path.name}: is no CSV file: {error}", _FILE_REMEDY
        raise HistoryError(message, remedy=remedy) from error
    except (csv.Error, EOFError, zlib.error, OSError) as error:
        if isinstance(error, PermissionError):
            raise
        raise HistoryError(f"{path.name}: can't be read: {error}", remedy=_FILE_REMEDY) from error
    return _columns(path, table, first_row=2), ignored


def _csv_header(path: Path) -> Sequence[str]:
    """The names in the first line; raises HistoryError if there is none."""
    opener = gzip.open if path.suffix.lower() == ".gz" else open
    with opener(path, "rt", encoding="utf-8-sig", newline="") as lines:
        header = next(csv.reader(lines), None)
    if not header:
        what = "is empty" if header is None else "starts with an empty line"
        raise HistoryError(f"{path.name}: {what}", remedy=_FILE_REMEDY)
    return header


def _read_parquet(path: Path) -> tuple[Columns, Sequence[str]]:
    try:
        held, ignored = _sorted(path, pq.read_schema(path).names)
        table = pq.read_table(path, columns=held)
    except PermissionError:
        raise
    except (pa.ArrowInvalid, OSError) as error:
        raise HistoryError(f"{path.name}: is no Parquet file: {error}", remedy=_FILE_REMEDY) from error
    return _columns(path, table, first_row=1), ignored


def _sorted(path: Path, names: Sequence[str]) -> tuple[list[str], Sequence[str]]:
    """The columns that a history has, and the others; HistoryError unless the first two are there, each column once."""
    for needed in (TIMESTAMP, VALUE, *BESIDE):
        times = names.count(needed)
        if times > 1 or (times == 0 and needed not in BESIDE):
            shown = ", ".join(f"'{name}'" for name in names)
            state = "is missing" if times == 0 else f"is there {times} times"
            raise HistoryError(f"{path.name}: the column `{needed}` {state}; there are {shown}", remedy=_FILE_REMEDY)
    held = [TIMESTAMP, VALUE, *(name for name in BESIDE if name in names)]
    return held, [name for name in names if name not in held]


def _columns(path: Path, table: pa.Table, *, first_row: int) -> Columns:
    rows = np.arange(first_row, first_row + table.num_rows, dtype=np.int64)
    beside = {name: _series(table[name]) for name in BESIDE if name in table.column_names}
    timestamps, values = (_series(table[name]) for name in (TIMESTAMP, VALUE))
    return Columns(timestamps=timestamps, values=values, source=path.name, rows=rows, **beside)


def _series(column: pa.ChunkedArray) -> pd.Series:
    """A pandas column that keeps what the file says: decimals as floats, dictionaries as their words."""
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if pa.types.is_decimal(column.type):
        column = column.cast(pa.float64())
    series: pd.Series = column.to_pandas()
    return series
