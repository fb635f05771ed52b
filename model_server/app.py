"""The routes, as a bare ASGI application: nothing between uvicorn and the queue but this."""

from __future__ import annotations

import asyncio
import json
import logging
import os
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from model_server import frames
from model_server.batching import Admission
from model_server.errors import (
    BadBody,
    BodyTooLarge,
    CallError,
    ClientGone,
    DeadlinePassed,
    Draining,
    InferenceFailed,
    NotReady,
    Overloaded,
    SlowBody,
    TooMuchText,
    UnsupportedBody,
    WorkerLost,
    WrongShape,
)
from model_server.lifecycle import Lifecycle, State
from model_server.link import Link
from model_server.metrics import CONTENT_TYPE, Metrics
from model_server.openapi import document
from model_server.settings import Settings
from model_server.texts import Limits, media_type, read_texts

Scope = Mapping[str, Any]  # as ASGI has it
Receive = Callable[[], Awaitable[Mapping[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]

STATUS: dict[type[CallError], int] = {
    BadBody: 400,
    SlowBody: 408,
    BodyTooLarge: 413,
    TooMuchText: 413,
    UnsupportedBody: 415,
    WrongShape: 422,
    Overloaded: 429,
    ClientGone: 499,
    InferenceFailed: 500,
    NotReady: 503,
    Draining: 503,
    WorkerLost: 503,
    DeadlinePassed: 504,
}
GONE = "model_server.gone"
"""Key of the connection's state: a function that says whether the client has closed it."""

_JSON = b"application/json"
_IDS = (b"x-fc-request-id", b"x-request-id")
_DISCARDED_BYTES = 64 * 1024 * 1024
_DISCARDED_SECONDS = 2.0
_MEMORY_SECONDS = 0.2

_log = logging.getLogger("model_server.http")


@dataclass(slots=True)
class Answer:
    """What goes back."""

    status: int
    body: bytes
    content_type: bytes = _JSON
    headers: tuple[tuple[bytes, bytes], ...] = ()
    unread: bool = False
    """The request's body was not read to its end: the connection can't be used again."""


@dataclass(slots=True)
class Call:
    """A request."""

    scope: Scope
    receive: Receive
    headers: dict[bytes, bytes] = field(init=False)
    deadline: float

    def __post_init__(self) -> None:
        self.headers = dict(self.scope["headers"])


Handler = Callable[[Call], Awaitable[Answer]]


class Application:
    """The ASGI application of an instance."""

    def __init__(self, settings: Settings, lifecycle: Lifecycle, link: Link, metrics: Metrics) -> None:
        self._settings = settings
        self._lifecycle = lifecycle
        self._link = link
        self._metrics = metrics
        self._limits = Limits(
            body_bytes=settings.max_body_bytes, texts=settings.max_texts, characters=settings.max_text_characters
        )
        self._admission = Admission(settings.max_waiting_texts, self._seconds_per_text)
        self._memory: dict[str, int] = {}
        self._prefix = os.urandom(6).hex()
        self._numbers = count(1)
        self._openapi = json.dumps(document(settings), indent=1).encode()
        self._routes: dict[str, tuple[str, Handler]] = {
            "/": ("GET", self._index),
            "/invoke": ("POST", self._invoke),
            "/initialize": ("POST", self._initialize),
            "/pre-stop": ("GET", self._pre_stop),
            "/health": ("GET", self._health),
            "/ready": ("GET", self._ready),
            "/metrics": ("GET", self._show_metrics),
            "/openapi.json": ("GET", self._show_openapi),
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        call = Call(scope, receive, began + self._settings.timeout_seconds)
        answer = await self._answer(call)
        seconds = loop.time() - began
        path = scope["path"] if scope["path"] in self._routes else "other"
        self._metrics.requests[path, answer.status] += 1
        if path == "/invoke" and answer.status == 200:
            self._metrics.latency.observe(seconds)
        request_id = self._request_id(call)
        # Under overload a line per refusal would be load of its own: those are counted.
        if (answer.status >= 400 and answer.status != STATUS[Overloaded]) or self._settings.log_requests:
            self._log_request(call, answer, request_id, seconds)
        await _send(call, answer, request_id, send)

    async def _answer(self, call: Call) -> Answer:
        path, method = call.scope["path"], call.scope["method"]
        route = self._routes.get(path)
        if route is None:
            return _refusal(404, f"there is no {path[:200]} here: GET / says what there is")
        allowed = ("GET", "HEAD") if route[0] == "GET" else (route[0],)
        if method not in allowed:
            allow = ", ".join(allowed)
            return _refusal(405, f"{path} takes {allow}, not {method[:20]}", ((b"allow", allow.encode()),))
        try:
            answer = await route[1](call)
        except CallError as error:
            answer = _of_error(error)
        except Exception:  # noqa: BLE001  # the last door: a hang or a torn connection would be worse
            _log.exception("an error of the server", extra={"action": "error", "path": path})
            answer = _refusal(500, "the server made an error: its log says more")
        if path in {"/invoke", "/initialize"}:
            # How a function reports success and failure to FC beside the status code.
            answer.headers += ((b"x-fc-status", b"200" if answer.status == 200 else b"404"),)
        return answer

    async def _invoke(self, call: Call) -> Answer:
        kind = media_type(call.headers.get(b"content-type", b"").decode("latin-1"))
        if (encoding := call.headers.get(b"content-encoding", b"identity").lower()) != b"identity":
            message = f"the content encoding {encoding.decode('latin-1')[:50]} is not read here: send the body as it is"
            raise UnsupportedBody(message)
        with self._lifecycle.invocation() as batcher:
            texts: list[str] | None = None
            try:
                async with asyncio.timeout_at(call.deadline):
                    texts = read_texts(await self._body(call), kind, self._limits)
                    with self._admission.permit(len(texts)):
                        lines = await batcher.submit(texts, call.scope.get("state", {}).get(GONE, _never))
            except TimeoutError:
                if texts is None:
                    raise SlowBody(f"the body did not arrive within {self._settings.timeout_seconds:g} s") from None
                self._metrics.dropped["deadline"] += 1
                raise DeadlinePassed(f"no answer within {self._settings.timeout_seconds:g} s") from None
            except ClientGone:
                self._metrics.dropped["gone"] += 1
                raise
        return Answer(200, b"[" + b",".join(lines) + b"]")

    async def _body(self, call: Call) -> bytes:
        """The whole body, bounded."""
        limit = self._limits.body_bytes
        message = f"the body is too large: {limit} bytes at most"
        if int(call.headers.get(b"content-length", b"0")) > limit:
            raise BodyTooLarge(message)
        parts: list[bytes] = []
        size = 0
        while True:
            event = await call.receive()
            if event["type"] == "http.disconnect":
                raise ClientGone("the client is gone")
            parts.append(event["body"])
            size += len(parts[-1])
            if size > limit:
                raise BodyTooLarge(message)
            if not event["more_body"]:
                return b"".join(parts)

    async def _initialize(self, call: Call) -> Answer:
        request_id = self._request_id(call).decode("latin-1")
        _log.info("initialize %s", request_id, extra={"action": "initialize", "x-fc-request-id": request_id})
        try:
            await self._lifecycle.initialize()
        except NotReady as error:
            return _refusal(500, str(error))
        return _json(200, {"state": self._lifecycle.state.value, "ready_seconds": self._lifecycle.ready_seconds})

    async def _pre_stop(self, call: Call) -> Answer:
        request_id = self._request_id(call).decode("latin-1")
        _log.info("pre-stop %s", request_id, extra={"action": "pre_stop", "x-fc-request-id": request_id})
        left = await self._lifecycle.drain(self._settings.grace_seconds)
        return _json(200 if not left else 503, {"state": self._lifecycle.state.value, "in_flight": left})

    async def _health(self, _: Call) -> Answer:
        state = self._lifecycle.state
        return _json(503 if state is State.FAILED else 200, self._about_state())

    async def _ready(self, _: Call) -> Answer:
        state = self._lifecycle.state
        return _json(200 if state is State.READY else 503, self._about_state())

    def _about_state(self) -> dict[str, str]:
        reason = self._lifecycle.failure
        return {"state": self._lifecycle.state.value} | ({"reason": reason} if reason else {})

    async def _index(self, _: Call) -> Answer:
        about = self._lifecycle.about
        return _json(
            200,
            {
                "service": "text moderation",
                "state": self._lifecycle.state.value,
                "labels": about.labels if about else None,
                "device": about.device if about else None,
                "routes": {path: method for path, (method, _) in self._routes.items()},
                "limits": {
                    "body_bytes": self._limits.body_bytes,
                    "texts": self._limits.texts,
                    "characters_of_a_text": self._limits.characters,
                    "seconds": self._settings.timeout_seconds,
                },
                "try": "curl -H 'Content-Type: text/plain' --data 'Nice to meet you' http://HOST:PORT/invoke",
                "openapi": "/openapi.json",
            },
        )

    async def _show_openapi(self, _: Call) -> Answer:
        return Answer(200, self._openapi)

    async def _show_metrics(self, _: Call) -> Answer:
        life = self._lifecycle
        gauges = {
            "model_server_ready": ("1 when invocations are taken.", float(life.state is State.READY)),
            "model_server_in_flight": ("Invocations in flight.", life.active),
            "model_server_queue_texts": ("Texts that wait for a batch.", life.waiting),
            "model_server_admitted_texts": ("Texts admitted and not yet answered.", self._admission.held),
            "model_server_load_seconds": ("Time to load the model.", life.about.seconds if life.about else 0),
            "model_server_ready_seconds": ("Time from the start to ready.", life.ready_seconds or 0),
        }
        if life.state is State.READY and life.about and life.about.device.startswith("cuda"):
            await self._renew_memory()
        return Answer(200, self._metrics.show(gauges, self._memory).encode(), CONTENT_TYPE.encode())

    async def _renew_memory(self) -> None:
        """Ask for the GPU's memory; behind a long batch the last known figures have to do."""
        try:
            async with asyncio.timeout(_MEMORY_SECONDS):
                kind, payload = await self._link.call(frames.MEMORY)
        except (TimeoutError, WorkerLost):
            return
        if kind == frames.MEMORIES:
            self._memory = json.loads(payload)

    def _seconds_per_text(self) -> float:
        return self._metrics.computed.sum / max(1.0, self._metrics.batches.sum)

    def _request_id(self, call: Call) -> bytes:
        for name in _IDS:
            if given := call.headers.get(name):
                return given[:128]
        return f"{self._prefix}-{next(self._numbers):x}".encode()

    def _log_request(self, call: Call, answer: Answer, request_id: bytes, seconds: float) -> None:
        reason = json.loads(answer.body).get("error", "") if answer.status >= 400 else ""
        scope = call.scope
        level = logging.ERROR if answer.status == 500 else logging.INFO
        _log.log(
            level,
            "%s %s %d%s",
            *(scope["method"][:20], scope["path"][:200], answer.status, f": {reason}" if reason else ""),
            extra={
                "action": "request",
                "request_id": request_id.decode("latin-1"),
                "status": answer.status,
                "seconds": round(seconds, 6),
            },
        )


async def _send(call: Call, answer: Answer, request_id: bytes, send: Send) -> None:
    headers = [
        (b"content-type", answer.content_type),
        (b"content-length", b"%d" % len(answer.body)),
        (b"x-request-id", request_id),
        *answer.headers,
    ]
    if b"x-fc-request-id" in call.headers:
        headers.append((b"x-fc-request-id", request_id))
    if answer.unread:
        headers.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body, "more_body": answer.unread})
    if answer.unread:
        await _discard(call)
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _discard(call: Call) -> None:
    """Let a client that is still sending read the answer: closing on unread bytes would reset the connection."""
    if call.headers.get(b"expect", b"").lower() == b"100-continue":
        return  # it waits to be asked for the body, and will not be
    left = _DISCARDED_BYTES
    try:
        async with asyncio.timeout(_DISCARDED_SECONDS):
            while left > 0:
                event = await call.receive()
                if event["type"] == "http.disconnect" or not event["more_body"]:
                    return
                left -= len(event["body"])
    except TimeoutError:
        return


def _json(status: int, value: object) -> Answer:
    return Answer(status, json.dumps(value, ensure_ascii=False).encode())


def _refusal(status: int, reason: str, headers: tuple[tuple[bytes, bytes], ...] = ()) -> Answer:
    answer = _json(status, {"error": reason})
    answer.headers = headers
    return answer


def _of_error(error: CallError) -> Answer:
    answer = _refusal(STATUS[type(error)], str(error))
    match error:
        case Overloaded():
            answer.headers = ((b"retry-after", b"%d" % error.retry_after),)
        case NotReady() | WorkerLost():
            answer.headers = ((b"retry-after", b"1"),)
        case Draining():
            answer.headers = ((b"retry-after", b"1"), (b"connection", b"close"))
        case SlowBody():
            answer.headers = ((b"connection", b"close"),)
        case BodyTooLarge():
            answer.unread = True
    return answer


def _never() -> bool:
    return False
