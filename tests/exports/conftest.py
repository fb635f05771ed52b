"""Goldens: compared by default, rewritten only by `GOLDEN=write pytest tests/exports` (which is `make golden`)."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

GOLDEN = Path(__file__).parent.parent / "golden" / "exports"
REWRITE = "GOLDEN=write .venv/bin/pytest tests/exports"

Golden = Callable[[str, bytes], bytes]


@pytest.fixture
def golden() -> Golden:
    """The committed bytes of a name; where asked to, the fresh bytes are committed first."""

    def committed(name: str, fresh: bytes) -> bytes:
        path = GOLDEN / name
        if os.environ.get("GOLDEN") == "write":
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(fresh)
        if not path.exists():
            pytest.fail(f"no golden file {path.name}; write it with: {REWRITE}")
        return path.read_bytes()

    return committed
