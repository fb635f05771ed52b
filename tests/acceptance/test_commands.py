"""The main way, command by command, each in a process of its own."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
from contextlib import suppress
from pathlib import Path

import pytest

from planner.exports import FILES
from tests.acceptance.conftest import (
    COMMAND,
    REF,
    Emulated,
    Scene,
    answers,
    environment,
    free_port,
    run,
    start,
    wait_until,
)
from tests.cli.conftest import recent_history

DEMO_WORLD = """\
settings: {evaluation_lag_seconds: 0, startup_seconds: [0]}
functions:
  - functionName: text-moderation
    instanceConcurrency: 8
    gpuConfig: {gpuType: fc.gpu.tesla.1, gpuMemorySize: 16384}
    logConfig: {enableInstanceMetrics: true}
"""


def test_the_demo_runs_twice(tmp_path: Path) -> None:
    (tmp_path / "world.yaml").write_text(DEMO_WORLD, encoding="utf-8")

    for _ in range(2):
        demo = run("demo", "here", "--port", free_port(), "--functions", "world.yaml", cwd=tmp_path)

        assert demo.returncode == 0, demo.stderr
        assert " SAFE   text-moderation:LATEST" in demo.stdout
        assert "; as applied" in demo.stdout
        assert "static peak of 26" in demo.stdout
        assert "FC holds the wanted document" in demo.stderr
        assert "picture    here/export/plan.png" in demo.stderr
        assert {path.name for path in (tmp_path / "here" / "export").iterdir()} == set(FILES)


def test_from_a_history_to_a_release(scene: Scene) -> None:
    folder = scene.folder
    (folder / "history.csv").write_text(recent_history(), encoding="utf-8")
    with (folder / "planner.yaml").open("a", encoding="utf-8") as config:
        config.write("  safety: {max_cost_ratio: 100}\n")

    planned = run("plan", "--history", "history.csv", "--export", "out", "--json", cwd=folder)
    number = json.loads(planned.stdout)["id"]
    applied = run("apply", number, "--yes", cwd=folder)
    assert (planned.returncode, applied.returncode, applied.stdout) == (0, 0, "")
    assert run("diff", cwd=folder).stdout == "No changes: the live document is the wanted one.\n"
    assert json.loads(run("status", "--json", cwd=folder).stdout)["document_as_applied"] is True
    assert run("release", REF.name, "--yes", cwd=folder).returncode == 0
    assert scene.held() == scene.plan.live


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: signal.Signals(number).name)
def test_the_emulator_ends_when_it_is_told_to(tmp_path: Path, number: signal.Signals) -> None:
    port = free_port()
    with start("emulator", "--port", port, cwd=tmp_path) as process:
        wait_until("the first answer", lambda: answers(port))
        process.send_signal(number)
        _, err = process.communicate(timeout=30)

    assert "Traceback" not in err
    assert err.startswith(f"Function Compute on http://127.0.0.1:{port} with text-moderation; state: in memory.")


def test_a_reader_that_goes_away_is_no_error(scene: Scene, emulated: Emulated) -> None:
    words = " ".join(["exec", f"'{COMMAND[0]}'", "-c", f"'{COMMAND[2]}'", "diff", "plan.json", "|", "head", "-1"])

    told = subprocess.run(
        ["bash", "-c", words], cwd=scene.folder, env=environment(), capture_output=True, text=True, check=True
    )

    assert told.stdout.endswith("changed\n")
    assert told.stderr == ""


def test_on_a_terminal_the_work_is_followed(scene: Scene) -> None:
    (scene.folder / "history.csv").write_text(recent_history(), encoding="utf-8")
    own, theirs = pty.openpty()
    with (scene.folder / "data.json").open("wb") as data:
        process = subprocess.Popen(
            [*COMMAND, "plan", "--dry-run", "--history", "history.csv", "--json"],
            cwd=scene.folder,
            env=environment() | {"TERM": "xterm"},
            stdout=data,
            stderr=theirs,
        )
    os.close(theirs)
    shown = b""
    # A terminal whose last process is gone can't be read any more.
    with suppress(OSError):
        while chunk := os.read(own, 4096):
            shown += chunk
    os.close(own)
    process.wait()

    assert json.loads((scene.folder / "data.json").read_text(encoding="utf-8"))["function"]["name"] == REF.name
    assert "replaying past days to choose the risk" in shown.decode()
