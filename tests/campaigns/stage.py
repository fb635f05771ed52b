"""What the campaigns stand on: a trace, a folder with a configuration, and `planner emulator` as a real process."""

from __future__ import annotations

import json
import math
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.request import ProxyHandler, Request, build_opener
from zoneinfo import ZoneInfo

from planner.history import History
from planner.sources.files import read_history
from tests.acceptance.conftest import answers, free_port, start, wait_until

NAME = "traced"
DAY = timedelta(days=1)
ZONE = ZoneInfo("Asia/Shanghai")
"""Of the plans; a judged day begins at its midnight."""
PAST = 13 * DAY
"""What Cloud Monitor knows when the daemon starts, and the part of a day that is left until midnight."""
WORLD = """\
settings:
  startup_seconds: [10, 20, 40]
  metric_calls_per_second: 0     # in real time, and this time runs a thousand times as fast
  region_instances: 2000
  gpu_cards_per_type: 2000
functions:
  - functionName: {name}
    instanceConcurrency: {concurrency}
    cpu: 8
    memorySize: 32768
    gpuConfig: {{gpuType: fc.gpu.tesla.1, gpuMemorySize: 16384}}
    logConfig: {{enableInstanceMetrics: true}}
    traffic: {{file: trace.csv, shift: none, duration_seconds: 2}}
"""
CONFIG = """\
version: 1
{fc}
cache: {{folder: cache}}
functions:
  - name: {name}
    instance_concurrency: {concurrency}
    history: {{{history}}}
    forecast: {{forecaster: {forecaster}}}
    capacity: {{max_instances: {ceiling}}}
    daemon: {{mode: auto, plan_every: 1h}}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """A trace, and how it is lived through: `days` from `begin` on."""

    folder: Path
    trace: History
    concurrency: int
    begin: datetime
    days: int
    forecaster: str = "auto"

    @property
    def end(self) -> datetime:
        """Of the last day."""
        return self.begin + self.days * DAY

    @property
    def static(self) -> int:
        """Instances for the peak of the past: what somebody set by hand before."""
        known = self.trace.until(self.begin).series
        return max(math.ceil(float(known.max()) / self.concurrency), 1)


def set_up(folder: Path, trace: Path, *, concurrency: int, days: int, forecaster: str = "auto") -> Setting:
    """Write the folder's files; ValueError where the trace is too short for that many days after its past."""
    history = read_history(trace)
    begin = (history.start + PAST).astimezone(ZONE).replace(hour=0, minute=0, second=0, microsecond=0) + DAY
    setting = Setting(
        folder=folder,
        trace=history,
        concurrency=concurrency,
        begin=begin.astimezone(UTC),
        days=days,
        forecaster=forecaster,
    )
    if setting.end > history.end:
        raise ValueError(f"{trace} ends {history.end}, before {days} days from {begin}; give fewer --days")
    folder.mkdir(parents=True, exist_ok=True)
    rows = (f"{moment.isoformat()},{value}" for moment, value in history.series.dropna().items())
    (folder / "trace.csv").write_text("\n".join(("timestamp,value", *rows)) + "\n", encoding="utf-8")
    (folder / "world.yaml").write_text(WORLD.format(name=NAME, concurrency=concurrency), encoding="utf-8")
    return setting


def configure(setting: Setting, file: str, *, port: int | None) -> None:
    """A configuration of the function: against the server at `port`, or without one and with the trace as history."""
    fc = f"fc: {{endpoint: '127.0.0.1:{port}', protocol: http}}" if port else ""
    history = "source: cloudmonitor" if port else "file: trace.csv"
    ceiling = min(3 * setting.static + 20, 1000)
    text = CONFIG.format(
        fc=fc,
        history=history,
        name=NAME,
        concurrency=setting.concurrency,
        ceiling=ceiling,
        forecaster=setting.forecaster,
    )
    (setting.folder / file).write_text(text, encoding="utf-8")


@dataclass(frozen=True, slots=True, kw_only=True)
class Local:
    """`planner emulator --factor 0` as a process, with its clock, and what became of a span."""

    port: int
    process: subprocess.Popen[str]

    def ask(self, method: str, path: str, body: object = None) -> Any:
        """A request to it, JSON in and out."""
        data = None if body is None else json.dumps(body).encode()
        request = Request(f"http://127.0.0.1:{self.port}{path}", data=data, method=method)
        with build_opener(ProxyHandler({})).open(request, timeout=600) as answer:
            return json.load(answer)

    def move_to(self, moment: datetime) -> None:
        """Let it live up to a moment."""
        self.ask("POST", "/_emulator/clock", {"now": moment.isoformat()})

    def lived(self, begin: datetime, end: datetime) -> list[dict[str, Any]]:
        """Its ledger: what each minute was asked for, and what served it."""
        span = f"from={begin:%Y-%m-%dT%H:%M:%SZ}&to={end:%Y-%m-%dT%H:%M:%SZ}"
        minutes: list[dict[str, Any]] = self.ask("GET", f"/_emulator/traffic?function={NAME}&{span}")["minutes"]
        return minutes


@contextmanager
def local(setting: Setting) -> Iterator[Local]:
    """A Function Compute that has served the past from the instances that somebody set by hand."""
    port = free_port()
    begin = setting.trace.start.isoformat()
    arguments = ("--port", port, "--functions", "world.yaml", "--factor", 0, "--start", begin)
    with start("emulator", *arguments, cwd=setting.folder) as process:
        try:
            wait_until("the local Function Compute's first answer", lambda: answers(port))
            server = Local(port=port, process=process)
            path = f"/2023-03-30/functions/{NAME}/provision-config"
            server.ask("PUT", path, {"defaultTarget": setting.static})
            server.move_to(setting.begin)
            yield server
        finally:
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=30)
