"""Durations: what is read, what is written, what is refused."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planner.config import format_duration, parse_duration
from planner.config.durations import PATTERN

SECOND, MINUTE, HOUR, DAY = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


@pytest.mark.parametrize(
    ("text", "duration"),
    [
        ("0s", timedelta(0)),
        ("90s", 90 * SECOND),
        ("15m", 15 * MINUTE),
        ("6h", 6 * HOUR),
        ("2d", 2 * DAY),
        ("1h30m", 90 * MINUTE),
        ("1d2h3m4s", DAY + 2 * HOUR + 3 * MINUTE + 4 * SECOND),
        ("PT15M", 15 * MINUTE),
        ("P2D", 2 * DAY),
        ("P1W", 7 * DAY),
        ("P1DT12H", 36 * HOUR),
        ("PT1H30M5S", 90 * MINUTE + 5 * SECOND),
    ],
)
def test_a_duration_is_read(text: str, duration: timedelta) -> None:
    assert parse_duration(text) == duration


@pytest.mark.parametrize(
    "text",
    [
        "",
        "s",
        "P",
        "PT",
        "P1DT",
        "60",
        "1.5h",
        "-5m",
        "5 m",
        "5M",
        "m5",
        "30m1h",
        "1h1h",
        "P1Y",
        "P1M",
        "pt5m",
        "5m\n",
        "٣m",
    ],
)
def test_a_text_that_says_no_duration_is_refused_with_examples(text: str) -> None:
    with pytest.raises(ValueError, match="is not a duration; write 90s, 15m, 6h or 2d"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("duration", "text"),
    [
        (timedelta(0), "0s"),
        (MINUTE, "60s"),
        (2 * MINUTE, "120s"),
        (15 * MINUTE, "15m"),
        (90 * MINUTE, "1h30m"),
        (DAY, "1d"),
    ],
)
def test_a_duration_is_written_as_people_write_it(duration: timedelta, text: str) -> None:
    assert format_duration(duration) == text


@given(st.integers(min_value=0, max_value=999_999 * 86_400))
def test_what_is_written_reads_back(seconds: int) -> None:
    duration = timedelta(seconds=seconds)
    assert parse_duration(format_duration(duration)) == duration


@given(st.tuples(*[st.integers(min_value=0, max_value=999_999)] * 4))
def test_both_notations_agree(parts: tuple[int, int, int, int]) -> None:
    days, hours, minutes, seconds = parts
    short = f"{days}d{hours}h{minutes}m{seconds}s"
    assert parse_duration(short) == parse_duration(f"P{days}DT{hours}H{minutes}M{seconds}S")


@given(st.text(alphabet="0123456789dhmsPTWDHMS.- ", max_size=12))
def test_the_schema_takes_exactly_what_the_reader_takes(text: str) -> None:
    try:
        parse_duration(text)
    except ValueError:
        assert not re.search(PATTERN, text)
    else:
        assert re.search(PATTERN, text)
