"""rehearse, from the trace to the picture: with a small server that starts fast, and with the real one."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from matplotlib.image import imread

from planner.base import iso
from tests.cli.conftest import Planner
from tests.emulator.instances.site import SAMPLE, alive, children, until
from tests.rehearsal.given import RISE, two_days

ROOT = Path(__file__).parents[2]
PLANNED = 240.0
"""Seconds of patience for a plan, on a machine that does other things too."""
ENDED = 60.0
NAMES = ["no plan", "vendor's example", "our plan"]


@pytest.fixture
def trace(tmp_path: Path) -> Path:
    path = tmp_path / "trace.csv"
    rows = (f"{iso(moment.to_pydatetime())},{value}" for moment, value in two_days().series.items())  # type: ignore[attr-defined]
    path.write_text("\n".join(("timestamp,value", *rows)) + "\n", encoding="utf-8")
    return path


def quick(trace: Path, *words: str) -> list[str]:
    """Ten minutes of the rise in two and a half seconds, with the sample server."""
    server = shlex.join([*words, sys.executable, "-S", str(SAMPLE), "{port}"])
    span = ["--start", iso(RISE - timedelta(minutes=2)), "--span", "10m", "--speed", "240", "--peak", "1"]
    return ["rehearse", "--trace", str(trace), *span, "--request-seconds", "0.1", "--zone", "UTC", "--command", server]


def test_three_policies_are_played_with_the_same_requests(planner: Planner, trace: Path, tmp_path: Path) -> None:
    ran = planner(*quick(trace), "--out", tmp_path / "out", "--json")
    assert (ran.code, ran.err) == (0, "")
    assert [policy["name"] for policy in ran.json["policies"]] == NAMES
    sent = {policy["whole"]["requests"] for policy in ran.json["policies"]}
    assert len(sent) == 1
    assert sent.pop() > 20
    for policy in ran.json["policies"]:
        assert (policy["whole"]["failed"], policy["whole"]["p50"] > 0) == (0, True)
    no_plan, example, ours = ran.json["policies"]
    # Without a plan somebody waits for the first instance; under a document there is one before the first request.
    assert no_plan["cold_starts"] >= 1
    assert no_plan["instance_hours"] == 0
    assert example["instance_hours"] > 0
    assert ours["instance_hours"] > 0
    assert {Path(file).name for file in ran.json["files"]} == {"rehearsal.png", "rehearsal.json", "requests.csv"}
    assert imread(tmp_path / "out" / "rehearsal.png").shape[:2] == (900, 1600)


def test_the_real_model_server_is_an_instance(planner: Planner, trace: Path, tmp_path: Path) -> None:
    command = quick(trace)
    command = [*command[: command.index("--speed")], "--speed", "120", "--peak", "1", "--zone", "UTC"]
    ran = planner(*command, "--request-seconds", "0.3", "--out", tmp_path / "out")
    assert ran.code == 0, ran.err
    assert "P99 in the ramp from " in ran.out
    assert "while the load rises" in ran.out
    requests = (tmp_path / "out" / "requests.csv").read_text(encoding="utf-8").splitlines()[1:]
    sent = [line.split(",") for line in requests]
    # On a slow machine more instances are started than may be, and 429 says so.
    assert {line[4] for line in sent} <= {"200", "429"}
    answered = [line for line in sent if line[4] == "200"]
    assert {line[0] for line in answered} == set(NAMES)
    # A batch is held for two thirds of what a request takes.
    assert min(float(line[3]) for line in answered) >= 0.2


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--trace", "nowhere.csv"], "nowhere.csv: no such file"),
        (["--span", "5m"], "--span 5m is not whole minutes from 10m to 12h"),
        (["--span", "soon"], "--span 'soon' is no duration"),
        (["--zone", "Mars"], "the time zone 'Mars' is not known"),
        (["--start", "2026-01-05T10:00:00"], "--start '2026-01-05T10:00:00' has no zone"),
        (["--start", "2026-01-05T10:00:00Z"], "--start 2026-01-05T10:00:00Z is not between"),
        (["--speed", "1", "--span", "2h"], "2 h at speed 1 take 120 minutes for each of three policies"),
        (["--out", "trace.csv/there"], "--out trace.csv/there can't be written: "),
        (["--command", ""], "--command is empty"),
        (["--command", "serve 'it"], '--command "serve \'it" is no command line: No closing quotation'),
        (["--command", "false"], "An instance doesn't start: Function instance exited with status 1"),
        (["--command", f"{sys.executable} -m http.server {{port}}"], "does not answer POST /invoke with 200, but: 501"),
    ],
)
def test_bad_input_is_one_sentence_and_nothing_is_written(
    planner: Planner, trace: Path, tmp_path: Path, options: list[str], said: str
) -> None:
    before = children()
    ran = planner(*quick(trace), *options)
    assert (ran.code, ran.out) == (2, "")
    assert said in ran.err
    assert ran.err.count("What to do: ") == 1
    assert not (tmp_path / "rehearsal").exists()
    assert children() == before


def test_without_torch_it_says_how_to_get_it(planner: Planner, trace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    command = quick(trace)
    # An environment without torch can't be made here: None in its place makes the import system find none.
    monkeypatch.setitem(sys.modules, "torch", None)
    ran = planner(*command[: command.index("--command")])
    assert ran.code == 2
    assert ran.err == (
        "Error: The model server lacks torch\n"
        "What to do: Run `make setup-model`, or name a server of yours with --command.\n"
    )


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_no_process_is_left_when_it_is_ended_while_requests_are_sent(
    trace: Path, tmp_path: Path, number: signal.Signals
) -> None:
    diary = tmp_path / "diary"
    command = quick(trace, "env", f"DIARY={diary}")
    command[command.index("--speed") + 1] = "20"
    # A runner in the background of a shell ignores interrupts, and its children would inherit that.
    heeding = lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)  # noqa: E731
    program = [sys.executable, "-c", "from planner.cli import main; main()", *command]
    with subprocess.Popen(program, cwd=tmp_path, env=_environment(), preexec_fn=heeding) as planning:  # noqa: PLW1509
        try:
            # Two are started to be measured, the third for a request of the first run.
            until(lambda: len(_started(diary)) > 2, PLANNED)
            (generator,) = _children(planning.pid, "planner.rehearsal.generator")
            planning.send_signal(number)
            code = planning.wait(ENDED)
        finally:
            planning.kill()
    assert code == -number if number is signal.SIGKILL else code != 0
    until(lambda: not any(alive(pid) for pid in (generator, *_started(diary))))
    assert not (tmp_path / "rehearsal").exists()


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT), "PLANNER_CACHE": "off"}


def _children(pid: int, words: str) -> list[int]:
    """The child processes whose command line holds these words."""
    found = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="utf-8").split()
    return [int(child) for child in found if words in Path(f"/proc/{child}/cmdline").read_text("utf-8")]


def _started(diary: Path) -> list[int]:
    """The process of every instance so far."""
    lines = diary.read_text(encoding="utf-8").splitlines() if diary.exists() else []
    return [int(line.split()[1]) for line in lines if line.startswith("start ")]
