"""The routes: what each request is answered."""

from __future__ import annotations

import asyncio
import json
import logging
import os
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from itertools import count

from model_server import frames
from model_server.batching import Admission, Batcher
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
    TooManyConnections,
    TooMuchText,
    UnsupportedBody,
    WorkerLost,
    WrongShape,
)
from model_server.exchange import Answer, Answering, Exchange
from model_server.lifecycle import Lifecycle, State
from model_server.link import Link
from model_server.metrics import CONTENT_TYPE, Metrics
from model_server.openapi import document
from model_server.settings import Settings
from model_server.texts import Limits, media_type, read_texts

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
    TooManyConnections: 503,
    DeadlinePassed: 504,
}

_IDS = (b"x-fc-request-id", b"x-request-id")
_ID_BYTES = 128
_MEMORY_SECONDS = 0.2
_TO_FC = frozenset({"/invoke", "/initialize"})
_FC_STATUS = {True: (b"x-fc-status", b"200"), False: (b"x-fc-status", b"404")}
"""How a function reports success and failure to FC beside the status code."""

_log = logging.getLogger("model_server.http")


@dataclass(slots=True, eq=False, kw_only=True)
class Call(Exchange):
    """An exchange of this server; for the batcher, who waits for answers."""

    app: Application
    batcher: Batcher | None = None
    """Of an invocation that was let in."""

    refusal: CallError | None = None
    """Why it was not."""

    texts: int = 0
    """Admitted."""

    def opened(self) -> None:
        """Be let in: what is in flight when the end comes is answered, its body though it may be on its way."""
        self.deadline = self.began + self.app.settings.timeout_seconds
        if self.path == "/invoke" and self.method == "POST":
            try:
                if self.connection.spare:
                    limit = self.app.settings.max_connections
                    raise TooManyConnections(f"{limit} connections are open already: try again later")
                self.batcher = self.app.lifecycle.enter(own=self.connection.own)
            except CallError as error:
                self.refusal = error

    def completed(self) -> None:
        """Answer by route."""
        app, path = self.app, self.path
        route = app.routes.get(path)
        if route is None:
            self.reply(refusal(404, f"there is no {path[:200]} here: GET / says what there is"))
            return
        allowed = ("GET", "HEAD") if route[0] == "GET" else (route[0],)
        if self.method not in allowed:
            allow = ", ".join(allowed)
            self.reply(refusal(405, f"{path} takes {allow}, not {self.method[:20]}", (b"allow", allow.encode())))
            return
        try:
            found = route[1](self)
            if isinstance(found, Answer):
                self.reply(found)
            elif found is not None:
                self.deadline = None  # an Initializer and a PreStop have times of their own
                app.run(self._later(found))
        except Exception as error:  # noqa: BLE001  # the last door: a hang or a torn connection would be worse
            self._raised(error)

    async def _later(self, found: Coroutine[None, None, Answer]) -> None:
        try:
            self.reply(await found)
        except Exception as error:  # noqa: BLE001  # as above
            self._raised(error)

    def _raised(self, error: Exception) -> None:
        if isinstance(error, CallError):
            self.fail(error)
        else:
            _log.error("an error of the server", exc_info=error, extra={"action": "error", "path": self.path})
            self.reply(refusal(500, "the server made an error: its log says more"))

    def invoke(self) -> None:
        """Have the texts computed. Raises `CallError`s."""
        app, headers = self.app, self.headers
        if self.batcher is None:
            raise self.refusal or NotReady("the model is not ready")
        kind = media_type(headers.get(b"content-type", b"").decode("latin-1"))
        if (encoding := headers.get(b"content-encoding", b"identity").lower()) != b"identity":
            message = f"the content encoding {encoding.decode('latin-1')[:50]} is not read here: send the body as it is"
            raise UnsupportedBody(message)
        if (coding := headers.get(b"transfer-encoding", b"chunked").lower()) != b"chunked":
            message = f"the transfer encoding {coding.decode('latin-1')[:50]} is not read here: chunked alone is"
            raise UnsupportedBody(message)
        texts = read_texts(bytes(self.body), kind, app.limits)
        self.body.clear()  # it may have to wait
        app.admission.take(len(texts))
        self.texts = len(texts)
        self.batcher.submit(texts, self)

    def deliver(self, lines: Sequence[bytes]) -> None:
        """Answer with what was computed."""
        self.reply(Answer(200, b"[" + b",".join(lines) + b"]"))

    def fail(self, error: CallError) -> None:
        """Answer with an error."""
        self.reply(_of_error(error))

    def too_large(self) -> None:
        """Say so, before it has all come."""
        self.fail(BodyTooLarge(f"the body is too large: {self.app.limits.body_bytes} bytes at most"))

    def malformed(self) -> None:
        """Say what is wrong."""
        self.reply(refusal(400, self.flaw))

    def expired(self) -> None:
        """Answer in the place of what did not come in time: the body, or the model."""
        seconds = self.app.settings.timeout_seconds
        if not self.complete:
            self.fail(SlowBody(f"the body did not arrive within {seconds:g} s"))
        else:
            self.app.metrics.dropped["deadline"] += 1
            self.fail(DeadlinePassed(f"no answer within {seconds:g} s"))
            if self.batcher is not None:
                self.batcher.forget()

    def gone(self) -> None:
        """Count it; what waits for its batch is not computed."""
        self._let_go()
        self._note(_of_error(ClientGone("the client is gone")), self.request_id())
        if self.batcher is not None:
            self.app.metrics.dropped["gone"] += 1
            self.batcher.forget()

    def reply(self, answer: Answer) -> None:
        """Send the answer with its ids, once."""
        if self.over:
            return
        self._let_go()
        request_id = self.request_id()
        headers = answer.headers
        if self.path in _TO_FC:
            headers += (_FC_STATUS[answer.status == 200],)
        own = self.headers.get(b"x-request-id", b"")[:_ID_BYTES]
        answer.headers = (*headers, (b"x-request-id", own or request_id))
        if b"x-fc-request-id" in self.headers:
            answer.headers += ((b"x-fc-request-id", request_id),)
        if isinstance(self.refusal, Draining):
            self.keep = False
        self.send(answer)
        self._note(answer, request_id)  # the client need not wait for it

    def _let_go(self) -> None:
        """Give back what was held."""
        if self.texts:
            self.app.admission.give(self.texts)
        if self.batcher is not None:
            self.app.lifecycle.leave()

    def _note(self, answer: Answer, request_id: bytes) -> None:
        """Count and log."""
        app, status = self.app, answer.status
        path = self.path if self.path in app.routes else "other"
        seconds = app.now() - self.began
        if not self.connection.own:
            app.metrics.requests[path, status] += 1
            if status == 200 and path == "/invoke":
                app.metrics.latency.observe(seconds)
        # Under overload a line per refusal would be load of its own: those are counted.
        if (status >= 400 and status != STATUS[Overloaded]) or app.settings.log_requests:
            self._log(answer, request_id, seconds)

    def request_id(self) -> bytes:
        """The client's, or a new one."""
        for name in _IDS:
            if given := self.headers.get(name):
                return given[:_ID_BYTES]
        return self.app.new_id()

    def _log(self, answer: Answer, request_id: bytes, seconds: float) -> None:
        reason = json.loads(answer.body).get("error", "") if answer.status >= 400 else ""
        _log.log(
            logging.ERROR if answer.status == 500 else logging.INFO,
            "%s %s %d%s",
            *(self.method[:20], self.path[:200], answer.status, f": {reason}" if reason else ""),
            extra={
                "action": "request",
                "request_id": request_id.decode("latin-1"),
                "status": answer.status,
                "seconds": round(seconds, 6),
            },
        )


