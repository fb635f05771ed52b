"""No hand-over has a hole: up to the horizon FC never gives less than was printed, however it reads the document.

Said exactly, for a document compiled from a schedule S that starts at s and ends at h, and put at p with
s <= p <= valid_until:

1. where a past `at()` fires, the scheduled actions alone give at least S at every moment of [s, h), under both
   readings; and exactly S outside the five minutes after a step (last trigger: exactly S always);
2. FC gives at least S at every moment of [p, h): the default for any lag of 0 to 120 s after the put, then schedule,
   tracker floors and default, under both readings, whether a past `at()` fires, or is ignored from the put on, or
   even from the first evaluation on.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planner.base import MINUTE
from planner.compiler import OVERLAP
from planner.provision import EVALUATION_LAG, TrackingPolicy
from planner.reading import instant
from tests.documents.given import Case, cases
from tests.documents.moments import turning_points
from tests.documents.reader import READINGS, Reader

SECOND = timedelta(seconds=1)
moments = st.one_of(st.sampled_from((0.0, 1.0)), st.floats(0, 1))
"""Of the put, between the start and the end of the plan's validity."""
lags = st.one_of(st.sampled_from((0, 120)), st.integers(0, 120))


@pytest.mark.parametrize("look_back", ["window", "unbounded"])
@pytest.mark.parametrize("among", ["last", "max"])
@given(case=cases())
@settings(max_examples=50)
def test_the_schedule_part_is_what_was_printed_and_only_more_within_five_minutes_after_a_step(
    case: Case, among: str, look_back: str
) -> None:
    plan = case.schedule
    reader = Reader(config=case.document, put_at=plan.start, among=among, look_back=look_back)
    for at in turning_points(case.document, plan.start, plan.end):
        value, printed = reader.schedule(at), case.printed(at)
        assert value >= printed
        overlap = among == "max" and any(step.at <= at < step.at + OVERLAP for step in plan.steps[1:])
        assert overlap or value == printed


@pytest.mark.parametrize(("among", "past_at"), READINGS)
@given(case=cases(), late=moments, lag=lags)
@settings(max_examples=50)
def test_from_any_put_to_the_horizon_fc_never_gives_less_than_was_printed(
    case: Case, among: str, past_at: str, late: float, lag: int
) -> None:
    plan = case.schedule
    put_at = plan.start + int(late * ((case.wanted.valid_until - plan.start) / SECOND)) * SECOND
    reader = Reader(config=case.document, put_at=put_at, among=among, past_at=past_at, lag=timedelta(seconds=lag))
    points = [put_at, put_at + reader.lag - SECOND, put_at + reader.lag, put_at + EVALUATION_LAG]
    for at in (*points, *turning_points(case.document, plan.start, plan.end)):
        if put_at <= at < plan.end:
            assert reader.serves(at) >= case.printed(at), at


@given(cases())
def test_the_default_covers_steps_and_floors_from_the_start_until_120_s_after_the_plan_expires(case: Case) -> None:
    last = case.wanted.valid_until + EVALUATION_LAG
    minutes = int((last - case.schedule.start) / MINUTE) + 1
    ahead = [case.schedule.start + minute * MINUTE for minute in range(minutes)]
    before_the_end = [at for at in ahead if at < case.schedule.end]
    floors = [
        tracker.min_capacity
        for tracker in case.document.tracking_policies
        for at in before_the_end
        if _in_window(tracker, at)
    ]
    assert case.document.default_target == max([case.printed(at) for at in before_the_end] + floors)


def _in_window(tracker: TrackingPolicy, at: datetime) -> bool:
    begins, ends = tracker.start_time, tracker.end_time
    begun = begins is None or instant(begins, tracker.time_zone) <= at
    return begun and (ends is None or at < instant(ends, tracker.time_zone))
