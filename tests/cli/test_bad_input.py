"""A user who is paged at night gets one sentence and what to do, never a traceback, and nothing is half-written."""

from __future__ import annotations

import json
import socket
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from planner.emulator import Running
from tests.cli.bad_inputs import ALL, PLAN_AGAIN, Bad
from tests.cli.conftest import NAME, Planner, Ran, write_config


def folder_content(folder: Path) -> dict[str, bytes]:
    """Every file but the database, whose schema may have been made."""
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file() and ".db" not in path.name}


def plans_in(database: Path) -> int:
    """How many plans are on record; none in what is no database of the planner."""
    with closing(sqlite3.connect(database)) as connection:
        try:
            tables = connection.execute("SELECT name FROM sqlite_master").fetchall()
        except sqlite3.DatabaseError:
            return 0
        return int(connection.execute("SELECT count(*) FROM plans").fetchone()[0]) if ("plans",) in tables else 0


def told(message: str, remedy: str, code: int = 2) -> Ran:
    """A command that only said this."""
    return Ran(code=code, out="", err=f"Error: {message}\nWhat to do: {remedy}\n")


@pytest.mark.parametrize("bad", ALL.values(), ids=ALL)
def test_bad_input_is_refused_with_its_remedy_and_nothing_is_written(
    planner: Planner, site: Path, fc: Running, bad: Bad
) -> None:
    for name, text in bad.files.items():
        (site / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    before = folder_content(site)

    ran = planner(*bad.run.split())

    faults = "".join(f"  - {fault}\n" for fault in bad.faults)
    said = f"Error: {bad.message}\n{faults}What to do: {bad.remedy}\n"
    assert (ran.code, ran.out, ran.err.replace(str(site), "{dir}")) == (bad.code, "", said)
    assert folder_content(site) == before
    assert fc.emulator.journal.entries("PutProvisionConfig") == ()
    assert plans_in(site / "planner.db") == 0


@pytest.fixture
def exported(planner: Planner, site: Path) -> Path:
    """A plan file."""
    ran = planner("plan", "--dry-run", "--export", "out")
    assert ran.code == 0, ran.err
    return site / "out" / "plan.json"


def test_a_plan_file_that_was_edited_is_refused(planner: Planner, exported: Path, fc: Running) -> None:
    body = json.loads(exported.read_text(encoding="utf-8"))
    body["wanted"]["defaultTarget"] += 1
    exported.write_text(json.dumps(body), encoding="utf-8")

    assert planner("apply", exported, "--yes") == told(
        "The content of plan.json does not match its digest: edited by hand?", PLAN_AGAIN
    )
    assert fc.emulator.journal.entries("PutProvisionConfig") == ()


def test_a_plan_file_of_a_function_that_is_not_planned_here_is_refused(
    planner: Planner, exported: Path, site: Path, fc: Running
) -> None:
    write_config(site, fc.endpoint, functions="- name: tts-gpu\n")

    assert planner("apply", "out/plan.json", "--yes") == told(
        "out/plan.json is for asr-gpu:LATEST, which planner.yaml doesn't plan", "Name its configuration with --config."
    )


def test_a_plan_of_another_function_than_the_one_named_is_refused(
    planner: Planner, exported: Path, site: Path, fc: Running
) -> None:
    write_config(site, fc.endpoint, functions=f"- name: tts-gpu\n- name: {NAME}\n")

    assert planner("apply", "out/plan.json", "--yes", "--function", "tts-gpu") == told(
        "out/plan.json is for asr-gpu:LATEST, not for tts-gpu:LATEST", "Leave --function out, or name another plan."
    )


def test_applying_without_an_endpoint_is_refused(planner: Planner, exported: Path, site: Path) -> None:
    write_config(site, None)

    assert planner("apply", "out/plan.json", "--yes") == told(
        "planner.yaml names no Function Compute",
        "Set fc.region (the endpoint is then fcv3.<region>.aliyuncs.com) or fc.endpoint.",
    )


def test_applying_without_a_terminal_needs_yes(planner: Planner, exported: Path, fc: Running) -> None:
    assert planner("apply", exported) == told(
        "There is no terminal to ask on, and nothing was sent", "Add --yes to apply without a question."
    )
    assert fc.emulator.journal.entries("PutProvisionConfig") == ()


def test_a_function_compute_that_is_gone_is_exit_code_5(planner: Planner, site: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        gone = f"127.0.0.1:{taken.getsockname()[1]}"
    write_config(site, gone)

    assert planner("status") == told(
        f"No answer to GetProvisionConfig for asr-gpu:LATEST from {gone}: no connection, or it was cut",
        "Check the endpoint, the network and the proxy.",
        code=5,
    )


@pytest.mark.parametrize("command", ["emulator", "demo there"])
def test_a_port_that_is_taken_is_told(planner: Planner, fc: Running, command: str) -> None:
    port = fc.endpoint.partition(":")[2]

    ran = planner(*command.split(), "--port", port)

    assert ran.code == 2
    assert ran.err.endswith(
        f"Error: Port {port} can't be served: Address already in use\n"
        "What to do: Choose another with --port, or end what uses it.\n"
    )


def test_a_database_of_another_program_is_left_alone(planner: Planner, site: Path) -> None:
    with closing(sqlite3.connect(site / "planner.db")) as other:
        other.execute("CREATE TABLE songs (title TEXT)")

    assert planner("plan") == told(
        f"The database {site}/planner.db holds tables of another program: songs.",
        "Give the planner a database of its own.",
        code=1,
    )


def test_an_unexpected_exception_is_one_line_and_says_how_to_get_its_traceback(
    planner: Planner, site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("two\nlines")

    # A bug can't be ordered in any other way.
    monkeypatch.setattr("planner.status.look", broken)

    assert planner("status") == told(
        "Unexpected, and a bug of the planner: RuntimeError: two lines",
        "Run it with PLANNER_TRACEBACK=1 and report what it says.",
        code=1,
    )
    monkeypatch.setenv("PLANNER_TRACEBACK", "1")
    assert "Traceback (most recent call last)" in planner("status").err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nonsense"], "No such command 'nonsense'"),
        (["apply"], "Missing argument 'PLAN'"),
        (["plan", "--horizn", "24h"], "No such option: --horizn"),
        (["apply", "1", "--wait", "soon"], "'--wait': Input should be a valid integer"),
        (["apply", "1", "--wait", "-5"], "'--wait': Input should be greater than or equal to 0"),
        (["rollback", "--to", "first"], "'--to': Input should be a valid integer"),
        (["history", "--limit", "0"], "'--limit': Input should be greater than or equal to 1"),
        (["emulator", "--port", "70000"], "'--port': Input should be less than or equal to 65535"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_a_wrong_use_is_exit_code_2(planner: Planner, arguments: list[str], words: str) -> None:
    ran = planner(*arguments)

    assert (ran.code, ran.out) == (2, "")
    assert words in " ".join(ran.err.split())
