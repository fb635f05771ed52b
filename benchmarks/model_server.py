"""The model server against its bars and its peers: rates, latencies, start, memory, end.

    python benchmarks/model_server.py [--seconds 2] [--rounds 5] [--starts 10] [--only NAMES] [--environment DIR]

Makes an environment of its own with the peers' packages (in DIR, kept, where it is named), starts every server with
the same model, and loads them in turn, in another order every round: each meets the same minutes of a shared machine.
LitServe is stopped while others are measured: it burns a tenth of a CPU when it is idle.
The figures of a server are the medians of its rounds; ratios are against the peers of the same run. "Others' CPU" says
how quiet the machine was: what went to neither the server nor its load. The load is a closed loop on this machine, by
`wrk` where that is installed, else by a slower client of this file; it takes a part of the machine's cores. CPU ms is
what a request costs all processes of a server, which other work on the machine disturbs least.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import random
import resource
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from model_server_load import TEXTS, WRK, Load, beside, drive, request

ROOT = Path(__file__).parents[1]
OURS = "model_server"
SPLIT, INLINE, MOSEC = "starlette-split", "starlette-inline", "mosec"
NAMES = (OURS, SPLIT, INLINE, "fastapi", MOSEC, "litserve", "bentoml")
PACKAGES = ("starlette", "uvicorn", "fastapi", "mosec", "litserve", "bentoml")
CELLS = [(text, connections) for text in TEXTS for connections in (1, 32, 128)]
STARTS = 4
RESTLESS = ("litserve",)
"""Stopped while they are not measured; the others rest by themselves."""
READY_SECONDS = 180
CLOCK = os.sysconf("SC_CLK_TCK")


def loaded(server: Server, text: bytes, connections: int, seconds: float) -> Load:
    """One burst, with its CPU."""
    if server.process.poll() is not None:
        raise SystemExit(f"{server.name} ended with {server.process.returncode} while it was measured: leave it out")
    with running(server):
        spent, busy, begun = cpu(server.process.pid), machine(), time.perf_counter()
        before = generator()
        load = drive(server.port, server.name, text, connections, seconds)
        took = time.perf_counter() - begun
        spent = cpu(server.process.pid) - spent
    load.cpu = spent / (load.rate * took) * 1e3
    load.foreign = max(0.0, machine() - busy - spent - (generator() - before)) / took / (os.cpu_count() or 1)
    return load


@dataclass
class Server:
    """One that runs, and what was measured of it."""

    name: str
    port: int
    process: subprocess.Popen[bytes]
    listening: float
    ready: float
    idle: float = 0.0
    """MiB of PSS after the warm-up."""

    health: Load | None = None
    loads: dict[tuple[str, int], list[Load]] = field(default_factory=dict)

    def median(self, cell: tuple[str, int], figure: str) -> float:
        """Of the rounds."""
        return statistics.median(getattr(load, figure) for load in self.loads[cell])


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def ask(port: int, asked: bytes, timeout: float = 30) -> bytes:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout) as connection:
            connection.sendall(asked)
            return connection.recv(65536)
    except OSError:
        return b""


def start(name: str) -> Server:
    port = free_port()
    command = [sys.executable, str(Path(__file__).with_name("model_server_peers.py")), name, str(port)]
    if name == OURS:
        command = [
            sys.executable,
            "-m",
            "model_server",
            "--host",
            "127.0.0.1",
            "--port",
            str(port),
            "--warm-up",
            "start",
        ]
    begun = time.perf_counter()
    process = subprocess.Popen(
        command, cwd=ROOT, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL, start_new_session=True
    )
    listening = 0.0
    while time.perf_counter() - begun < READY_SECONDS:
        if not listening:
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", port), 1).close()
                listening = time.perf_counter() - begun
        elif ask(port, request(name)).startswith(b"HTTP/1.1 200"):
            return Server(name, port, process, listening, time.perf_counter() - begun)
        time.sleep(0.01)
    process.kill()
    raise SystemExit(f"{name} was not ready within {READY_SECONDS} s")


def family(process: int) -> list[int]:
    children = [int(c) for task in Path(f"/proc/{process}/task").glob("*/children") for c in task.read_text().split()]
    return [process, *(member for child in children for member in family(child))]


def pss(process: int) -> float:
    """MiB of a process and its children, shared pages counted in parts."""
    lines = [
        line for member in family(process) for line in Path(f"/proc/{member}/smaps_rollup").read_text().splitlines()
    ]
    return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024


def machine() -> float:
    """Seconds of CPU that the machine has spent so far."""
    user, nice, system, _, _, *interrupts = map(int, Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9])
    return (user + nice + system + sum(interrupts)) / CLOCK


def generator() -> float:
    """Seconds of CPU of this process and its children that have ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


