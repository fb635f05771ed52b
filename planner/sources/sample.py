"""The sample history that planner carries (see README.md beside it for provenance and licence)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from importlib.resources import as_file, files
from pathlib import Path

import pandas as pd

from planner.history import History

SAMPLE_NAME = "text-moderation.csv"
WEEK = timedelta(weeks=1)
AHEAD = timedelta(days=1)
"""What lies after the present is no history, but the demo shows what a plan made of it."""


@contextmanager
def sample_path() -> Iterator[Path]:
    """The sample as a file, also from a zipped package; the path is valid inside the `with` block."""
    with as_file(files("planner").joinpath("data", "sample", SAMPLE_NAME)) as path:
        yield path


def moved_to(now: datetime, history: History) -> History:
    """The history moved by whole weeks until it goes a day past `now`, so that days and hours stay what they were."""
    weeks = -((history.end - now - AHEAD) // WEEK)
    if weeks <= 0:
        return history
    series = history.series.copy()
    series.index = pd.DatetimeIndex(series.index) + weeks * WEEK
    source = f"{history.source} (the bundled sample, moved by {weeks} weeks to the present)"
    return replace(history, series=series, source=source)
