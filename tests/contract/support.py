"""Connections for tests, and a server that answers from a script."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import ClassVar

from planner.clock import Clock, ManualClock
from planner.fc.client import SdkFunctionCompute
from planner.fc.sdk import Connection, connect
from tests.builders import NOON


def connected(url: str, clock: Clock | None = None) -> SdkFunctionCompute:
    """A client whose waits take no time."""
    return connect(Connection(endpoint=url), clock=clock or ManualClock(NOON), draw=lambda: 0.5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scripted:
    """One answer."""

    status: int
    body: str = ""
    headers: dict[str, str] = field(default_factory=dict)


class _Handler(BaseHTTPRequestHandler):
    answers: ClassVar[list[Scripted]] = []

    def do_GET(self) -> None:
        answer = self.answers.pop(0)
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        self.wfile.write(answer.body.encode())

    def do_PUT(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.do_GET()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
        pass


@contextmanager
def answering(*answers: Scripted) -> Iterator[str]:
    """The URL of a server that gives these answers in turn, for bodies that the emulator never sends."""
    handler = type("Handler", (_Handler,), {"answers": list(answers)})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()
