"""Kill -9 of a real process at random moments of an apply: FC holds the old or the new document, the record says which.

The emulator is Function Compute, the official SDK the client, SQLite the record.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import pytest

from planner.apply import recover
from planner.base import floor_minute
from planner.clock import SystemClock
from planner.emulator import Fault, FunctionSpec, Running, World, running
from planner.fc.sdk import Connection, connect
from planner.outcome import OutcomeKind
from planner.plan import Plan
from planner.plancodec import plan_to_json
from planner.store.store import Store
from tests.builders import FUNCTION, a_plan

LATENCY = 0.05
"""Seconds that each answer takes, so that the moments fall between and into the calls."""
SPAN = 0.3
"""Seconds from `ready` to the end of an apply, roughly: three calls and two commits, on a busy machine."""
MOMENTS = tuple(Random(20261123).uniform(tenth * SPAN / 10, (tenth + 1) * SPAN / 10) for tenth in range(10))


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """A plan against what FC holds, and where it is to be applied."""

    server: Running
    plan: Plan
    plan_file: Path
    database: str

    def start(self) -> subprocess.Popen[str]:
        """The process, just before it begins to apply."""
        command = [sys.executable, "-m", "tests.apply.driver", self.server.url, self.database, str(self.plan_file)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        return process


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    plan = a_plan(floor_minute(datetime.now(UTC)) - timedelta(minutes=1))
    plan_file = tmp_path / "plan.json"
    plan_file.write_text(plan_to_json(plan), encoding="utf-8")
    function = FunctionSpec(name=FUNCTION.name, aliases=(FUNCTION.qualifier,), instance_metrics=True)
    with running(World(functions=(function,))) as server:
        connect(Connection(endpoint=server.url), clock=SystemClock()).put_provision_config(FUNCTION, plan.live)
        server.emulator.journal.clear()
        server.emulator.faults.add(Fault(latency_seconds=LATENCY, times=1000))
        yield Scene(server=server, plan=plan, plan_file=plan_file, database=f"sqlite:///{tmp_path / 'planner.db'}")


@pytest.mark.parametrize("moment", MOMENTS, ids=[f"{moment * 1000:.0f}ms" for moment in MOMENTS])
def test_after_kill_9_fc_holds_one_whole_document_and_the_record_says_which(scene: Scene, moment: float) -> None:
    with scene.start() as process:
        time.sleep(moment)
        process.kill()
    # A put that had left before the kill may still be on its way.
    time.sleep(4 * LATENCY)

    fc = connect(Connection(endpoint=scene.server.url), clock=SystemClock())
    held = fc.get_provision_config(FUNCTION).config.digest
    assert held in (scene.plan.live.digest, scene.plan.wanted.digest)
    with Store.open(scene.database, migrate=False) as store:
        for attempt in store.unfinished(FUNCTION):
            recover(scene.plan, attempt=attempt.id, fc=fc, audit=store, clock=SystemClock())
        told = store.last_outcome(FUNCTION)
    if told is None:
        # Killed before the intent was on record: then nothing may have been sent.
        assert scene.server.emulator.journal.entries("PutProvisionConfig") == ()
        assert held == scene.plan.live.digest
        return
    assert told.outcome is not None
    expected = OutcomeKind.APPLIED if held == scene.plan.wanted.digest else OutcomeKind.FAILED
    assert (told.outcome.kind, told.outcome.live_after) == (expected, held)


def test_a_process_that_is_left_alone_applies(scene: Scene) -> None:
    with scene.start() as process:
        assert process.stdout is not None
        said = process.stdout.read()

    assert (process.returncode, said) == (0, "applied\n")
