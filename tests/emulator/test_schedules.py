"""Schedules that fire: windows, what wins, the lag after a put, and the switches."""

import pytest

from tests.emulator.fc import NOON, emulated
from tests.published import SHANGHAI, Body, action, policy, utc


def _schedule(*entries: Body, default: int = 1) -> Body:
    return {"defaultTarget": default, "scheduledActions": list(entries)}


def test_after_a_put_the_target_is_the_default_until_the_first_evaluation() -> None:
    with emulated(at=utc("2026-11-23 12:00:30")) as fc:
        fc.put(_schedule(action("on", "at(2026-11-23T11:00:00Z)", 8)))
        fc.wait(seconds=59)
        assert fc.target() == 1
        fc.wait(seconds=1)
        assert fc.target() == 8


def test_a_renewal_with_a_small_default_destroys_the_surplus_until_the_evaluation() -> None:
    with emulated() as fc:
        document = _schedule(action("on", "at(2026-11-23T11:00:00Z)", 8))
        fc.put(document)
        fc.wait(minutes=2)
        assert fc.get()["current"] == 8
        fc.put(document)
        assert fc.get()["current"] == 1
        fc.wait(seconds=60)
        assert (fc.get()["target"], fc.get()["current"]) == (8, 1)
        fc.wait(seconds=20)
        assert fc.get()["current"] == 8


def test_without_the_lag_a_put_is_evaluated_at_once() -> None:
    with emulated(evaluation_lag_seconds=0) as fc:
        document = _schedule(action("on", "at(2026-11-23T11:00:00Z)", 8))
        assert fc.put(document)["target"] == 8
        fc.wait(minutes=1)
        fc.put(document)
        assert fc.get()["current"] == 8


@pytest.mark.parametrize("lag", [1, 119, 120])
def test_the_lag_is_exactly_what_the_switch_says(lag: int) -> None:
    with emulated(evaluation_lag_seconds=lag) as fc:
        fc.put(_schedule(action("on", "at(2026-11-23T11:00:00Z)", 8)))
        fc.wait(seconds=lag - 1)
        assert fc.target() == 1
        fc.wait(seconds=1)
        assert fc.target() == 8


def test_an_at_fires_on_its_minute_and_stays_until_its_window_ends() -> None:
    entry = action("on", "at(2026-11-23T12:10:00Z)", 8, endTime="2026-11-23T13:00:00Z")
    with emulated() as fc:
        fc.put(_schedule(entry))
        moments = ["12:09", "12:10", "12:59", "13:00"]
        assert fc.targets([utc(f"2026-11-23 {m}") for m in moments]) == [1, 8, 8, 1]


def test_an_at_outside_its_window_never_fires() -> None:
    early = action("a", "at(2026-11-23T12:10:00Z)", 8, startTime="2026-11-23T12:20:00Z")
    late = action("b", "at(2026-11-23T12:40:00Z)", 9, endTime="2026-11-23T12:40:00Z")
    with emulated() as fc:
        fc.put(_schedule(early, late))
        assert set(fc.targets([utc(f"2026-11-23 12:{m}") for m in (10, 20, 40, 59)])) == {1}


def test_triggers_before_the_window_count_only_behind_the_switch() -> None:
    entry = action("a", "at(2026-11-23T11:00:00Z)", 8, startTime="2026-11-23T11:30:00Z")
    moment = [utc("2026-11-23 12:05")]
    with emulated() as fc:
        fc.put(_schedule(entry))
        assert fc.targets(moment) == [1]
    with emulated(look_back="unbounded") as fc:
        fc.put(_schedule(entry))
        assert fc.targets(moment) == [8]


def test_a_past_at_is_ignored_behind_its_switch_but_a_past_cron_is_not() -> None:
    past_at = action("at", "at(2026-11-23T11:00:00Z)", 8)
    past_cron = action("cron", "cron(0 0 10 * * *)", 5)
    with emulated(past_at="ignored") as fc:
        fc.put(_schedule(past_at))
        assert fc.targets([utc("2026-11-23 12:05")]) == [1]
        fc.put(_schedule(past_at, past_cron))
        assert fc.targets([utc("2026-11-23 12:10")]) == [5]


