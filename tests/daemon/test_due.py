"""What is due follows from the time and the last runs alone."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planner.due import Cadence, Job

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
CADENCE = Cadence()


def ran_at(moment: datetime) -> dict[Job, datetime]:
    return dict.fromkeys(Job, moment)


def test_whoever_never_ran_is_due_in_the_order_of_the_work() -> None:
    assert CADENCE.due(NOON, {}) == tuple(Job)


def test_a_period_that_has_seen_its_run_wants_no_other() -> None:
    assert CADENCE.due(NOON + timedelta(seconds=59), ran_at(NOON)) == ()
    assert CADENCE.next(NOON + timedelta(seconds=59), ran_at(NOON)) == NOON + MINUTE


@pytest.mark.parametrize("late", [0, 7, 14])
def test_plans_keep_to_the_quarters_of_the_hour_however_late_the_last_one_was(late: int) -> None:
    last = ran_at(NOON + late * MINUTE)
    minutes = [at for at in range(late, 31) if Job.PLAN in CADENCE.due(NOON + at * MINUTE, last)]
    assert minutes == list(range(15, 31))


@given(missed=st.timedeltas(timedelta(minutes=1), timedelta(days=60)))
@settings(max_examples=100)
def test_any_number_of_missed_runs_becomes_one(missed: timedelta) -> None:
    now = NOON + missed
    due = CADENCE.due(now, ran_at(NOON))
    assert Job.COLLECT in due
    assert CADENCE.due(now, ran_at(NOON) | dict.fromkeys(due, now)) == ()


@given(step=st.timedeltas(timedelta(seconds=-90), timedelta(0)))
@settings(max_examples=50)
def test_a_clock_that_is_set_back_a_little_repeats_nothing(step: timedelta) -> None:
    assert CADENCE.due(NOON + step, ran_at(NOON)) in {(), (Job.COLLECT, Job.VERIFY)}
    assert CADENCE.due(NOON + max(step, -MINUTE), ran_at(NOON)) == ()


def test_a_run_far_in_the_future_does_not_stop_the_work_until_then() -> None:
    assert Job.PLAN in CADENCE.due(NOON, ran_at(NOON + timedelta(days=400)))


@pytest.mark.parametrize("zone", ["America/New_York", "Asia/Kolkata"])
def test_zones_and_their_changes_move_nothing(zone: str) -> None:
    from zoneinfo import ZoneInfo

    start = datetime(2026, 3, 8, 5, tzinfo=UTC)
    last, runs = dict.fromkeys(Job, start), 0
    for minute in range(1, 24 * 60 + 1):
        now = (start + minute * MINUTE).astimezone(ZoneInfo(zone))
        if Job.PLAN in CADENCE.due(now, last):
            last[Job.PLAN], runs = now, runs + 1
    assert runs == 96


def test_a_period_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="period of plan"):
        Cadence(periods={Job.PLAN: timedelta(0)})
