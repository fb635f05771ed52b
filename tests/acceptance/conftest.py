"""Real processes: `planner emulator` is Function Compute, and commands are what a person runs."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.request import ProxyHandler, Request, build_opener

import pytest

from planner.base import FunctionRef, floor_minute
from planner.clock import SystemClock
from planner.fc.client import SdkFunctionCompute
from planner.fc.sdk import Connection, connect
from planner.plan import Plan
from planner.plancodec import plan_to_json
from planner.provision import ProvisionConfig
from tests.builders import a_plan

COMMAND = (sys.executable, "-c", "from planner.cli import main; main()")
REF = FunctionRef(name="asr-gpu")
PATIENCE = 30.0
WORLD = """\
settings: {evaluation_lag_seconds: 0, startup_seconds: [0]}
functions:
  - functionName: asr-gpu
    instanceConcurrency: 4
    logConfig: {enableInstanceMetrics: true}
"""


def free_port() -> int:
    """A port that nobody uses right now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def environment() -> dict[str, str]:
    """What a command needs of this machine, and no credentials or proxies."""
    kept = ("PATH", "HOME", "LANG", "TMPDIR", "PYTHONPATH", "VIRTUAL_ENV")
    return {name: value for name, value in os.environ.items() if name in kept} | {"COLUMNS": "200", "NO_COLOR": "1"}


def start(*arguments: object, cwd: Path) -> subprocess.Popen[str]:
    """A command that runs beside the test."""
    return subprocess.Popen(
        [*COMMAND, *map(str, arguments)],
        cwd=cwd,
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # A runner in the background of a shell ignores interrupts, and its children would inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),  # noqa: PLW1509
    )


def run(*arguments: object, cwd: Path, seconds: float = 90.0) -> subprocess.CompletedProcess[str]:
    """A command until its end."""
    with start(*arguments, cwd=cwd) as process:
        out, err = process.communicate(timeout=seconds)
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


def wait_until(what: str, is_so: Any) -> None:
    """Look again and again."""
    end = time.monotonic() + PATIENCE
    while not is_so():
        assert time.monotonic() < end, f"{what} did not happen within {PATIENCE:.0f} s"
        time.sleep(0.005)


def answers(port: int) -> bool:
    """Whether a server speaks there; one that only listens may not have set up how it ends."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", "/")
        connection.getresponse()
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
    return True


@dataclass(frozen=True, slots=True, kw_only=True)
class Emulated:
    """`planner emulator` as a process of its own."""

    port: int
    fc: SdkFunctionCompute

    def admin(self, method: str, path: str, body: object = None) -> Any:
        """What Function Compute doesn't have: faults and the journal."""
        data = None if body is None else json.dumps(body).encode()
        request = Request(f"http://127.0.0.1:{self.port}/_emulator{path}", data=data, method=method)
        with build_opener(ProxyHandler({})).open(request) as answer:
            return json.load(answer)

    def slow_down(self, seconds: float) -> None:
        """Let every answer take so long from now on."""
        self.admin("DELETE", "/faults")
        self.admin("POST", "/faults", {"latency_seconds": seconds, "times": 10_000})

    def puts(self) -> int:
        """How many documents arrived since the last call."""
        count = len(self.admin("GET", "/journal?action=PutProvisionConfig")["entries"])
        self.admin("DELETE", "/journal")
        return count


@pytest.fixture(scope="module")
def emulated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulated]:
    """A Function Compute for all tests of a module."""
    folder, port = tmp_path_factory.mktemp("emulator"), free_port()
    (folder / "world.yaml").write_text(WORLD, encoding="utf-8")
    with start("emulator", "--port", port, "--functions", "world.yaml", "--state", "fc.db", cwd=folder) as process:
        wait_until("the emulator's first answer", lambda: answers(port))
        yield Emulated(port=port, fc=connect(Connection(endpoint=f"http://127.0.0.1:{port}"), clock=SystemClock()))
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=PATIENCE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """A folder with a configuration and a plan file against what Function Compute holds."""

    folder: Path
    emulated: Emulated
    plan: Plan

    def begin(self) -> subprocess.Popen[str]:
        """The apply of the plan."""
        return start("apply", "plan.json", "--yes", "--wait", 0, cwd=self.folder)

    def attempts(self) -> list[str | None]:
        """The kinds of the outcomes on record, None of an apply that has not ended."""
        file = self.folder / "planner.db"
        if not file.exists():
            return []
        with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as connection:
            try:
                return [kind for (kind,) in connection.execute("SELECT kind FROM attempts ORDER BY id")]
            except sqlite3.OperationalError:
                return []

    def age_attempts(self) -> None:
        """Let every apply on record have begun a minute earlier."""
        if not self.attempts():
            return
        with closing(sqlite3.connect(self.folder / "planner.db")) as connection, connection:
            connection.execute("UPDATE attempts SET began_at = strftime('%Y-%m-%d %H:%M:%f000', began_at, '-1 minute')")

    def held(self) -> ProvisionConfig:
        """What Function Compute holds."""
        return self.emulated.fc.get_provision_config(REF).config


@pytest.fixture
def scene(emulated: Emulated, tmp_path: Path) -> Scene:
    """The old document lies in Function Compute, the plan wants another."""
    endpoint = f"127.0.0.1:{emulated.port}"
    plan = a_plan(floor_minute(datetime.now(UTC)) - timedelta(minutes=1), function=REF, endpoint=endpoint)
    emulated.admin("DELETE", "/faults")
    emulated.fc.put_provision_config(REF, plan.live)
    emulated.puts()
    (tmp_path / "plan.json").write_text(plan_to_json(plan), encoding="utf-8")
    (tmp_path / "planner.yaml").write_text(
        f"version: 1\nfc: {{endpoint: '{endpoint}', protocol: http}}\nfunctions:\n- name: asr-gpu\n",
        encoding="utf-8",
    )
    return Scene(folder=tmp_path, emulated=emulated, plan=plan)
