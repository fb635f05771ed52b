"""The model server against its peers: rates, latencies, start, memory, end.

    python benchmarks/model_server.py [--seconds 4] [--rounds 4] [--only NAMES] [--environment DIR]

Makes an environment of its own with the peers' packages (in DIR, kept, where it is named), starts every server with
the same model, and loads them in turn, in another order every round: each meets the same minutes of a shared machine.
The figures of a server are the medians of its rounds; a ratio is against the peer of the same run. The load is a
closed loop on this machine, which takes a part of its cores.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import random
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import venv
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[1]
OURS = "model_server"
SPLIT, INLINE, MOSEC = "starlette-split", "starlette-inline", "mosec"
NAMES = (OURS, SPLIT, INLINE, "fastapi", MOSEC, "litserve", "bentoml")
PACKAGES = ("starlette", "fastapi", "mosec", "litserve", "bentoml")
CONNECTIONS = (1, 32, 128)
TEXT = b"Nice to meet you"
BODIES = {
    "litserve": (b'"%s"' % TEXT, b"application/json"),
    "bentoml": (b'{"texts": ["%s"]}' % TEXT, b"application/json"),
}
READY_SECONDS = 120


class Client(asyncio.Protocol):
    """One connection that asks again as soon as it has its answer."""

    def __init__(self, request: bytes, seconds: list[float], until: float) -> None:
        self.request, self.seconds, self.until = request, seconds, until
        self.done = asyncio.get_running_loop().create_future()
        self.failed = 0
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for the first time."""
        self.transport = transport
        self._ask()

    def _ask(self) -> None:
        self._asked = time.perf_counter()
        self.transport.write(self.request)  # type: ignore[attr-defined]

    def data_received(self, data: bytes) -> None:
        """Note the answer when it is whole, and ask again."""
        self._buffer += data
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            return
        head = self._buffer[:end].lower()
        start = head.index(b"content-length:") + 15
        if len(self._buffer) < end + 4 + int(head[start : head.find(b"\r", start) if b"\r" in head[start:] else None]):
            return
        self._buffer = b""
        now = time.perf_counter()
        self.seconds.append(now - self._asked)
        self.failed += not head.startswith(b"http/1.1 200")
        if now < self.until:
            self._ask()
        else:
            self.transport.close()

    def connection_lost(self, _: Exception | None) -> None:
        """Be done."""
        if not self.done.done():
            self.done.set_result(None)


@dataclass
class Load:
    """One burst."""

    rate: float
    p50: float
    p99: float
    failed: int
    cpu: float = 0.0
    """Milliseconds of CPU of the server and its children for a request: what a shared machine disturbs least."""


def request(name: str, path: str = "/invoke") -> bytes:
    body, kind = BODIES.get(name, (TEXT, b"text/plain"))
    if path != "/invoke":
        return b"GET %s HTTP/1.1\r\nHost: x\r\n\r\n" % path.encode()
    return b"POST /invoke HTTP/1.1\r\nHost: x\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n%s" % (
        kind,
        len(body),
        body,
    )


