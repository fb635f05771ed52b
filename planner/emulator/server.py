"""The emulator as a server: in the foreground for people, in a thread for tests and the demo."""

import asyncio
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from planner.emulator.clock import Clock
from planner.emulator.faults import AnyFault
from planner.emulator.instances.dispatch import data_routes
from planner.emulator.instances.host import Host
from planner.emulator.models.emulator import Emulator
from planner.emulator.routes.app import create_app
from planner.emulator.routes.exchange import CUT
from planner.emulator.world import World

LOOPBACK = "127.0.0.1"
_STARTED_WITHIN_SECONDS = 10
_FINISH_WITHIN_SECONDS = 10
"""How long instances may go on with requests once the server was told to stop."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """A server in the background."""

    endpoint: str
    """`127.0.0.1:PORT`, the SDK's `Config.endpoint` (with `protocol="http"`)."""
    url: str
    """`http://127.0.0.1:PORT`."""
    emulator: Emulator
    """The handle: clock, load, faults, journal."""


class _CuttableProtocol(H11Protocol):
    """HTTP whose requests carry a way to cut their connection, for faults."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.app_state = {**self.app_state, CUT: transport.abort}


class _Server(uvicorn.Server):
    """A server that says when it answers, and whose end is the end of every instance."""

    def __init__(self, config: uvicorn.Config, host: Host) -> None:
        super().__init__(config)
        self.answering = Event()
        self._host = host

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await self._host.start()
        await super().startup(sockets)
        self.answering.set()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        end = asyncio.get_running_loop().call_later(_FINISH_WITHIN_SECONDS, self._host.kill)
        try:
            await super().shutdown(sockets)
        finally:
            end.cancel()
            await self._host.stop()


def serve(
    world: World,
    *,
    clock: Clock | None = None,
    database: Path | None = None,
    host: str = LOOPBACK,
    port: int = 9090,
    faults: Sequence[AnyFault] = (),
) -> None:
    """Serve in the foreground until SIGTERM or SIGINT, which then have their usual effect.

    An occupied port is an `OSError`. The faults are ordered before the first call.
    """
    with _listening(host, port) as listener:
        emulator = Emulator(world, clock=clock, database=database)
        emulator.faults.add(*faults)
        try:
            _server(emulator).run(sockets=[listener])
        finally:
            emulator.close()


@contextmanager
def running(
    world: World,
    *,
    clock: Clock | None = None,
    database: Path | None = None,
    port: int = 0,
) -> Iterator[Running]:
    """Serve on a loopback port, a free one by default, from a thread, while the block runs."""
    with _listening(LOOPBACK, port) as listener:
        emulator = Emulator(world, clock=clock, database=database)
        server = _server(emulator)
        endpoint = f"{LOOPBACK}:{listener.getsockname()[1]}"
        thread = Thread(target=server.run, args=([listener],), name="emulator", daemon=True)
        thread.start()
        try:
            if not server.answering.wait(_STARTED_WITHIN_SECONDS):
                message = f"the emulator did not start within {_STARTED_WITHIN_SECONDS} s"
                raise RuntimeError(message)
            yield Running(endpoint=endpoint, url=f"http://{endpoint}", emulator=emulator)
        finally:
            server.should_exit = True
            thread.join()
            emulator.close()


@contextmanager
def _listening(host: str, port: int) -> Iterator[socket.socket]:
    # Only for a socket that names TCP asyncio switches off Nagle's algorithm, by which every answer waits 40 ms.
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen()
        yield listener


def _server(emulator: Emulator) -> _Server:
    host = Host(emulator)
    return _Server(
        uvicorn.Config(
            create_app(emulator, data_routes(host)),
            http=_CuttableProtocol,
            loop="asyncio",
            lifespan="off",
            ws="none",
            log_config=None,
            log_level="warning",
            access_log=False,
            # The Date header is the emulator's clock's, and comes from the application.
            date_header=False,
            server_header=False,
            proxy_headers=False,
        ),
        host,
    )
