"""The split: repeats leave, and no text has a near copy in another part."""

from __future__ import annotations

import csv
import gzip
from pathlib import Path

import pytest

from model_server.data import GIVEN, Source, read_source


def write(path: Path, rows: list[dict[str, str]]) -> Path:
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "wt", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def invented(count: int = 100) -> list[dict[str, str]]:
    return [{"text": f"note {chr(97 + n % 26)}{chr(97 + n // 26)} here", "label": str(n % 2)} for n in range(count)]


def texts(source: Source, part: str) -> set[str]:
    return {example.text for example in source.parts[part]}  # type: ignore[index]


def test_a_file_without_a_split_is_divided_by_label(tmp_path: Path) -> None:
    source = read_source("en", write(tmp_path / "notes.csv.gz", invented()), seed=0)
    assert [len(source.parts[part]) for part in GIVEN] == [60, 10, 30]
    assert [sum(example.label for example in source.parts[part]) for part in GIVEN] == [30, 5, 15]
    assert source.parts["calibration"] == source.parts["dev"]
    assert source.dropped == 0


def test_the_seed_decides_the_division(tmp_path: Path) -> None:
    path = write(tmp_path / "notes.csv", invented())
    assert texts(read_source("en", path, seed=1), "test") == texts(read_source("en", path, seed=1), "test")
    assert texts(read_source("en", path, seed=1), "test") != texts(read_source("en", path, seed=2), "test")


def test_repeats_leave_and_so_do_texts_with_two_labels(tmp_path: Path) -> None:
    more = [{"text": "Note  AA here", "label": "0"}, {"text": "Note BA here", "label": "0"}]
    source = read_source("en", write(tmp_path / "notes.csv", invented() + more), seed=0)
    kept = [example.text for part in GIVEN for example in source.parts[part]]
    assert kept.count("note aa here") == 1
    assert not {"note ba here", "Note BA here"} & set(kept)
    assert source.dropped == 3


@pytest.mark.parametrize("seed", range(5))
def test_texts_of_one_template_stay_in_one_part(tmp_path: Path, seed: int) -> None:
    template = [{"text": f"call {n:03}-{n * 7 % 1000:03} now!", "label": "1"} for n in range(4)]
    source = read_source("en", write(tmp_path / "notes.csv", invented() + template), seed=seed)
    holding = [part for part in GIVEN if any(text.startswith("call") for text in texts(source, part))]
    assert len(holding) == 1
    assert source.dropped == 0


def test_a_given_split_is_kept_but_for_what_resembles_the_test_part(tmp_path: Path) -> None:
    rows = [{**row, "split": ("train", "dev", "test")[n // 2 % 3]} for n, row in enumerate(invented(60))]
    copy = {"text": "note ea, here!", "label": "0", "split": "train"}
    source = read_source("zh", write(tmp_path / "notes.csv", [*rows, copy]), seed=0)
    for part in ("train", "dev"):
        assert texts(source, part) == {row["text"] for row in rows if row["split"] == part}
    given = {row["text"] for row in rows if row["split"] == "test"}
    assert texts(source, "test") | texts(source, "calibration") == given
    assert "note ea here" in given
    assert source.dropped == 1


def test_a_fifth_of_a_given_test_part_calibrates_and_is_not_tested(tmp_path: Path) -> None:
    rows = [{**row, "split": ("train", "dev", "test")[n // 2 % 3]} for n, row in enumerate(invented(300))]
    path = write(tmp_path / "notes.csv", rows)
    source = read_source("zh", path, seed=0)
    assert not texts(source, "test") & texts(source, "calibration")
    assert [len(source.parts[part]) for part in ("calibration", "test")] == [20, 80]
    assert texts(read_source("zh", path, seed=1), "calibration") != texts(source, "calibration")


@pytest.mark.parametrize(
    ("rows", "match"),
    [
        ([{"words": "a", "label": "0"}], "a header with text and label"),
        ([{"text": "a", "label": "spam"}], "row 1 has a label"),
        ([{"text": "a", "label": "1", "split": "exam"}], "row 1 has a label"),
        ([{"text": "a", "label": "1"}, {"text": "b", "label": "1"}], "needs texts of both labels"),
    ],
)
def test_unusable_files_are_refused_by_name(tmp_path: Path, rows: list[dict[str, str]], match: str) -> None:
    with pytest.raises(ValueError, match=rf"notes\.csv.*{match}"):
        read_source("en", write(tmp_path / "notes.csv", rows), seed=0)
