"""What was not served is added back, or said to be unknown."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from planner.errors import HistoryError
from planner.history import History, check_history
from planner.sources.files import read_history
from tests.history.given import columns, numbers, stamps

HALF_A_SECOND = timedelta(milliseconds=500)


def checked(
    values: list[object],
    *,
    throttled: list[object] | None = None,
    duration_ms: list[object] | None = None,
    limit: list[object] | None = None,
    mean_duration: timedelta | None = None,
) -> History:
    def column(cells: list[object] | None) -> pd.Series | None:
        return None if cells is None else pd.Series([None if c is None else str(c) for c in cells], dtype="str")

    plain = columns(stamps(len(values)), values)
    shown = replace(plain, throttled=column(throttled), duration_ms=column(duration_ms), limit=column(limit))
    return check_history(shown, mean_duration=mean_duration)


def test_without_a_word_on_throttling_what_was_served_is_what_was_offered() -> None:
    history = checked([1, 2, 3])
    assert numbers(history) == [1, 2, 3]
    assert history.basis == "the source shows no throttling: served load is taken for offered"


def test_requests_that_were_turned_away_are_in_flight_by_littles_law() -> None:
    history = checked([4, 4, 4], throttled=[0, 120, 0], mean_duration=HALF_A_SECOND)
    assert numbers(history) == [4, 5, 4]
    assert history.basis == (
        "by its column throttled the source served less than was offered: added back 1 requests in flight on average "
        "(1 at most) where requests were turned away (1 interval)"
    )


def test_each_interval_has_its_own_duration_before_the_configured_one() -> None:
    history = checked([4, 4, 4], throttled=[60, 60, 60], duration_ms=[2000, None, 0], mean_duration=HALF_A_SECOND)
    assert numbers(history) == [6, 4.5, 4.5]


def test_without_a_configured_duration_the_median_of_the_column_stands_in() -> None:
    history = checked([4, 4, 4, 4], throttled=[0, 0, 0, 60], duration_ms=[1000, 2000, 9000, None])
    assert numbers(history) == [4, 4, 4, 6]


@pytest.mark.parametrize("duration_ms", [None, [None, 0, None]], ids=["no column", "an empty column"])
def test_requests_turned_away_without_a_duration_are_refused_with_their_row(
    duration_ms: list[object] | None,
) -> None:
    with pytest.raises(HistoryError, match=r"^load.csv, row 3: requests were turned away") as refusal:
        checked([4, 4, 4], throttled=[0, 9, 9], duration_ms=duration_ms)
    assert "history.mean_duration_ms" in refusal.value.remedy


def test_a_column_of_zeros_needs_no_duration_and_says_that_nothing_was_lost() -> None:
    history = checked([4, 4], throttled=[0, 0])
    assert numbers(history) == [4, 4]
    assert history.basis.endswith("the source turned nothing away and never ran full: served load is offered load")


def test_an_interval_that_reached_its_limit_counts_a_quarter_more() -> None:
    history = checked([7.9, 8, 7.95, 0, 3, 9], limit=[8, 8, 8, 0, None, 8])
    assert numbers(history) == [7.9, 10, pytest.approx(9.9375), 0, 3, 11.25]
    assert history.basis == (
        "by its column limit the source served less than was offered: 3 intervals saturated, taken for 1.25 times "
        "what was served"
    )


def test_what_was_turned_away_is_known_better_than_a_limit_that_was_reached() -> None:
    history = checked([8, 8, 8], throttled=[0, 60, None], limit=[8, 8, 8], mean_duration=HALF_A_SECOND)
    assert numbers(history) == [8, 8.5, 10]
    assert "added back 0.5 requests" in history.basis
    assert "1 interval saturated" in history.basis


def test_a_gap_stays_a_gap_whatever_stands_beside_it() -> None:
    history = checked([4, None, 4], throttled=[0, 60, 0], limit=[9, 1, 9])
    assert numbers(history) == [4, None, 4]


@pytest.mark.parametrize("name", ["throttled", "duration_ms", "limit"])
@pytest.mark.parametrize(("cell", "fault"), [("many", "is no number"), ("-1", "is negative"), ("inf", "is not finite")])
def test_a_cell_beside_the_value_is_refused_with_its_column_and_row(name: str, cell: str, fault: str) -> None:
    beside = {"throttled": [60, 60, 60], "duration_ms": [1, 1, 1], "limit": [9, 9, 9]}
    beside[name] = [1, 1, cell]  # type: ignore[list-item]
    with pytest.raises(HistoryError, match=rf"^load.csv, row 4: the {name} '{cell}' {fault}") as refusal:
        checked([4, 4, 4], **beside)  # type: ignore[arg-type]
    assert "leave the cell empty" in refusal.value.remedy


ROWS = "2026-03-01T00:00:00Z,4,60,500,x\n2026-03-01T00:05:00Z,4,0,,x\n"


def test_a_csv_file_has_its_columns_in_any_order_and_others_are_still_ignored(tmp_path: Path) -> None:
    (tmp_path / "load.csv").write_text("timestamp,value,throttled,duration_ms,note\n" + ROWS, encoding="utf-8")
    history = read_history(tmp_path / "load.csv")
    assert numbers(history) == [4.5, 4]
    assert [repair.detail for repair in history.repairs] == ["columns that a history doesn't have were ignored: note"]


def test_a_parquet_file_says_the_same(tmp_path: Path) -> None:
    (tmp_path / "load.csv").write_text("timestamp,value,throttled,duration_ms,note\n" + ROWS, encoding="utf-8")
    pd.read_csv(tmp_path / "load.csv").to_parquet(tmp_path / "load.parquet")
    assert numbers(read_history(tmp_path / "load.parquet")) == [4.5, 4]


def test_a_column_that_is_there_twice_is_refused(tmp_path: Path) -> None:
    (tmp_path / "load.csv").write_text("timestamp,value,limit,limit\n2026-03-01T00:00:00Z,4,1,1\n", encoding="utf-8")
    with pytest.raises(HistoryError, match="the column `limit` is there 2 times"):
        read_history(tmp_path / "load.csv")


def test_what_is_later_than_asked_for_is_not_spoken_of() -> None:
    plain = columns(stamps(4), [4, 4, 4, 4])
    shown = replace(plain, throttled=pd.Series([0, 0, 0, 60]), duration_ms=pd.Series([500.0] * 4))
    assert "turned nothing away" in check_history(shown, until=pd.Timestamp("2026-03-01T00:15Z")).basis


CELLS = st.one_of(st.none(), st.floats(0, 1e6))
RECORD = st.tuples(st.floats(0, 1e6), CELLS, CELLS, CELLS)


@given(st.lists(RECORD, min_size=2, max_size=20))
def test_the_offered_load_is_never_below_what_was_served_and_grows_with_what_was_turned_away(
    records: list[tuple[float, float | None, float | None, float | None]],
) -> None:
    served, throttled, duration_ms, limit = (list(column) for column in zip(*records, strict=True))
    twice = [None if count is None else 2 * count for count in throttled]

    def offered(away: list[float | None]) -> pd.Series:
        beside = {"throttled": away, "duration_ms": duration_ms, "limit": limit}
        return checked(served, **beside, mean_duration=HALF_A_SECOND).series  # type: ignore[arg-type]

    assert (offered(throttled) >= pd.Series(served).to_numpy()).all()
    assert (offered(twice) >= offered(throttled)).all()
