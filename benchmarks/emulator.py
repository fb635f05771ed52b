"""How fast the local Function Compute is: simulated time, start and requests, each against a baseline of the same run.

    python benchmarks/emulator.py

- Simulated time: CPU seconds of a week of one function, and of a minute of 1,000 functions with 20 scheduled actions
  each, half of them crons in two zones, and a load. The baseline asks every schedule anew at every evaluation.
- Start: from the start of the process to its first answer. The baseline is a process that serves an empty Starlette
  application with uvicorn; `python -c pass` is the floor of both.
- Requests: GetProvisionConfig by the official SDK, one after the other, against a server in a process of its own, with
  one config and with 1,000. The baseline is the same call against an empty application that answers a constant.

The best of some rounds counts: what it takes when nothing else disturbs.
"""

from __future__ import annotations

import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from unittest.mock import patch
from urllib.request import ProxyHandler, build_opener

from alibabacloud_fc20230330 import models
from alibabacloud_fc20230330.client import Client
from alibabacloud_tea_openapi.models import Config

from planner.emulator import Emulator, FunctionSpec, Load, ManualClock, Settings, World
from planner.emulator.models.operations import Call
from planner.emulator.rules import Moment, Policies, Verdict, scheduled

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
WEEK = timedelta(weeks=1)
MINUTE = timedelta(minutes=1)
FUNCTIONS, ACTIONS, TICKS = 1_000, 20, 10
REQUESTS = 500
ROUNDS = 3
ROOMY = Settings(region_instances=100_000, growth_burst=100_000, growth_per_minute=100_000)
OPENER = build_opener(ProxyHandler({}))

_BODY = '{"functionArn":"a","current":1,"target":1,"scheduledActions":[],"targetTrackingPolicies":[]}'
EMPTY = f"""
import sys, uvicorn
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route
async def answer(request): return Response({_BODY!r}, media_type="application/json")
uvicorn.run(Starlette(routes=[Route("/{{path:path}}", answer)]), port=int(sys.argv[1]), http="h11", ws="none",
            log_level="critical", lifespan="off")
"""
PLANNER = "from planner.cli.main import main; main()"


def actions(place: int, count: int) -> list[dict[str, object]]:
    """Scheduled actions of a function: crons of every day, and instants with a window around them."""
    entries: list[dict[str, object]] = []
    for number in range(count):
        target = 1 + (place + number) % 5
        if number % 2:
            cron = f"cron(0 {(place * 7 + number * 3) % 60} {(place + number * 2) % 24} * * *)"
            zone = "Asia/Shanghai" if place % 2 else "Europe/Berlin"
            entries.append({"name": f"c{number}", "scheduleExpression": cron, "target": target, "timeZone": zone})
        else:
            at = NOON + (place * 11 + number * 37) % 1440 * MINUTE
            texts = [f"{moment:%Y-%m-%dT%H:%M:%SZ}" for moment in (at, NOON - 60 * MINUTE, at + 300 * MINUTE)]
            entry = {"scheduleExpression": f"at({texts[0]})", "startTime": texts[1], "endTime": texts[2]}
            entries.append({"name": f"a{number}", "target": target, **entry})
    return entries


def settled(functions: int) -> Emulator:
    """An emulator in which every function has a document and a load, two minutes after the last put."""
    world = World(functions=tuple(FunctionSpec(name=f"f{n}") for n in range(functions)), settings=ROOMY)
    emulator = Emulator(world, clock=ManualClock(NOON))
    for place in range(functions):
        body = {"defaultTarget": 1, "scheduledActions": actions(place, ACTIONS)}
        emulator.call("PutProvisionConfig", Call(function_name=f"f{place}", body=body))
        emulator.offer(f"f{place}", Load(values=tuple(float(1 + (place + k) % 7) for k in range(60)), repeat=True))
    emulator.advance(2 * MINUTE)
    return emulator


def anew(policies: Policies, moment: Moment, settings: Settings) -> Verdict | None:
    """The baseline: every schedule is asked at every evaluation."""
    return scheduled(policies.schedules, moment, settings)


def cpu(work: Callable[[], object]) -> float:
    """CPU seconds of one round."""
    began = time.process_time()
    work()
    return time.process_time() - began


