"""`planner run --live-through`: a daemon whose time is that of a local Function Compute, which it moves on itself."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from planner.base import FunctionRef, floor_minute
from planner.emulator import FactorClock, Fault, ManualClock, Running, running
from planner.store import Store
from tests.cli.conftest import NAME, WORLD, Planner, _clean, planner, recent_history, write_config

__all__ = ["_clean", "planner"]

FUNCTION = f"- name: {NAME}\n  history: {{file: history.csv}}\n  forecast: {{forecaster: recent}}\n"
FUNCTION += "  safety: {max_cost_ratio: 100}\n  daemon: {mode: auto, plan_every: 5m}\n"
MINUTE = timedelta(minutes=1)


@pytest.fixture
def begin() -> datetime:
    return floor_minute(datetime.now(UTC)).replace(minute=30)


@pytest.fixture
def standing(begin: datetime, tmp_path: Path) -> Iterator[Running]:
    """A Function Compute whose clock stands at `begin`, and a folder with what a daemon needs."""
    (tmp_path / "history.csv").write_text(recent_history(), encoding="utf-8")
    with running(WORLD, clock=ManualClock(begin)) as server:
        write_config(tmp_path, server.endpoint, functions=FUNCTION)
        yield server


def test_the_daemon_moves_the_clock_and_all_records_bear_its_time(
    planner: Planner, standing: Running, begin: datetime, tmp_path: Path
) -> None:
    ran = planner("run", "--live-through", "11m")

    assert ran.code == 0
    assert standing.emulator.now() == begin + 11 * MINUTE
    lines = [line.split() for line in ran.err.splitlines()]
    told = {
        job: [datetime.fromisoformat(line[0]) for line in lines if line[3] == f"{job}:"] for job in ("verify", "plan")
    }
    assert told["verify"] == [begin + n * MINUTE for n in range(11)]
    assert told["plan"] == [begin + n * MINUTE for n in (0, 5, 10)]
    put = standing.emulator.journal.entries("PutProvisionConfig")[0]
    with Store.open(f"sqlite:///{tmp_path / 'planner.db'}", migrate=False) as store:
        first = store.applied(FunctionRef(name=NAME), limit=9)[-1]
        assert first.began_at == begin
        assert put.at == begin
        lease = store.control.lease(FunctionRef(name=NAME))
    assert lease is not None
    assert lease.expires_at == begin + 11 * MINUTE, "it was given up at the end"


def test_the_step_is_what_somebody_chose(planner: Planner, standing: Running, begin: datetime) -> None:
    ran = planner("run", "--live-through", "1h10m", "--step", "30m")
    assert ran.code == 0
    assert sum(" verify: " in line for line in ran.err.splitlines()) == 3
    assert standing.emulator.now() == begin + 70 * MINUTE


def test_whoever_waits_lets_the_time_go_on_for_everybody(
    planner: Planner, standing: Running, begin: datetime, tmp_path: Path
) -> None:
    standing.emulator.faults.add(Fault(action="GetProvisionConfig", status=429, code="Busy", retry_after_ms=20_000))
    ran = planner("run", "--live-through", "2m")
    assert ran.code == 0
    verified = [line.split()[0] for line in ran.err.splitlines() if " verify: " in line]
    assert begin + timedelta(seconds=20) <= datetime.fromisoformat(verified[0]) < begin + MINUTE
    assert datetime.fromisoformat(verified[1]) == begin + MINUTE, "the next look is on time"
    assert standing.emulator.now() == begin + 2 * MINUTE


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--live-through", "soon"), "--live-through 'soon' is no duration"),
        (("--live-through", "1h", "--step", "2h"), "--step 2h is not from 1s to 1h"),
        (("--live-through", "1h", "--step", "0s"), "--step 0s is not from 1s to 1h"),
        (("--live-through", "1h", "--once"), "exclude each other"),
    ],
    ids=["no span", "a step too long", "no step", "once"],
)
def test_what_makes_no_rehearsal_is_refused(
    planner: Planner, standing: Running, begin: datetime, arguments: tuple[str, ...], said: str
) -> None:
    ran = planner("run", *arguments)
    assert ran.code == 2
    assert said in ran.err
    assert standing.emulator.now() == begin


def test_a_clock_that_runs_is_not_moved(planner: Planner, tmp_path: Path) -> None:
    with running(WORLD, clock=FactorClock(datetime.now(UTC), 1)) as server:
        write_config(tmp_path, server.endpoint, functions=FUNCTION)
        ran = planner("run", "--live-through", "1h")
    assert ran.code == 2
    assert "runs by itself" in ran.err


def test_nothing_but_a_local_function_compute_is_rehearsed_on(planner: Planner, tmp_path: Path) -> None:
    (tmp_path / "planner.yaml").write_text(f"version: 1\nfc: {{region: cn-shanghai}}\nfunctions:\n{FUNCTION}")
    ran = planner("run", "--live-through", "1h")
    assert ran.code == 2
    assert "--live-through moves the clock of a local Function Compute, and fc names none" in ran.err


def test_where_nobody_answers_that_is_said(planner: Planner, tmp_path: Path) -> None:
    write_config(tmp_path, "127.0.0.1:1", functions=FUNCTION)
    ran = planner("run", "--live-through", "1h")
    assert ran.code == 5
    assert "The clock of the local Function Compute can't be reached" in ran.err
