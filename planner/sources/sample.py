"""The sample history that planner carries (see README.md beside it for provenance and licence)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import as_file, files
from pathlib import Path

SAMPLE_NAME = "text-moderation.csv"


@contextmanager
def sample_path() -> Iterator[Path]:
    """The sample as a file, also from a zipped package; the path is valid inside the `with` block."""
    with as_file(files("planner").joinpath("data", "sample", SAMPLE_NAME)) as path:
        yield path
