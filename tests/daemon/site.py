"""A daemon whose time is moved by hand, against the emulator through the official SDK, its clock kept in step."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

import pandas as pd

from planner.base import MINUTE, FunctionRef
from planner.clock import ManualClock
from planner.config import FunctionConfig, load_config
from planner.cycle import DAEMON
from planner.emulator import Emulator, FunctionSpec, Settings, running
from planner.emulator import ManualClock as EmulatorClock
from planner.emulator import World as Region
from planner.fc.client import SdkFunctionCompute
from planner.fc.sdk import Connection, connect
from planner.history import History, Statistic
from planner.lease import Guarded, Leases
from planner.pipeline import Question
from planner.scheduler import Scheduler
from planner.sources.files import read_history
from planner.sources.sample import moved_to, sample_path
from planner.store import Point, Proposal, Run, Store
from planner.world import World

START = datetime(2026, 11, 24, 1, 0, tzinfo=UTC)
"""A Tuesday morning in China: the tide falls for some hours and then rises."""
HALF_AN_HOUR = 30 * MINUTE
ASR, TTS = FunctionRef(name="asr-gpu"), FunctionRef(name="tts-gpu")
REGION = Region(
    functions=tuple(
        FunctionSpec(name=each.name, instance_concurrency=8, instance_metrics=True, startup_seconds=(0.0,))
        for each in (ASR, TTS)
    ),
    settings=Settings(evaluation_lag_seconds=0),
)


@cache
def sample() -> History:
    """The bundled history, read once."""
    with sample_path() as path:
        return read_history(path, statistic=Statistic.MEAN, zone=None, minimum=30 * MINUTE, mean_duration=None)


def configured(folder: Path, function: FunctionRef, daemon: str) -> FunctionConfig:
    """A function whose plans take a fraction of a second; `daemon` is the section in YAML."""
    file = folder / f"{function.name}.yaml"
    file.write_text(
        f"version: 1\nfunctions:\n- name: {function.name}\n  history: {{file: 'sample:text-moderation'}}\n"
        f"  forecast: {{forecaster: seasonal, backtest_days: 2}}\n  daemon: {{backtest_days: 0, {daemon}}}\n",
        encoding="utf-8",
    )
    return load_config(file, environ={}).function()


@dataclass(slots=True, kw_only=True)
class Site:
    """One database, one Function Compute, one clock; `daemon` makes daemons on them."""

    folder: Path
    emulator: Emulator
    endpoint: str
    fc: SdkFunctionCompute
    store: Store
    clock: ManualClock
    metric_ends: datetime | None = None
    """After this no metric comes any more."""
    points: list[Point] = field(default_factory=list)
    surges: tuple[datetime, datetime, float] | None = None
    """Between these the load is so many times the usual; then `recent` tells of the load, minute by minute."""
    changed: Callable[[History], History] = lambda history: history
    """What became of the history; may raise what one that can't be read raises."""

    def daemon(
        self, section: str, *functions: FunctionRef, name: str = "one", workers: int = 4
    ) -> tuple[Scheduler, list[World]]:
        """A daemon for these functions, `asr-gpu` without any."""
        leases = Leases(self.store.control, f"{DAEMON}of me@{name} pid 1", clock=self.clock, ticks=self.clock.monotonic)
        worlds = [self.world(section, each, leases) for each in functions or (ASR,)]
        return Scheduler(worlds, leases, clock=self.clock, workers=workers), worlds

    def world(self, section: str, function: FunctionRef, leases: Leases) -> World:
        settings = configured(self.folder, function, section)

        def ask(now: datetime, adopt: bool) -> Question:
            history = self.changed(self.load(now))
            if self.metric_ends is not None:
                history = history.until(self.metric_ends)
            return Question(
                now=now,
                horizon=settings.daemon.horizon,
                history=history,
                live=self.fc.get_provision_config(function),
                instance_concurrency=8,
                endpoint=self.endpoint,
                adopt=adopt,
            )

        return World(
            settings=settings,
            store=self.store,
            fc=Guarded(self.fc, self.fc, leases),
            clock=self.clock,
            who=leases.holder,
            still_runs=lambda _whose, _since, _now: None,
            ask=ask,
            recent=self.recent,
        )

    def load(self, now: datetime) -> History:
        """What is offered, known up to `now` and beyond."""
        history = moved_to(now, sample())
        if self.surges is None:
            return history
        start, end, times = self.surges
        series = history.series.copy()
        series.loc[pd.Timestamp(start) : pd.Timestamp(end - history.step)] *= times
        return replace(history, series=series)

    def recent(self, start: datetime, end: datetime) -> Sequence[Point]:
        if self.surges is not None:
            series = self.load(end).series.loc[pd.Timestamp(start - HALF_AN_HOUR) : pd.Timestamp(end)]
            minutes = series.resample("1min").ffill().loc[pd.Timestamp(start) : pd.Timestamp(end - MINUTE)]
            return [Point(at=at.to_pydatetime(), value=value, step=MINUTE) for at, value in minutes.items()]
        return [point for point in self.points if start <= point.at < end]

    def pass_by(self, span: timedelta = timedelta(0)) -> None:
        """Let time pass for everybody; nobody looks meanwhile."""
        self.clock.sleep(span.total_seconds())
        self.emulator.move_to(max(self.clock.now(), self.emulator.now()))

    def beat(self, daemon: Scheduler, span: timedelta = timedelta(0)) -> None:
        """Let time pass, then a beat, and what it began."""
        self.pass_by(span)
        daemon.beat(self.clock.now())
        daemon.drain(lambda: time.sleep(0.002))

    def puts(self) -> int:
        """Documents that arrived at Function Compute so far."""
        return len(self.emulator.journal.entries("PutProvisionConfig"))

    def said(self, job: str, function: FunctionRef = ASR) -> str:
        """What the last run of a job said."""
        return self.run(job, function).sentence

    def run(self, job: str, function: FunctionRef = ASR) -> Run:
        return self.store.control.last_runs(function)[job]

    def proposal(self) -> Proposal:
        return self.store.control.proposals(ASR, limit=1)[0]

    def by_hand(self, default: int) -> None:
        """Somebody sets the default in the console."""
        live = self.fc.get_provision_config(ASR)
        self.fc.put_provision_config(ASR, replace(live.config, default_target=default))


@contextmanager
def opened(folder: Path, region: Region = REGION) -> Iterator[Site]:
    """A site at START."""
    clock = ManualClock(START)
    with (
        running(region, clock=EmulatorClock(START)) as server,
        Store.open(f"sqlite:///{folder / 'planner.db'}", migrate=True) as store,
    ):
        fc = connect(Connection(endpoint=server.url), clock=clock)
        yield Site(folder=folder, emulator=server.emulator, endpoint=server.endpoint, fc=fc, store=store, clock=clock)
