"""The parts put together: the listener, signals, the process with the model, the exit code."""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
import subprocess
from collections.abc import Sequence

import uvloop

from model_server.app import Application
from model_server.batching import Batcher
from model_server.connection import Listener
from model_server.lifecycle import About, Lifecycle
from model_server.link import Link
from model_server.metrics import Metrics
from model_server.rehearsal import rehearse
from model_server.settings import Settings

_log = logging.getLogger("model_server")

_WORKER_SECONDS = 1.0


async def serve(settings: Settings, listener: socket.socket, channel: socket.socket, early: Sequence[int]) -> int:
    """Serve until SIGTERM or SIGINT (0), or until the model is lost (1); `early` are signals that came before."""
    loop = asyncio.get_running_loop()
    metrics = Metrics()
    _, link = await loop.create_unix_connection(Link, sock=channel)
    codes: list[int] = []
    stopping, hurry = asyncio.Event(), asyncio.Event()

    def make_batcher(about: About) -> Batcher:
        lengths = [length for _, length in about.shapes]
        in_flight = settings.batches_in_flight
        return Batcher(link.ask, max_batch=about.max_batch, lengths=lengths, in_flight=in_flight, metrics=metrics)

    async def rehearsed() -> None:
        try:
            await rehearse(front)
        finally:
            metrics.forget_batches()

    def stop(code: int) -> None:
        codes.append(code)
        stopping.set()

    def on_signal(number: int) -> None:
        _log.info("%s: finishing what is in flight", signal.Signals(number).name, extra={"action": "stop"})
        if codes:  # the second one does not wait
            hurry.set()
        stop(0)

    lifecycle = Lifecycle(link, make_batcher, rehearsed, stop)
    app = Application(settings, lifecycle, link, metrics)
    front = Listener(
        app.call,
        body_bytes=settings.max_body_bytes,
        connections=settings.max_connections,
        idle_seconds=settings.keep_alive_seconds,
        head_seconds=settings.timeout_seconds,
    )
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, on_signal, number)
    for come in early:
        on_signal(come)
    living = asyncio.create_task(
        lifecycle.run(warm_up=settings.warm_up == "start", stall_seconds=settings.stall_seconds)
    )
    await front.open(listener)
    await stopping.wait()
    await front.close(settings.grace_seconds, hurry)
    living.cancel()
    link.close()
    return max(codes)


def run(
    settings: Settings,
    listener: socket.socket,
    worker: subprocess.Popen[bytes],
    channel: socket.socket,
    early: Sequence[int],
) -> int:
    """Serve, then see that the process with the model is gone: the exit code."""
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(serve(settings, listener, channel, early))
    finally:
        try:
            worker.wait(_WORKER_SECONDS)
        except subprocess.TimeoutExpired:  # loading or computing still; it holds nothing worth waiting for
            worker.kill()
            worker.wait()
        _log.info("ended", extra={"action": "end"})