def test_a_coming_at_fires_under_both_readings_of_past_ones() -> None:
    for reading in ("fires", "ignored"):
        with emulated(past_at=reading) as fc:
            fc.put(_schedule(action("at", "at(2026-11-23T12:30:00Z)", 8)))
            assert fc.targets([utc("2026-11-23 12:30")]) == [8]


def test_among_schedules_the_last_trigger_wins_or_the_largest_by_the_switch() -> None:
    pair = [
        action("up", "at(2026-11-23T12:10:00Z)", 50),
        action("down", "at(2026-11-23T12:20:00Z)", 10),
    ]
    moments = [utc("2026-11-23 12:15"), utc("2026-11-23 12:25")]
    with emulated() as fc:
        fc.put(_schedule(*pair))
        assert fc.targets(moments) == [50, 10]
    with emulated(among="max") as fc:
        fc.put(_schedule(*pair))
        assert fc.targets(moments) == [50, 50]


def test_of_two_that_trigger_together_the_larger_wins() -> None:
    with emulated() as fc:
        fc.put(
            _schedule(
                action("b", "at(2026-11-23T12:10:00Z)", 7),
                action("a", "at(2026-11-23T12:10:00Z)", 3),
            )
        )
        assert fc.targets([utc("2026-11-23 12:10")]) == [7]


def test_when_the_last_trigger_ends_the_one_before_it_counts_again() -> None:
    base = action("base", "at(2026-11-23T12:05:00Z)", 4)
    peak = action("peak", "at(2026-11-23T12:10:00Z)", 9, endTime="2026-11-23T12:20:00Z")
    with emulated() as fc:
        fc.put(_schedule(base, peak))
        moments = [utc(f"2026-11-23 12:{m}") for m in ("05", "10", "20")]
        assert fc.targets(moments) == [4, 9, 4]


def test_a_cron_in_a_zone_with_daylight_saving_fires_at_the_local_hour() -> None:
    # Berlin leaves summer time on 25 October 2026: 20:00 is 18:00 UTC, then 19:00.
    evening = action("up", "cron(0 0 20 * * *)", 6, timeZone="Europe/Berlin")
    night = action("down", "cron(0 0 23 * * *)", 2, timeZone="Europe/Berlin")
    with emulated(at=utc("2026-10-24 12:00")) as fc:
        fc.put(_schedule(evening, night))
        moments = ["24 17:59", "24 18:00", "25 18:59", "25 19:00", "25 22:00"]
        assert fc.targets([utc(f"2026-10-{m}") for m in moments]) == [2, 6, 2, 6, 2]


def test_a_trigger_within_a_minute_is_seen_at_the_next_whole_minute() -> None:
    with emulated() as fc:
        fc.put(_schedule(action("on", "at(2026-11-23T20:30:20)", 8, timeZone=SHANGHAI)))
        moments = ["12:30:20", "12:30:59", "12:31:00"]
        assert fc.targets([utc(f"2026-11-23 {m}") for m in moments]) == [1, 1, 8]


def test_between_schedule_and_tracker_the_larger_counts() -> None:
    with emulated() as fc:
        body = _schedule(action("on", "at(2026-11-23T12:10:00Z)", 5))
        fc.put({**body, "targetTrackingPolicies": [policy(minCapacity=3, maxCapacity=3)]})
        moments = [utc("2026-11-23 12:09"), utc("2026-11-23 12:10")]
        assert fc.targets(moments) == [3, 5]


def test_a_week_of_minutes_passes_in_seconds_and_fires_every_day() -> None:
    pair = [
        action("up", "cron(0 0 20 * * *)", 5, timeZone=SHANGHAI),
        action("down", "cron(0 0 22 * * *)", 2, timeZone=SHANGHAI),
    ]
    with emulated() as fc:
        fc.put(_schedule(*pair))
        assert fc.targets([NOON.replace(day=30), utc("2026-11-30 14:00")]) == [5, 2]
        assert fc.emulator.state()["configs"][0]["state"]["fleet"]["launched"] >= 7 * 3
