"""A forecast alone takes nothing away that was needed a moment ago."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pandas as pd
import pytest

from planner.base import MINUTE
from planner.demand import Sizing
from planner.history import History
from planner.lately import busy_instances
from planner.pipeline import Question, make_plan
from planner.provision import LiveDocument
from planner.sources.sample import moved_to
from tests.daemon.site import ASR, START, configured, sample

SIZING = Sizing(instance_concurrency=8, floor=1, ceiling=100)


def with_burst(ago: timedelta, concurrency: float) -> History:
    """The sample up to START, with a burst in its interval that began so long ago."""
    history = moved_to(START, sample()).until(START)
    series = history.series.copy()
    series.loc[pd.Timestamp(history.end - ago)] = concurrency
    return replace(history, series=series)


@pytest.mark.parametrize(
    ("ago", "now", "busy"),
    [(10, 0, True), (5, 0, True), (15, 0, False), (10, 59, True), (10, 61, False)],
    ids=["ten minutes ago", "just now", "before", "the history is old", "the history is too old"],
)
def test_what_the_last_minutes_kept_busy(ago: int, now: int, *, busy: bool) -> None:
    history = with_burst(ago * MINUTE, 400.0)
    assert (busy_instances(history, history.end + now * MINUTE, 10 * MINUTE, SIZING) == 50) == busy


def test_without_a_hold_nothing_is_held() -> None:
    assert busy_instances(with_burst(5 * MINUTE, 400.0), START, timedelta(0), SIZING) == 0


def test_a_plan_goes_no_lower_for_ten_minutes_and_then_follows_the_forecast(tmp_path: Path) -> None:
    settings = configured(tmp_path, ASR, "mode: auto")
    plans = [
        make_plan(
            settings,
            Question(
                now=START,
                horizon=timedelta(hours=6),
                history=with_burst(5 * MINUTE, burst),
                live=LiveDocument(),
                instance_concurrency=8,
            ),
        )
        for burst in (0.0, 640.0)
    ]
    usual, held = (plan.schedule.per_minute() for plan in plans)

    assert held[:10].min() >= 80 > usual[:10].max()
    assert held[60:].max() < 80
