"""The server around the emulator."""

import asyncio
import time

import pytest
from alibabacloud_fc20230330 import models

from planner.emulator import World, running, serve
from tests.emulator.fc import ASR, emulated

_WORLD = World(functions=(ASR,))


def test_it_starts_in_under_a_second_and_stops_when_the_block_ends() -> None:
    began = time.monotonic()
    with running(_WORLD) as server:
        assert time.monotonic() - began < 1
        port = int(server.endpoint.rpartition(":")[2])
    with running(_WORLD, port=port) as again:
        assert again.url == f"http://127.0.0.1:{port}"


def test_an_occupied_port_is_told_at_once() -> None:
    with running(_WORLD) as server:
        port = int(server.endpoint.rpartition(":")[2])
        with pytest.raises(OSError, match="in use"):
            serve(_WORLD, port=port)


def test_the_official_client_may_be_asynchronous() -> None:
    with emulated() as fc:
        body = models.PutProvisionConfigInput(default_target=4)
        put = models.PutProvisionConfigRequest(qualifier="prod", body=body)
        get = models.GetProvisionConfigRequest(qualifier="prod")

        async def converse() -> int:
            await fc.client.put_provision_config_async("asr", put)
            answer = await fc.client.get_provision_config_async("asr", get)
            return int(answer.body.default_target)

        assert asyncio.run(converse()) == 4
