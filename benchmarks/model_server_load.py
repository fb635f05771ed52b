"""The load of model_server.py: a closed loop of connections, by `wrk` if that is installed, else by a client here."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

TEXTS = {"short": b"Nice to meet you", "64 words": b" ".join(b"word%d" % (number % 17) for number in range(64))}
MILLISECONDS = {"us": 1e-3, "ms": 1.0, "s": 1e3, "m": 6e4}
WRK = shutil.which("wrk")


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
    """Milliseconds of CPU of the server and its children for a request."""

    foreign: float = 0.0
    """Share of the machine's CPU that went to neither the server nor the load."""


def body(name: str, text: bytes) -> tuple[bytes, bytes]:
    """What a server takes, and its content type."""
    if name == "litserve":
        return b'"%s"' % text, b"application/json"
    return (b'{"texts": ["%s"]}' % text, b"application/json") if name == "bentoml" else (text, b"text/plain")


def request(name: str, path: str = "/invoke", text: bytes = TEXTS["short"]) -> bytes:
    if path != "/invoke":
        return b"GET %s HTTP/1.1\r\nHost: x\r\n\r\n" % path.encode()
    sent, kind = body(name, text)
    head = b"POST /invoke HTTP/1.1\r\nHost: x\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n"
    return head % (kind, len(sent)) + sent


async def burst(port: int, asked: bytes, connections: int, seconds: float) -> Load:
    """By this file's client."""
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


def wrk(port: int, name: str, text: bytes, connections: int, seconds: float) -> subprocess.Popen[str]:
    """The load by wrk, begun."""
    sent, kind = (part.decode() for part in body(name, text))
    script = Path(tempfile.gettempdir()) / f"model_server_wrk_{os.getpid()}.lua"
    script.write_text(f"wrk.method='POST' wrk.body=[[{sent}]] wrk.headers['Content-Type']='{kind}'", encoding="utf-8")
    command = ["wrk", "-t1", f"-c{connections}", f"-d{max(1, round(seconds))}s", "--latency", "-s", str(script)]
    return subprocess.Popen([*command, f"http://127.0.0.1:{port}/invoke"], stdout=subprocess.PIPE, text=True)


def told(running: subprocess.Popen[str]) -> Load:
    """What wrk says at its end."""
    said, _ = running.communicate()
    rate = float(re.search(r"Requests/sec: +([\d.]+)", said)[1])  # type: ignore[index]
    p50, p99 = (
        float(found[1]) * MILLISECONDS[found[2]]
        for found in (re.search(rf" {percent}% +([\d.]+)(us|ms|s|m)", said) for percent in (50, 99))
        if found
    )
    wrong = re.search(r"Non-2xx or 3xx responses: (\d+)", said)
    return Load(rate, p50, p99, int(wrong[1]) if wrong else 0)


async def beside(port: int, name: str, seconds: float) -> Load:
    """One connection that asks for health while 128 invoke."""
    if WRK:
        running = wrk(port, name, TEXTS["short"], 128, seconds + 1)
        await asyncio.sleep(0.5)
        load = await burst(port, request(name, "/health"), 1, seconds)
        told(running)
        return load
    asked, alive = request(name), request(name, "/health")
    return (await asyncio.gather(burst(port, asked, 128, seconds), burst(port, alive, 1, seconds)))[1]


def drive(port: int, name: str, text: bytes, connections: int, seconds: float) -> Load:
    """One burst of invocations."""
    if WRK:
        return told(wrk(port, name, text, connections, seconds))
    return asyncio.run(burst(port, request(name, text=text), connections, seconds))
