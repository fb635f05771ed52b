"""Our reading of FC: published cases, zones, and what it refuses."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from planner.base import MINUTE
from planner.errors import DocumentError
from planner.provision import ProvisionConfig, ScheduledAction, config_from_wire
from planner.reading import NONE, Among, inside, instant, latest_trigger, least_values, schedule_values, trigger
from tests.builders import NOON, a_config, a_tracker, an_action
from tests.published import CASES, QUIET, Case
from tests.published import utc as at


@pytest.mark.parametrize("case", QUIET, ids=lambda case: case.name)
def test_a_published_case_reads_as_its_source_shows(case: Case) -> None:
    """The same table that the emulator is held to; its figures are the vendor's."""
    document = config_from_wire(case.document)
    for moment, expected in zip(case.moments(), case.expected.values(), strict=True):
        assert least_values(document, moment, 1)[0] == expected, case.source


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_published_case_reads_the_same_from_wherever_the_reading_starts(case: Case) -> None:
    document = config_from_wire(case.document)
    start = at(case.put_at)
    values = least_values(document, start, 3 * 1440)
    for minute in (0, 1, 719, 720, 840, 2000):
        assert least_values(document, start + minute * MINUTE, 1)[0] == values[minute]


def a_cron(text: str, target: int = 5, zone: str | None = None, **dates: str) -> ScheduledAction:
    return ScheduledAction(name=text, schedule_expression=f"cron({text})", target=target, time_zone=zone, **dates)


def test_without_an_action_the_schedule_has_no_value() -> None:
    assert schedule_values(ProvisionConfig(default_target=4), NOON, 2).tolist() == [NONE, NONE]
    assert least_values(ProvisionConfig(default_target=4), NOON, 2).tolist() == [4, 4]


def test_among_schedules_the_last_trigger_wins_or_the_maximum() -> None:
    document = a_config(9, 2, start=NOON)
    both = [schedule_values(document, NOON + 58 * MINUTE, 8, among).tolist() for among in Among]
    assert both == [[9, 9, 2, 2, 2, 2, 2, 2], [9, 9, 9, 9, 9, 9, 9, 2]]


def test_of_two_that_fire_together_the_larger_wins() -> None:
    document = ProvisionConfig(scheduled_actions=(an_action(NOON, 3, name="a"), an_action(NOON, 7, name="b")))
    assert schedule_values(document, NOON, 1).tolist() == [7]


def test_a_window_is_open_from_its_start_until_just_before_its_end() -> None:
    tracker = a_tracker()
    opens, closes = NOON - timedelta(days=1), NOON + timedelta(days=30)
    assert inside(tracker, opens - MINUTE, 2).tolist() == [False, True]
    assert inside(tracker, closes - MINUTE, 2).tolist() == [True, False]


def test_a_trigger_counts_from_its_minute_until_its_window_closes() -> None:
    action = an_action(NOON, 3, minutes=2)
    document = ProvisionConfig(scheduled_actions=(action,))
    assert schedule_values(document, NOON - MINUTE, 5).tolist() == [NONE, 3, 3, NONE, NONE]
    assert latest_trigger(action, NOON - MINUTE) is None
    assert latest_trigger(action, NOON + timedelta(seconds=100)) == NOON
    assert latest_trigger(action, NOON + 2 * MINUTE) is None


def test_an_at_outside_its_window_never_fires() -> None:
    late = ScheduledAction(
        name="late", schedule_expression="at(2026-11-23T12:00:00Z)", target=3, start_time="2026-11-23T12:01:00Z"
    )
    assert schedule_values(ProvisionConfig(scheduled_actions=(late,)), NOON, 5).tolist() == [NONE] * 5