async def burst(port: int, asked: bytes, connections: int, seconds: float) -> Load:
    loop = asyncio.get_running_loop()
    times: list[float] = []
    begun = time.perf_counter()
    clients = []
    for _ in range(connections):
        _, client = await loop.create_connection(lambda: Client(asked, times, begun + seconds), "127.0.0.1", port)
        clients.append(client)
    await asyncio.gather(*(client.done for client in clients))
    spent = time.perf_counter() - begun
    times.sort()
    failed = sum(client.failed for client in clients)
    return Load(len(times) / spent, times[len(times) // 2] * 1e3, times[int(len(times) * 0.99)] * 1e3, failed)


async def beside(port: int, name: str, seconds: float) -> tuple[Load, Load]:
    """128 connections that invoke, and one that asks for health."""
    return await asyncio.gather(  # type: ignore[return-value]
        burst(port, request(name), 128, seconds), burst(port, request(name, "/health"), 1, seconds)
    )


@dataclass
class Server:
    """One that runs, and what was measured of it."""

    name: str
    port: int
    process: subprocess.Popen[bytes]
    listening: float
    ready: float
    loads: dict[int, list[Load]] = field(default_factory=dict)

    def median(self, connections: int, figure: str) -> float:
        """Of the rounds."""
        return statistics.median(getattr(load, figure) for load in self.loads[connections])


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


def cpu(process: int) -> float:
    """Seconds of CPU of a process and its children so far."""
    fields = [Path(f"/proc/{member}/stat").read_text().rsplit(")", 1)[1].split() for member in family(process)]
    return sum(int(each[11]) + int(each[12]) for each in fields) / os.sysconf("SC_CLK_TCK")


def end(server: Server) -> str:
    """How it ends at SIGTERM with 16 requests in flight."""
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
    for member in [server.process.pid, *left]:
        with contextlib.suppress(ProcessLookupError):
            os.kill(member, signal.SIGKILL)
    server.process.wait()
    return f"{16 - answered} of 16 lost, exit code {code}, {spent:.2f} s, {len(left)} children left"


def importing() -> float:
    """Seconds to import torch and load the weights in a bare process."""
    begun = time.perf_counter()
    code = "from model_server.model import Moderator; Moderator.load(threads=1)"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
    return time.perf_counter() - begun


def first_after_initialize() -> tuple[float, float]:
    """Milliseconds: the first request after /initialize, and the P99 of the next thousand."""
    port = free_port()
    command = [sys.executable, "-m", "model_server", "--host", "127.0.0.1", "--port", str(port)]
    process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL)
    initialize = b"POST /initialize HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"
    while not ask(port, initialize).startswith(b"HTTP/1.1 200"):
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
    return times[0], sorted(times[1:])[990]


def measure(names: list[str], seconds: float, rounds: int) -> None:
    import uvloop  # noqa: PLC0415  # only in the environment that was made

    servers = []
    print(f"{'server':18} listening s   ready s   PSS MiB")
    for name in names:
        servers.append(server := start(name))
        print(f"{name:18} {server.listening:11.2f} {server.ready:9.2f} {pss(server.process.pid):9.0f}", flush=True)
    order = random.Random(0)  # a fixed order of the rounds
    for _ in range(rounds):
        for connections in CONNECTIONS:
            for server in order.sample(servers, len(servers)):
                before = cpu(server.process.pid)
                load = uvloop.run(burst(server.port, request(server.name), connections, seconds))
                load.cpu = (cpu(server.process.pid) - before) / (load.rate * seconds) * 1e3
                server.loads.setdefault(connections, []).append(load)
    health = {
        server.name: uvloop.run(beside(server.port, server.name, seconds))[1]
        for server in servers
        if server.name != "bentoml"
    }
    report(servers, health)
    for server in servers:
        print(f"{server.name:18} PSS loaded {pss(server.process.pid):.0f} MiB; {end(server)}", flush=True)


def report(servers: list[Server], health: dict[str, Load]) -> None:
    print(
        f"\n{'server':18}"
        + "".join(f" c={c:<4} req/s  p50 ms  p99 ms  CPU ms" for c in CONNECTIONS)
        + "  health p99 ms  failed"
    )
    for server in servers:
        cells = ""
        for c in CONNECTIONS:
            cells += f" {server.median(c, 'rate'):12.0f} {server.median(c, 'p50'):7.1f} {server.median(c, 'p99'):7.1f}"
            cells += f" {server.median(c, 'cpu'):7.3f}"
        failed = sum(load.failed for loads in server.loads.values() for load in loads)
        alive = health[server.name].p99 if server.name in health else float("nan")
        print(f"{server.name:18}{cells} {alive:14.1f} {failed:7}")
    found = {server.name: server for server in servers}
    python = [name for name in found if name not in {OURS, MOSEC}]
    print()
    for connections in CONNECTIONS:
        ours = found[OURS].median(connections, "rate")
        best = max(python, key=lambda name: found[name].median(connections, "rate"), default=None)
        for name in dict.fromkeys(name for name in (best, MOSEC, INLINE) if name in found):
            print(f"c={connections}: {ours / found[name].median(connections, 'rate'):.2f} x {name}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=4)
    parser.add_argument("--rounds", type=int, default=4)
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
    bare = min(importing() for _ in range(2))
    first, p99 = first_after_initialize()
    print(f"import torch and load the weights: {bare:.2f} s")
    after = f"{first:.2f} ms, {first / p99:.2f} x the P99 of the next thousand ({p99:.2f} ms)"
    print(f"first request after /initialize: {after}")
    measure(names, chosen.seconds, chosen.rounds)


if __name__ == "__main__":
    main()
