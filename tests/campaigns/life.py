"""A short life: daemons in this process on one database, against the emulator over HTTP, on one time moved by hand.

The wiring is that of `planner run` (configuration, ports, sources, leases). What a real machine does to a daemon is
done here at the same places: a killed one never comes back from a call or from its database, a wrong clock is its own.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from threading import Event
from unittest.mock import patch

from sqlalchemy import event

from planner.base import FunctionRef
from planner.cli import running as wiring
from planner.cli.room import Room
from planner.cycle import DAEMON
from planner.emulator import FunctionSpec, Load, ManualClock, Running, Settings, running
from planner.emulator import World as Region
from planner.fc.port import FunctionCompute, FunctionFacts
from planner.lease import Leases
from planner.provision import LiveDocument, ProvisionConfig, config_from_wire
from planner.scheduler import Scheduler
from planner.store import Store

ASR = FunctionRef(name="asr-gpu")
CONCURRENCY, FLOOR, STATIC = 8, 2, 12
STEP = timedelta(seconds=20)
"""Time between two beats; the real daemon beats each 2 s."""
PAST = timedelta(days=2)
REGION = Region(
    functions=(
        FunctionSpec(
            name=ASR.name, instance_concurrency=CONCURRENCY, instance_metrics=True, startup_seconds=(10.0, 40.0)
        ),
    ),
    settings=Settings(metric_calls_per_second=0),
)
CONFIG = """\
version: 1
fc: {{endpoint: '{endpoint}', protocol: http}}
database: {{url: '{database}'}}
cache: {{folder: 'off'}}
functions:
  - name: asr-gpu
    time_zone: {zone}
    history: {{source: cloudmonitor}}
    forecast: {{forecaster: {forecaster}, backtest_days: 1}}
    capacity: {{min_instances: 2, max_instances: 60}}
    safety: {{max_cost_ratio: 100, max_drop: 1.0}}
    daemon: {{mode: auto, drift: {drift}, plan_every: 5m, min_interval: 5m, worth_hours: 0.1, fresh_within: 10m}}
"""


class Killed(BaseException):
    """The process is gone: not even a `finally` that wanted to write could."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """Where and when a life begins, and how it goes on."""

    begin: datetime
    zone: str
    forecaster: str
    drift: str
    daemons: int


class Skewed:
    """The clock of one daemon: the time of all, and by how much it is wrong."""

    def __init__(self, life: Life) -> None:
        self._life = life
        self.off = timedelta(0)

    def now(self) -> datetime:
        """What this machine takes for the time."""
        return self._life.now + self.off

    def monotonic(self) -> float:
        """The time of all: nobody sets it."""
        return (self._life.now - self._life.scene.begin).total_seconds()

    def sleep(self, seconds: float) -> None:
        """Whoever waits lets the time pass for everybody."""
        self._life.move(timedelta(seconds=seconds))


class Mortal:
    """Function Compute as seen by a daemon that may be killed right before a put or right after it."""

    def __init__(self, fc: FunctionCompute, moment: Callable[[str], None]) -> None:
        self._fc, self._moment = fc, moment

    def get_provision_config(self, function: FunctionRef) -> LiveDocument:
        self._moment("get")
        return self._fc.get_provision_config(function)

    def put_provision_config(self, function: FunctionRef, config: ProvisionConfig) -> LiveDocument:
        self._moment("before")
        answer = self._fc.put_provision_config(function, config)
        self._moment("after")
        return answer

    def get_function(self, function: FunctionRef) -> FunctionFacts:
        return self._fc.get_function(function)


@dataclass(slots=True, kw_only=True)
class Daemon:
    """One of them. `dies_at`: the call of Function Compute at which it is killed. `sleeps`: its beats are left out."""

    name: str
    clock: Skewed
    store: Store
    scheduler: Scheduler
    dies_at: str = ""
    dead: bool = False
    sleeps: bool = False


@dataclass(slots=True, kw_only=True)
class Put:
    """A document that arrived: when, what, and whether a daemon sent it."""

    at: datetime
    config: ProvisionConfig
    ours: bool


@dataclass(slots=True, kw_only=True)
class Life:
    """One database, one Function Compute, one time."""

    folder: Path
    scene: Scene
    database: str
    draw: Random
    now: datetime
    load: Load
    stack: ExitStack
    server: Running | None = None
    port: int = 0
    daemons: list[Daemon] = field(default_factory=list)
    puts: list[Put] = field(default_factory=list)
    started: int = 0
    full: bool = False
    """Whether the disk has no page more for the database."""
    by_hand: int = 0
    bugs: list[str] = field(default_factory=list)

    def move(self, span: timedelta) -> None:
        """Let time pass for everybody."""
        self.now += span
        if self.server is not None:
            self.server.emulator.move_to(max(self.now, self.server.emulator.now()))
            self.now = self.server.emulator.now()

    def power_on(self) -> None:
        """Start Function Compute, on the state that the last one left."""
        if self.server is None:
            clock = ManualClock(self.now)
            place = running(REGION, clock=clock, database=self.folder / "fc.db", port=self.port)
            self.server = self.stack.enter_context(place)
            self.port = int(self.server.endpoint.rpartition(":")[2])
            self.server.emulator.move_to(max(self.now, self.server.emulator.now()))

    def power_off(self) -> None:
        """Take Function Compute away from one moment to the next."""
        if self.server is not None:
            self.note_puts()
            self.stack.close()
            self.server = None

    def note_puts(self) -> None:
        """Keep what the journal knows, which lives in memory."""
        assert self.server is not None
        journal = self.server.emulator.journal
        for entry in journal.entries("PutProvisionConfig"):
            if entry.effect and entry.stored is not None:
                ours = self.by_hand == 0
                self.by_hand = max(self.by_hand - 1, 0)
                self.puts.append(Put(at=entry.at, config=config_from_wire(entry.stored), ours=ours))
        journal.clear()

    def put_by_hand(self, config: ProvisionConfig) -> None:
        """A person, or a late writer, puts a document past the daemons."""
        if self.server is None:
            return
        self.note_puts()
        self.by_hand = 1
        with suppress(Exception):  # a fault may hit it, as it would anybody
            self._room().fc.put_provision_config(ASR, config)
        self.note_puts()
        self.by_hand = 0

    def held(self) -> ProvisionConfig:
        """What Function Compute holds, whatever faults there are."""
        assert self.server is not None
        wire = self.server.emulator.config(ASR.name)
        assert wire is not None
        return config_from_wire(wire)

    def start_daemon(self) -> Daemon:
        """A daemon as `planner run` makes it, on this life's time."""
        self.started += 1
        clock = Skewed(self)
        room = replace(self._room(), clock=clock)
        name = f"{DAEMON}{self.started:06x} of me@here pid {self.started}"
        daemon = Daemon(name=name, clock=clock, store=room.store, scheduler=None)  # type: ignore[arg-type]
        self._bind(daemon)
        leases = Leases(room.store.control, name, clock=clock, ticks=clock.monotonic)
        # A put that times out takes real time, and no campaign has seconds for each.
        with patch.object(wiring, "READ", timedelta(seconds=1)):
            world = wiring._world(room, room.store, leases, Event())
        mortal = replace(world, fc=Mortal(world.fc, lambda moment: self._passes(daemon, moment)))
        daemon.scheduler = Scheduler([mortal], leases, clock=clock)
        self.daemons.append(daemon)
        return daemon

    def beat(self) -> None:
        """A step of time, and then a beat of every daemon that lives, in any order."""
        self.move(STEP)
        alive = [daemon for daemon in self.daemons if not daemon.dead and not daemon.sleeps]
        for daemon in self.draw.sample(alive, len(alive)):
            with suppress(Killed):
                daemon.scheduler.beat(daemon.clock.now())
                daemon.scheduler.drain(lambda: time.sleep(0.004))
        self.daemons = [daemon for daemon in self.daemons if not daemon.dead]
        if self.server is not None:
            self.note_puts()

    def kill(self, daemon: Daemon) -> None:
        """It never does anything again; its lease runs out."""
        daemon.dead = True

    def _passes(self, daemon: Daemon, moment: str) -> None:
        if daemon.dead or daemon.dies_at == moment:
            daemon.dead = True
            raise Killed

    def _bind(self, daemon: Daemon) -> None:
        engine = daemon.store._database.engine

        def begin(*_: object) -> None:
            if daemon.dead:
                raise Killed

        def checkout(connection: object, *_: object) -> None:
            if engine.dialect.name == "sqlite":
                # A lock is waited for in real time, of which this life has none.
                connection.execute("PRAGMA busy_timeout = 30")  # type: ignore[attr-defined]
                pages = connection.execute("PRAGMA page_count").fetchone()[0]  # type: ignore[attr-defined]
                limit = pages if self.full else 2**30
                connection.execute(f"PRAGMA max_page_count = {limit}")  # type: ignore[attr-defined]

        event.listen(engine, "begin", begin)
        event.listen(engine, "checkout", checkout)

    def _room(self) -> Room:
        return Room.open(self.folder / "planner.yaml", None)


