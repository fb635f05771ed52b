"""The plans of the lower rungs: what they keep of what runs."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from planner.config import FunctionConfig
from planner.fallbacks import MARGIN, Kept, did_well, guardrails_only, last_good, last_week
from planner.provision import LiveDocument, ProvisionConfig
from planner.reading import least_values
from planner.undo import Present
from tests.builders import FUNCTION, NOON, a_plan, a_schedule
from tests.daemon.site import ASR, configured

DAY = timedelta(days=1)


@cache
def owner() -> FunctionConfig:
    with TemporaryDirectory() as folder:
        return configured(Path(folder), ASR, "mode: auto")


def a_present(live: ProvisionConfig, target: int) -> Present:
    return Present(
        function=FUNCTION,
        time_zone="Asia/Shanghai",
        now=NOON + DAY,
        valid_for=timedelta(minutes=15),
        live=LiveDocument(config=live, exists=True, target=target, current=target),
    )


@given(
    before=st.lists(st.integers(0, 30), min_size=1, max_size=6),
    default=st.integers(0, 30),
    surplus=st.integers(0, 10),
    needed=st.integers(0, 30),
    first=st.booleans(),
)
@settings(max_examples=25, deadline=None)
def test_a_fallback_takes_nothing_away(
    before: list[int], default: int, surplus: int, needed: int, *, first: bool
) -> None:
    live, kept = ProvisionConfig(default_target=default), Kept(needed=needed, first=first)
    present = a_present(live, default + surplus)
    good = last_good(owner(), replace(a_plan(), schedule=a_schedule(*before)), present, kept)
    assert (least_values(good.wanted, present.now, 1440) >= least_values(live, present.now, 1440)).all()
    for plan in (good, guardrails_only(owner(), present, kept)):
        hour = plan.schedule.per_minute()[:60]
        assert hour.min() >= max(needed, default, default + surplus if first else 0)


def test_last_week_is_planned_with_a_margin_and_else_as_configured() -> None:
    found = last_week(owner())
    assert (found.forecast.forecaster, found.objective.cold_share) == (
        "lastweek",
        owner().objective.cold_share * MARGIN,
    )
    assert found.capacity == owner().capacity


def test_the_newest_schedule_that_would_have_done_well_on_the_last_day_is_gone_back_to() -> None:
    low, high, higher = (replace(a_plan(), schedule=a_schedule(level, each=DAY)) for level in (2, 20, 30))
    load = np.full((1, 1440), 40.0)
    candidates = [(3, low), (2, high), (1, higher)]
    assert did_well(candidates, load, NOON + DAY, owner()) == 2
    assert did_well(candidates[:1], load, NOON + DAY, owner()) == 3, "the least cold, where none did well"
    assert did_well(candidates, None, NOON + DAY, owner()) == 3, "the newest, where the day isn't known"
    assert did_well([], load, NOON + DAY, owner()) is None
