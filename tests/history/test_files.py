"""Histories from CSV and Parquet files."""

from __future__ import annotations

import gzip
import os
from decimal import Decimal
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from planner.errors import HistoryError
from planner.history import RepairKind
from planner.sources.files import read_history
from tests.history.given import START, check, kinds, numbers, same, stamps

GOOD = stamps(4)
TEXT = "timestamp,value\n" + "".join(f"{stamp},{i}\n" for i, stamp in enumerate(GOOD))


@pytest.fixture
def csv(tmp_path: Path) -> Path:
    return tmp_path / "load.csv"


def write_parquet(path: Path, timestamps: object, values: object, **more: object) -> Path:
    pq.write_table(pa.table({"timestamp": timestamps, "value": values, **more}), path)
    return path


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(TEXT, id="plain"),
        pytest.param("\ufeff" + TEXT, id="byte order mark"),
        pytest.param(TEXT.replace("\n", "\r\n"), id="windows"),
        pytest.param(TEXT + "\n\n", id="blank lines at the end"),
        pytest.param(TEXT.rstrip("\n"), id="no newline at the end"),
        pytest.param('"timestamp","value"\n' + TEXT.split("\n", 1)[1], id="quoted"),
        pytest.param(TEXT.replace("T", " ").replace(" imestamp", "timestamp"), id="blank instead of T"),
    ],
)
def test_a_csv_file_is_read_however_it_was_written(csv: Path, text: str) -> None:
    csv.write_text(text, encoding="utf-8", newline="")
    history = read_history(csv)
    assert same(history, check(GOOD))
    assert history.repairs == ()
    assert history.source == "load.csv"


def test_a_gzipped_csv_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "load.csv.gz"
    path.write_bytes(gzip.compress(TEXT.encode()))
    assert same(read_history(path), check(GOOD))


def test_columns_may_come_in_any_order_and_others_are_ignored_and_reported(csv: Path) -> None:
    csv.write_text("pod,value,timestamp,note\n" + "".join(f"a,{i},{stamp},\n" for i, stamp in enumerate(GOOD)))
    history = read_history(csv)
    assert same(history, check(GOOD))
    assert history.repairs[-1].kind is RepairKind.IGNORED_COLUMNS
    assert history.repairs[-1].detail.endswith("ignored: pod, note")


