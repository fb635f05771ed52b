"""What a burst of the past costs the plans after it, and what is left of that when it is left out of their fits.

    python benchmarks/one_offs.py [FORECASTER]

Plans of 24 hours on the bundled sample, a day and a week after a burst that was put into it: the instance-hours of
their schedule, and the share of the true load above it. `clean` never saw the burst.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import NamedTuple

import numpy as np
import pandas as pd

from planner.calendar.campaigns import Dates, Ignored
from planner.config import ForecastConfig, FunctionConfig
from planner.history import History, Statistic
from planner.pipeline import Question, make_plan
from planner.provision import LiveDocument
from planner.sources.files import read_history
from planner.sources.sample import sample_path

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
EACH = 8
BURSTS = ((40 * MINUTE, 4.0), (2 * HOUR, 3.0))
BEFORE = (1, 7)
HOURS = (6, 12)
"""Of the burst, UTC: the afternoon and the evening in China."""
ORIGINS = (10, 13)
"""Days before the sample's end."""


def main() -> None:
    """Print a row for each burst and each number of days before the plan."""
    forecaster = sys.argv[1] if len(sys.argv) > 1 else "seasonal"
    settings = FunctionConfig.model_validate(
        {
            "name": "a",
            "time_zone": "Asia/Shanghai",
            "forecast": ForecastConfig.model_validate({"forecaster": forecaster, "backtest_days": 7}),
        }
    )
    with sample_path() as path:
        truth = read_history(path, statistic=Statistic.MEAN, zone=None, minimum=HOUR, mean_duration=None)
    print("| burst | days before | hours clean, seen, left out | cold % clean, seen, left out |\n|---|---|---|---|")
    for length, times in BURSTS:
        for days in BEFORE:
            figures = np.mean([row(settings, truth, case) for case in cases(truth, length, times, days)], axis=0)
            hours, cold = (
                ", ".join(f"{value:.{digits}f}" for value in figures[:, at]) for at, digits in ((0, 0), (1, 2))
            )
            print(f"| {times:g} times for {length / MINUTE:g} min | {days} | {hours} | {cold} |", flush=True)


class Case(NamedTuple):
    """When it is planned, when the burst began, how long it was, and how many times the usual."""

    now: datetime
    begins: datetime
    length: timedelta
    times: float


def cases(truth: History, length: timedelta, times: float, days: int) -> Iterator[Case]:
    """A burst at each hour before each origin."""
    for origin in ORIGINS:
        for hour in HOURS:
            now = (truth.end - origin * DAY).replace(hour=2, minute=0)
            yield Case(now, now.replace(hour=hour) - days * DAY, length, times)


def row(settings: FunctionConfig, truth: History, case: Case) -> list[tuple[float, float]]:
    """Hours and cold share of the plan that never saw the burst, that saw it, and that left it out."""
    end = case.begins + case.length
    series = truth.series.copy()
    series.loc[pd.Timestamp(case.begins) : pd.Timestamp(end - truth.step)] *= case.times
    seen, span = replace(truth, series=series), Ignored(start=case.begins, end=end, why="burst", source="here")
    pasts = ((truth, ()), (seen, ()), (seen, (span,)))
    return [judged(settings, truth, past, case.now, ignored) for past, ignored in pasts]


def judged(
    settings: FunctionConfig, truth: History, past: History, now: datetime, ignored: tuple[Ignored, ...]
) -> tuple[float, float]:
    """Instance-hours of the plan's schedule, and percent of the true load above it."""
    question = Question(
        now=now,
        horizon=DAY,
        history=past,
        live=LiveDocument(),
        instance_concurrency=EACH,
        company=Dates(ignored=ignored),
    )
    instances = make_plan(settings, question).schedule.per_minute()
    load = truth.series.loc[pd.Timestamp(now) : pd.Timestamp(now + DAY - truth.step)].to_numpy()
    served = instances.reshape(len(load), -1) * EACH
    cold = np.maximum(load[:, None] - served, 0.0).mean(axis=1)
    return float(instances.sum()) / 60, float(100 * np.nansum(cold) / np.nansum(load))


if __name__ == "__main__":
    main()
