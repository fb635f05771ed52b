"""The daemon over HTTP: /metrics, /health and /ready, to be read only, in a thread beside the loop."""

from __future__ import annotations

import asyncio
import hmac
import socket
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from ipaddress import ip_address
from threading import Event, Thread

import uvicorn
from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from planner.errors import InputError
from planner.observing.exposition import CONTENT_TYPE
from planner.observing.listening import Address
from planner.observing.observer import Observer

Page = Callable[[Request], Response] | Callable[[Request], Awaitable[Response]]
READERS = 64
"""Connections at once; further ones are told 503."""
LONGEST = 60
"""Seconds after which a connection is closed whatever it does: none that is held open takes a place for long."""
STARTED_WITHIN = 10
CLOSED_WITHIN = 2
"""Seconds."""
HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}


@contextmanager
def serving(address: Address, token: str | None, observer: Observer) -> Iterator[Address]:
    """Serve while the block runs; gives the address with its real port.

    Raises InputError where the address can't be had.
    """
    with _listener(address) as listener:
        server = _Server(_config(Guard(application(observer), token=token, loopback=address.host.is_loopback)))
        thread = Thread(target=server.run, args=([listener],), name="metrics", daemon=True)
        thread.start()
        try:
            if not server.answering.wait(STARTED_WITHIN):
                raise InputError(
                    f"Nothing answers at {address} after {STARTED_WITHIN} s", remedy="See the lines above."
                )
            yield replace(address, port=listener.getsockname()[1])
        finally:
            server.should_exit = True
            thread.join()


def application(observer: Observer) -> Starlette:
    """The three pages, for GET and HEAD. Those that ask the database are made in threads: a slow one stops no other."""

    def metrics(_: Request) -> Response:
        return Response(observer.metrics(), headers=HEADERS | {"Content-Type": CONTENT_TYPE})

    async def health(_: Request) -> Response:
        return _said(observer.trouble())

    def ready(_: Request) -> Response:
        return _said(observer.unready())

    pages: dict[str, Page] = {"/metrics": metrics, "/health": health, "/ready": ready}
    return Starlette(routes=[Route(path, page, methods=["GET"]) for path, page in pages.items()])


class Guard:
    """In front of the pages: who may ask.

    On loopback a request has to name the machine itself: a page of the web that made its own name point here (DNS
    rebinding) doesn't. With a token, everything has to show it.
    """

    def __init__(self, pages: ASGIApp, *, token: str | None, loopback: bool) -> None:
        self._pages, self._loopback = pages, loopback
        self._token = None if token is None else f"Bearer {token}".encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """An ASGI application."""
        refusal = self._refusal(Headers(scope=scope)) if scope["type"] == "http" else None
        await (refusal or self._pages)(scope, receive, send)

    def _refusal(self, headers: Headers) -> Response | None:
        if self._loopback and not all(map(_names_loopback, headers.getlist("host") or [""])):
            return PlainTextResponse("Host names another machine\n", 421, HEADERS)
        if self._token is None:
            return None
        shown = headers.get("authorization", "").encode("latin-1")
        if hmac.compare_digest(shown, self._token):
            return None
        return PlainTextResponse("a token is needed\n", 401, HEADERS | {"WWW-Authenticate": "Bearer"})


class _Brief(H11Protocol):
    """HTTP on a connection that ends."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._end = self.loop.call_later(LONGEST, transport.abort)

    def connection_lost(self, exc: Exception | None) -> None:
        self._end.cancel()
        super().connection_lost(exc)


class _Server(uvicorn.Server):
    """A server that says when it answers."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.answering = Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.answering.set()


def _said(trouble: str) -> Response:
    return PlainTextResponse(f"{trouble or 'ok'}\n", 503 if trouble else 200, HEADERS)


def _names_loopback(host: str) -> bool:
    name = host.removesuffix(f":{host.rpartition(':')[2]}") if not host.endswith("]") else host
    if name.lower() == "localhost":
        return True
    try:
        return ip_address(name.removeprefix("[").removesuffix("]")).is_loopback
    except ValueError:
        return False


@contextmanager
def _listener(address: Address) -> Iterator[socket.socket]:
    family = socket.AF_INET6 if address.host.version == 6 else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((str(address.host), address.port))
            listener.listen()
        except OSError as error:
            raise InputError(
                f"{address} can't be listened on: {error.strerror}", remedy="Take another port."
            ) from error
        yield listener


def _config(pages: ASGIApp) -> uvicorn.Config:
    return uvicorn.Config(
        pages,
        http=_Brief,
        loop="asyncio",
        lifespan="off",
        ws="none",
        log_config=None,
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        limit_concurrency=READERS,
        timeout_graceful_shutdown=CLOSED_WITHIN,
    )