def test_an_empty_value_is_a_gap(csv: Path) -> None:
    csv.write_text(TEXT.replace("Z,2", "Z,"))
    assert numbers(read_history(csv)) == [0, 1, None, 3]
    assert kinds(read_history(csv)) == {"gaps": 1}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param(TEXT.replace("Z,2", "Z,x"), "load.csv, row 4: the value 'x' is no number", id="line of the file"),
        pytest.param(TEXT.replace("\n", "\n\n").replace("Z,2", "Z,x"), "load.csv, row 7: the value", id="blank lines"),
        pytest.param(TEXT.replace("Z,2", "Z,2,2"), "Row #4: Expected 2 columns, got 3", id="ragged"),
        pytest.param("", "load.csv: is empty", id="empty"),
        pytest.param("\n" + TEXT, "load.csv: starts with an empty line", id="empty first line"),
        pytest.param("timestamp,value\n", "load.csv: no rows", id="header only"),
        pytest.param("time,value\n1,2\n", "`timestamp` is missing; there are 'time', 'value'", id="wrong name"),
        pytest.param("timestamp;value\n", "there are 'timestamp;value'", id="semicolons"),
        pytest.param("timestamp,value,value\n1,2,3\n", "`value` is there 2 times", id="twice"),
    ],
)
def test_a_csv_file_that_cannot_be_used_is_refused(csv: Path, text: str, words: str) -> None:
    csv.write_text(text)
    with pytest.raises(HistoryError) as refusal:
        read_history(csv)
    assert words in str(refusal.value)
    assert refusal.value.remedy


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        pytest.param("load.csv", TEXT.encode("utf-16"), "is not UTF-8 text", id="UTF-16"),
        pytest.param("load.csv", TEXT.replace("Z,2", "Z,é").encode("latin-1"), "is not UTF-8 text", id="Latin-1"),
        pytest.param("load.csv", b"\x00\x01\x02\x03", "there are", id="binary"),
        pytest.param("load.csv", gzip.compress(TEXT.encode()), "is not UTF-8 text", id="gzip by another name"),
        pytest.param("load.csv.gz", TEXT.encode(), "can't be read", id="not gzipped"),
        pytest.param("load.csv.gz", gzip.compress(TEXT.encode())[:-12], "can't be read", id="cut gzip"),
        pytest.param("load.parquet", b"PAR1 and nothing else", "is no Parquet file", id="broken Parquet"),
        pytest.param("load.parquet", b"", "is no Parquet file", id="empty Parquet"),
        pytest.param("load.parquet", TEXT.encode(), "is no Parquet file", id="text as Parquet"),
    ],
)
def test_a_broken_file_is_refused(tmp_path: Path, name: str, content: bytes, words: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(HistoryError) as refusal:
        read_history(path)
    assert str(refusal.value).startswith(f"{name}: ")
    assert words in str(refusal.value)
    assert "parquet" in refusal.value.remedy or "UTF-8" in refusal.value.remedy


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(HistoryError, match="no such file"):
        read_history(tmp_path / "nowhere.csv")


def test_a_directory_is_refused(tmp_path: Path) -> None:
    with pytest.raises(HistoryError, match="is a directory"):
        read_history(tmp_path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
def test_a_file_without_permission_is_refused(csv: Path) -> None:
    csv.write_text(TEXT)
    csv.chmod(0)
    with pytest.raises(HistoryError, match="can't be opened"):
        read_history(csv)


INSTANTS = pd.date_range(START, periods=4, freq="5min")


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_parquet_timestamps_may_be_aware_in_any_unit_and_zone(tmp_path: Path, unit: str) -> None:
    timestamps = pa.array(INSTANTS.tz_convert("Asia/Shanghai"), type=pa.timestamp(unit, tz="Asia/Shanghai"))
    path = write_parquet(tmp_path / "load.parquet", timestamps, [0.0, 1.0, 2.0, 3.0])
    assert same(read_history(path), check(GOOD))


def test_parquet_timestamps_may_be_naive_in_a_configured_zone(tmp_path: Path) -> None:
    local = pa.array(INSTANTS.tz_convert("Asia/Shanghai").tz_localize(None))
    path = write_parquet(tmp_path / "load.parquet", local, [0, 1, 2, 3])
    assert same(read_history(path, zone="Asia/Shanghai"), check(GOOD))
    with pytest.raises(HistoryError, match=r"load\.parquet, row 1: the timestamp '2026-03-01 08:00:00' has no offset"):
        read_history(path)


@pytest.mark.parametrize(
    "values",
    [
        pytest.param(pa.array([0, 1, None, 3], type=pa.int64()), id="integers"),
        pytest.param(pa.array([0, 1, None, 3], type=pa.float32()), id="floats"),
        pytest.param(pa.array([0, 1, float("nan"), 3], type=pa.float64()), id="NaN"),
        pytest.param(pa.array([Decimal(0), Decimal(1), None, Decimal(3)]), id="decimals"),
        pytest.param(pa.array(["0", "1", "", "3"]), id="text"),
        pytest.param(pa.array(["0", "1", None, "3"]).dictionary_encode(), id="dictionary"),
    ],
)
def test_parquet_values_may_be_any_kind_of_number(tmp_path: Path, values: pa.Array) -> None:
    path = write_parquet(tmp_path / "load.parquet", pa.array(GOOD), values)
    assert numbers(read_history(path)) == [0, 1, None, 3]


def test_parquet_columns_that_are_not_needed_are_reported(tmp_path: Path) -> None:
    path = write_parquet(tmp_path / "load.parquet", pa.array(GOOD), pa.array([0, 1, 2, 3]), pod=pa.array(["a"] * 4))
    assert kinds(read_history(path)) == {"ignored_columns": 1}


@pytest.mark.parametrize(
    ("timestamps", "values", "words"),
    [
        pytest.param([1, 2, 3, 4], [1, 2, 3, 4], "the timestamp 1 is a plain int64", id="numbers as timestamps"),
        pytest.param(GOOD, [1, 2, -3, 4], "row 3: the value -3 is negative", id="negative"),
        pytest.param(GOOD, [True] * 4, "row 1: the value True is no number", id="truth values"),
        pytest.param(GOOD, [[1]] * 4, "is no number", id="lists"),
        pytest.param(GOOD, [INSTANTS[0]] * 4, "is no number", id="times as values"),
        pytest.param([None] * 4, [1, 2, 3, 4], "row 1: the timestamp is empty", id="no timestamps"),
        pytest.param(GOOD, [None] * 4, "no row has a value", id="no values"),
    ],
)
def test_parquet_columns_of_a_wrong_type_are_refused(
    tmp_path: Path, timestamps: list[object], values: list[object], words: str
) -> None:
    path = write_parquet(tmp_path / "load.parquet", pa.array(timestamps), pa.array(values))
    with pytest.raises(HistoryError) as refusal:
        read_history(path)
    assert words in str(refusal.value)
