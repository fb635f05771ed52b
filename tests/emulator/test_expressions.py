"""`cron` and `at` against the vendor's table, and against a reader that tries every minute."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planner.emulator.errors import InvalidArgument
from planner.emulator.expressions import parse_cron
from planner.emulator.settings import Settings
from planner.emulator.windows import parse_expression
from tests.published import utc


def last(expression: str, at: str, zone: str = "", switches: Settings | None = None) -> str | None:
    fired = parse_expression(expression, zone, switches or Settings()).last(utc(at))
    return fired.strftime("%Y-%m-%d %H:%M:%S") if fired else None


@pytest.mark.parametrize(
    ("expression", "at", "expected"),
    [
        ("cron(0 0 20 * * *)", "2026-11-23 20:00", "2026-11-23 20:00:00"),
        ("cron(0 0 20 * * *)", "2026-11-23 19:59", "2026-11-22 20:00:00"),
        ("cron(0 */30 * * * *)", "2026-11-23 12:47", "2026-11-23 12:30:00"),
        ("cron(0 5/20 * * * *)", "2026-11-23 12:03", "2026-11-23 11:45:00"),
        ("cron(30 10-50/20 8,18 * * ?)", "2026-11-23 12:00", "2026-11-23 08:50:30"),
        ("cron(0 0 9 ? * MON-FRI)", "2026-11-22 12:00", "2026-11-20 09:00:00"),
        ("cron(0 0 9 ? * 1)", "2026-11-22 12:00", "2026-11-16 09:00:00"),
        ("cron(0 0 9 ? * sat,Sun)", "2026-11-23 12:00", "2026-11-22 09:00:00"),
        ("cron(0 0 0 1 JAN-MAR *)", "2026-11-23 12:00", "2026-03-01 00:00:00"),
        ("cron(0 0 0 29 2 ?)", "2026-11-23 12:00", "2024-02-29 00:00:00"),
        ("cron(0 0 0 1 * MON)", "2026-11-24 12:00", "2026-11-23 00:00:00"),
        ("cron(0 0 0 30 2 *)", "2026-11-23 12:00", None),
        ("at(2026-11-23T11:59:00Z)", "2026-11-23 12:00", "2026-11-23 11:59:00"),
        ("at(2026-11-23T12:00:00.000Z)", "2026-11-23 12:00", "2026-11-23 12:00:00"),
        ("at(2026-11-23T12:01:00Z)", "2026-11-23 12:00", None),
    ],
)
def test_the_last_trigger_is_found(expression: str, at: str, expected: str | None) -> None:
    assert last(expression, at) == expected


@pytest.mark.parametrize(
    "expression",
    [
        "cron(0/30 * * * *)",
        "cron(0s */30 * * * *)",
        "cron(* * * * * *)",
        "cron(*/5 * * * * *)",
        "cron(60 0 0 * * *)",
        "cron(0,30 0 0 * * *)",
        "cron(0-5 0 0 * * *)",
        "cron(0 60 0 * * *)",
        "cron(0 0 24 * * *)",
        "cron(0 0 0 0 * *)",
        "cron(0 0 0 * 13 *)",
        "cron(0 0 0 * * 0)",
        "cron(0 0 0 * * 8)",
        "cron(0 0 0 * * MON/2)",
        "cron(0 ? 0 * * *)",
        "cron(0 30-10 0 * * *)",
        "cron(0 */0 0 * * *)",
        "cron(0 1,,2 0 * * *)",
        "cron(0 0 0 * * * *)",
        "cron(0 0 0 * * *",
        "rate(5 minutes)",
        "at(2026-13-01T00:00:00Z)",
        "at(2026-11-23 12:00:00Z)",
        "at(2026-11-23T12:00:00)",
        "",
    ],
)
def test_what_the_table_does_not_have_is_refused_with_the_text_seen_live(expression: str) -> None:
    with pytest.raises(InvalidArgument) as refusal:
        parse_expression(expression, None, Settings())
    assert refusal.value.message == (
        "The ScheduleExpression should be atTime or cron expression (example: "
        f"['at(2020-10-10T10:10:10Z)', 'cron(0 */30 * * * *)'], actual: '{expression}')"
    )


def test_a_zone_moves_the_trigger_and_forbids_the_z() -> None:
    assert last("cron(0 0 20 * * *)", "2026-11-23 12:00", "Asia/Shanghai") == "2026-11-23 12:00:00"
    assert last("at(2026-11-23T20:00:00)", "2026-11-23 12:00", "Asia/Shanghai")
    with pytest.raises(InvalidArgument):
        parse_expression("at(2026-11-23T20:00:00Z)", "Asia/Shanghai", Settings())


def test_an_at_without_z_or_zone_is_utc_only_behind_its_switch() -> None:
    lenient = Settings(bare_at="utc")
    assert last("at(2026-11-23T12:00:00)", "2026-11-23 12:00", switches=lenient)


def test_a_time_that_daylight_saving_skips_is_shifted_or_skipped() -> None:
    # New York, 8 March 2026: 02:00 becomes 03:00, so 02:30 does not exist.
    shown = ("cron(0 30 2 * * *)", "2026-03-08 12:00", "America/New_York")
    assert last(*shown) == "2026-03-08 07:30:00"
    assert last(*shown, Settings(missing_local_time="skipped")) == "2026-03-07 07:30:00"


def test_a_time_that_daylight_saving_repeats_fires_once_or_twice() -> None:
    # New York, 1 November 2026: 01:30 is 05:30 and 06:30 UTC.
    shown = ("cron(0 30 1 * * *)", "2026-11-01 12:00", "America/New_York")
    assert last(*shown) == "2026-11-01 05:30:00"
    assert last(*shown, Settings(repeated_local_time="both")) == "2026-11-01 06:30:00"


def test_a_local_evening_keeps_its_hour_over_the_change_of_clocks() -> None:
    cron = "cron(0 0 20 * * *)"
    assert last(cron, "2026-10-25 12:00", "Europe/Berlin") == "2026-10-24 18:00:00"
    assert last(cron, "2026-10-26 12:00", "Europe/Berlin") == "2026-10-25 19:00:00"


_MINUTES = {
    "0": {0},
    "*/7": set(range(0, 60, 7)),
    "3,50": {3, 50},
    "10-40/15": {10, 25, 40},
    "*": set(range(60)),
}
_HOURS = {"*": set(range(24)), "0": {0}, "23": {23}, "8-10": {8, 9, 10}}
_DAYS: dict[str, Callable[[datetime], bool]] = {
    "* * *": lambda _: True,
    "? * MON-WED": lambda local: local.isoweekday() <= 3,
    "1,15 * ?": lambda local: local.day in (1, 15),
    "*/9 * FRI": lambda local: local.day in (1, 10, 19, 28) or local.isoweekday() == 5,
}


@given(
    minutes=st.sampled_from(sorted(_MINUTES)),
    hours=st.sampled_from(sorted(_HOURS)),
    days=st.sampled_from(sorted(_DAYS)),
    offset=st.integers(min_value=0, max_value=60 * 24 * 40),
    zone=st.sampled_from(["UTC", "Asia/Shanghai", "Asia/Kathmandu"]),
)
@settings(deadline=None, max_examples=60)
def test_the_last_trigger_is_the_first_minute_back_that_matches(
    minutes: str, hours: str, days: str, offset: int, zone: str
) -> None:
    asked = datetime(2026, 1, 31, tzinfo=UTC) + timedelta(minutes=offset)
    minute = asked
    while True:
        local = minute.astimezone(ZoneInfo(zone))
        matches = local.minute in _MINUTES[minutes] and local.hour in _HOURS[hours]
        if matches and _DAYS[days](local):
            break
        minute -= timedelta(minutes=1)
    cron = parse_cron(f"0 {minutes} {hours} {days}", ZoneInfo(zone), Settings())
    assert cron.last(asked + timedelta(seconds=17)) == minute
