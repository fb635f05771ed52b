"""How well forecasters do a day ahead, from midnight, on the last days of each history in a folder.

    python benchmarks/forecasters.py [FOLDER] [--forecasters seasonal,prophet,auto] [--days 7]

The measure is the weighted quantile loss (mean over the levels 0.5, 0.9, 0.95 and 0.99) over that of a baseline of the
same run: the same slot a week before (a day before, until a week is known) with the quantiles of its pooled errors
over four weeks. Below 1 is better. Coverage is the share of tide within the quantile of that level.
"""

from __future__ import annotations

import argparse
import time
from datetime import timedelta
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from planner.errors import HistoryError
from planner.forecast import FORECASTERS, LEVELS, ForecastSettings, forecast
from planner.forecasters.slots import EPOCH, slot_length, slot_tide
from planner.history import History
from planner.sources.files import read_history

SAMPLE = Path(__file__).parents[1] / "planner" / "data" / "sample"
DAY = timedelta(days=1)
SCORED = [LEVELS.index(level) for level in (0.5, 0.9, 0.95, 0.99)]
COLUMNS = ["ratio", "c90", "c95", "c99", "cpu_s"]


def baseline(known: NDArray[np.float64], per_day: int) -> NDArray[np.float64]:
    """Last week, or yesterday, and its errors."""
    lag = 7 * per_day if known.size >= 8 * per_day else per_day
    errors = (known[lag:] - known[:-lag])[-28 * per_day :]
    centre = pd.Series(known[-lag:][:per_day]).fillna(np.nanmean(known)).to_numpy()
    return np.maximum(centre[:, None] + np.nanquantile(errors, LEVELS), 0)


def judged(values: NDArray[np.float64], truth: NDArray[np.float64]) -> NDArray[np.float64]:
    """Loss and, at the last three scored levels, coverage; sums over the slots that are known."""
    seen = np.isfinite(truth)
    error, level = truth[seen, None] - values[seen][:, SCORED], np.array(LEVELS)[SCORED]
    pinball = 2 * np.maximum(level * error, (level - 1) * error).sum() / len(SCORED)
    return np.array([pinball, *(error <= 0).sum(axis=0)[1:], seen.sum()])


def measure(history: History, names: list[str], days: int) -> dict[str, list[float]]:
    """Ratio to the baseline, coverage and CPU seconds a forecast, of each forecaster."""
    slot = slot_length(history.step)
    held = slot_tide(history, slot, "UTC")
    tide, first = held.values, EPOCH + held.first * slot
    last = history.end.replace(hour=0, minute=0, second=0, microsecond=0)
    origins = [last - DAY * day for day in range(days, 0, -1) if last - DAY * day - first >= 2 * DAY]
    sums = {name: np.zeros(6) for name in ["baseline", *names]}
    for now in origins:
        at, per_day = (now - first) // slot, DAY // slot
        truth = tide[at : at + per_day]
        sums["baseline"][:5] += judged(baseline(tide[:at], per_day), truth)
        for name in names:
            begun = time.process_time()
            made = forecast(history.until(now), now=now, horizon=DAY, settings=ForecastSettings(forecaster=name))
            sums[name] += [*judged(made.forecast.values, truth), (time.process_time() - begun) / len(origins)]
    return {
        name: [float(s[0] / sums["baseline"][0]), *(s[1:4] / s[4]).tolist(), float(s[5])]
        for name, s in sums.items()
        if origins and name in names
    }


def main() -> None:
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("folder", nargs="?", type=Path, default=SAMPLE)
    ask.add_argument("--forecasters", default="lastweek,seasonal,mean,auto", help=f"of {', '.join(FORECASTERS)}")
    ask.add_argument("--days", type=int, default=7)
    asked = ask.parse_args()
    names = asked.forecasters.split(",")
    rows = []
    for path in sorted(asked.folder.glob("*.csv*")):
        try:
            rows += [(path.name, name, *row) for name, row in measure(read_history(path), names, asked.days).items()]
        except HistoryError as error:
            print(f"{path.name}: {error.message}")
    table = pd.DataFrame(rows, columns=["series", "forecaster", *COLUMNS])
    print(table.sort_values("ratio", ascending=False).to_string(index=False, float_format="{:.3f}".format))
    groups = table.groupby("forecaster")
    summary = groups[COLUMNS[1:]].mean()
    summary.insert(0, "geometric", np.exp(groups["ratio"].agg(lambda r: np.log(r).mean())))
    summary.insert(1, "median", groups["ratio"].median())
    summary.insert(2, "worst", groups["ratio"].max())
    print(summary.sort_values("geometric").to_string(float_format="{:.3f}".format))


if __name__ == "__main__":
    main()
