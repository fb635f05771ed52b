"""A real server process with the stand-in, and the ways to talk to it."""

from __future__ import annotations

import http.client
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[2]
WITHIN_SECONDS = 20.0


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self):
        return json.loads(self.body)


@dataclass
class Server:
    process: subprocess.Popen[bytes]
    folder: Path
    port: int = 0
    sockets: list[socket.socket] = field(default_factory=list)

    @property
    def logs(self) -> list[dict[str, object]]:
        return [json.loads(line) for line in (self.folder / "log").read_text("utf-8").splitlines()]

    @property
    def journal(self) -> list[str]:
        path = self.folder / "journal"
        return path.read_text("utf-8").splitlines() if path.exists() else []

    @property
    def worker(self) -> int | None:
        """The id of the process with the model; none once it is gone."""
        path = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        children = path.read_text().split() if path.exists() else []
        return int(children[0]) if children else None

    def call(self, method: str, path: str, body: bytes | None = None, timeout: float = WITHIN_SECONDS, **headers: str):
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            connection.request(method, path, body, named)
            response = connection.getresponse()
            return Answer(response.status, {k.lower(): v for k, v in response.getheaders()}, response.read())
        finally:
            connection.close()

    def invoke(self, body: bytes | str, content_type: str = "text/plain", **headers: str) -> Answer:
        encoded = body.encode() if isinstance(body, str) else body
        return self.call("POST", "/invoke", encoded, content_type=content_type, **headers)

    def connect(self) -> socket.socket:
        connection = socket.create_connection(("127.0.0.1", self.port), WITHIN_SECONDS)
        self.sockets.append(connection)
        return connection

    def send(self, text: str, **headers: str) -> socket.socket:
        """Send an invocation without waiting for its answer."""
        connection = self.connect()
        connection.sendall(request(text.encode(), **headers))
        return connection

    def metric(self, name: str) -> float:
        lines = self.call("GET", "/metrics").body.decode().splitlines()
        return next(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(name + " "))

    def ready(self) -> None:
        assert self.call("POST", "/initialize").status == 200


def request(body: bytes, path: str = "/invoke", method: str = "POST", **headers: str) -> bytes:
    named = {"Host": "x", "Content-Type": "text/plain", "Content-Length": str(len(body))}
    named |= {name.replace("_", "-"): value for name, value in headers.items()}
    head = "".join(f"{name}: {value}\r\n" for name, value in named.items())
    return f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode() + body


def answer(connection: socket.socket) -> Answer:
    """The next answer on a connection."""
    response = http.client.HTTPResponse(connection)
    response.begin()
    return Answer(response.status, {k.lower(): v for k, v in response.getheaders()}, response.read())


def until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + WITHIN_SECONDS
    while not condition():
        assert time.monotonic() < deadline, f"not within {WITHIN_SECONDS} s: {what}"
        time.sleep(0.02)


@contextmanager
def serving(folder: Path, *flags: str, model: str = "StandIn", load_seconds: float = 0) -> Iterator[Server]:
    command = [sys.executable, "-m", "model_server", "--host", "127.0.0.1", "--port", "0"]
    environment = os.environ | {
        "STANDIN_JOURNAL": str(folder / "journal"),
        "STANDIN_LOAD_SECONDS": str(load_seconds),
        "MODEL_SERVER_MODEL": f"tests.model_server.standin:{model}",
    }
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([*command, *flags], cwd=ROOT, env=environment, stderr=log)
    server = Server(process, folder)
    try:
        until(lambda: bool((folder / "log").read_bytes().count(b"\n")), "the server listens")
        server.port = int(str(server.logs[0].get("port", 0)))
        yield server
    finally:
        for connection in server.sockets:
            connection.close()
        process.kill()
        process.wait()
