"""HTTP/1.1 on httptools: connections, and on each the exchanges of a request and its answer, one after the other.

Nothing stands between the socket and the queue before the model: no task, no future and no timer per request. One clock
of the listener, of `TICK_SECONDS`, looks after deadlines and idle connections, and they are kept as exactly as that.
"""

from __future__ import annotations

import asyncio
import logging
import math
import socket
import time
from collections import deque
from collections.abc import Callable
from http import HTTPStatus
from typing import cast

from httptools import HttpParserCallbackError, HttpParserError, HttpParserUpgrade, HttpRequestParser

from model_server.exchange import Answer, Exchange

_log = logging.getLogger("model_server.http")

TICK_SECONDS = 0.1
_FROZEN_SECONDS = 1.0
"""A tick so late means that the process stood still, as idle instances do."""
_HEAD_BYTES = 65536
"""Of a request's line and headers, and of what may stand between the parts of a body and behind it; FC itself passes
8 KB of headers and 4 KB of path."""
_AHEAD = 16
"""Requests that a client may send before their answers; with so many it is not read any more."""
_SPARE = 64
"""Connections beyond those that are taken, so that a probe finds one."""
_IDLE_SECONDS = 1.0
"""A connection that has just been used, or was just made, has its next request on its way."""
_DISCARDED_BYTES = 64 * 1024 * 1024
_DISCARDED_SECONDS = 2.0
_SETTLING = (0.05,) * 4
"""At the end: how long what is on its way is still taken, in seconds; in parts, so that sockets are read in between
even where the machine is too busy to keep the time."""

_CODINGS = frozenset({b"content-encoding", b"transfer-encoding"})
"""Headers that go on where they come again."""
_LENGTHS = frozenset({b"content-length", b"transfer-encoding"})
"""Headers of a request that has a body."""

