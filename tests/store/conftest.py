"""The store tests run on SQLite and on a real PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from planner.store import Store, upgrade
from tests.postgres import Cluster, postgres

__all__ = ["postgres"]


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """Of a file that isn't there yet."""
    return f"sqlite:///{tmp_path}/planner.db"


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest) -> str:
    """Of an empty database: each test that asks for it runs on both kinds."""
    if request.param == "sqlite":
        return str(request.getfixturevalue("sqlite_url"))
    cluster: Cluster = request.getfixturevalue("postgres")
    return cluster.new_database()


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    """An open store of today's schema, empty."""
    upgrade(url)
    with Store.open(url, migrate=False) as opened:
        yield opened
