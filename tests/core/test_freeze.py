"""Change windows: overlaps, the wall clock on days when clocks change, and when pushes are possible again."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planner.freeze import Dated, Freeze, Weekly, Window, frozen

SHANGHAI, NEW_YORK = "Asia/Shanghai", "America/New_York"
WORKDAYS, EVERY_DAY = frozenset(range(5)), frozenset(range(7))


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def dated(start: str, end: str, *, only: bool = False) -> Window:
    when = Dated(start=datetime.fromisoformat(start), end=datetime.fromisoformat(end))
    return Window(when=when, why=f"{start} to {end}", only=only)


def weekly(start: str, end: str, days: frozenset[int] = EVERY_DAY, *, only: bool = False) -> Window:
    when = Weekly(weekdays=days, start=time.fromisoformat(start), end=time.fromisoformat(end))
    return Window(when=when, why=f"{start} to {end}", only=only)


SALE = dated("2026-11-10T20:00", "2026-11-12T00:00")
OFFICE = weekly("10:00", "17:00", WORKDAYS, only=True)
NIGHT = weekly("22:00", "06:00")


@pytest.mark.parametrize(
    ("windows", "now", "until"),
    [
        ([], "2026-11-11T00:00", "open"),
        ([SALE], "2026-11-10T11:59", "open"),
        ([SALE], "2026-11-10T12:00", "2026-11-11T16:00"),
        ([SALE], "2026-11-11T15:59", "2026-11-11T16:00"),
        ([SALE], "2026-11-11T16:00", "open"),
        ([OFFICE], "2026-11-10T02:00", "open"),
        ([OFFICE], "2026-11-10T09:00", "2026-11-11T02:00"),
        ([OFFICE], "2026-11-13T09:00", "2026-11-16T02:00"),
        ([OFFICE, SALE], "2026-11-11T03:00", "2026-11-12T02:00"),
        ([OFFICE, SALE], "2026-11-11T16:00", "2026-11-12T02:00"),
        ([NIGHT], "2026-11-10T13:59", "open"),
        ([NIGHT], "2026-11-10T14:00", "2026-11-10T22:00"),
        ([NIGHT], "2026-11-10T21:59", "2026-11-10T22:00"),
        ([NIGHT, SALE], "2026-11-11T15:00", "2026-11-11T22:00"),
        ([SALE, dated("2026-11-11T23:00", "2026-11-13T00:00")], "2026-11-11T00:00", "2026-11-12T16:00"),
        ([OFFICE, weekly("00:00", "00:00")], "2026-11-10T03:00", "never"),
        ([OFFICE, weekly("10:00", "17:00")], "2026-11-10T03:00", "never"),
        ([weekly("10:00", "17:00", only=True), weekly("09:00", "12:00")], "2026-11-10T02:00", "2026-11-10T04:00"),
        ([dated("2026-11-01T00:00", "2026-11-02T00:00", only=True)], "2026-11-10T00:00", "never"),
        ([OFFICE, dated("2026-01-01T00:00", "2027-01-01T00:00")], "2026-03-01T00:00", "2027-01-01T02:00"),
        ([dated("2026-11-10T20:00+08:00", "2026-11-11T00:00+08:00")], "2026-11-10T12:00", "2026-11-10T16:00"),
    ],
    ids=[
        "no windows",
        "before a freeze",
        "a freeze begins on the wall clock of the zone",
        "its last minute",
        "its end is free",
        "within an allowance",
        "after it until the next day's",
        "on Friday until Monday's",
        "a freeze beats an allowance, which opens after it",
        "after a freeze an allowance is waited for",
        "before the night",
        "the night begins",
        "over midnight",
        "overlapping freezes end with the last",
        "one freeze runs into the next",
        "always frozen",
        "a freeze covers every allowance",
        "a freeze covers part of an allowance",
        "an allowance that is over",
        "a year, then an allowance",
        "instants with offsets",
    ],
)
def test_windows_in_shanghai(windows: list[Window], now: str, until: str) -> None:
    found = frozen(windows, utc(now), SHANGHAI)
    if until == "open":
        assert found is None
    else:
        assert found is not None
        assert found.until == (None if until == "never" else utc(until))


@pytest.mark.parametrize(
    ("window", "first", "end"),
    [
        (weekly("01:30", "04:00"), "2026-11-01T05:30", "2026-11-01T09:00"),
        (weekly("00:00", "01:30"), "2026-11-01T04:00", "2026-11-01T06:30"),
        (weekly("02:30", "04:00"), "2026-03-08T06:30", "2026-03-08T08:00"),
        (weekly("00:00", "02:30"), "2026-03-08T05:00", "2026-03-08T07:30"),
        (dated("2026-11-01T01:30", "2026-11-01T01:45"), "2026-11-01T05:30", "2026-11-01T06:45"),
    ],
    ids=[
        "begins with the first of two 1:30",
        "ends with the second of two 1:30",
        "begins early where 2:30 is left out",
        "ends late where 2:30 is left out",
        "lasts from the first to the second",
    ],
)
def test_a_freeze_is_no_shorter_for_a_change_of_the_clocks(window: Window, first: str, end: str) -> None:
    minute = timedelta(minutes=1)
    found = frozen([window], utc(first), NEW_YORK)
    assert found is not None
    assert found.until == utc(end)
    assert frozen([window], utc(first) - minute, NEW_YORK) is None
    assert frozen([window], utc(end), NEW_YORK) is None


@pytest.mark.parametrize(
    ("window", "first", "end"),
    [
        (weekly("01:30", "04:00", only=True), "2026-11-01T06:30", "2026-11-01T09:00"),
        (weekly("00:00", "01:30", only=True), "2026-11-01T04:00", "2026-11-01T05:30"),
        (weekly("02:30", "04:00", only=True), "2026-03-08T07:30", "2026-03-08T08:00"),
        (weekly("00:00", "02:30", only=True), "2026-03-08T05:00", "2026-03-08T06:30"),
    ],
    ids=["the second of two", "the first of two", "late where it is left out", "early where it is left out"],
)
def test_an_allowance_is_no_longer_for_a_change_of_the_clocks(window: Window, first: str, end: str) -> None:
    minute = timedelta(minutes=1)
    assert frozen([window], utc(first), NEW_YORK) is None
    assert frozen([window], utc(end) - minute, NEW_YORK) is None
    before = frozen([window], utc(first) - minute, NEW_YORK)
    assert before is not None
    assert before.until == utc(first)
    assert frozen([window], utc(end), NEW_YORK) is not None


times = st.times().map(lambda each: each.replace(second=0, microsecond=0, tzinfo=None))
some_windows = st.lists(
    st.builds(
        Window,
        when=st.builds(Weekly, weekdays=st.frozensets(st.integers(0, 6), min_size=1), start=times, end=times),
        why=st.just("because"),
        only=st.booleans(),
    ),
    max_size=4,
)


@given(windows=some_windows, minutes=st.integers(0, 366 * 24 * 60))
@settings(max_examples=200, deadline=None)
def test_a_freeze_lasts_until_its_end_and_no_longer(windows: list[Window], minutes: int) -> None:
    now = utc("2026-01-01T00:00") + timedelta(minutes=minutes)
    found = frozen(windows, now, NEW_YORK)
    if found is None:
        return
    if found.until is not None:
        assert found.until > now
        assert frozen(windows, found.until, NEW_YORK) is None
    end = found.until or now + timedelta(days=7)
    for share in range(10):
        assert frozen(windows, now + share * (end - now) / 10, NEW_YORK) is not None


def test_the_sentence_says_until_when_and_why() -> None:
    assert frozen([SALE], utc("2026-11-11T00:00"), SHANGHAI) == Freeze(why=SALE.why, until=utc("2026-11-11T16:00"))
    assert Freeze(why="a sale", until=utc("2026-11-11T16:00")).sentence == "frozen until 2026-11-11T16:00:00Z: a sale"
    assert Freeze(why="a sale", until=None).sentence == "frozen without an end in sight: a sale"
    found = frozen([OFFICE], utc("2026-11-10T09:00"), SHANGHAI)
    assert found is not None
    assert found.why == "outside the windows for changes (10:00 to 17:00)"
