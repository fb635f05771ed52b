"""Short lives of real processes in real time: kill -9, SIGSTOP and SIGCONT of daemons, kill -9 of Function Compute.

    python -m tests.campaigns.processes [--runs 20] [--seed 1]

One or two `planner run` on one SQLite file, against `planner emulator --state`; four blows at random moments, drawn by
the seed. After them everything is started that is not there, and within `PATIENCE` FC has to hold what was
applied last, each apply on record an outcome, and the database to be sound. The exit code is 1 where something failed.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from random import Random

from planner.clock import SystemClock
from planner.fc.client import SdkFunctionCompute
from planner.fc.sdk import Connection, connect
from planner.lease import LASTS
from planner.provision import ProvisionConfig
from planner.store import Attempt, Store
from tests.acceptance.conftest import COMMAND, REF, WORLD, answers, environment, free_port, wait_until
from tests.cli.conftest import recent_history

PATIENCE = 240.0
"""Seconds, on a busy machine; what it took is in the report."""
BLOWS = 4
CONFIG = """\
version: 1
fc: {{endpoint: '127.0.0.1:{port}', protocol: http}}
functions:
- name: asr-gpu
  history: {{file: history.csv}}
  forecast: {{forecaster: recent}}
  safety: {{max_cost_ratio: 100, max_drop: 1.0}}
  daemon: {{mode: auto, drift: revert, plan_every: 1m, min_interval: 0s, worth_hours: 0}}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lived:
    """What one run was, and what came of it."""

    seed: int
    daemons: int
    blows: tuple[str, ...]
    recovered_seconds: float
    failures: tuple[str, ...]


@dataclass(slots=True, kw_only=True)
class Cast:
    """Who is on stage. `by_hand`: documents that a person put."""

    folder: Path
    port: int
    fc: SdkFunctionCompute
    emulator: subprocess.Popen[bytes] | None = None
    daemons: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    by_hand: list[ProvisionConfig] = field(default_factory=list)
    writers: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def start_emulator(self) -> None:
        """On the state that the last one left."""
        if self.emulator is None:
            arguments = ("emulator", "--port", self.port, "--functions", "world.yaml", "--state", "fc.db")
            self.emulator = self._start("emulator", *map(str, arguments))
            wait_until("the first answer", lambda: answers(self.port))

    def kill_emulator(self) -> None:
        """From one moment to the next."""
        if self.emulator is not None:
            self.emulator.kill()
            self.emulator.wait()
            self.emulator = None

    def start_daemon(self, name: str, *, disk: int | None = None) -> None:
        """A daemon; `disk`: bytes beyond which no file of it may grow."""
        if name not in self.daemons:
            self.daemons[name] = self._start(name, "run", "--log", "json", disk=disk)

    def kill_daemon(self, name: str) -> None:
        """It can't do anything about it."""
        if process := self.daemons.pop(name, None):
            process.kill()
            process.wait()

    def put_by_hand(self, default: int) -> None:
        """A person sets another default."""
        with suppress(Exception):  # Function Compute may be gone
            config = replace(self.fc.get_provision_config(REF).config, default_target=default)
            self.by_hand.append(config)
            self.fc.put_provision_config(REF, config)

    def _start(self, name: str, *arguments: str, disk: int | None = None) -> subprocess.Popen[bytes]:
        def limited() -> None:
            if disk is not None:
                resource.setrlimit(resource.RLIMIT_FSIZE, (disk, disk))

        # Its words go through a pipe that nobody reads but `cat`: a limit on files would hit a log, too.
        with (self.folder / f"{name}.log").open("ab") as log:
            writer = subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=log)
            process = subprocess.Popen(
                [*COMMAND, *arguments],
                cwd=self.folder,
                env=environment() | {"PLANNER_CACHE": "off"},
                stdin=subprocess.DEVNULL,
                stdout=writer.stdin,
                stderr=writer.stdin,
                preexec_fn=limited,  # noqa: PLW1509  # no thread of ours runs here
            )
            assert writer.stdin is not None
            writer.stdin.close()
            self.writers.append(writer)
        return process


Blow = Callable[[Cast, Random], None]


def _kill_a_daemon(cast: Cast, draw: Random) -> None:
    name = draw.choice(sorted(cast.daemons) or ["one"])
    cast.kill_daemon(name)
    time.sleep(draw.uniform(0, 2))
    cast.start_daemon(name)


def _kill_the_emulator(cast: Cast, draw: Random) -> None:
    cast.kill_emulator()
    time.sleep(draw.uniform(0, 3))
    cast.start_emulator()


def _suspend(cast: Cast, draw: Random) -> None:
    for process in draw.sample(list(cast.daemons.values()), min(1, len(cast.daemons))):
        os.kill(process.pid, signal.SIGSTOP)
        time.sleep(draw.choice([1.0, LASTS.total_seconds() + 3]))
        os.kill(process.pid, signal.SIGCONT)


def _edit(cast: Cast, draw: Random) -> None:
    cast.put_by_hand(draw.randint(1, 30))


