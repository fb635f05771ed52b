"""The page of promises names tests that exist, for every promise."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "promises.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| (\d+) \| (.*) \| (.*) \| (.*) \|$", PAGE, re.MULTILINE)
NODE = re.compile(r"`(tests/[\w/]+\.py)::([\w:]+)`")
NODES = sorted({node for *_, tests in ROWS for node in NODE.findall(tests)})


@cache
def named_in(file: str) -> frozenset[str]:
    """The node ids of a file, after its name."""
    body = ast.parse((ROOT / file).read_text(encoding="utf-8")).body
    found = [node.name for node in body if isinstance(node, ast.FunctionDef)]
    for node in body:
        if isinstance(node, ast.ClassDef):
            found += [f"{node.name}::{each.name}" for each in node.body if isinstance(each, ast.FunctionDef)]
    return frozenset(name for name in found if name.split("::")[-1].startswith("test_"))


def test_there_are_twenty_eight_and_each_has_a_test() -> None:
    assert [int(number) for number, *_ in ROWS] == list(range(1, 29))
    assert all(NODE.findall(tests) for *_, tests in ROWS)


@pytest.mark.parametrize(("file", "name"), NODES)
def test_a_named_test_exists(file: str, name: str) -> None:
    assert name in named_in(file)


@pytest.mark.parametrize("place", sorted({place for _, _, kept, _ in ROWS for place in re.findall(r"`([^`]+)`", kept)}))
def test_a_named_place_exists(place: str) -> None:
    assert (ROOT / "planner" / place).exists()
