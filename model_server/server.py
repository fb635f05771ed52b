"""The parts put together: uvicorn with its signals, the process with the model, the exit code."""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn
import uvloop
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from model_server.app import GONE, Application
from model_server.batching import Batcher
from model_server.lifecycle import About, Lifecycle
from model_server.link import Link
from model_server.metrics import Metrics
from model_server.settings import Settings

_log = logging.getLogger("model_server")

_HEAD_BYTES = 65536
"""Of a request's line and headers; FC itself passes 8 KB of headers and 4 KB of path."""
_WORKER_SECONDS = 1.0


class _Protocol(HttpToolsProtocol):
    """HTTP with a bounded head, whose requests know whether their client is still there."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.app_state = {**self.app_state, GONE: transport.is_closing}
        self._head: list[int] | None = None
        """The bytes of the head that is open, its first read left out, as that may hold the end of a body."""

    def data_received(self, data: bytes) -> None:
        head = self._head
        super().data_received(data)
        if head is not None and head is self._head:
            head[0] += len(data)
            if head[0] > _HEAD_BYTES and not self.transport.is_closing():
                self.send_400_response(f"The request's head is larger than {_HEAD_BYTES} bytes.")

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._head = [0]

    def on_headers_complete(self) -> None:
        super().on_headers_complete()
        self._head = None


class _Server(uvicorn.Server):
    """uvicorn that leaves signals to us: after a clean drain it would raise them again, and exit with 143."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def serve(settings: Settings, listener: socket.socket, channel: socket.socket) -> int:
    """Serve until SIGTERM or SIGINT (0), or until the model is lost (1)."""
    loop = asyncio.get_running_loop()
    metrics = Metrics()
    _, link = await loop.create_unix_connection(Link, sock=channel)
    codes: list[int] = []

    def make_batcher(about: About) -> Batcher:
        lengths = [length for _, length in about.shapes]
        in_flight = settings.batches_in_flight
        return Batcher(link.ask, max_batch=about.max_batch, lengths=lengths, in_flight=in_flight, metrics=metrics)

    def stop(code: int) -> None:
        codes.append(code)
        server.should_exit = True

    def on_signal(number: int) -> None:
        _log.info("%s: finishing what is in flight", signal.Signals(number).name, extra={"action": "stop"})
        server.force_exit = bool(codes)  # the second one does not wait
        stop(0)

    lifecycle = Lifecycle(link, make_batcher, stop)
    server = _Server(_config(Application(settings, lifecycle, link, metrics), settings))
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, on_signal, number)
    living = asyncio.create_task(
        lifecycle.run(warm_up=settings.warm_up == "start", stall_seconds=settings.stall_seconds)
    )
    await server.serve(sockets=[listener])
    living.cancel()
    link.close()
    return max(codes)


def _config(app: Any, settings: Settings) -> uvicorn.Config:  # noqa: ANN401  # uvicorn's types of ASGI are its own
    return uvicorn.Config(
        app,
        http=_Protocol,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        backlog=2048,
        timeout_keep_alive=settings.keep_alive_seconds,
        timeout_graceful_shutdown=settings.grace_seconds,
    )


def run(settings: Settings, listener: socket.socket, worker: subprocess.Popen[bytes], channel: socket.socket) -> int:
    """Serve, then see that the process with the model is gone: the exit code."""
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(serve(settings, listener, channel))
    finally:
        try:
            worker.wait(_WORKER_SECONDS)
        except subprocess.TimeoutExpired:  # loading or computing still; it holds nothing worth waiting for
            worker.kill()
            worker.wait()
        _log.info("ended", extra={"action": "end"})