def cpu(process: int) -> float:
    """Seconds of CPU of a process and its children so far."""
    fields = [Path(f"/proc/{member}/stat").read_text().rsplit(")", 1)[1].split() for member in family(process)]
    return sum(int(each[11]) + int(each[12]) for each in fields) / CLOCK


@dataclass
class End:
    """How a server ends at SIGTERM with 16 requests in flight."""

    lost: int
    code: int | None
    seconds: float
    children: int

    def __str__(self) -> str:
        return f"{self.lost} of 16 lost, exit code {self.code}, {self.children} children left, {self.seconds:.2f} s"


def tell(server: Server, number: signal.Signals) -> None:
    """A signal to all processes of a server that must not run beside the others."""
    if server.name in RESTLESS:
        for member in family(server.process.pid):
            os.kill(member, number)


@contextlib.contextmanager
def running(server: Server) -> Iterator[None]:
    """Let it go on, until it is stopped again."""
    tell(server, signal.SIGCONT)
    try:
        yield
    finally:
        tell(server, signal.SIGSTOP)


def kill(server: Server, members: list[int]) -> None:
    for member in {server.process.pid, *members}:
        with contextlib.suppress(ProcessLookupError):
            os.kill(member, signal.SIGKILL)
    server.process.wait()


def end(server: Server) -> End:
    members = family(server.process.pid)
    connections = [socket.create_connection(("127.0.0.1", server.port), 30) for _ in range(16)]
    for connection in connections:
        connection.sendall(request(server.name))
    time.sleep(0.001)
    begun = time.perf_counter()
    server.process.send_signal(signal.SIGTERM)
    answered = 0
    for connection in connections:
        with contextlib.suppress(OSError):
            answered += connection.recv(65536).startswith(b"HTTP/1.1 200")
        connection.close()
    try:
        code: int | None = server.process.wait(15)
    except subprocess.TimeoutExpired:
        code = None
    spent = time.perf_counter() - begun
    time.sleep(0.2)
    left = [member for member in members if Path(f"/proc/{member}").exists() and member != server.process.pid]
    kill(server, left)
    return End(16 - answered, code, spent, len(left))


def importing() -> float:
    """Seconds to import torch and load the weights in a bare process."""
    begun = time.perf_counter()
    code = "import os; from model_server.model import Moderator; Moderator.load(threads=1); os._exit(0)"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
    return time.perf_counter() - begun


def first_after_initialize() -> float:
    """The time of the first request after /initialize, over the P99 of the next thousand."""
    port = free_port()
    command = [sys.executable, "-m", "model_server", "--host", "127.0.0.1", "--port", str(port)]
    process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL)
    initialize = b"POST /initialize HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"
    while not ask(port, initialize).startswith(b"HTTP/1.1 200"):
        if process.poll() is not None:
            raise SystemExit(f"{OURS} ended with {process.returncode} before it was initialized")
        time.sleep(0.02)
    times = []
    with socket.create_connection(("127.0.0.1", port), 30) as connection:
        for _ in range(1001):
            begun = time.perf_counter()
            connection.sendall(request(OURS))
            connection.recv(65536)
            times.append((time.perf_counter() - begun) * 1e3)
    process.terminate()
    process.wait()
    return times[0] / sorted(times[1:])[990]


def measure(servers: list[Server], names: list[str], seconds: float, rounds: int) -> None:
    """Start all, adding each to `servers`, and load them in turn."""
    print(f"{'server':18} listening s   ready s   PSS MiB")
    for name in names:
        servers.append(server := start(name))
        server.idle = pss(server.process.pid)
        tell(server, signal.SIGSTOP)
        print(f"{name:18} {server.listening:11.2f} {server.ready:9.2f} {server.idle:9.0f}", flush=True)
    order = random.Random(0)  # a fixed order of the rounds
    for _ in range(rounds):
        for cell in CELLS:
            for server in order.sample(servers, len(servers)):
                load = loaded(server, TEXTS[cell[0]], cell[1], seconds)
                server.loads.setdefault(cell, []).append(load)
    for server in servers:
        if server.name != "bentoml":
            with running(server):
                server.health = asyncio.run(beside(server.port, server.name, seconds))


def report(servers: list[Server]) -> None:
    """The table of all servers."""
    for cell in CELLS:
        print(
            f"\n{cell[0]}, {cell[1]} connections\n{'server':18}    req/s  p50 ms  p99 ms  CPU ms  failed  others' CPU"
        )
        for server in servers:
            rate, p50, p99, spent, foreign = (
                server.median(cell, figure) for figure in ("rate", "p50", "p99", "cpu", "foreign")
            )
            failed = sum(load.failed for load in server.loads[cell])
            print(f"{server.name:18} {rate:8.0f} {p50:7.1f} {p99:7.1f} {spent:7.3f} {failed:7} {foreign:11.0%}")


