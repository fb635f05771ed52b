"""What can't be trusted is refused, with the row of the file and a remedy."""

from __future__ import annotations

from datetime import timedelta

import pandas as pd
import pytest

from planner.columns import Columns
from planner.errors import HistoryError
from planner.history import check_history
from tests.history.given import START, check, columns, stamps

GOOD = stamps(6)


def replaced(cells: list[str], position: int, cell: object) -> list[object]:
    return [*cells[:position], cell, *cells[position + 1 :]]


@pytest.mark.parametrize(
    ("cell", "words"),
    [
        pytest.param("yesterday", "'yesterday' can't be read", id="words"),
        pytest.param("now", "'now' can't be read", id="a word that pandas would ask the clock for"),
        pytest.param("1767225600", "'1767225600' can't be read", id="seconds since 1970"),
        pytest.param("01/03/2026 00:10", "can't be read", id="day and month in doubt"),
        pytest.param("2026-02-30T00:00:00Z", "can't be read", id="a day that doesn't exist"),
        pytest.param("2026-03-01T00:15:00+25:00", "can't be read", id="an impossible offset"),
        pytest.param("2026-03-01T00:15:00", "has no offset, the rows above it have an offset", id="naive among aware"),
        pytest.param("9999-01-01T00:00:00Z", "outside 1970-2199", id="a placeholder date"),
        pytest.param("", "the timestamp is empty", id="empty text"),
        pytest.param(None, "the timestamp is empty", id="nothing"),
    ],
)
def test_a_timestamp_that_cannot_be_read_is_refused_with_its_row(cell: object, words: str) -> None:
    with pytest.raises(HistoryError) as refusal:
        check(replaced(GOOD, 3, cell))
    assert str(refusal.value).startswith("load.csv, row 5: ")
    assert words in str(refusal.value)
    assert "2026-03-01T08:00:00Z" in refusal.value.remedy


@pytest.mark.parametrize(
    ("cell", "words"),
    [
        pytest.param("-0.5", "'-0.5' is negative", id="negative"),
        pytest.param("many", "'many' is no number", id="text"),
        pytest.param("1_000", "'1_000' is no number", id="underscore"),
        pytest.param("1,5", "'1,5' is no number", id="decimal comma"),
        pytest.param("True", "'True' is no number", id="truth value"),
        pytest.param("inf", "'inf' is not finite", id="infinite"),
        pytest.param("-inf", "'-inf' is not finite", id="minus infinite"),
        pytest.param("1e999", "'1e999' is not finite", id="overflow"),
    ],
)
def test_a_value_that_is_no_concurrency_is_refused_with_its_row(cell: str, words: str) -> None:
    with pytest.raises(HistoryError) as refusal:
        check(GOOD, replaced(["1"] * 6, 4, cell))
    assert str(refusal.value) == f"load.csv, row 6: the value {words}"
    assert "plain number >= 0" in refusal.value.remedy


def test_the_row_of_a_refusal_is_that_of_the_file_even_after_sorting() -> None:
    swapped = [GOOD[1], GOOD[0], *GOOD[2:]]
    with pytest.raises(HistoryError, match="row 3: the value '-1' is negative"):
        check(swapped, ["1", "-1", "1", "1", "1", "1"])


def test_blank_lines_do_not_shift_row_numbers() -> None:
    with pytest.raises(HistoryError, match="row 5: the value 'x' is no number"):
        check([GOOD[0], None, GOOD[1], GOOD[2]], ["1", None, "1", "x"])


def test_a_long_cell_is_cut_in_the_message() -> None:
    with pytest.raises(HistoryError) as refusal:
        check(GOOD, replaced(["1"] * 6, 0, "x" * 10_000))
    assert len(str(refusal.value)) < 150


def test_no_rows_are_refused() -> None:
    with pytest.raises(HistoryError, match=r"load\.csv: no rows"):
        check([])


def test_only_blank_lines_are_no_rows() -> None:
    with pytest.raises(HistoryError, match=r"load\.csv: no rows"):
        check([None, None], [None, None])


