"""The server's end of the socket pair: questions out, answers back in the same order."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import cast

from model_server import frames
from model_server.errors import WorkerLost

Answer = Callable[[bytes, bytes], None]
"""Takes the kind and the payload of an answer."""


class Link(asyncio.Protocol):
    """Frames over the socket pair. The first answer that comes is that of loading, which nobody has to ask for."""

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        self.loaded: asyncio.Future[tuple[bytes, bytes]] = loop.create_future()
        self.lost: asyncio.Future[None] = loop.create_future()
        """Done when the process with the model has ended or closed."""
        self._transport: asyncio.Transport | None = None
        self._buffer = bytearray()
        self._waiting: deque[Answer] = deque([_into(self.loaded)])

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is one by its methods only

    def data_received(self, data: bytes) -> None:
        """Hand on every whole frame."""
        buffer = self._buffer
        buffer += data
        while len(buffer) >= frames.LENGTH.size:
            end = frames.LENGTH.size + frames.LENGTH.unpack_from(buffer)[0]
            if len(buffer) < end:
                return
            kind, payload = bytes(buffer[4:5]), bytes(buffer[5:end])
            del buffer[:end]
            self._waiting.popleft()(kind, payload)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        """Answer what still waits: the process is gone."""
        self._transport = None
        if not self.lost.done():
            self.lost.set_result(None)
        while self._waiting:
            self._waiting.popleft()(frames.FAILED, b"the process with the model has ended")

    def ask(self, kind: bytes, payload: bytes, answer: Answer) -> None:
        """Send a question; `answer` is called once. Raises `WorkerLost` where the process is gone."""
        if self._transport is None:
            message = "the process with the model has ended"
            raise WorkerLost(message)
        self._waiting.append(answer)
        self._transport.write(frames.pack(kind, payload))

    async def call(self, kind: bytes) -> tuple[bytes, bytes]:
        """The kind and payload of the answer to a question without a payload."""
        future: asyncio.Future[tuple[bytes, bytes]] = asyncio.get_running_loop().create_future()
        self.ask(kind, b"", _into(future))
        return await future

    def close(self) -> None:
        """Let the process end."""
        if self._transport is not None:
            self._transport.close()


def _into(future: asyncio.Future[tuple[bytes, bytes]]) -> Answer:
    def settle(kind: bytes, payload: bytes) -> None:
        if not future.done():
            future.set_result((kind, payload))

    return settle
