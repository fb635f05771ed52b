"""How long a year of minutes (525,600 rows) takes from CSV to History, on one core.

    python benchmarks/history_load.py

The baseline, in the same run and on the same file, is plain `pandas.read_csv` with `parse_dates`: it reads the same
rows and checks nothing.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from planner.sources.files import read_history

ROWS = 525_600
ROUNDS = 5


def year_of_minutes(path: Path) -> None:
    """A file of seeded noise: 2025 in minutes, three decimals."""
    stamps = pd.date_range("2025-01-01", periods=ROWS, freq="1min", tz="UTC").strftime("%Y-%m-%dT%H:%M:%SZ")
    values = np.random.default_rng(1).gamma(4.0, 20.0, ROWS)
    lines = (f"{stamp},{value:.3f}\n" for stamp, value in zip(stamps, values, strict=True))
    path.write_text("timestamp,value\n" + "".join(lines), encoding="utf-8")


def best_of(read: Callable[[], object]) -> float:
    """The shortest of some rounds, in seconds: what the work takes when nothing else disturbs it."""
    rounds = []
    for _ in range(ROUNDS):
        begun = time.perf_counter()
        read()
        rounds.append(time.perf_counter() - begun)
    return min(rounds)


def main() -> None:
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "year.csv"
        year_of_minutes(path)
        baseline = best_of(lambda: pd.read_csv(path, parse_dates=["timestamp"]))
        ours = best_of(lambda: read_history(path))
    sys.stdout.write(
        f"pandas.read_csv(parse_dates) {baseline:.3f} s\n"
        f"read_history                 {ours:.3f} s\n"
        f"ratio                        {ours / baseline:.1f}\n"
    )


if __name__ == "__main__":
    main()