def bars(ours: Server, peers: list[Server], bare: float, first: list[float], ended: End) -> None:
    """Each bar, what was measured, and whether it is met."""
    rows: list[tuple[str, str, bool]] = []
    named = {peer.name: peer for peer in peers}
    python = [peer for peer in peers if peer.name != MOSEC]
    for cell in CELLS:
        rate = ours.median(cell, "rate")
        if cell[1] > 1 and python:
            best = max(python, key=lambda peer: peer.median(cell, "rate"))
            ratio = rate / best.median(cell, "rate")
            rows.append(
                (
                    f"{cell[0]}, {cell[1]} connections: rate >= 0.95 x the best Python peer",
                    f"{ratio:.2f} x {best.name}",
                    ratio >= 0.95,
                )
            )
        for name, least in ((MOSEC, 0.85), (INLINE, 1.0)):
            if name in named and (cell[1] > 1) == (name == MOSEC):
                ratio = rate / named[name].median(cell, "rate")
                cost = ours.median(cell, "cpu") / named[name].median(cell, "cpu")
                rows.append(
                    (
                        f"{cell[0]}, {cell[1]} connections: rate >= {least:g} x {name}",
                        f"{ratio:.2f}, CPU {cost:.2f} x",
                        ratio >= least,
                    )
                )
    p99 = ours.median(("short", 32), "p99")
    rows.append(("P99 of short texts at 32 connections < 15 ms", f"{p99:.1f} ms", p99 < 15))
    rows.append(("listening < 0.5 s after the start", f"{ours.listening:.2f} s", ours.listening < 0.5))
    ratio = ours.ready / bare
    rows.append(
        (
            "ready <= 1.2 x importing torch and loading",
            f"{ratio:.2f} x ({ours.ready:.2f} of {bare:.2f} s)",
            ratio <= 1.2,
        )
    )
    rows.append(("PSS idle after the warm-up <= 280 MiB", f"{ours.idle:.0f} MiB", ours.idle <= 280))
    if ours.health:
        rows.append(("P99 of health beside 128 < 20 ms", f"{ours.health.p99:.1f} ms", ours.health.p99 < 20))
    rows.append(
        ("SIGTERM: none lost, 0, no child left", str(ended), (ended.lost, ended.code, ended.children) == (0, 0, 0))
    )
    if first:
        worst = f"median {statistics.median(first):.2f} x, worst {max(first):.2f} x of {len(first)} starts"
        rows.append(("first after /initialize <= 1.5 x the P99 of the next 1000", worst, max(first) <= 1.5))
    print()
    for bar, found, met in rows:
        print(f"{'met   ' if met else 'MISSED'} {bar:62} {found}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--starts", type=int, default=10, help="of which the first request is looked at")
    parser.add_argument("--only", default=",".join(NAMES))
    parser.add_argument("--environment", type=Path)
    chosen = parser.parse_args()
    if os.environ.get("MODEL_SERVER_BENCHMARK") != "inside":
        with tempfile.TemporaryDirectory() as temporary:
            folder = chosen.environment or Path(temporary)
            python = folder / "bin" / "python"
            if not python.exists():
                venv.create(folder, with_pip=True)
                needs = ["-r", str(ROOT / "model_server" / "requirements.txt"), *PACKAGES]
                subprocess.run([python, "-m", "pip", "install", "--quiet", *needs], check=True)
            inside = os.environ | {"MODEL_SERVER_BENCHMARK": "inside"}
            raise SystemExit(subprocess.run([python, *sys.argv], env=inside, check=False).returncode)
    names = [OURS, *(name for name in chosen.only.split(",") if name != OURS)]
    print(f"load by {'wrk' if WRK else 'the client of this file'}, {os.cpu_count()} cores")
    first = [first_after_initialize() for _ in range(chosen.starts)]
    servers: list[Server] = []
    try:
        measure(servers, names, chosen.seconds, chosen.rounds)
    except BaseException:
        for server in servers:
            kill(server, family(server.process.pid) if server.process.poll() is None else [])
        raise
    report(servers)
    print()
    ends = {}
    for server in servers:
        after = pss(server.process.pid)
        tell(server, signal.SIGCONT)
        ends[server.name] = end(server)
        alive = f"health P99 {server.health.p99:.1f} ms, " if server.health else ""
        print(f"{server.name:18} {alive}PSS loaded {after:.0f} MiB; SIGTERM: {ends[server.name]}", flush=True)
    bare, again = [], []
    for _ in range(STARTS):  # in turn, as the machine is shared
        bare.append(importing())
        again.append(start(OURS))
        end(again[-1])
    servers[0].listening = min(server.listening for server in again)
    servers[0].ready = min(server.ready for server in again)
    print(f"import torch and load the weights: {min(bare):.2f} s")
    bars(servers[0], servers[1:], min(bare), first, ends[OURS])


if __name__ == "__main__":
    main()
