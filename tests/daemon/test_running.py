"""run, pause, resume, approve and reject as a person types them, against an emulator in a thread."""

from __future__ import annotations

import json
import socket
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from planner.cli.notify import notify
from planner.emulator import Load, ManualClock, Running, Settings, World, running
from tests.cli.conftest import FUNCTION as SPEC
from tests.cli.conftest import Planner, _clean, fc, planner, site, write_config

__all__ = ["_clean", "fc", "planner", "site"]

FUNCTION = "- name: asr-gpu\n  history: {file: history.csv}\n  forecast: {forecaster: recent}\n"
FUNCTION += "  safety: {max_cost_ratio: 100}\n"


def in_mode(folder: Path, fc: Running, mode: str) -> None:
    write_config(folder, fc.endpoint, functions=f"{FUNCTION}  daemon: {{mode: {mode}}}\n")


def puts(fc: Running) -> int:
    return len(fc.emulator.journal.entries("PutProvisionConfig"))


def said(planner: Planner) -> dict[str, str]:
    """The sentence of the last run of each job."""
    return {job: run["sentence"] for job, run in planner("status", "--json").json["daemon"]["runs"].items()}


def test_once_does_what_is_due_and_ends(planner: Planner, site: Path, fc: Running) -> None:
    in_mode(site, fc, "auto")
    ran = planner("run", "--once")

    assert (ran.code, ran.out, puts(fc)) == (0, "", 1)
    assert [line.split()[3] for line in ran.err.splitlines()] == ["lease:", "verify:", "plan:", "retain:"]
    assert "plan 1: applied: " in ran.err
    status = planner("status", "--json").json["daemon"]
    assert (status["mode"], status["holder"]) == ("auto", None), "the lease was given up"
    assert planner("status").out.count("last plan") == 1


def test_a_function_is_only_observed_unless_somebody_says_more(planner: Planner, site: Path, fc: Running) -> None:
    assert planner("run", "--once").code == 0
    assert puts(fc) == 0
    assert "held: observed only: " in said(planner)["plan"]
    assert "mode observe; no daemon acts" in planner("status").out


def test_lines_for_machines_are_json(planner: Planner, site: Path, fc: Running) -> None:
    in_mode(site, fc, "auto")
    lines = [json.loads(line) for line in planner("run", "--once", "--log", "json").err.splitlines()]
    plan = next(line for line in lines if line["action"] == "plan")
    assert (plan["level"], plan["function"], plan["plan"]) == ("info", "asr-gpu:LATEST", 1)
    assert plan["sentence"].startswith("plan 1: applied: ")


def test_once_tells_of_what_failed_by_its_code(planner: Planner, site: Path, fc: Running) -> None:
    (site / "history.csv").unlink()
    ran = planner("run", "--once")
    assert ran.code == 1
    assert "ERROR asr-gpu:LATEST plan: " in ran.err
    assert "Error: Something failed with asr-gpu:LATEST" in ran.err
    assert "FAILED " in planner("status").out


def test_without_a_function_compute_there_is_nothing_to_run(planner: Planner, site: Path) -> None:
    write_config(site, None)
    ran = planner("run")
    assert ran.code == 2
    assert "names no Function Compute" in ran.err
    assert list(site.glob("planner.db*")) == []


@pytest.mark.parametrize("name", [(), ("asr-gpu",)], ids=["every function", "one"])
def test_a_pause_lasts_until_it_is_taken_back(planner: Planner, site: Path, fc: Running, name: tuple[str, ...]) -> None:
    in_mode(site, fc, "auto")
    assert planner("pause", *name, "--for", "2h", "--why", "a sale").code == 0
    assert planner("run", "--once").code == 0
    assert puts(fc) == 0
    assert ": a sale" in said(planner)["plan"]
    assert "paused" in planner("status").out

    assert planner("resume", *name).code == 0
    assert planner("status", "--json").json["daemon"]["pause"] is None
    again = planner("resume", *name)
    assert again.code == 2
    assert "There is no pause of " in again.err


def test_to_resume_one_says_that_all_are_paused_still(planner: Planner, site: Path) -> None:
    planner("pause")
    planner("pause", "asr-gpu")
    assert "every function is paused still" in planner("resume", "asr-gpu").err


def test_a_span_that_is_none_is_refused(planner: Planner, site: Path) -> None:
    ran = planner("pause", "--for", "tonight")
    assert ran.code == 2
    assert "--for 'tonight' is no duration" in ran.err


def test_what_is_approved_is_pushed_by_the_next_run(planner: Planner, site: Path, fc: Running) -> None:
    in_mode(site, fc, "propose")
    planner("run", "--once")
    assert puts(fc) == 0
    assert "`planner approve 1` or `planner reject 1`" in " ".join(planner("status").out.split())
    ran = planner("approve", 1)
    assert (ran.code, ran.err.startswith("Approved plan 1 of asr-gpu:LATEST: ")) == (0, True)
    assert planner("status", "--json").json["daemon"]["proposal"] is None

    assert planner("run", "--once").code == 0
    assert puts(fc) == 1
    assert planner("approve", 1).code == 2


def test_what_is_rejected_is_not(planner: Planner, site: Path, fc: Running) -> None:
    in_mode(site, fc, "propose")
    planner("run", "--once")
    ran = planner("reject", 1)
    assert (ran.code, ran.err.startswith("Rejected plan 1 of asr-gpu:LATEST; nothing is proposed until ")) == (0, True)
    planner("run", "--once")
    assert puts(fc) == 0
    assert planner("approve", 1).code == planner("reject", 7).code == 2


def test_the_service_manager_is_told_where_there_is_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    notify("READY=1")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "n"))
        manager.settimeout(5)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "n"))
        notify("READY=1")
        assert manager.recv(64) == b"READY=1"
    notify("WATCHDOG=1")


def test_what_is_collected_comes_before_the_plan(planner: Planner, tmp_path: Path) -> None:
    began = datetime.now(UTC) - timedelta(hours=5)
    settings = Settings(evaluation_lag_seconds=0, metric_calls_per_second=0)
    with running(World(functions=(SPEC,), settings=settings), clock=ManualClock(began)) as lived:
        lived.emulator.offer("asr-gpu", Load(values=(3.0, 4.0, 5.0), start=began, repeat=True))
        lived.emulator.advance(timedelta(hours=5))
        collected = FUNCTION.replace("file: history.csv", "source: cloudmonitor")
        write_config(tmp_path, lived.endpoint, functions=f"{collected}  daemon: {{mode: auto}}\n")
        ran = planner("run", "--once")

        assert (ran.code, puts(lived)) == (0, 1)
        assert [line.split()[3] for line in ran.err.splitlines()] == [
            "lease:",
            "collect:",
            "verify:",
            "plan:",
            "retain:",
        ]
        assert said(planner)["collect"].startswith("29")
