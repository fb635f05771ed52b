"""Function Compute and Prometheus for the canaries, and the database server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from planner.emulator import FunctionSpec, Running, Settings, World, running
from tests.postgres import postgres
from tests.security.stage import KEY_ID, KEY_SECRET, Front, Metrics, prometheus, tls_front

__all__ = ["postgres"]

FUNCTIONS = tuple(
    FunctionSpec(name=name, instance_concurrency=4, instance_metrics=True, startup_seconds=(0.0,))
    for name in ("asr-gpu", "other")
)


@pytest.fixture
def fc() -> Iterator[Running]:
    """A Function Compute that lets nobody in but the owner of the canaries."""
    world = World(functions=FUNCTIONS, settings=Settings(evaluation_lag_seconds=0), credentials={KEY_ID: KEY_SECRET})
    with running(world) as server:
        yield server


@pytest.fixture
def front(fc: Running, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    """Its TLS end."""
    with tls_front(fc.endpoint, tmp_path_factory.mktemp("tls")) as made:
        yield made


@pytest.fixture
def metrics() -> Iterator[Metrics]:
    """A Prometheus."""
    with prometheus() as made:
        yield made


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the commands run."""
    made = tmp_path / "site"
    made.mkdir()
    return made