Route = Callable[[Call], Answer | Coroutine[None, None, Answer] | None]
"""None: the answer comes from the batcher."""


class Application:
    """What the calls of an instance share, and its routes."""

    def __init__(self, settings: Settings, lifecycle: Lifecycle, link: Link, metrics: Metrics) -> None:
        self.settings = settings
        self.lifecycle = lifecycle
        self.metrics = metrics
        self.limits = Limits(
            body_bytes=settings.max_body_bytes, texts=settings.max_texts, characters=settings.max_text_characters
        )
        self.admission = Admission(settings.max_waiting_texts, self._seconds_per_text)
        self.now = asyncio.get_running_loop().time
        self._link = link
        self._memory: dict[str, int] = {}
        self._prefix = os.urandom(6).hex()
        self._numbers = count(1)
        self._running: set[asyncio.Task[None]] = set()
        self._openapi = json.dumps(document(settings), indent=1).encode()
        self.routes: dict[str, tuple[str, Route]] = {
            "/": ("GET", self._index),
            "/invoke": ("POST", Call.invoke),
            "/initialize": ("POST", self._initialize),
            "/pre-stop": ("GET", self._pre_stop),
            "/health": ("GET", self._health),
            "/ready": ("GET", self._ready),
            "/metrics": ("GET", self._show_metrics),
            "/openapi.json": ("GET", self._show_openapi),
        }

    def call(self, connection: Answering, began: float) -> Call:
        """For the listener: the exchange of a new request."""
        return Call(connection, began, app=self)

    def run(self, coroutine: Coroutine[None, None, None]) -> None:
        """Run it beside the rest."""
        task = asyncio.ensure_future(coroutine)
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    def new_id(self) -> bytes:
        """An id for a request that came without."""
        return b"%s-%x" % (self._prefix.encode(), next(self._numbers))

    async def _initialize(self, call: Call) -> Answer:
        request_id = call.request_id().decode("latin-1")
        _log.info("initialize %s", request_id, extra={"action": "initialize", "x-fc-request-id": request_id})
        try:
            await self.lifecycle.initialize()
        except NotReady as error:
            return refusal(500, str(error))
        return _json(200, {"state": self.lifecycle.state.value, "ready_seconds": self.lifecycle.ready_seconds})

    async def _pre_stop(self, call: Call) -> Answer:
        request_id = call.request_id().decode("latin-1")
        _log.info("pre-stop %s", request_id, extra={"action": "pre_stop", "x-fc-request-id": request_id})
        left = await self.lifecycle.drain(self.settings.grace_seconds)
        return _json(200 if not left else 503, {"state": self.lifecycle.state.value, "in_flight": left})

    def _health(self, _: Call) -> Answer:
        state = self.lifecycle.state
        return _json(503 if state is State.FAILED else 200, self._about_state())

    def _ready(self, _: Call) -> Answer:
        state = self.lifecycle.state
        return _json(200 if state is State.READY else 503, self._about_state())

    def _about_state(self) -> dict[str, str]:
        reason = self.lifecycle.failure
        return {"state": self.lifecycle.state.value} | ({"reason": reason} if reason else {})

    def _index(self, _: Call) -> Answer:
        about = self.lifecycle.about
        return _json(
            200,
            {
                "service": "text moderation",
                "state": self.lifecycle.state.value,
                "labels": about.labels if about else None,
                "device": about.device if about else None,
                "routes": {path: method for path, (method, _) in self.routes.items()},
                "limits": {
                    "body_bytes": self.limits.body_bytes,
                    "texts": self.limits.texts,
                    "characters_of_a_text": self.limits.characters,
                    "seconds": self.settings.timeout_seconds,
                },
                "try": "curl -H 'Content-Type: text/plain' --data 'Nice to meet you' http://HOST:PORT/invoke",
                "openapi": "/openapi.json",
            },
        )

    def _show_openapi(self, _: Call) -> Answer:
        return Answer(200, self._openapi)

    async def _show_metrics(self, _: Call) -> Answer:
        life = self.lifecycle
        gauges = {
            "model_server_ready": ("1 when invocations are taken.", float(life.state is State.READY)),
            "model_server_in_flight": ("Invocations in flight.", life.active),
            "model_server_queue_texts": ("Texts that wait for a batch.", life.waiting),
            "model_server_admitted_texts": ("Texts admitted and not yet answered.", self.admission.held),
            "model_server_load_seconds": ("Time to load the model.", life.about.seconds if life.about else 0),
            "model_server_ready_seconds": ("Time from the start to ready.", life.ready_seconds or 0),
        }
        if life.state is State.READY and life.about and life.about.device.startswith("cuda"):
            await self._renew_memory()
        return Answer(200, self.metrics.show(gauges, self._memory).encode(), CONTENT_TYPE.encode())

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
        return self.metrics.computed.sum / max(1.0, self.metrics.batches.sum)


def _json(status: int, value: object) -> Answer:
    return Answer(status, json.dumps(value, ensure_ascii=False).encode())


def refusal(status: int, reason: str, *headers: tuple[bytes, bytes]) -> Answer:
    """An error in one sentence."""
    answer = _json(status, {"error": reason})
    answer.headers = headers
    return answer


def _of_error(error: CallError) -> Answer:
    answer = refusal(STATUS[type(error)], str(error))
    match error:
        case Overloaded():
            answer.headers = ((b"retry-after", b"%d" % error.retry_after),)
        case NotReady() | WorkerLost() | Draining() | TooManyConnections():
            answer.headers = ((b"retry-after", b"1"),)
    return answer
