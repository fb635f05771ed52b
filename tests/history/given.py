"""Builders of raw columns and CSV files."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd

from planner.columns import Columns
from planner.history import History, check_history

START = datetime(2026, 3, 1, tzinfo=UTC)
FIVE_MINUTES = timedelta(minutes=5)


def stamps(count: int, *, start: datetime = START, step: timedelta = FIVE_MINUTES) -> list[str]:
    """ISO-8601 with Z, one step apart."""
    return [(start + i * step).isoformat().replace("+00:00", "Z") for i in range(count)]


def columns(timestamps: Sequence[object], values: Sequence[object] | None = None, *, first_row: int = 2) -> Columns:
    """Raw columns as a CSV file has them; the values count up from 0 unless given."""
    values = list(range(len(timestamps))) if values is None else values
    return Columns(
        timestamps=pd.Series(list(timestamps), dtype="str" if _is_text(timestamps) else None),
        values=pd.Series([None if value is None else str(value) for value in values], dtype="str"),
        source="load.csv",
        rows=np.arange(first_row, first_row + len(timestamps)),
    )


def check(timestamps: Sequence[object], values: Sequence[object] | None = None, zone: str | None = None) -> History:
    return check_history(columns(timestamps, values), zone=zone)


def numbers(history: History) -> list[float | None]:
    """The values, None for a gap."""
    return [None if np.isnan(value) else float(value) for value in history.series]


def kinds(history: History) -> dict[str, int]:
    return {repair.kind.value: repair.count for repair in history.repairs}


def same(one: History, other: History) -> bool:
    return one.digest == other.digest and one.step == other.step


def _is_text(cells: Sequence[object]) -> bool:
    return all(cell is None or isinstance(cell, str) for cell in cells)
