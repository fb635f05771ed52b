"""Requests of the server's own before the first one from outside.

The warm-up inside the model's process leaves the rest of a request's way cold: the parser, the routes, the queue, the
socket pair, the first inference after everything else has been in the CPU's caches. So a few requests go all of it.
"""

from __future__ import annotations

import asyncio
import json
import socket

from model_server.connection import Connection, Listener
from model_server.errors import InferenceFailed
from model_server.worker import PROBES

_TIMES = 4
_ENOUGH_SECONDS = 0.1
"""A model that takes long is not asked so often."""
_HEAD = b"POST /invoke HTTP/1.1\r\nhost: here\r\ncontent-type: text/plain\r\ncontent-length: %d\r\n\r\n"
_FAILURES = (b"HTTP/1.1 500 ", b"HTTP/1.1 503 ")


async def rehearse(front: Listener) -> None:
    """Ask, one after the other; where the end comes in between, leave it at that.

    Raises `InferenceFailed` where the model fails, `OSError` where the machine does. An answer that speaks of a
    limit, like 413 or 504, says nothing of either.
    """
    loop = asyncio.get_running_loop()
    begun = loop.time()
    near, far = socket.socketpair()
    with far:
        far.setblocking(False)
        transport, _ = await loop.connect_accepted_socket(lambda: Connection(front, own=True), near)
        for text in (*PROBES * _TIMES, PROBES[0]):  # a short one last: the long ones push it out of the caches
            body = text.encode()
            await loop.sock_sendall(far, _HEAD % len(body) + body)
            answered = await loop.sock_recv(far, 65536)
            if answered.startswith(_FAILURES):
                reason = json.loads(answered.partition(b"\r\n\r\n")[2])["error"]
                message = f"a request of the server's own failed: {reason}"
                raise InferenceFailed(message)
            if not answered or loop.time() - begun > _ENOUGH_SECONDS:
                break
        transport.abort()