@contextmanager
def a_life(folder: Path, scene: Scene, draw: Random, database: str | None = None) -> Iterator[Life]:
    """A Function Compute with two days behind it, served from instances set by hand; no daemon yet."""
    folder.mkdir(parents=True, exist_ok=True)
    load = _tide(draw, scene.begin - PAST)
    url = database or f"sqlite:///{folder / 'planner.db'}"
    with ExitStack() as stack:
        life = Life(folder=folder, scene=scene, database=url, draw=draw, now=scene.begin - PAST, load=load, stack=stack)
        life.power_on()
        assert life.server is not None
        text = CONFIG.format(
            endpoint=life.server.endpoint,
            database=url,
            zone=scene.zone,
            forecaster=scene.forecaster,
            drift=scene.drift,
        )
        (folder / "planner.yaml").write_text(text, encoding="utf-8")
        with Store.open(url, migrate=True):
            pass
        life.server.emulator.offer(ASR.name, load)
        life.put_by_hand(ProvisionConfig(default_target=STATIC))
        life.move(PAST)
        try:
            with _heard(life.bugs):
                yield life
        finally:
            for daemon in life.daemons:
                daemon.dead = True
                daemon.store.close()


@contextmanager
def _heard(bugs: list[str]) -> Iterator[None]:
    """Keep what the daemons' log calls a bug, and all else off the screen."""

    class Listener(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if getattr(record, "action", "") == "bug":
                bugs.append(f"{record.getMessage()}: {record.exc_info and record.exc_info[1]}")

    log, listener = logging.getLogger("planner.daemon"), Listener()
    log.addHandler(listener)
    log.propagate = False
    try:
        yield
    finally:
        log.removeHandler(listener)
        log.propagate = True


def _tide(draw: Random, begin: datetime) -> Load:
    """Four days of a daily tide with noise, from 10 to 70 requests in flight."""
    minutes = 4 * 24 * 60
    phase = draw.uniform(0, 1440)

    def at(minute: int) -> float:
        share = abs((minute + phase) % 1440 - 720) / 720
        return 10 + 55 * share + draw.uniform(-2.5, 2.5)

    return Load(values=tuple(at(minute) for minute in range(minutes)), start=begin, duration_seconds=2.0)
