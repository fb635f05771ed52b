"""The demo begins at the present, so its plan has to be one that `planner apply` takes at whatever hour that is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from planner.cli.demo import BY_HAND
from planner.config import load_config
from planner.pipeline import Question, make_plan
from planner.provision import LiveDocument
from planner.sources.files import read_history
from planner.sources.sample import moved_to, sample_path

MIDNIGHT = datetime(2026, 11, 29, tzinfo=UTC)
"""A Sunday; the load of the bundled history falls to a twentieth and rises again in the course of each day."""


@pytest.mark.parametrize("day", [0, 3], ids=["Sunday", "Wednesday"])
def test_the_demos_plan_is_safe_at_every_hour(day: int, tmp_path: Path) -> None:
    file = tmp_path / "planner.yaml"
    file.write_text(
        "version: 1\nfunctions:\n- name: text-moderation\n  history: {file: 'sample:text-moderation'}\n"
        "  forecast: {forecaster: seasonal, backtest_days: 2}\n",
        encoding="utf-8",
    )
    settings = load_config(file, environ={}).function()
    running = BY_HAND.default_target
    live = LiveDocument(config=BY_HAND, exists=True, target=running, current=running)
    with sample_path() as path:
        history = read_history(path)
    for hour in range(24):
        now = MIDNIGHT + timedelta(days=day, hours=hour)
        plan = make_plan(
            settings,
            Question(
                now=now, horizon=timedelta(days=1), history=moved_to(now, history), live=live, instance_concurrency=8
            ),
        )
        assert plan.breaches == (), f"{now:%A %H:%M}"
