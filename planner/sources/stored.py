"""History that `planner collect` stored: points of one function in the database."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from planner.columns import Columns
from planner.errors import HistoryError
from planner.history import History, Statistic, check_history
from planner.store.records import Point

if TYPE_CHECKING:
    from planner.store import Store

SERIES = "collected"
"""Name of the series in the store."""
BASIS = "as collected: what the file showed to be turned away or saturated is added back, else served is offered"
READ_BACK = timedelta(days=91)
"""As long as Cloud Monitor keeps its five-minute series; forecasters use less."""


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
    """What is stored of a function up to `now`, checked like any other history."""
    points = store.load_points(function, SERIES, start=now - READ_BACK, end=now)
    if not points:
        raise HistoryError(
            f"{store.location} holds no points of {function} in the {READ_BACK.days} days before now",
            remedy="Fill it with `planner collect FILE`, or give --history FILE.",
        )
    columns = Columns(
        timestamps=pd.Series([point.at for point in points]),
        values=pd.Series([point.value for point in points], dtype="float64"),
        source=f"points of {function}",
        rows=np.arange(1, len(points) + 1),
    )
    return replace(check_history(columns, statistic=statistic, minimum=minimum, until=now), basis=BASIS)