def test_rows_without_any_value_are_refused() -> None:
    with pytest.raises(HistoryError, match=r"load\.csv: no row has a value"):
        check(GOOD, [None] * 6)


def test_naive_timestamps_without_a_zone_are_refused_with_the_first_row() -> None:
    with pytest.raises(HistoryError, match="row 2: the timestamp '2026-03-01 00:00:00' has no offset") as refusal:
        check([stamp.removesuffix("Z") for stamp in GOOD])
    assert "configure the time zone" in refusal.value.remedy


def test_an_unknown_zone_is_refused() -> None:
    with pytest.raises(HistoryError, match="the time zone 'Mars/Olympus' is not known"):
        check([stamp.removesuffix("Z") for stamp in GOOD], zone="Mars/Olympus")


def test_a_shuffled_file_is_refused_with_the_first_row_out_of_order() -> None:
    many = stamps(20)
    with pytest.raises(HistoryError, match="row 3: 10 of 20 rows are earlier than the row above them, first here"):
        check([stamp for pair in zip(many[1::2], many[::2], strict=True) for stamp in pair])


def test_a_file_of_two_functions_is_refused() -> None:
    with pytest.raises(HistoryError, match="row 2: 6 of 6 intervals have several values that differ") as refusal:
        check(sorted(GOOD * 2), range(12))
    assert "one function only" in refusal.value.remedy


def test_an_irregular_step_is_refused_with_the_two_most_common_gaps() -> None:
    minutes = [0, 1, 8, 9, 16, 40, 47, 100, 161, 230]
    irregular = [stamps(1, start=START + timedelta(minutes=minute))[0] for minute in minutes]
    with pytest.raises(HistoryError) as refusal:
        check(irregular)
    assert "the step can't be inferred" in str(refusal.value)
    assert "0:07:00 (3 times) and 0:01:00 (2 times)" in str(refusal.value)


@pytest.mark.parametrize("step", [timedelta(milliseconds=200), timedelta(days=7)], ids=["too short", "too long"])
def test_a_step_that_no_plan_can_use_is_refused(step: timedelta) -> None:
    with pytest.raises(HistoryError, match="the step can't be inferred"):
        check(stamps(10, step=step))


def test_a_single_row_has_no_step() -> None:
    with pytest.raises(HistoryError, match=r"1 row\(s\) of one timestamp"):
        check(GOOD[:1])


def test_one_far_date_is_refused_rather_than_filled_with_a_century_of_gaps() -> None:
    with pytest.raises(HistoryError, match="row 7: the timestamp lies 26298 days"):
        check([*GOOD[:5], "2098-03-01T00:20:00Z"])


def test_a_history_shorter_than_the_minimum_is_refused() -> None:
    with pytest.raises(HistoryError, match=r"spans 0\.02 days, the configured minimum is 2\.00 days"):
        check_history(columns(GOOD), minimum=timedelta(days=2))


def test_a_history_of_exactly_the_minimum_is_accepted() -> None:
    assert check_history(columns(stamps(288)), minimum=timedelta(days=1)).days == timedelta(days=1)


@pytest.mark.parametrize("dtype", ["int64", "float64", "bool"])
def test_a_timestamp_column_of_numbers_is_refused(dtype: str) -> None:
    raw = columns(GOOD)
    numeric = Columns(timestamps=pd.Series([1] * 6, dtype=dtype), values=raw.values, source="load.csv", rows=raw.rows)
    with pytest.raises(HistoryError, match=f"row 2: the timestamp .* is a plain {dtype}"):
        check_history(numeric)


def test_a_value_column_of_truth_values_is_refused() -> None:
    raw = columns(GOOD)
    values = pd.Series([True] * 6)
    with pytest.raises(HistoryError, match="row 2: the value True is no number"):
        check_history(Columns(timestamps=raw.timestamps, values=values, source="load.csv", rows=raw.rows))


def test_columns_of_different_length_are_a_programming_error() -> None:
    raw = columns(GOOD)
    with pytest.raises(ValueError, match="equally long"):
        Columns(timestamps=raw.timestamps, values=raw.values.iloc[1:], source="load.csv", rows=raw.rows)
