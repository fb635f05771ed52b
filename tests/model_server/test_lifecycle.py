"""The life of a server by itself, with a model that warms up at once."""

from __future__ import annotations

import asyncio
import json

import pytest

from model_server import frames
from model_server.errors import NotReady
from model_server.lifecycle import Lifecycle, State
from model_server.link import Link


@pytest.fixture
def anyio_backend():
    return "asyncio"


def loaded_link() -> Link:
    link = Link()
    about = {"seconds": 1, "device": "cpu", "labels": ["ok", "flagged"], "shapes": [[1, 8]], "max_batch": 1}
    link.data_received(frames.pack(frames.LOADED, json.dumps(about).encode()))
    return link


def never(*_):
    pytest.fail("it is not called")


class Warming(asyncio.Transport):
    """The way to a model that warms up as soon as it is asked to."""

    def __init__(self, link: Link) -> None:
        super().__init__()
        self._link = link
        link.connection_made(self)

    def write(self, data):
        assert data == frames.pack(frames.WARM)
        self._link.data_received(frames.pack(frames.WARMED, b'{"seconds": 1}'))


def raising(error):
    async def rehearse():
        raise error

    return rehearse


@pytest.mark.anyio
async def test_where_the_machine_has_no_socket_for_its_own_requests_it_is_ready_without():
    link = loaded_link()
    Warming(link)
    life = Lifecycle(link, lambda _: None, raising(OSError(24, "Too many open files")), never)
    await life.initialize()
    assert life.state is State.READY


@pytest.mark.anyio
async def test_an_error_of_the_server_while_it_warms_up_is_a_failure_and_no_warm_up_for_ever():
    link = loaded_link()
    Warming(link)
    codes: list[int] = []
    life = Lifecycle(link, lambda _: None, raising(ZeroDivisionError("a mistake")), codes.append)
    await life.run(warm_up=True, stall_seconds=1)
    assert codes == [1]
    assert life.state is State.FAILED
    assert "ZeroDivisionError" in life.failure


@pytest.mark.anyio
async def test_a_model_that_is_lost_before_its_warm_up_ends_the_server():
    link = loaded_link()
    link.connection_lost(None)
    codes: list[int] = []
    await Lifecycle(link, never, never, codes.append).run(warm_up=True, stall_seconds=1)
    assert codes == [1]


@pytest.mark.anyio
async def test_what_a_model_says_of_itself_and_is_not_understood_is_a_failure_though_nobody_warms_it_up():
    link = Link()
    link.data_received(frames.pack(frames.LOADED, b'{"seconds": 1}'))
    life = Lifecycle(link, never, never, lambda _: None)
    watching = asyncio.create_task(life.run(warm_up=False, stall_seconds=1))
    await asyncio.sleep(0.01)
    assert life.state is State.FAILED
    assert "KeyError" in life.failure
    assert not watching.done()
    watching.cancel()


@pytest.mark.anyio
async def test_until_it_is_ready_only_its_own_requests_are_let_in():
    link = loaded_link()
    Warming(link)
    let_in = []

    async def rehearse():
        let_in.append(life.enter(own=True))
        life.leave()
        with pytest.raises(NotReady, match="warming up"):
            life.enter(own=False)

    life = Lifecycle(link, lambda _: "batcher", rehearse, never)
    await life.initialize()
    assert let_in == ["batcher"]
    assert life.enter(own=False) == "batcher"
