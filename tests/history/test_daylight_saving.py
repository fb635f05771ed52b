"""Naive local times of a configured zone, on the days when its clocks change."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from tests.history.given import check, kinds, numbers, same, stamps

ZONES = [
    pytest.param("Europe/Berlin", datetime(2026, 3, 28, tzinfo=UTC), datetime(2026, 10, 24, tzinfo=UTC), id="Berlin"),
    pytest.param(
        "America/New_York", datetime(2026, 3, 7, tzinfo=UTC), datetime(2026, 10, 31, tzinfo=UTC), id="New York"
    ),
    pytest.param("Australia/Lord_Howe", datetime(2026, 10, 3, tzinfo=UTC), datetime(2026, 4, 4, tzinfo=UTC), id="half"),
    pytest.param("America/Havana", datetime(2026, 3, 7, tzinfo=UTC), datetime(2026, 10, 31, tzinfo=UTC), id="midnight"),
]
STEPS = [timedelta(minutes=5), timedelta(minutes=30)]


def wall_clock(start: datetime, count: int, step: timedelta, zone: str) -> list[str]:
    """What a recorder that shows local time without an offset writes."""
    moments = [start + i * step for i in range(count)]
    return [moment.astimezone(ZoneInfo(zone)).replace(tzinfo=None).isoformat() for moment in moments]


@pytest.mark.parametrize("step", STEPS, ids=str)
@pytest.mark.parametrize(("zone", "spring", "autumn"), ZONES)
def test_local_times_over_either_change_are_the_same_history_as_utc(
    zone: str, spring: datetime, autumn: datetime, step: timedelta
) -> None:
    count = int(timedelta(days=2) / step)
    for start in (spring, autumn):
        local = wall_clock(start, count, step, zone)
        history = check(local, zone=zone)
        assert same(history, check(stamps(count, start=start, step=step)))
    assert set(kinds(history)) == {"dst"}


@pytest.mark.parametrize(("zone", "spring", "autumn"), ZONES)
def test_a_newest_first_file_over_the_change_is_read_alike(zone: str, spring: datetime, autumn: datetime) -> None:
    step = timedelta(minutes=5)
    for start in (spring, autumn):
        local = wall_clock(start, 576, step, zone)
        assert same(check(local[::-1], range(575, -1, -1), zone=zone), check(local, zone=zone))


def test_an_hourly_hour_that_comes_twice_is_told_apart_by_its_repetition() -> None:
    history = check(
        ["2026-10-25T01:00:00", "2026-10-25T02:00:00", "2026-10-25T02:00:00", "2026-10-25T03:00:00"],
        zone="Europe/Berlin",
    )
    assert numbers(history) == [0, 1, 2, 3]
    assert history.start == datetime(2026, 10, 24, 23, tzinfo=UTC)
    assert kinds(history) == {"dst": 2}
    assert "told apart by the order of the rows" in history.repairs[0].detail


def test_an_hour_that_should_come_twice_but_came_once_leaves_a_gap() -> None:
    hours = ["2026-10-25T00:00:00", "2026-10-25T01:00:00", "2026-10-25T02:00:00", "2026-10-25T03:00:00"]
    history = check(hours, zone="Europe/Berlin")
    assert numbers(history) == [0, 1, 2, None, 3]
    assert "has twice but the file once, read as the first of the two" in history.repairs[0].detail
    assert "row 4" in history.repairs[0].detail


def test_a_repeated_row_in_the_doubled_hour_does_not_start_the_second_pass() -> None:
    local = wall_clock(datetime(2026, 10, 24, 22, tzinfo=UTC), 60, timedelta(minutes=5), "Europe/Berlin")
    twice = local.index("2026-10-25T02:10:00")
    doubled = [*local[: twice + 1], *local[twice:]]
    values = [*range(twice + 1), *range(twice, 60)]
    history = check(doubled, values, zone="Europe/Berlin")
    assert same(history, check(local, zone="Europe/Berlin"))


def test_local_times_that_clocks_skip_are_read_with_the_offset_before_and_reported() -> None:
    hours = ["2026-03-29T00:00:00", "2026-03-29T01:00:00", "2026-03-29T02:00:00", "2026-03-29T04:00:00"]
    history = check(hours, zone="Europe/Berlin")
    assert [stamp.hour for stamp in history.series.index] == [23, 0, 1, 2]
    assert numbers(history) == [0, 1, 2, 3]
    assert "that Europe/Berlin skips, read with the offset before the change" in history.repairs[0].detail
    assert "row 4" in history.repairs[0].detail


def test_a_fixed_clock_that_ignores_the_change_meets_itself_and_keeps_the_larger_value() -> None:
    hours = [f"2026-03-29T{hour:02}:00:00" for hour in range(12)]
    history = check(hours, zone="Europe/Berlin")
    assert numbers(history) == [0, 1, 3, 4, 5, 6, 7, 8, 9, 10, 11]
    assert kinds(history) == {"dst": 1, "conflicts": 1}


def test_a_zone_without_changes_needs_no_repair() -> None:
    local = wall_clock(datetime(2026, 3, 28, tzinfo=UTC), 96, timedelta(hours=1), "Asia/Shanghai")
    assert check(local, zone="Asia/Shanghai").repairs == ()


@pytest.mark.parametrize(("zone", "spring", "autumn"), ZONES)
def test_every_instant_comes_once_and_in_order(zone: str, spring: datetime, autumn: datetime) -> None:
    for start in (spring, autumn):
        history = check(wall_clock(start, 576, timedelta(minutes=5), zone), zone=zone)
        assert all(after - before == timedelta(minutes=5) for before, after in pairwise(history.series.index))


def test_aware_timestamps_ignore_the_zone() -> None:
    assert same(check(stamps(6), zone="Europe/Berlin"), check(stamps(6)))
