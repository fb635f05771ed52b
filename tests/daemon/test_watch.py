"""What a look at a function says."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from planner import watch
from planner.base import MINUTE
from planner.plan import Band
from planner.provision import LiveDocument
from planner.store import Point
from tests.builders import NOON, a_plan

BAND = Band(start=NOON, slot=15 * MINUTE, levels=(0.5, 0.99), values=((5.0, 5.0), (10.0, 20.0)))


def minutes(*values: float | None, first: int = 0) -> list[Point]:
    return [Point(at=NOON + (first + n) * MINUTE, value=value, step=MINUTE) for n, value in enumerate(values)]


@pytest.mark.parametrize(
    ("points", "surprised"),
    [
        (minutes(11, 12, 11, 13, 11), True),
        (minutes(11, 12, 11, 13), False),
        (minutes(11, 12, 11, 13, 10), False),
        (minutes(11, 12, None, 13, 11), False),
        (minutes(2, 11, 12, 11, 13, 11), True),
        (minutes(*[99.0] * 5, first=30), False),
        (minutes(11, 11, 11, 11, 11, first=15), False),
        ([Point(at=NOON, value=11, step=5 * MINUTE)], True),
    ],
    ids=[
        "five",
        "four",
        "the last is usual",
        "a gap",
        "five after a usual one",
        "after the band",
        "next slot",
        "coarse",
    ],
)
def test_a_surprise_is_five_minutes_above_the_highest_level(points: list[Point], *, surprised: bool) -> None:
    assert (watch.surprise(BAND, points) is not None) == surprised


def test_a_surprise_says_from_when_to_when_and_how_much() -> None:
    found = watch.surprise(BAND, minutes(2, 12, 11, 12, 13, 14, 12))
    assert found == watch.Surprise(start=NOON + MINUTE, end=NOON + 7 * MINUTE, least=11, level=0.99)
    assert found.sentence == "11.0 requests in flight or more for 6 min, above P99 of the forecast"


@pytest.mark.parametrize(
    ("current", "after", "words"),
    [
        (6, 61, "6 of 6 instances are there"),
        (5, 61, "5 of 6 instances are there, others may be starting"),
        (5, 70, "MISSING: only 5 of 6 instances are there"),
        (0, 180, "the schedule ended 2026-11-23T15:00:00Z, and its fallback is in effect"),
    ],
)
def test_instances_may_be_on_their_way_for_a_while(current: int, after: int, words: str) -> None:
    live = LiveDocument(exists=True, current=current)
    now = NOON + timedelta(minutes=after)
    assert watch.instances(a_plan(), live, now, patience=lambda: 6 * MINUTE) == words


def test_the_word_of_function_compute_is_passed_on() -> None:
    live = LiveDocument(exists=True, current=1, current_error="no stock")
    said = watch.instances(a_plan(), live, NOON + 30 * MINUTE, patience=lambda: 6 * MINUTE)
    assert said == "MISSING: only 1 of 2 instances are there; Function Compute says: no stock"


def test_a_document_is_as_applied_or_drifted() -> None:
    plan = a_plan()
    assert watch.document(None, LiveDocument()) == "no plan was applied yet"
    assert watch.document(plan, LiveDocument(config=plan.wanted, exists=True)) == "the document is as applied"
    other = LiveDocument(config=replace(plan.wanted, default_target=9), exists=True)
    assert watch.document(plan, other) == "DRIFTED: somebody else changed the document (defaultTarget 9 instead of 2)"
