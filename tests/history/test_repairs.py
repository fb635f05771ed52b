"""What can be mended is mended and reported; demand is never invented."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from planner.columns import Columns
from planner.errors import HistoryError
from planner.history import History, RepairKind, Statistic, check_history
from tests.history.given import FIVE_MINUTES, START, check, columns, kinds, numbers, same, stamps

GOOD = stamps(12)


def detail(history: History, kind: RepairKind) -> str:
    return next(repair.detail for repair in history.repairs if repair.kind is kind)


def test_a_clean_history_needs_no_repair() -> None:
    history = check(GOOD)
    assert history.repairs == ()
    assert numbers(history) == list(range(12))
    assert history.step == FIVE_MINUTES
    assert (history.start, history.end) == (START, START + timedelta(hours=1))
    assert history.series.name == "concurrency"
    assert history.statistic is Statistic.MEAN


def test_two_rows_are_a_history() -> None:
    assert numbers(check(GOOD[:2])) == [0, 1]


def test_rows_out_of_order_are_sorted() -> None:
    history = check([*GOOD[:3], GOOD[4], GOOD[3], *GOOD[5:]], [0, 1, 2, 4, 3, *range(5, 12)])
    assert same(history, check(GOOD))
    assert detail(history, RepairKind.ORDER) == "1 row out of order, sorted (first at 2026-03-01T00:15:00Z, row 6)"


def test_a_newest_first_file_is_turned_round() -> None:
    history = check(GOOD[::-1], range(11, -1, -1))
    assert same(history, check(GOOD))
    assert kinds(history) == {"order": 12}


def test_rows_that_repeat_are_dropped() -> None:
    history = check([*GOOD[:3], GOOD[2], *GOOD[3:]], [0, 1, 2, 2, *range(3, 12)])
    assert same(history, check(GOOD))
    assert detail(history, RepairKind.DUPLICATES) == "1 row repeating an interval, dropped (first in row 5)"


@pytest.mark.parametrize("pair", [(2, 9), (9, 2)])
def test_of_values_that_conflict_the_larger_is_kept(pair: tuple[int, int]) -> None:
    history = check([*GOOD[:3], GOOD[2], *GOOD[3:]], [0, 1, *pair, *range(3, 12)])
    assert numbers(history)[2] == 9
    assert detail(history, RepairKind.CONFLICTS) == "1 interval with several values, the largest kept (first in row 5)"


def test_an_empty_duplicate_yields_to_a_value() -> None:
    history = check([*GOOD[:3], GOOD[2], *GOOD[3:]], [0, 1, None, 2, *range(3, 12)])
    assert same(history, check(GOOD))
    assert kinds(history) == {"duplicates": 1}


def test_missing_rows_and_empty_values_are_gaps_and_never_zero() -> None:
    history = check([*GOOD[:3], *GOOD[5:]], [0, 1, 2, 5, None, 7, 8, "NaN", 10, 11])
    assert numbers(history) == [0, 1, 2, None, None, 5, None, 7, 8, None, 10, 11]
    assert detail(history, RepairKind.GAPS) == (
        "4 of 12 intervals without a value, left empty "
        "(the longest of 3 starts at 2026-03-01T00:15:00Z and lasts 0:10:00)"
    )


@pytest.mark.parametrize("word", ["", "nan", "NaN", "NA", "N/A", "null", "None", " "])
def test_what_exporters_write_for_nothing_is_a_gap(word: str) -> None:
    assert numbers(check(GOOD[:3], [1, word, 2])) == [1, None, 2]


def test_empty_intervals_at_the_ends_are_no_history() -> None:
    history = check(GOOD, [None, None, *range(2, 11), None])
    assert history.start == START + 2 * FIVE_MINUTES
    assert history.end == START + 11 * FIVE_MINUTES
    assert history.repairs == ()


def test_timestamps_off_the_grid_move_to_the_nearest_interval() -> None:
    late = "2026-03-01T00:15:07Z"
    early = "2026-03-01T00:24:58Z"
    history = check([*GOOD[:3], late, GOOD[4], early, *GOOD[6:]])
    assert same(history, check(GOOD))
    assert kinds(history) == {"off_grid": 2}
    assert "grid of 0:05:00" in detail(history, RepairKind.OFF_GRID)
    assert "first at 2026-03-01T00:15:07Z, row 5" in detail(history, RepairKind.OFF_GRID)


def test_a_clock_that_jitters_still_has_its_step() -> None:
    jitter = [0.8, -1.1, 2.2, -0.3, 1.7, -2.4, 0.1, 1.2, -0.9, 0.6, -1.8, 0.4]
    times = [START + i * FIVE_MINUTES + timedelta(seconds=off) for i, off in enumerate(jitter)]
    history = check([time.isoformat() for time in times])
    assert same(history, check(GOOD))
    assert kinds(history) == {"off_grid": 12}


def test_a_grid_that_starts_at_half_past_keeps_its_phase() -> None:
    start = START + timedelta(minutes=30)
    history = check(stamps(5, start=start, step=timedelta(hours=1)))
    assert history.start == start
    assert history.repairs == ()


def test_a_jittering_clock_keeps_its_phase_too() -> None:
    start = START + timedelta(minutes=30)
    jitter = [8, -11, 22, -3, 17, -24, 1, 12]
    times = [start + i * timedelta(hours=1) + timedelta(seconds=off) for i, off in enumerate(jitter)]
    assert check([time.isoformat() for time in times]).start == start


def test_a_last_row_inside_an_interval_is_dropped() -> None:
    history = check([*GOOD, "2026-03-01T00:57:00Z"])
    assert same(history, check(GOOD))
    assert detail(history, RepairKind.PARTIAL_INTERVAL) == (
        "the last row, inside an interval that was not over, dropped (first at 2026-03-01T00:57:00Z, row 14)"
    )


def test_offsets_may_differ_from_row_to_row() -> None:
    history = check(["2026-03-01T08:00:00+08:00", "2026-03-01T00:05:00Z", "2026-02-28T19:10:00-0500"])
    assert same(history, check(GOOD[:3]))


def test_timestamps_may_be_datetimes() -> None:
    raw = columns(GOOD)
    aware = pd.Series(pd.date_range(START, periods=12, freq="5min").tz_convert("Asia/Shanghai"))
    history = check_history(Columns(timestamps=aware, values=raw.values, source="load.csv", rows=raw.rows))
    assert same(history, check(GOOD))


def test_an_empty_datetime_is_refused_like_empty_text() -> None:
    raw = columns(GOOD)
    holed = pd.Series(pd.date_range(START, periods=12, freq="5min")).where(lambda column: column.index != 4)
    with pytest.raises(HistoryError, match="row 6: the timestamp is empty"):
        check_history(Columns(timestamps=holed, values=raw.values, source="load.csv", rows=raw.rows))


def test_the_digest_tells_step_statistic_time_and_value_apart() -> None:
    base = check(GOOD)
    others = (
        check_history(columns(GOOD), statistic=Statistic.MAX),
        check(stamps(12, step=timedelta(minutes=10))),
        check(stamps(12, start=START + FIVE_MINUTES)),
        check(GOOD, [*range(11), 12]),
        check(GOOD, [0, None, *range(2, 12)]),
    )
    assert len({history.digest for history in (base, *others)}) == 6
    # Pinned: stored plans refer to a history by this digest, so it must not change by accident.
    assert base.digest == "b0d001b11af201c997a5ba2c88fdbd506491c739d528c49a96eb669f8f5d9861"


def test_the_series_is_read_only() -> None:
    series = check(GOOD).series
    with pytest.raises(ValueError, match="read-only"):
        series.iloc[0] = 5.0


def test_until_drops_every_interval_that_ends_later() -> None:
    history = check(GOOD)
    assert numbers(history.until(START + timedelta(minutes=30))) == [0, 1, 2, 3, 4, 5]
    assert numbers(history.until(START + timedelta(minutes=29, seconds=59))) == [0, 1, 2, 3, 4]
    assert history.until(history.end) is history


def test_until_before_the_first_whole_interval_is_refused() -> None:
    with pytest.raises(HistoryError, match="starts at 2026-03-01T00:00:00Z, nothing of it was known at"):
        check(GOOD).until(datetime(2026, 3, 1, 0, 4, tzinfo=UTC))


def test_until_refuses_a_naive_time() -> None:
    with pytest.raises(ValueError, match="naive"):
        check(GOOD).until(START.replace(tzinfo=None))


INDEX = pd.date_range(START, periods=3, freq="5min")


@pytest.mark.parametrize(
    ("series", "words"),
    [
        pytest.param(pd.Series([1.0, 2.0, 3.0], INDEX.tz_localize(None)), "in UTC", id="naive index"),
        pytest.param(pd.Series([1.0, 2.0, 3.0], INDEX.tz_convert("Asia/Shanghai")), "in UTC", id="local index"),
        pytest.param(pd.Series([1.0, 2.0], INDEX[[0, 2]]), "regular", id="hole in the index"),
        pytest.param(pd.Series([1.0, -2.0, 3.0], INDEX), "finite floats >= 0", id="negative"),
        pytest.param(pd.Series([1.0, np.inf, 3.0], INDEX), "finite floats >= 0", id="infinite"),
        pytest.param(pd.Series([1, 2, 3], INDEX), "finite floats >= 0", id="integers"),
        pytest.param(pd.Series([1.0, 2.0, np.nan], INDEX), "starts and ends with a value", id="empty end"),
        pytest.param(pd.Series([], INDEX[:0], dtype="float64"), "starts and ends with a value", id="nothing"),
    ],
)
def test_a_history_that_breaks_its_contract_cannot_be_made(series: pd.Series, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        History(series=series, step=FIVE_MINUTES, statistic=Statistic.MEAN, repairs=(), source="load.csv")