@pytest.mark.parametrize(
    ("zone", "local", "instants"),
    [
        ("Asia/Shanghai", "0 30 8 * * ?", ["2026-03-08 00:30", "2026-03-09 00:30"]),
        ("Asia/Kolkata", "0 0 6 * * ?", ["2026-03-08 00:30", "2026-03-09 00:30"]),
        ("America/New_York", "0 0 6 * * ?", ["2026-03-08 10:00", "2026-03-09 10:00"]),
        ("America/New_York", "0 30 2 * * ?", ["2026-03-09 06:30"]),
        ("Australia/Lord_Howe", "0 0 6 * * ?", ["2026-03-08 19:00", "2026-03-09 19:00"]),
    ],
    ids=["Shanghai", "half an hour off", "New York, clocks forward at night", "skipped that day", "Lord Howe"],
)
def test_a_cron_lives_in_its_zone(zone: str, local: str, instants: list[str]) -> None:
    """From 2026-03-08 00:00 UTC on; New York's clocks went forward at 07:00 UTC."""
    start = datetime(2026, 3, 8, tzinfo=UTC)
    action = a_cron(local, zone=zone, start_time="2026-03-08T00:00:00", end_time="2026-03-10T12:00:00")
    found = {latest_trigger(action, start + half * 30 * MINUTE) for half in range(2 * 48)} - {None}
    inside_span = sorted(moment for moment in found if moment is not None and moment >= start)
    assert inside_span == [at(text) for text in instants]


def test_where_clocks_go_back_a_cron_fires_at_both_times() -> None:
    action = a_cron("0 30 1 * * ?", zone="America/New_York")
    start = datetime(2026, 11, 1, 5, tzinfo=UTC)
    assert latest_trigger(action, start + 30 * MINUTE) == start + 30 * MINUTE
    assert latest_trigger(action, start + 90 * MINUTE) == start + 90 * MINUTE


@pytest.mark.parametrize(
    ("text", "zone", "expected"),
    [
        ("2026-11-23T12:00:00Z", None, NOON),
        ("2026-11-23T12:00:00.000Z", None, NOON),
        ("2026-11-23T20:00:00", "Asia/Shanghai", NOON),
        ("2026-11-23T07:00:00", "America/New_York", NOON),
        ("2026-11-23T17:30:00", "Asia/Kolkata", NOON),
    ],
)
def test_a_date_is_utc_with_z_or_local_in_its_zone(text: str, zone: str | None, expected: datetime) -> None:
    assert instant(text, zone) == expected


@pytest.mark.parametrize(
    ("text", "zone"),
    [("yesterday", None), ("2026-11-23T12:00:00", "Mars/Olympus"), ("2026-13-01T00:00:00Z", None)],
    ids=["no date", "no zone", "no month"],
)
def test_what_is_no_date_is_refused_with_a_remedy(text: str, zone: str | None) -> None:
    with pytest.raises(DocumentError, match="is not a date that Function Compute takes") as caught:
        instant(text, zone)
    assert caught.value.remedy


@pytest.mark.parametrize(
    ("text", "minutes"),
    [
        ("0 7 * * * ?", {7}),
        ("0 */20 * * * ?", {0, 20, 40}),
        ("0 50/5 * * * ?", {50, 55}),
        ("0 1,3-5 * * * ?", {1, 3, 4, 5}),
        ("0 10-30/10 * * * ?", {10, 20, 30}),
    ],
)
def test_a_cron_field_is_lists_ranges_and_steps(text: str, minutes: set[int]) -> None:
    assert trigger(a_cron(text)).minutes == minutes


def test_names_of_days_and_months_are_read_and_monday_is_one() -> None:
    read = trigger(a_cron("0 0 0 * JAN,3-MAY MON-WED,sat"))
    assert read.months == {1, 3, 4, 5}
    assert read.weekdays == {1, 2, 3, 6}
    monday = schedule_values(ProvisionConfig(scheduled_actions=(a_cron("0 0 12 ? * 1"),)), NOON - MINUTE, 2)
    assert latest_trigger(a_cron("0 0 12 ? * 1"), NOON) == NOON
    np.testing.assert_array_equal(monday, [5, 5])  # of the Monday before, and of this one


@pytest.mark.parametrize(
    "expression",
    ["", "noon", "cron(0 0 * * *)", "cron(0 60 * * * ?)", "cron(0 0 * * FOO ?)", "cron(0 0 24 * * ?)", "at(soon)"],
)
def test_an_expression_that_fc_refuses_is_refused(expression: str) -> None:
    with pytest.raises(DocumentError):
        trigger(ScheduledAction(name="x", schedule_expression=expression, target=1))
