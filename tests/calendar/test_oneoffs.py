"""Which surprises are left out of later fits: bursts that passed and don't come again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from planner.calendar.oneoffs import Unforeseen, one_offs
from planner.history import History
from tests.forecast.given import a_history

START = datetime(2026, 11, 1, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
USUAL, HIGH = 10.0, 50.0


def seen(at: timedelta) -> Unforeseen:
    """What the daemon writes down five minutes after a burst began, where the forecast's highest level is 20."""
    return Unforeseen(start=START + at, begins=START + at, slot=15 * MINUTE, highest=(20.0,) * 30)


def history(
    *bursts: tuple[timedelta, timedelta], days: int = 14, gap: tuple[timedelta, timedelta] | None = None
) -> History:
    """Minutes of the usual load, with bursts from one time up to another."""
    values = np.full(days * 24 * 60, USUAL)
    for begin, end in bursts:
        values[begin // MINUTE : end // MINUTE] = HIGH
    if gap is not None:
        values[gap[0] // MINUTE : gap[1] // MINUTE] = np.nan
    return a_history(values, start=START, step=1)


def left_out(past: History, *surprises: timedelta, zone: str = "UTC") -> list[tuple[timedelta, timedelta]]:
    return [(span.start - START, span.end - START) for span in one_offs([seen(at) for at in surprises], past, zone)]


NOON = 3 * DAY + 12 * HOUR


def test_a_burst_that_passed_is_left_out_to_its_end() -> None:
    burst = (NOON, NOON + 40 * MINUTE)
    assert left_out(history(burst), NOON) == [burst]


def test_it_counts_until_the_load_was_back_for_an_hour() -> None:
    again = history((NOON, NOON + 40 * MINUTE), (NOON + 90 * MINUTE, NOON + 100 * MINUTE))
    assert left_out(again, NOON) == [(NOON, NOON + 100 * MINUTE)]
    assert left_out(again, NOON, NOON + 90 * MINUTE) == [(NOON, NOON + 100 * MINUTE)], "noted twice, it is one burst"


@pytest.mark.parametrize(
    ("burst", "surprises"),
    [
        ((NOON, NOON + 7 * HOUR), (NOON,)),
        ((NOON, 14 * DAY), (NOON,)),
        ((NOON, 14 * DAY), (NOON, NOON + 8 * HOUR)),
        ((14 * DAY - HOUR, 14 * DAY - 30 * MINUTE), (14 * DAY - HOUR,)),
    ],
    ids=["it lasts for hours", "a new level", "a new level that is noted again", "it has only just passed"],
)
def test_what_lasts_or_has_not_passed_is_kept(
    burst: tuple[timedelta, timedelta], surprises: tuple[timedelta, ...]
) -> None:
    assert left_out(history(burst), *surprises) == []


@pytest.mark.parametrize("days", [1, 2, 7])
def test_what_comes_back_at_its_hour_is_the_tide(days: int) -> None:
    first, second = NOON, NOON + days * DAY + 50 * MINUTE
    past = history((first, first + 30 * MINUTE), (second, second + 30 * MINUTE))
    assert left_out(past, first) == [(first, first + 30 * MINUTE)], "once is an exception"
    assert left_out(past, first, second) == []


def test_the_hour_is_that_of_the_wall_clock() -> None:
    first, second = (datetime(2026, 11, day, hour, tzinfo=UTC) - START for day, hour in ((6, 0), (13, 23)))
    past = history((first, first + 30 * MINUTE), (second, second + 30 * MINUTE))
    assert left_out(past, first, second) == [], "an hour apart, over midnight"


def test_bursts_at_other_hours_are_left_out_unless_they_are_a_habit() -> None:
    starts = [NOON, NOON + DAY + 4 * HOUR, NOON + 3 * DAY - 8 * HOUR]
    past = history(*((start, start + 30 * MINUTE) for start in starts))
    assert len(left_out(past, *starts[:2])) == 2
    assert left_out(past, *starts) == []


def test_a_gap_is_no_end_of_a_burst() -> None:
    dead = history((NOON, NOON + 30 * MINUTE), gap=(NOON + 30 * MINUTE, NOON + 20 * HOUR))
    assert left_out(dead, NOON) == []


def test_what_the_history_does_not_hold_is_not_looked_for() -> None:
    assert left_out(history(), -DAY, 20 * DAY) == []
