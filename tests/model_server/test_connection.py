"""Connections by themselves, on a clock moved by hand."""

from __future__ import annotations

import asyncio
import socket
from contextlib import asynccontextmanager
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


class Bench:
    """A connection of a listener whose clock is moved by hand, and the exchanges it made."""

    def __init__(self, *, connections=9):
        self.now = 1000.0
        self.exchanges: list[Waiting] = []
        self.listener = Listener(
            self.make, body_bytes=99, connections=connections, idle_seconds=900, head_seconds=SECONDS
        )
        self.listener.now = lambda: self.now

    def make(self, connection, began):
        self.exchanges.append(Waiting(connection, began))
        return self.exchanges[-1]

    @asynccontextmanager
    async def connection(self, *, own=False):
        near, far = socket.socketpair()
        with far:
            loop = asyncio.get_running_loop()
            transport, connection = await loop.create_connection(lambda: Connection(self.listener, own=own), sock=near)
            self.client = far
            yield connection, transport
            transport.abort()
            await asyncio.sleep(0)


@pytest.mark.anyio
@pytest.mark.parametrize(("woken_by_it", "left"), [(True, SECONDS), (False, SECONDS - 4)])
async def test_a_request_waits_no_longer_and_no_shorter_for_a_freeze(woken_by_it, left):
    bench = Bench()
    async with bench.connection() as (connection, _):
        if woken_by_it:
            bench.now += 3600
        connection.data_received(request(b"one"))
        (exchange,) = bench.exchanges
        assert exchange.here.is_set()
        if not woken_by_it:
            bench.now += 4 + 3600
        connection.thaw(3600, bench.now)
        connection.check(bench.now + left - 0.1)
        assert not exchange.over
        connection.check(bench.now + left + 0.1)
        assert exchange.over


@pytest.mark.anyio
@pytest.mark.parametrize("sent", [request(b"one")[:20], request(b"one")[:-1], request(b"one")], ids=str)
async def test_the_time_in_which_a_client_reads_its_last_answer_is_not_that_of_its_next_request(sent):
    bench = Bench()
    async with bench.connection() as (connection, transport):
        connection.pause_writing()
        connection.data_received(sent)
        (exchange,) = bench.exchanges
        bench.now += 4
        for _ in range(5):
            connection.check(bench.now)
            bench.now += SECONDS
        connection.resume_writing()
        connection.check(bench.now + SECONDS - 0.1)
        assert not exchange.over
        assert not transport.is_closing()
        connection.check(bench.now + SECONDS + 0.1)
        assert exchange.over or transport.is_closing()


@pytest.mark.anyio
async def test_a_connection_beyond_those_that_are_taken_has_to_ask_soon():
    bench = Bench(connections=1)
    async with bench.connection() as (_, first), bench.connection() as (spare, second):
        for connection in tuple(bench.listener.connections):
            connection.check(bench.now + SECONDS + 0.1)
        assert spare.spare
        assert second.is_closing()
        assert not first.is_closing()


@pytest.mark.anyio
async def test_at_the_limit_the_connection_that_has_been_idle_longest_makes_room():
    bench = Bench(connections=3)
    async with bench.connection() as (working, _), bench.connection() as (_, first):
        working.data_received(request(b"one"))
        bench.now += 1
        async with bench.connection() as (_, second):
            bench.now += 1
            async with bench.connection() as (third, _):
                assert (first.is_closing(), second.is_closing(), third.spare) == (True, False, False)
                async with bench.connection() as (fourth, _), bench.connection() as (fifth, _):
                    assert second.is_closing()
                    assert [connection.spare for connection in (working, third, fourth, fifth)] == [False] * 3 + [True]


async def keeps_its_place(bench, transport) -> bool:
    async with bench.connection() as (late, _):
        return late.spare and not transport.is_closing()


@pytest.mark.anyio
@pytest.mark.parametrize("sent", [request(b"one")[:1], request(b"one")[:-1], request(b"one")], ids=len)
async def test_at_the_limit_a_connection_at_work_is_left_alone(sent):
    bench = Bench(connections=1)
    async with bench.connection() as (working, transport):
        working.data_received(sent)
        bench.now += 5
        assert await keeps_its_place(bench, transport)


@pytest.mark.anyio
async def test_at_the_limit_a_connection_that_was_just_answered_is_left_alone():
    bench = Bench(connections=1)
    async with bench.connection() as (working, transport):
        working.data_received(request(b"one"))
        bench.now += 5
        bench.exchanges[0].expired()
        assert await keeps_its_place(bench, transport)


@pytest.mark.anyio
async def test_the_servers_own_connection_takes_nobodys_place_and_finds_one():
    bench = Bench(connections=1)
    async with (
        bench.connection(own=True) as (first, _),
        bench.connection() as (client, _),
        bench.connection() as (spare, _),
        bench.connection(own=True) as (second, _),
    ):
        assert [connection.spare for connection in (first, client, spare, second)] == [False, False, True, False]
    assert bench.listener.most == 1


def read(client: socket.socket) -> int:
    client.setblocking(False)
    return len(client.recv(1 << 24))


@pytest.mark.anyio
async def test_a_client_that_does_not_read_what_it_asked_for_is_let_go():
    bench = Bench()
    async with bench.connection() as (connection, transport):
        bench.now += 100  # idle until then
        connection.check(bench.now)
        transport.write(b"x" * 10_000_000)
        connection.check(bench.now + 0.1)
        connection.check(bench.now + SECONDS)
        assert not transport.is_closing()
        connection.check(bench.now + SECONDS + 0.2)
        assert transport.is_closing()


@pytest.mark.anyio
async def test_a_client_that_reads_slowly_is_not():
    bench = Bench()
    async with bench.connection() as (connection, transport):
        transport.write(b"x" * 10_000_000)
        for _ in range(5):
            bench.now += SECONDS - 1
            connection.check(bench.now)
            assert read(bench.client)
            await asyncio.sleep(0.01)
        connection.thaw(3600, bench.now + 3600)
        connection.check(bench.now + 3600)
        assert not transport.is_closing()


@pytest.mark.anyio
async def test_no_more_bodies_are_read_ahead_than_one_may_be_large():
    bench = Bench()
    async with bench.connection() as (connection, transport):
        connection.data_received(request(b"x" * 60))
        connection.data_received(request(b"y" * 39))
        assert transport.is_reading()
        connection.data_received(request(b"z"))
        assert not transport.is_reading()
        bench.exchanges[0].send(Answer(200, b""))
        assert transport.is_reading()
