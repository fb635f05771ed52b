"""The sample history that planner carries."""

from __future__ import annotations

import gzip
import runpy
from datetime import timedelta
from pathlib import Path

import pandas as pd

from planner.history import Statistic
from planner.sources.files import read_history
from planner.sources.sample import sample_path

SCRIPT = Path(__file__).parents[2] / "scripts" / "make_sample.py"


def test_the_script_makes_the_committed_file_byte_by_byte() -> None:
    with sample_path() as path:
        assert runpy.run_path(str(SCRIPT))["sample_text"]().encode() == path.read_bytes()


def test_the_sample_is_six_clean_weeks_in_steps_of_five_minutes() -> None:
    with sample_path() as path:
        history = read_history(path)
    assert history.repairs == ()
    assert history.days == timedelta(weeks=6)
    assert history.step == timedelta(minutes=5)
    assert history.statistic is Statistic.MEAN


def test_the_sample_has_a_daily_and_a_weekly_tide() -> None:
    with sample_path() as path:
        hourly = read_history(path).series.resample("1h").mean()
    assert hourly.autocorr(24) > 0.9
    assert hourly.autocorr(168) > hourly.autocorr(24)
    assert hourly.max() > 100
    assert hourly.min() < 1


def test_the_sample_is_small_in_a_wheel_and_says_where_it_comes_from() -> None:
    with sample_path() as path:
        assert len(gzip.compress(path.read_bytes())) < 60_000
        provenance = path.with_name("README.md").read_text(encoding="utf-8")
    assert "CC0 1.0" in provenance
    assert "scripts/make_sample.py" in provenance


def test_a_flight_counts_from_departure_to_landing() -> None:
    names = runpy.run_path(str(SCRIPT))
    flights = pd.DataFrame(
        {
            "time_hour": ["1970-01-01T01:00:00Z", "1970-01-01T01:00:00Z", "1970-01-01T01:00:00Z"],
            "minute": [10, 30, 0],
            "dep_delay": [-5.0, 60.0, None],
            "air_time": [30.0, 20.0, None],
        }
    )
    start, end = names["flown_minutes"](flights)
    assert (start.tolist(), end.tolist()) == ([65, 150], [95, 170])
