"""Connections by themselves, on a clock moved by hand."""

from __future__ import annotations

import asyncio
import socket
from dataclasses import dataclass, field

import pytest

from model_server.connection import Connection, Listener
from model_server.exchange import Answer, Exchange
from tests.model_server.serving import request

SECONDS = 10.0


@pytest.fixture
def anyio_backend():
    return "asyncio"


@dataclass(slots=True, eq=False)
class Waiting(Exchange):
    """One whose answer never comes."""

    here: asyncio.Event = field(default_factory=asyncio.Event)

    def opened(self):
        self.deadline = self.began + SECONDS

    def completed(self):
        self.here.set()

    def expired(self):
        self.send(Answer(504, b""))


@pytest.mark.anyio
@pytest.mark.parametrize(("woken_by_it", "left"), [(True, SECONDS), (False, SECONDS - 4)])
async def test_a_request_waits_no_longer_and_no_shorter_for_a_freeze(woken_by_it, left):
    time, exchanges = [1000.0], []

    def make(connection, began):
        exchanges.append(Waiting(connection, began))
        return exchanges[-1]

    listener = Listener(make, body_bytes=99, idle_seconds=900, head_seconds=SECONDS)
    listener.now = lambda: time[0]
    near, far = socket.socketpair()
    with far:
        _, connection = await asyncio.get_running_loop().create_connection(lambda: Connection(listener), sock=near)
        if woken_by_it:
            time[0] += 3600
        connection.data_received(request(b"one"))
        (exchange,) = exchanges
        assert exchange.here.is_set()
        if not woken_by_it:
            time[0] += 4 + 3600
        connection.thaw(3600, time[0])
        connection.check(time[0] + left - 0.1)
        assert not exchange.over
        connection.check(time[0] + left + 0.1)
        assert exchange.over
        connection.abort()