def _fill_the_disk(cast: Cast, _: Random) -> None:
    """A daemon in whose place no file may grow beyond what the database is now."""
    cast.kill_daemon("one")
    size = max((file.stat().st_size for file in cast.folder.glob("planner.db*")), default=0)
    cast.start_daemon("one", disk=size + 4096)
    time.sleep(8)
    cast.kill_daemon("one")
    cast.start_daemon("one")


BLOW: dict[str, Blow] = {
    "kill -9 of a daemon": _kill_a_daemon,
    "kill -9 of Function Compute": _kill_the_emulator,
    "SIGSTOP, SIGCONT": _suspend,
    "edit by hand": _edit,
    "disk full": _fill_the_disk,
}


def live(seed: int, folder: Path) -> Lived:
    """One life, judged."""
    draw = Random(seed)
    names = ["one", "two"][: draw.choice([1, 2])]
    blows = [list(BLOW)[seed % len(BLOW)], *draw.choices(list(BLOW), k=BLOWS - 1)]
    with _on_stage(folder) as cast:
        for name in names:
            cast.start_daemon(name)
        wait_until("a first apply", lambda: _attempts(folder))
        for blow in blows:
            time.sleep(draw.uniform(0, 6))
            BLOW[blow](cast, draw)
        cast.start_emulator()
        for name in names:
            cast.start_daemon(name)
        began = time.monotonic()
        trouble = _trouble(cast)
        while trouble and time.monotonic() - began < PATIENCE:
            time.sleep(0.5)
            trouble = _trouble(cast)
        took = time.monotonic() - began
        failures = (*filter(None, (trouble,)), *_unsound(cast))
    return Lived(seed=seed, daemons=len(names), blows=tuple(blows), recovered_seconds=round(took, 1), failures=failures)


@contextmanager
def _on_stage(folder: Path) -> Iterator[Cast]:
    folder.mkdir(parents=True, exist_ok=True)
    port = free_port()
    (folder / "world.yaml").write_text(WORLD, encoding="utf-8")
    (folder / "history.csv").write_text(recent_history(), encoding="utf-8")
    (folder / "planner.yaml").write_text(CONFIG.format(port=port), encoding="utf-8")
    cast = Cast(
        folder=folder, port=port, fc=connect(Connection(endpoint=f"http://127.0.0.1:{port}"), clock=SystemClock())
    )
    try:
        cast.start_emulator()
        cast.put_by_hand(1)
        yield cast
    finally:
        for name in list(cast.daemons):
            cast.kill_daemon(name)
        cast.kill_emulator()
        for writer in cast.writers:
            writer.wait()


def _attempts(folder: Path) -> list[Attempt]:
    if not (folder / "planner.db").exists():
        return []
    with suppress(Exception), Store.open(f"sqlite:///{folder / 'planner.db'}", migrate=False) as store:
        return [entry for entry in store.audit(REF, limit=1000) if isinstance(entry, Attempt)]
    return []


def _trouble(cast: Cast) -> str:
    """What is not yet as it has to be; empty where all is."""
    with Store.open(f"sqlite:///{cast.folder / 'planner.db'}", migrate=False) as store:
        if store.unfinished(REF):
            return "an apply is on record without an end"
        last = store.last_applied(REF)
        if last is None:
            return "nothing was applied"
        if cast.fc.get_provision_config(REF).config.digest != store.plan(last.plan_id).wanted.digest:
            return "FC holds another document than was applied last"
    return ""


def _unsound(cast: Cast) -> Iterator[str]:
    with closing(sqlite3.connect(cast.folder / "planner.db")) as connection:
        if connection.execute("PRAGMA integrity_check").fetchone() != ("ok",):
            yield "the database is damaged"
    for log in cast.folder.glob("*.log"):
        for line in log.read_text(encoding="utf-8", errors="replace").splitlines():
            if '"action": "bug"' in line or line.startswith("Traceback"):
                yield f"{log.name}: {line[:300]}"


def campaign(seeds: Sequence[int]) -> list[Lived]:
    """One after the other."""
    found = []
    with tempfile.TemporaryDirectory(prefix="planner-processes-") as folder:
        for seed in seeds:
            found.append(live(seed, Path(folder) / str(seed)))
            sys.stderr.write(f"{found[-1]}\n")
    return found


def main() -> int:
    """The command line; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.campaigns.processes")
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path, help="write the report here, too")
    asked = parser.parse_args()
    lives = campaign(range(asked.seed, asked.seed + asked.runs))
    blows = Counter(blow for lived in lives for blow in lived.blows)
    failed, longest = sum(bool(lived.failures) for lived in lives), max(lived.recovered_seconds for lived in lives)
    sys.stdout.write(f"{len(lives)} lives of real processes, {failed} failed, longest recovery {longest:.1f} s\n")
    sys.stdout.writelines(f"{name:32}{count:6}\n" for name, count in blows.most_common())
    if asked.json:
        asked.json.write_text(json.dumps([asdict(lived) for lived in lives], indent=1), encoding="utf-8")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
