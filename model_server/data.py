"""Labelled texts from CSV files: repeats dropped, then split so that no text is on two sides."""

from __future__ import annotations

import csv
import gzip
import hashlib
import random
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

Part = Literal["train", "dev", "calibration", "test"]
PARTS: tuple[Part, ...] = get_args(Part)
GIVEN: tuple[Part, ...] = ("train", "dev", "test")
TEST_SHARE = 0.3
DEV_SHARE = 0.1
CALIBRATION_SHARE = 0.2
"""Of a given test part: what is tested may have been labelled with another care than what was trained on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """A text and whether it is to be flagged (1) or not (0)."""

    text: str
    label: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """The examples of one file, by part, and what was left out."""

    name: str
    """What the report calls it: a language."""

    file: str
    digest: str
    """SHA-256 of the file."""

    parts: Mapping[Part, Sequence[Example]]
    """No text is in two, but that the part calibration of a file without a split is its dev part."""

    dropped: int
    """Rows that were repeats, had two labels, or stood in another part already."""


def read_source(name: str, path: Path, *, seed: int) -> Source:
    """Read a CSV file (gzipped where it ends in .gz) with the columns text, label (0 or 1) and, if any, split.

    The file's own split (train, dev, test) is kept, but for a fifth of its test part, drawn by `seed`, which
    calibrates. A file without one is divided by `seed`: 30 % test, 10 % dev, of each label; dev also calibrates.
    Texts that differ only in digits, signs and spaces stay in one part, and of a text that
    is repeated, but for capitals and spaces, one row is kept, or none where its labels differ.
    Raises `ValueError` that names the file for other columns, labels and splits, and for a part without both labels.
    """
    rows = _rows(path)
    kept = _without_repeats(rows)
    draw = random.Random(seed)  # noqa: S311  # no secret
    parts = _given_parts(kept, draw) if "split" in rows[0] else _divided(kept, draw)
    for part in PARTS:
        if {example.label for example in parts[part]} != {0, 1}:
            message = f"{path}: the part {part} needs texts of both labels"
            raise ValueError(message)
    used = parts if "split" in rows[0] else [part for part in PARTS if part != "calibration"]
    dropped = len(rows) - sum(len(parts[part]) for part in used)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return Source(name=name, file=path.name, digest=digest, parts=parts, dropped=dropped)


def _rows(path: Path) -> list[dict[str, str]]:
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    if not rows or not {"text", "label"} <= set(rows[0]):
        message = f"{path}: a header with text and label, and rows, are needed"
        raise ValueError(message)
    for number, row in enumerate(rows, start=1):
        if row["label"] not in {"0", "1"} or row.get("split", "train") not in GIVEN:
            message = f"{path}: row {number} has a label that is not 0 or 1, or a split that is not {', '.join(GIVEN)}"
            raise ValueError(message)
    return rows


def _without_repeats(rows: Sequence[Mapping[str, str]]) -> list[Mapping[str, str]]:
    labels: dict[str, set[str]] = {}
    for row in rows:
        labels.setdefault(_plain(row["text"]), set()).add(row["label"])
    first = {_plain(row["text"]): row for row in reversed(rows)}
    return [row for text, row in reversed(first.items()) if len(labels[text]) == 1]


def _given_parts(rows: Sequence[Mapping[str, str]], draw: random.Random) -> dict[Part, list[Example]]:
    """The file's parts; what resembles a text of the test part leaves the others, and dev's leaves train."""
    parts: dict[Part, list[Example]] = {}
    taken: set[str] = set()
    for part in reversed(GIVEN):
        own = [row for row in rows if row["split"] == part and _skeleton(row["text"]) not in taken]
        taken |= {_skeleton(row["text"]) for row in own}
        parts[part] = _examples(own)
    parts["calibration"], parts["test"] = _calibrating(parts["test"], draw)
    return parts


def _calibrating(test: Sequence[Example], draw: random.Random) -> tuple[list[Example], list[Example]]:
    """A share of the test part, and the rest; texts of one template stay together."""
    templates = sorted({_skeleton(example.text) for example in test})
    chosen = set(draw.sample(templates, round(CALIBRATION_SHARE * len(templates))))
    return [item for item in test if _skeleton(item.text) in chosen], [
        item for item in test if _skeleton(item.text) not in chosen
    ]


def _divided(rows: Sequence[Mapping[str, str]], draw: random.Random) -> dict[Part, list[Example]]:
    parts: dict[Part, list[Example]] = {part: [] for part in GIVEN}
    groups: dict[str, list[Mapping[str, str]]] = {}
    for row in rows:
        groups.setdefault(_skeleton(row["text"]), []).append(row)
    for label in ("0", "1"):
        same = [group for group in groups.values() if group[0]["label"] == label]
        draw.shuffle(same)
        total, done = sum(map(len, same)), 0
        for group in same:
            share = done / total
            part: Part = "test" if share < TEST_SHARE else "dev" if share < TEST_SHARE + DEV_SHARE else "train"
            parts[part] += _examples(group)
            done += len(group)
    parts["calibration"] = parts["dev"]
    return parts


def _examples(rows: Iterable[Mapping[str, str]]) -> list[Example]:
    return [Example(text=row["text"], label=int(row["label"])) for row in rows]


def _plain(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).lower().split())


def _skeleton(text: str) -> str:
    """Letters, and 0 for each digit: what messages of one template have in common."""
    plain = _plain(text)
    return re.sub(r"[\W_]+", "", re.sub(r"\d", "0", plain)) or plain