_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_LINES = {status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\ndate: ".encode() for status in HTTPStatus}


class Connection(asyncio.Protocol):
    """One client. A method that begins with `on_` is httptools', called while it is fed."""

    def __init__(self, listener: Listener, *, own: bool = False) -> None:
        self.own = own
        """The server's, to itself: it takes nobody's place."""
        self._listener = listener
        self._parser = HttpRequestParser(self)
        self._target = b""
        self._reading: Exchange | None = None
        """The exchange whose request is being read."""
        self._row: deque[Exchange] = deque()
        """Exchanges whose head has been read, in order; the first is the one that is answered."""
        self._read_bytes = 0
        """Of what is fed now."""
        self._head_bytes = 0
        """Read since the last part of a body. A read that held such a part, or another request's end, is left out."""
        self._turning = False
        self._unsent = 0
        """Bytes that the client had not read at the last look."""
        self._moved = 0.0
        """When it last read some of them."""
        self._blocked = 0.0
        """Since when the client does not read what it asked for."""
        self._paused = False
        self._deaf = False
        """What follows could not be understood."""
        self._discarding = 0.0
        """Until when the rest of a request is read away: closing on unread bytes would tear the answer down."""
        self._discarded_bytes = 0
        self._used = 0.0
        """When something last came, or was answered."""
        self.spare = False
        """Beyond those that are taken: it is for one short question."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Be looked after by the listener."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is one by its methods only
        self._used = self._listener.now()
        others = self._listener.connections
        excess = sum(not other.own for other in others) - self._listener.most
        if excess >= 0 and not self.own and not self._listener.make_room():
            self.spare = True
            if excess >= _SPARE:
                self._transport.abort()
        others.add(self)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        """Nobody waits."""
        self._listener.connections.discard(self)
        row, self._row = self._row, deque()
        for exchange in row:
            if not exchange.over:
                exchange.over = True
                if exchange.begun:
                    exchange.gone()

    def pause_writing(self) -> None:
        """Begin nothing until the client has read."""
        self._blocked = self._listener.now()

    def resume_writing(self) -> None:
        """Go on."""
        now = self._listener.now()
        seconds, self._blocked = now - self._blocked, 0.0
        self.thaw(seconds, now)
        self._turn()

    def data_received(self, data: bytes) -> None:
        """Read on."""
        self._used = self._listener.now()
        if self._deaf:
            return
        if self._discarding:
            self._discarded_bytes += len(data)
            if self._discarded_bytes > _DISCARDED_BYTES:
                self._transport.close()
                return
        self._read_bytes = len(data)
        try:
            self._feed(data)
        except HttpParserCallbackError:  # ours: a torn connection tells the client, the log tells us
            _log.exception("an error of the server", extra={"action": "error"})
            self._deaf = True
            self._transport.abort()
        except HttpParserError:
            self._refuse("this is no HTTP request")
        self._head_bytes += len(data)
        if self._head_bytes > _HEAD_BYTES and self._reading is not None and not self._deaf:
            self._refuse(f"the request's headers are larger than {_HEAD_BYTES} bytes")
        if self._crowded and not self._paused and not self._transport.is_closing():
            self._paused = True
            self._transport.pause_reading()

    def _feed(self, data: bytes) -> None:
        rest = memoryview(data)
        while rest:
            try:
                self._parser.feed_data(rest)
            except HttpParserUpgrade as stopped:
                if self._parser.get_method() == b"CONNECT":  # a tunnel: what follows is no HTTP
                    self._deaf = True
                    return
                self._stay()
                rest = rest[stopped.args[0] :]
            else:
                return

    def _stay(self) -> None:
        """Leave a request for an upgrade at HTTP/1.1, as RFC 9110, 7.8 allows: httptools reads no body behind it."""
        self._parser = HttpRequestParser(self)
        if self._reading is not None:
            headers = (b"%s: %s\r\n" % item for item in self._reading.headers.items() if item[0] in _LENGTHS)
            self._parser.feed_data(b"POST / HTTP/1.1\r\n" + b"".join(headers) + b"\r\n")

    @property
    def _crowded(self) -> bool:
        """The client has sent more ahead of its answers than is kept."""
        row = self._row
        if len(row) < 2:  # of one, its body is bounded by itself
            return False
        return len(row) >= _AHEAD or sum(len(exchange.body) for exchange in row) > self._listener.body_bytes

    def on_message_begin(self) -> None:
        """A request begins."""
        if self._reading is not None:  # what `_stay` feeds: only its body is to come
            return
        self._target = b""
        self._reading = self._listener.make(self, self._used)

    def on_url(self, url: bytes) -> None:
        """A part of the target."""
        self._target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header; what comes behind a body is none."""
        assert self._reading is not None
        if not self._reading.method:
            headers, name = self._reading.headers, name.lower()
            headers[name] = headers[name] + b", " + value if name in _CODINGS and name in headers else value

    def on_headers_complete(self) -> None:
        """The head is whole."""
        exchange = self._reading
        assert exchange is not None
        if exchange.method:  # what `_stay` feeds
            return
        exchange.method = self._parser.get_method().decode("ascii")
        exchange.path = _path(self._target)
        tunnel = exchange.method == "CONNECT"
        # A client of HTTP/1.0 waits for the end of the connection.
        lasting = self._parser.should_keep_alive() and self._parser.get_http_version() != "1.0"
        exchange.keep = lasting and not tunnel and not self.spare
        exchange.excess = int(exchange.headers.get(b"content-length", b"0")) > self._listener.body_bytes
        if self._transport.is_closing() or self._discarding:
            return
        self._row.append(exchange)
        self._turn()

    def on_body(self, body: bytes) -> None:
        """A part of the body."""
        exchange = self._reading
        assert exchange is not None
        self._head_bytes = -self._read_bytes
        exchange.size += len(body)
        if exchange.over or exchange.excess:
            return
        exchange.body += body
        if exchange.size > self._listener.body_bytes:
            exchange.excess = True
            exchange.body.clear()
            if exchange.begun:
                exchange.too_large()

    def on_message_complete(self) -> None:
        """The request is whole."""
        exchange = self._reading
        assert exchange is not None
        if self._parser.should_upgrade() and exchange.method != "CONNECT" and exchange.headers.keys() & _LENGTHS:
            return  # not yet
        self._reading = None
        self._head_bytes = -self._read_bytes
        exchange.complete = True
        if self._discarding:
            self._transport.close()
        elif exchange.begun and not exchange.over:
            exchange.completed()

    def _turn(self) -> None:
        """Begin with the first of the row, if it is not begun; where it is answered at once, with the next."""
        if self._turning:  # by a loop: what a client sent in one piece must not go down the stack
            return
        self._turning = True
        try:
            while self._row and not (self._row[0].begun or self._blocked or self._transport.is_closing()):
                self._begin(self._row[0])
        finally:
            self._turning = False

    def _begin(self, exchange: Exchange) -> None:
        exchange.begun = True
        if exchange.flaw:
            exchange.malformed()
            return
        exchange.opened()
        if exchange.over:
            return
        if exchange.excess:
            exchange.too_large()
        elif exchange.complete:
            exchange.completed()
        elif exchange.headers.get(b"expect", b"").lower() == b"100-continue":
            self._transport.write(_CONTINUE)

    def _refuse(self, flaw: str) -> None:
        """Read no more, and say why when it is the turn of what was being read."""
        self._deaf = True
        exchange, self._reading = self._reading or self._listener.make(self, self._used), None
        exchange.flaw, exchange.keep = flaw, False
        if exchange.over or self._discarding:
            self._transport.close()
        elif exchange.begun:
            exchange.malformed()
        else:
            if exchange not in self._row:
                self._row.append(exchange)
            self._turn()

    def answer(self, exchange: Exchange, answer: Answer) -> None:
        """Write the answer of the first exchange, and turn to the next."""
        self._row.popleft()
        self._used = self._listener.now()
        # At the end what has been read is still answered.
        keep = exchange.keep and exchange.complete and bool(self._row or not self._listener.ending)
        head = [_LINES[answer.status], self._listener.date, b"\r\ncontent-type: ", answer.content_type]
        for name, value in answer.headers:
            head += (b"\r\n", name, b": ", value)
        head.append(b"\r\ncontent-length: %d\r\n" % len(answer.body))
        head.append(b"\r\n" if keep else b"connection: close\r\n\r\n")
        if exchange.method != "HEAD":
            head.append(answer.body)
        self._transport.write(b"".join(head))
        if keep:
            if self._paused and not self._crowded:
                self._paused = False
                self._transport.resume_reading()
            self._turn()
        elif exchange.complete or self._deaf or exchange.headers.get(b"expect", b"").lower() == b"100-continue":
            self._transport.close()  # a client that waits to be asked for its body sends none
        else:
            self._discarding = self._listener.now() + _DISCARDED_SECONDS

    @property
    def idle_since(self) -> float:
        """Since when nothing has been asked, come in or been on its way back; infinity where something is."""
        busy = self._row or self._reading or self._discarding or self._transport.get_write_buffer_size()
        return math.inf if busy or self.spare or self.own else self._used

    def thaw(self, seconds: float, now: float) -> None:
        """Leave the time out in which the process stood still, or the client did not read.

        Clients come back by the connections that they have.
        """
        self._used = min(self._used + seconds, now)  # it may have been used since
        self._moved = min(self._moved + seconds, now)
        reading = self._reading
        for exchange in (*self._row, *([reading] if reading is not None and reading not in self._row else [])):
            stood = min(seconds, now - exchange.began)
            exchange.began += stood
            exchange.deadline = exchange.deadline and exchange.deadline + stood

    def check(self, now: float) -> None:
        """Look at the clock."""
        unsent = self._transport.get_write_buffer_size()
        if unsent < self._unsent or not self._unsent:
            self._moved = now
        self._unsent = unsent
        if unsent and now - self._moved > self._listener.head_seconds:
            self._transport.abort()  # it does not read what it asked for
            return
        first = self._row[0] if self._row else None
        if self._discarding:
            if now > self._discarding:
                self._transport.close()
        elif first is not None and not self._blocked:
            if first.deadline is not None and now > first.deadline:
                first.expired()
        elif now - self._used > (self._listener.head_seconds if self.spare else self._listener.idle_seconds):
            self._transport.abort()
        elif not self._blocked and self._reading and now - self._reading.began > self._listener.head_seconds:
            self._transport.close()

    def end(self) -> None:
        """Close, unless exchanges are under way, of which the last one's answer closes, or an answer is on its way."""
        if self._row:
            self._row[-1].keep = False
        elif not self._discarding:
            self._transport.close()

    def abort(self) -> None:
        """Close whatever is under way."""
        self._transport.abort()


class Listener:
    """All connections of a listening socket."""

    def __init__(
        self,
        make: Callable[[Connection, float], Exchange],
        *,
        body_bytes: int,
        connections: int,
        idle_seconds: float,
        head_seconds: float,
    ) -> None:
        self.make = make
        self.body_bytes = body_bytes
        """Of a request's body, at most."""
        self.most = connections
        """Connections at a time; a few more are taken for short questions."""
        self.idle_seconds = idle_seconds
        self.head_seconds = head_seconds
        self.connections: set[Connection] = set()
        self.ending = False
        """Answers are the last of their connections."""
        self.now = asyncio.get_running_loop().time
        self.date = b""

    async def open(self, listener: socket.socket) -> None:
        """Take connections."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: Connection(self), sock=listener, backlog=2048)
        self._ticking = asyncio.create_task(self._tick())

    def make_room(self) -> bool:
        """Close the connection that has been idle longest; false where all are at work."""
        idle = min(self.connections, key=lambda connection: connection.idle_since, default=None)
        if idle is None or idle.idle_since > self.now() - _IDLE_SECONDS:
            return False
        self.connections.discard(idle)
        idle.abort()
        return True

    async def _tick(self) -> None:
        before = self.now()
        while True:
            self.date = time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime()).encode()
            now = self.now()
            late = now - before - TICK_SECONDS
            for connection in tuple(self.connections):
                if late > _FROZEN_SECONDS:
                    connection.thaw(late, now)
                connection.check(now)
            before = now
            await asyncio.sleep(TICK_SECONDS)

    async def close(self, grace_seconds: float, hurry: asyncio.Event) -> None:
        """Answer what is under way and on its way, then close; give up after the grace or when `hurry` is set."""
        self.ending = True
        until = self.now() + grace_seconds
        for part in _SETTLING:
            await _sleep(part, hurry)
        self._server.close()
        for connection in tuple(self.connections):
            connection.end()
        while self.connections and self.now() < until and not hurry.is_set():
            await _sleep(TICK_SECONDS / 10, hurry)
        for connection in tuple(self.connections):
            connection.abort()
        self._ticking.cancel()


async def _sleep(seconds: float, hurry: asyncio.Event) -> None:
    try:
        async with asyncio.timeout(seconds):
            await hurry.wait()
    except TimeoutError:
        return


def _path(target: bytes) -> str:
    """The path of a request's target, whatever it holds."""
    if not target.startswith(b"/") and b"://" in target:  # as a proxy is asked
        target = b"/" + target.partition(b"://")[2].partition(b"/")[2]
    return target.partition(b"?")[0].decode("latin-1")
