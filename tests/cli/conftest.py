"""The command line in this process, against an emulator in a thread and a folder of the test's own."""

from __future__ import annotations

import io
import json
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from planner.cli.main import main
from planner.emulator import FunctionSpec, Running, Settings, World, running

NAME = "asr-gpu"
FIVE_MINUTES = timedelta(minutes=5)
FUNCTION = FunctionSpec(
    name=NAME,
    instance_concurrency=4,
    instance_metrics=True,
    gpu_type="fc.gpu.ampere.1",
    gpu_memory_mb=24576,
    startup_seconds=(0.0,),
)
WORLD = World(functions=(FUNCTION,), settings=Settings(evaluation_lag_seconds=0))


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """What a command left: its exit code, its data and its talk."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The data, which must be one JSON value and nothing else."""
        return json.loads(self.out)


Planner = Callable[..., Ran]


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No variable of this machine reaches a command; the folder is the test's own."""
    for name in list(os.environ):
        if name.upper().startswith(("PLANNER_", "ALIBABA_", "_TYPER", "_PLANNER")) or name.upper().endswith("_PROXY"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("PLANNER_CACHE", "off")
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION", "1")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def planner(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Planner:
    """Run a command as the console script does, without a terminal."""

    def run(*arguments: object) -> Ran:
        capsys.readouterr()
        monkeypatch.setattr(sys, "argv", ["planner", *map(str, arguments)])
        monkeypatch.setattr(sys, "stdin", io.StringIO())
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        code = ended.value.code
        return Ran(code=code if isinstance(code, int) else 0 if code is None else 1, out=said.out, err=said.err)

    return run


@pytest.fixture
def fc() -> Iterator[Running]:
    """A Function Compute on a free port."""
    with running(WORLD) as server:
        yield server


def write_config(folder: Path, endpoint: str | None, *, functions: str | None = None, extra: str = "") -> Path:
    """`planner.yaml` with one function and its history beside it."""
    where = f"fc: {{endpoint: '{endpoint}', protocol: http}}\n" if endpoint else ""
    default = f"- name: {NAME}\n  history: {{file: history.csv}}\n  forecast: {{forecaster: recent}}\n"
    default += "  safety: {max_cost_ratio: 100}\n"
    file = folder / "planner.yaml"
    file.write_text(f"version: 1\n{where}functions:\n{functions or default}{extra}", encoding="utf-8")
    return file


def recent_history(*, hours: float = 6, value: float = 10.0) -> str:
    """A CSV that ends with the present."""
    end = datetime.now(UTC).replace(second=0, microsecond=0)
    end -= timedelta(minutes=end.minute % 5)
    count = int(hours * 12)
    rows = (f"{(end - (count - i) * FIVE_MINUTES):%Y-%m-%dT%H:%M:%SZ},{value + i % 3}" for i in range(count))
    return "timestamp,value\n" + "\n".join(rows) + "\n"


@pytest.fixture
def site(fc: Running, tmp_path: Path) -> Path:
    """A folder with a configuration, a fresh history and a Function Compute."""
    (tmp_path / "history.csv").write_text(recent_history(), encoding="utf-8")
    write_config(tmp_path, fc.endpoint)
    return tmp_path
