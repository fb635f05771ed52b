"""The runs of a rehearsal: a local Function Compute whose instances are processes, one document after the other."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import numpy as np

from planner.base import MINUTE, minutes_between
from planner.clock import SystemClock
from planner.emulator import FactorClock, FunctionSpec, Settings, World, running
from planner.errors import InputError
from planner.fc.sdk import Connection, connect
from planner.provision import ProvisionConfig
from planner.rehearsal.documents import FUNCTION
from planner.rehearsal.driving import generator
from planner.rehearsal.generator import Orders
from planner.rehearsal.measured import COLD, SERVED, Lived, Pace, Run
from planner.rehearsal.scene import Scene, arrivals

if TYPE_CHECKING:
    from planner.emulator import Running
    from planner.emulator.models.report import Report
    from planner.fc.port import FunctionCompute

Beat = Callable[[], None]
"""Called several times a second while a run goes on."""

TOGETHER = 2
"""Instances that are started at once to measure what a start takes."""
PROBES = 10
"""Requests after one another, in each place of half of those instances, to measure what a request takes."""
REQUEST_TIMEOUT_SECONDS = 60
_START_SECONDS = 120
_POLL_SECONDS = 0.05
_BESIDE = 2
"""Processes beyond the ceiling, for those that are still ending."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """How an instance is started. `hooks`: it has FC's Initializer and PreStop, and /health."""

    command: tuple[str, ...]
    environment: dict[str, str]
    cwd: str
    hooks: bool


def world_of(server: Server, scene: Scene) -> World:
    """The bundled function with real instances; FC's own delays are the emulator's defaults."""
    hooks = {
        "customContainerConfig": {"healthCheckConfig": {"httpGetUrl": "/health"}},
        "instanceLifecycleConfig": {
            "initializer": {"handler": "true", "timeout": _START_SECONDS},
            "preStop": {"handler": "true", "timeout": 10},
        },
    }
    function = FunctionSpec.from_wire(
        {
            "functionName": FUNCTION.name,
            "instanceConcurrency": scene.wishes.instance_concurrency,
            "timeout": REQUEST_TIMEOUT_SECONDS,
            "gpuConfig": {"gpuType": "fc.gpu.tesla.1", "gpuMemorySize": 16384},
            "logConfig": {"enableInstanceMetrics": True},
            "process": {"command": list(server.command), "environment": server.environment, "cwd": server.cwd},
        }
        | (hooks if server.hooks else {})
    )
    return World(functions=(function,), settings=Settings(max_processes=scene.ceiling + _BESIDE))


def measured(world: World, scene: Scene, beat: Beat) -> Pace:
    """What instances take here: the slower of two starts at once, and the mean of requests on these two, half full.

    InputError where they don't start, or don't answer.
    """
    with generator() as sender, running(world, clock=FactorClock(scene.start, scene.wishes.speed)) as local:
        start = _started(local)
        load = np.full(PROBES, TOGETHER * scene.wishes.instance_concurrency / 2)
        rough = scene.wishes.request_seconds
        due = arrivals(load, request_seconds=rough, minute_seconds=rough, seed=scene.wishes.seed)
        rows = sender.drive(_orders(local, time.monotonic(), due), beat)
    warm = [row.latency for row in rows if row.status == SERVED and row.start != COLD]
    if not warm:
        told = ", ".join(sorted({str(row.status or "no answer") for row in rows}))
        raise InputError(
            f"An instance does not answer POST /invoke with 200, but: {told}",
            remedy="Send it a text by hand and see what it says.",
        )
    return Pace(start_seconds=start, request_seconds=sum(warm) / len(warm))


def _started(local: Running) -> float:
    fc = _connected(local)
    began = time.monotonic()
    fc.put_provision_config(FUNCTION, ProvisionConfig(default_target=TOGETHER))
    while (waited := time.monotonic() - began) < _START_SECONDS:
        config = local.emulator.config(FUNCTION.name) or {}
        if config["current"] == TOGETHER:
            return waited
        if config["currentError"]:
            raise InputError(
                f"An instance doesn't start: {config['currentError']}",
                remedy="Start the server by hand and see what it says.",
            )
        time.sleep(_POLL_SECONDS)
    raise InputError(
        f"An instance is not warm after {_START_SECONDS} s", remedy="Start the server by hand and see what it says."
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Play:
    """What every run has in common: the world, the scene, when documents are put, and when requests are sent."""

    world: World
    scene: Scene
    put_at: datetime
    due: list[float]
    beat: Beat


def lived(name: str, document: ProvisionConfig | None, play: Play) -> Run:
    """The span under one document, from an empty Function Compute on."""
    scene = play.scene
    # The generator first: a clock that has begun waits for nobody.
    with generator() as sender, running(play.world, clock=FactorClock(play.put_at, scene.wishes.speed)) as local:
        if document is not None:
            _connected(local).put_provision_config(FUNCTION, document)
        begin = time.monotonic() + (scene.start - local.emulator.now()).total_seconds() / scene.wishes.speed
        rows = sender.drive(_orders(local, begin, play.due), play.beat)
        while local.emulator.live() < scene.end + MINUTE:
            play.beat()
            time.sleep(_POLL_SECONDS)
        report = local.emulator.report(FUNCTION.name, FUNCTION.qualifier, scene.start, scene.end)
    return Run(
        name=name,
        rows=rows,
        minutes=_minutes(report, scene),
        warm_hours=report.totals.warm_hours,
        on_demand_hours=report.totals.on_demand_hours,
        bill=report.bill.amount,
    )


def _orders(local: Running, begin: float, due: list[float]) -> Orders:
    url = f"{local.url}/_function/{FUNCTION.name}/invoke"
    return Orders(url=url, begin=begin, arrivals=due, timeout_seconds=2 * REQUEST_TIMEOUT_SECONDS)


def _connected(local: Running) -> FunctionCompute:
    return connect(Connection(endpoint=local.url), clock=SystemClock())


def _minutes(report: Report, scene: Scene) -> tuple[Lived, ...]:
    """Every minute of the span; those before the first instance or request are none in the report."""
    found = [Lived(offered=0.0, warm=0.0, on_demand=0.0)] * minutes_between(scene.start, scene.end)
    for minute in report.minutes:
        lived = Lived(offered=minute.offered, warm=minute.warm, on_demand=minute.on_demand)
        found[minutes_between(scene.start, minute.start)] = lived
    return tuple(found)
