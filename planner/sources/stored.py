"""History that `planner collect` stored: points of one function in the database, in one series for each way of telling.

store -> stored_points -> history_of -> History
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from planner.base import MINUTE, iso
from planner.columns import Columns
from planner.errors import HistoryError
from planner.history import History, Statistic, check_history
from planner.sources.metered import Way
from planner.store.records import Point

if TYPE_CHECKING:
    from planner.store import Store

SERIES = "collected"
"""Name in the store of the series that files are collected into."""
FILED = Way(series=SERIES, words="files")
BASIS = "as collected: what the file showed to be turned away or saturated is added back, else served is offered"
READ_BACK = timedelta(days=91)
"""As long as Cloud Monitor keeps its five-minute series; forecasters use less."""

Told = Mapping[Way, Sequence[Point]]
"""Points by the way in which they were told, the best way first."""


def keep(store: Store, function: str, history: History) -> int:
    """Store a history's points and give their number; doing it again is harmless, and a later value wins."""
    series = history.series
    points = [
        Point(at=at.to_pydatetime(), value=None if np.isnan(value) else float(value), step=history.step)
        for at, value in zip(pd.DatetimeIndex(series.index), series.to_numpy(), strict=True)
    ]
    store.save_points(function, SERIES, points)
    return len(points)


def stored_history(store: Store, function: str, *, now: datetime, statistic: Statistic, minimum: timedelta) -> History:
    """What files stored of a function up to `now`, checked like any other history."""
    told = stored_points(store, function, (FILED,), now=now)
    if not told[FILED]:
        raise HistoryError(
            f"{store.location} holds no points of {function} in the {READ_BACK.days} days before now",
            remedy="Fill it with `planner collect FILE`, or give --history FILE.",
        )
    return history_of(told, function, now=now, statistic=statistic, minimum=minimum)


def stored_points(store: Store, function: str, ways: Sequence[Way], *, now: datetime) -> Told:
    """The points of the last months up to `now`."""
    return {way: store.load_points(function, way.series, start=now - READ_BACK, end=now) for way in ways}


def history_of(told: Told, function: str, *, now: datetime, statistic: Statistic, minimum: timedelta) -> History:
    """One history of what was told in several ways: for each interval the best way counts. HistoryError if none is.

    A point of a longer step stands for each interval of the finest, where that has no point of its own: minutes are
    kept for a month, and the two before it are known by their five minutes.
    """
    if not any(told.values()):
        raise HistoryError(
            f"nothing is known of {function} in the {READ_BACK.days} days before now",
            remedy="Check the function's name, its region and history.source; or give --history FILE.",
        )
    finest = min(point.step for points in told.values() for point in points)
    parts = [_spread(way, points, finest) for way, points in told.items() if points]
    together = pd.concat(parts, ignore_index=True)
    # The finer step before the better way: a mean over five minutes says little of one of them.
    together = together.sort_values(["at", "step"], kind="stable").drop_duplicates("at")
    columns = Columns(
        timestamps=together["at"],
        values=together["value"],
        source=f"points of {function}",
        rows=np.arange(1, len(together) + 1),
    )
    history = check_history(columns, statistic=statistic, minimum=minimum, until=now)
    return replace(history, basis=_basis(together, finest))


def _spread(way: Way, points: Sequence[Point], finest: timedelta) -> pd.DataFrame:
    """A row for each interval of the finest step, with the step that it was told at."""
    times = max(1, max(point.step for point in points) // finest)
    frame = pd.DataFrame(
        {
            "at": pd.DatetimeIndex([point.at for point in points]).as_unit("us"),
            "value": np.array([np.nan if point.value is None else point.value for point in points], dtype="float64"),
            "step": np.array([point.step / finest for point in points]),
            "way": way.words,
        }
    )
    parts = [frame[frame["step"] > nth] for nth in range(times)]
    return pd.concat([part.assign(at=part["at"] + nth * finest) for nth, part in enumerate(parts)], ignore_index=True)


def _basis(rows: pd.DataFrame, finest: timedelta) -> str:
    shown = rows[rows["value"].notna()]
    counts = shown["way"].value_counts()
    if list(counts.index) == [FILED.words]:
        return BASIS
    told = " and ".join(f"by {way} ({count:,} intervals)" for way, count in counts.items())
    coarse = shown[shown["step"] > 1]
    if coarse.empty:
        return f"as collected: {told}"
    until, longest = pd.Timestamp(coarse["at"].max()).to_pydatetime() + finest, coarse["step"].max() * finest / MINUTE
    return f"as collected: {told}; up to {iso(until)} means over {longest:g} minutes stand for each interval in them"
