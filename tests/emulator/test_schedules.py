"""Schedules that fire: windows, what wins, the lag after a put, and the switches."""

from datetime import timedelta
from typing import get_args
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from planner.emulator import Settings
from planner.emulator.models.document import Document, ScheduledAction
from planner.emulator.rules import Moment, read_document, scheduled
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


def test_without_the_lag_the_answer_shows_the_default_and_what_is_read_after_it_the_schedule() -> None:
    with emulated(evaluation_lag_seconds=0) as fc:
        document = _schedule(action("on", "at(2026-11-23T11:00:00Z)", 8))
        assert (fc.put(document)["target"], fc.target()) == (1, 8)
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


# Where and when the clocks change, among them by half an hour and at midnight; and where they never do.
_CHANGES = {
    "": NOON,
    SHANGHAI: NOON,
    "Europe/Berlin": utc("2026-03-29 01:00"),
    "America/New_York": utc("2026-11-01 06:00"),
    "Australia/Lord_Howe": utc("2026-04-04 15:00"),
    "Africa/Cairo": utc("2026-10-29 21:00"),
    "America/Havana": utc("2026-03-08 05:00"),
}
_MINUTES = st.sampled_from(["0", "30", "*/20", "5-8", "59", "*"])
_HOURS = st.sampled_from(["*", "0", "1-3", "*/6", "23"])
_DAYS = st.sampled_from(["* * *", "? * MON-FRI", "29 2 ?", "1,30 * SUN", "30 2 ?"])
_SECONDS = st.one_of(st.integers(-3 * 86_400, 3 * 86_400), st.integers(-72, 72).map(lambda hours: hours * 3600))

_NEAR = st.one_of(st.sampled_from([-60, -1, 0, 1, 60]), st.integers(-7200, 7200), st.just(40 * 86_400))


@st.composite
def _entries(draw: DrawFn, zone: str) -> ScheduledAction:
    def text() -> str:
        moment = _CHANGES[zone] + timedelta(seconds=draw(_SECONDS))
        local = moment.astimezone(ZoneInfo(zone or "UTC"))
        return local.strftime("%Y-%m-%dT%H:%M:%S") + ("" if zone else "Z")

    cron = f"cron({draw(st.integers(0, 59))} {draw(_MINUTES)} {draw(_HOURS)} {draw(_DAYS)})"
    opens, closes = sorted((text(), text()))
    return ScheduledAction(
        name=f"s{draw(st.integers(0, 10**9))}",
        schedule_expression=draw(st.sampled_from([cron, f"at({text()})"])),
        target=draw(st.integers(0, 9)),
        start_time=draw(st.sampled_from([None, opens])),
        end_time=draw(st.sampled_from([None, closes])) if opens < closes else None,
        time_zone=zone or None,
    )


def _switches() -> st.SearchStrategy[Settings]:
    names = ("among", "past_at", "look_back", "missing_local_time", "repeated_local_time")
    return st.builds(Settings, **{name: st.sampled_from(get_args(Settings.__annotations__[name])) for name in names})


@given(zone=st.sampled_from(sorted(_CHANGES)), switches=_switches(), data=st.data())
def test_what_is_remembered_of_a_document_is_what_would_be_computed_anew(
    zone: str, switches: Settings, data: st.DataObject
) -> None:
    document = Document(scheduled_actions=tuple(data.draw(st.lists(_entries(zone), min_size=1, max_size=4))))
    remembering = read_document(document, switches)
    put_at = _CHANGES[zone] + timedelta(seconds=data.draw(_SECONDS))
    windows = [schedule.window for schedule in remembering.schedules]
    bounds = [bound for window in windows for bound in (window.start, window.end) if bound is not None]
    around = st.builds(lambda at, by: at + timedelta(seconds=by), st.sampled_from([put_at, *bounds]), _NEAR)
    moments = data.draw(st.lists(around, min_size=5, max_size=25))
    # Time goes on, by a second, an hour or a month; but nobody has promised that it never goes back.
    for at in sorted(moments) + moments:
        moment = Moment(at=at, put_at=put_at, warm=0, current=0, utilisations={}, steps=True)
        anew = scheduled(read_document(document, switches).schedules, moment, switches)
        assert remembering.scheduled(moment, switches) == anew


@pytest.mark.parametrize("zone", sorted(_CHANGES))
def test_every_minute_of_a_week_is_remembered_as_it_is_computed(zone: str) -> None:
    crons = ["cron(0 0 20 * * *)", "cron(0 30 0-3 ? * *)", "cron(17 */45 23 * * *)", "cron(0 15 2 29 2 ?)"]
    document = Document(
        scheduled_actions=tuple(
            ScheduledAction(name=cron, schedule_expression=cron, target=place, time_zone=zone or None)
            for place, cron in enumerate(crons)
        )
    )
    switches = Settings(repeated_local_time="both")
    remembering, begin = read_document(document, switches), _CHANGES[zone] - timedelta(days=3)
    for minute in range(7 * 1440):
        at = begin + timedelta(minutes=minute)
        moment = Moment(at=at, put_at=begin, warm=0, current=0, utilisations={}, steps=True)
        if minute % 180 == 0:
            fresh = read_document(document, switches).schedules
        assert remembering.scheduled(moment, switches) == scheduled(fresh, moment, switches)
