"""What was acknowledged is there after a kill, and writers don't tread on each other."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from planner.base import MINUTE
from planner.store import Store, upgrade
from tests.builders import FUNCTION, NOON, a_plan
from tests.store.test_sqlite import integrity

ROOT = Path(__file__).parents[2]
KILLS = 5
WRITERS = 4
TURNS = 15


def start(url: str, who: str, turns: int) -> subprocess.Popen[str]:
    """A writer on its way."""
    command = [sys.executable, "-m", "tests.store.writer", url, who, str(turns)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)


def test_an_acknowledged_row_survives_kill_9(sqlite_url: str, tmp_path: Path) -> None:
    dice = random.Random(7)
    acknowledged: list[int] = []
    for _ in range(KILLS):
        with start(sqlite_url, "ann", 1_000_000) as writer:
            assert writer.stdout is not None
            acknowledged.append(int(writer.stdout.readline()))
            time.sleep(dice.uniform(0, 0.3))
            writer.kill()
            # The last line may be cut; a whole one was acknowledged.
            acknowledged += [int(line) for line in writer.stdout if line.endswith("\n")]
        with Store.open(sqlite_url, migrate=True) as store:
            attempts = [entry.id for entry in store.audit(FUNCTION, limit=10**6) if hasattr(entry, "plan_id")]
            assert set(acknowledged) <= set(attempts)
            assert len(store.unfinished(FUNCTION)) <= len(acknowledged)
        assert integrity(tmp_path / "planner.db") == "ok"
    assert len(acknowledged) > KILLS


def test_writers_at_once_lose_nothing(url: str) -> None:
    upgrade(url)
    writers = [start(url, f"writer {number}", TURNS) for number in range(WRITERS)]
    given = [int(line) for writer in writers for line in writer.communicate(timeout=120)[0].splitlines()]
    assert [writer.returncode for writer in writers] == [0] * WRITERS
    assert len(set(given)) == len(given) == WRITERS * TURNS
    with Store.open(url, migrate=False) as store:
        assert store.unfinished(FUNCTION) == ()
        done = store.applied(FUNCTION, limit=10**6)
        assert {attempt.id for attempt in done} == set(given)
        assert {attempt.outcome.message for attempt in done if attempt.outcome} == {f"writer {n}" for n in range(4)}
        assert len(store.plans(None, limit=10**6)) == TURNS
        points = store.load_points("asr-gpu", "cms", start=NOON, end=NOON + 50 * MINUTE)
    assert len(points) == 50


def test_first_users_at_once_make_one_database(sqlite_url: str) -> None:
    writers = [start(sqlite_url, "ann", 1) for _ in range(WRITERS)]
    assert sorted(int(writer.communicate(timeout=120)[0]) for writer in writers) == [1, 2, 3, 4]


@pytest.mark.parametrize("_round", range(3))
def test_one_plan_saved_by_many_threads_has_one_id(url: str, _round: int) -> None:
    upgrade(url)
    with Store.open(url, migrate=False) as store, ThreadPoolExecutor(8) as threads:
        saved = [threads.submit(store.save_plan, a_plan(), who=f"thread {n}", at=NOON) for n in range(8)]
        assert len({future.result() for future in saved}) == 1
        assert len(store.plans(None, limit=9)) == 1
