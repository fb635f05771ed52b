"""Which part of a trace is played, how large and how fast, and when its requests are sent."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest

from planner.base import MINUTE
from planner.errors import HistoryError, InputError
from planner.rehearsal.documents import documents, planned, put_at
from planner.rehearsal.measured import NO_PLAN, OURS, VENDOR
from planner.rehearsal.scene import arrivals, scene_of
from tests.forecast.given import MONDAY, a_history
from tests.rehearsal.given import RISE, a_scene, two_days, wishes


def test_without_a_start_the_span_is_where_the_load_rises_most() -> None:
    scene = a_scene()
    assert abs(scene.start - RISE) <= timedelta(minutes=15)
    assert scene.end - scene.start == timedelta(hours=1)


def test_a_start_that_was_wished_is_taken() -> None:
    assert a_scene(start=RISE + 30 * MINUTE).start == RISE + 30 * MINUTE


def test_the_peak_of_the_span_fills_as_many_instances_as_wished_and_the_history_is_scaled_alike() -> None:
    scene = a_scene(peak=3, instance_concurrency=4)
    assert scene.load.max() == pytest.approx(12)
    assert scene.history.series.max() / two_days().series.max() == pytest.approx(
        scene.load.max() / two_days().series.loc[scene.start : scene.end - MINUTE].max()
    )
    assert scene.ceiling == 10


def test_the_span_may_reach_the_very_end_of_the_trace() -> None:
    scene = a_scene(start=two_days().end - timedelta(hours=1))
    assert scene.load.size == 60
    assert np.isfinite(scene.load).all()


def test_the_ramp_goes_from_a_tenth_of_the_peak_to_nine() -> None:
    scene = a_scene(start=RISE - 20 * MINUTE, span=90 * MINUTE)
    first, last = scene.ramp
    assert scene.load[first] >= 0.1 * scene.load.max() > scene.load[first - 1]
    assert scene.load[last - 1] >= 0.9 * scene.load.max() > scene.load[last - 2]


def test_a_start_takes_so_many_whole_minutes_of_the_trace() -> None:
    assert a_scene(speed=60).in_trace(2.1) == 3 * MINUTE
    assert a_scene(speed=20).in_trace(2.1) == MINUTE


def test_requests_arrive_so_that_the_load_is_in_flight_whatever_the_speed() -> None:
    """Little's law: 16 in flight that take half a second each are 32 a second."""
    for minute_seconds in (1.0, 0.25):
        sent = arrivals(np.full(800, 16.0), request_seconds=0.5, minute_seconds=minute_seconds, seed=1)
        assert len(sent) / (800 * minute_seconds) == pytest.approx(16 / 0.5, rel=0.05)
        assert sent[0] >= 0
        assert sent[-1] < 800 * minute_seconds
        assert sent == sorted(sent)


def test_requests_follow_the_load_minute_by_minute() -> None:
    sent = np.array(arrivals(np.array([0.0, 90.0, 0.0]), request_seconds=1.0, minute_seconds=10.0, seed=1))
    assert sent.size > 0
    assert ((sent >= 10) & (sent < 20)).all()


def test_the_same_seed_gives_the_same_arrivals_and_another_others() -> None:
    load = np.full(30, 4.0)
    first, again, other = (arrivals(load, request_seconds=1, minute_seconds=1, seed=seed) for seed in (1, 1, 2))
    assert first == again != other


def test_a_trace_without_a_day_before_the_span_is_refused() -> None:
    with pytest.raises(HistoryError, match="24 hours are too short, 26 are needed"):
        scene_of(a_history(np.ones(288), step=5), wishes())


def test_a_start_outside_the_trace_is_refused() -> None:
    with pytest.raises(InputError, match="--start 2026-01-05T12:00:00Z is not between"):
        a_scene(start=MONDAY + timedelta(hours=12))


def test_a_span_without_requests_is_refused() -> None:
    with pytest.raises(HistoryError, match="no request came in the span"):
        scene_of(a_history(np.zeros(2 * 288), step=5), wishes())


@pytest.mark.parametrize(
    ("wished", "said"),
    [
        ({"speed": 1.0, "span": timedelta(hours=2)}, "take 120 minutes for each of three policies"),
        ({"peak": 20, "request_seconds": 0.05, "speed": 1.0}, "requests would be sent"),
    ],
)
def test_what_would_take_too_long_is_refused(wished: dict[str, object], said: str) -> None:
    with pytest.raises(InputError, match=said):
        a_scene(**wished)  # type: ignore[arg-type]


def test_each_document_is_put_before_the_span_and_made_from_what_was_known_then() -> None:
    scene, lead = a_scene(), 4 * MINUTE
    assert put_at(scene, lead) == scene.start - 9 * MINUTE
    plan = planned(scene, lead, lambda _: None)
    made = documents(scene, lead, plan)
    assert list(made) == [NO_PLAN, VENDOR, OURS]
    assert made[NO_PLAN] is None
    assert made[OURS] == plan.wanted
    assert plan.created_at == put_at(scene, lead)
    example = made[VENDOR]
    assert example is not None
    assert [(t.metric_target, t.min_capacity, t.max_capacity) for t in example.tracking_policies] == [(0.3, 1, 7)]


def test_a_start_longer_than_what_can_be_asked_ahead_is_refused() -> None:
    with pytest.raises(InputError, match="to start is 1:00:00 of the trace"):
        put_at(a_scene(), timedelta(hours=1))
