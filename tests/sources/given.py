"""Builders for tests of the sources: an emulator under load, a store, and servers that say what a test says."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import numpy as np

from planner.base import FunctionRef
from planner.clock import ManualClock
from planner.collect import Collected, collect
from planner.emulator import Emulator, FunctionSpec, Load, Settings, World, running
from planner.emulator import ManualClock as EmulatorClock
from planner.fc.sdk import Connection
from planner.history import History, Statistic
from planner.sources.cloudmonitor import CloudMonitor, connect
from planner.sources.stored import history_of, stored_points
from planner.store import Store
from tests.builders import NOON

ASR = FunctionRef(name="asr")
REGION = "cn-shanghai"
MINUTE = timedelta(minutes=1)
INSTANCES, CALLS, IDLE = (f"cloudmonitor:{REGION}:{way}" for way in ("instances", "calls", "idle"))


def a_store(folder: Path) -> Store:
    return Store.open(f"sqlite:///{folder / 'planner.db'}", migrate=True)


def monitor(url: str, clock: ManualClock | None = None, **options: Any) -> CloudMonitor:
    """The source behind `url`; its waits take no time."""
    return connect(
        Connection(endpoint=url), region=REGION, clock=clock or ManualClock(NOON), draw=lambda: 0.5, **options
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A function under load in an emulator, its source and a store."""

    emulator: Emulator
    source: CloudMonitor
    store: Store

    @property
    def now(self) -> datetime:
        return self.emulator.now()

    def collect(self, **options: Any) -> Collected:
        return collect(ASR, self.source, self.store, self.now, **options)

    def calls(self, action: Callable[[], object]) -> int:
        """How many requests an action makes of the emulator."""
        before = len(self.emulator.journal.entries())
        action()
        return len(self.emulator.journal.entries()) - before

    def history(self) -> History:
        told = stored_points(self.store, ASR.name, self.source.ways, now=self.now)
        return history_of(told, ASR.name, now=self.now, statistic=Statistic.MEAN, minimum=timedelta(0))

    def stored(self, series: str) -> dict[datetime, float | None]:
        points = self.store.load_points(ASR.name, series, start=NOON - timedelta(days=99), end=self.now)
        return {point.at: point.value for point in points}


@contextmanager
def site(
    folder: Path,
    load: Sequence[float],
    *,
    instance_metrics: bool = True,
    provisioned: int = 0,
    seconds: float = 2.0,
    **switches: object,
) -> Iterator[Site]:
    """A function that was offered `load`, a value a minute, from noon until now."""
    functions = (
        FunctionSpec(name="asr", instance_concurrency=4, instance_metrics=instance_metrics, startup_seconds=(0.0,)),
        FunctionSpec(name="other"),
    )
    world = World(functions=functions, settings=Settings.from_mapping({"metric_calls_per_second": 0, **switches}))
    with running(world, clock=EmulatorClock(NOON)) as server, a_store(folder) as store:
        if provisioned:
            put(server.url, provisioned)
        server.emulator.offer("asr", Load(values=tuple(load), start=NOON, duration_seconds=seconds))
        server.emulator.advance(len(load) * MINUTE)
        yield Site(emulator=server.emulator, source=monitor(server.url), store=store)


def put(url: str, instances: int) -> None:
    from planner.fc.sdk import connect as to_fc
    from planner.provision import ProvisionConfig

    to_fc(Connection(endpoint=url), clock=ManualClock(NOON)).put_provision_config(
        FunctionRef(name="asr"), ProvisionConfig(default_target=instances)
    )


def values(history: History) -> np.ndarray:
    return history.series.to_numpy()


@dataclass(slots=True, kw_only=True)
class Asked:
    """One request to a stand-in server."""

    path: str
    query: dict[str, str]
    headers: dict[str, str]


@dataclass(slots=True, kw_only=True)
class StandIn:
    """A server whose every answer the test gives: status, headers, body."""

    url: str = ""
    asked: list[Asked] = field(default_factory=list)


Reply = tuple[int, dict[str, str], bytes]


@contextmanager
def serving(reply: Callable[[Asked], Reply]) -> Iterator[StandIn]:
    found = StandIn()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            headers = {name.lower(): text for name, text in self.headers.items()}
            asked = Asked(path=parts.path, query=dict(parse_qsl(parts.query)), headers=headers)
            found.asked.append(asked)
            status, extra, body = reply(asked)
            self.send_response(status)
            for name, text in extra.items():
                self.send_header(name, text)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_POST(self) -> None:
            self.do_GET()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        found.url = f"http://127.0.0.1:{server.server_address[1]}"
        try:
            yield found
        finally:
            server.shutdown()
            thread.join()


def as_json(body: object, status: int = 200) -> Reply:
    return status, {"Content-Type": "application/json"}, json.dumps(body).encode()


def monitor_answer(rows: object, **more: object) -> Reply:
    """What DescribeMetricList answers with these points."""
    return as_json({"Code": "200", "Success": True, "Period": "60", "Datapoints": json.dumps(rows), **more})


def row(minute: int, value: object, **more: object) -> dict[str, object]:
    """A point of a minute after noon."""
    return {
        "timestamp": round((NOON + minute * MINUTE).timestamp() * 1000),
        "functionName": "asr",
        "Value": value,
        **more,
    }


def at(minute: int) -> datetime:
    return (NOON + minute * MINUTE).astimezone(UTC)