def simulated() -> None:
    """Print what simulated time takes."""
    week = min(cpu(lambda: settled(1).advance(WEEK)) for _ in range(ROUNDS))
    with patch.object(Policies, "scheduled", anew):
        week_anew = min(cpu(lambda: settled(1).advance(WEEK)) for _ in range(ROUNDS))
    row("a simulated week of one function", week, "s", week / week_anew, "every schedule asked anew")
    emulator = settled(FUNCTIONS)
    tick = min(cpu(lambda: emulator.advance(MINUTE)) for _ in range(TICKS))
    with patch.object(Policies, "scheduled", anew):
        tick_anew = min(cpu(lambda: emulator.advance(MINUTE)) for _ in range(TICKS))
    row(f"a minute of {FUNCTIONS:,} x {ACTIONS} actions", tick * 1e3, "ms", tick / tick_anew, "the same")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def serving(command: Sequence[str], port: int) -> Iterator[float]:
    """A server in a process of its own; wall seconds to its first answer."""
    began = time.perf_counter()
    process = subprocess.Popen([sys.executable, "-c", *command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        while process.poll() is None:
            try:
                OPENER.open(f"http://127.0.0.1:{port}/_emulator/clock", timeout=5).read()
            except OSError:
                time.sleep(0.002)
            else:
                break
        else:
            raise SystemExit(f"failed: {command[1:]}")
        yield time.perf_counter() - began
    finally:
        process.terminate()
        process.wait()


def start(command: Sequence[str]) -> float:
    """Wall seconds to the first answer of the server on the port that ends the command."""
    with serving(command, int(command[-1])) as seconds:
        return seconds


def starts() -> None:
    """Print what a start takes."""

    def passing() -> float:
        began = time.perf_counter()
        subprocess.run([sys.executable, "-c", "pass"], check=True)
        return time.perf_counter() - began

    floor = min(passing() for _ in range(ROUNDS))
    empty = min(start([EMPTY, str(free_port())]) for _ in range(ROUNDS))
    ours = min(start([PLANNER, "emulator", "--port", str(free_port())]) for _ in range(ROUNDS))
    row("start to the first answer", ours, "s", ours / empty, f"an empty application ({empty:.2f} s)")
    row("the same", ours, "s", ours / floor, f"python -c pass ({floor:.2f} s)")


def client(port: int) -> Client:
    return Client(Config(endpoint=f"127.0.0.1:{port}", protocol="http", access_key_id="any", access_key_secret="any"))


def a_second(fc: Client) -> float:
    """Gets a second, one after the other."""
    request = models.GetProvisionConfigRequest(qualifier="LATEST")
    began = time.perf_counter()
    for _ in range(REQUESTS):
        fc.get_provision_config("f0", request)
    return REQUESTS / (time.perf_counter() - began)


def requests() -> None:
    """Print how many requests are answered; rounds take turns with the baseline's."""
    empty, ours = free_port(), free_port()
    with tempfile.TemporaryDirectory() as folder:
        world = Path(folder) / "world.yaml"
        world.write_text(
            "functions:\n" + "".join(f"- functionName: f{n}\n" for n in range(FUNCTIONS)), encoding="utf-8"
        )
        emulator = [PLANNER, "emulator", "--functions", str(world), "--port", str(ours)]
        with serving([EMPTY, str(empty)], empty), serving(emulator, ours):
            for configs in (1, FUNCTIONS):
                for place in range(configs):
                    put(client(ours), place)
                rounds = [(a_second(client(ours)), a_second(client(empty))) for _ in range(ROUNDS)]
                rate, base = (max(rates) for rates in zip(*rounds, strict=True))
                row(f"Get by the SDK, of {configs:,}", rate, "a second", rate / base, f"an empty one ({base:.0f})")


def put(fc: Client, place: int) -> None:
    """Put the document of a function."""
    body = models.PutProvisionConfigInput().from_map({"scheduledActions": actions(place, ACTIONS)})
    fc.put_provision_config(f"f{place}", models.PutProvisionConfigRequest(qualifier="LATEST", body=body))


def row(name: str, value: float, unit: str, ratio: float, baseline: str) -> None:
    print(f"{name:36s}{value:10.2f} {unit:9s}{ratio:7.2f} of {baseline}")


def main() -> None:
    simulated()
    starts()
    requests()


if __name__ == "__main__":
    main()
