"""One request and its answer: faults, errors as bodies, the journal, headers. Every action passes here."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from email.utils import format_datetime

import anyio.lowlevel
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from planner.emulator.errors import ApiError, Injected, InternalServerError, error_body
from planner.emulator.faults import Fault
from planner.emulator.incoming import read_json
from planner.emulator.instances.errors import EntityTooLarge
from planner.emulator.models.document import Json
from planner.emulator.models.emulator import Emulator
from planner.emulator.models.journal import Entry
from planner.emulator.routes.signature import check_signature

CUT = "cut"
"""Key of the connection's state under which the server leaves a way to cut it."""

_HARMLESS = Fault()
LOG = logging.getLogger("planner.emulator")
_MAY_CARRY_CODE = ("CreateFunction", "UpdateFunction")
_MIB = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A request that no fault answers."""

    request: Request
    body: object
    """The JSON of its body, the text if it is none, None if it is empty."""
    request_id: str
    stale: bool
    """Answer a read from before the last put or delete of each config."""


Perform = Callable[[Asked], Json | None]
"""Carries out an action: the answer's body, None for an empty one, `ApiError` for a refusal."""


async def exchange(emulator: Emulator, action: str, request: Request, perform: Perform) -> Response:
    """Let an action be carried out, unless a fault comes first, and note it in the journal."""
    fault = emulator.faults.take(action) or _HARMLESS
    settings = emulator.settings
    most = settings.body_limit_mb if action in _MAY_CARRY_CODE else settings.control_body_limit_mb
    raw = await _received(request, most * _MIB)
    if fault.latency_seconds:
        await anyio.sleep(fault.latency_seconds)
    each = _Exchange(
        emulator=emulator,
        action=action,
        request=request,
        most=most * _MIB,
        raw=raw,
        body=_body(raw),
        fault=fault,
        request_id=emulator.journal.next_request_id(emulator.now()),
    )
    answer = each.answer(perform)
    emulator.journal.add(each.entry(answer))
    if fault.cut:
        request.scope["state"][CUT]()
        # The server learns of the cut in the loop's next turn, and sends nothing after it.
        await anyio.lowlevel.checkpoint()
    return each.response(answer)


async def _received(request: Request, most: int) -> bytes:
    """The body; of one that is longer than `most` bytes only so much that this shows.

    It is received to its end all the same: who still sends does not hear the refusal.
    """
    raw = bytearray()
    async for chunk in request.stream():
        raw += chunk[: most + 1 - len(raw)]
    return bytes(raw)


def _body(raw: bytes) -> object:
    """The JSON of a body, its text if it is none, None if it is empty."""
    try:
        return read_json(raw) if raw else None
    except ValueError:
        return raw.decode(errors="replace")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answer:
    """What is to be sent, before it is."""

    status: int
    body: Json | None = None
    code: str = ""
    effect: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class _Exchange:
    """A request and the fault that hits it."""

    emulator: Emulator
    action: str
    request: Request
    most: int
    """The bytes that a body may have."""
    raw: bytes
    body: object
    fault: Fault
    request_id: str

    def answer(self, perform: Perform) -> _Answer:
        """Carry out the call, unless a fault comes first; errors become bodies only here."""
        if self.fault.cut == "before":
            return _Answer(status=204)
        try:
            body = self._carry_out(perform)
        except ApiError as error:
            return self._refusal(error)
        except Exception:
            LOG.exception("A request met an error that nothing foresaw.", extra={"action": self.action})
            return self._refusal(InternalServerError())
        return _Answer(status=204 if body is None else 200, body=body, effect=True)

    def _refusal(self, error: ApiError) -> _Answer:
        return _Answer(status=error.http_status, body={**error_body(error, self.request_id)}, code=error.code)

    def _carry_out(self, perform: Perform) -> Json | None:
        if self.fault.status is not None:
            raise Injected(self.fault.code, self.fault.message, self.fault.status)
        if len(self.raw) > self.most:
            raise EntityTooLarge(self.most)
        check_signature(self.emulator, self.request, self.raw)
        asked = Asked(
            request=self.request,
            body=self.body,
            request_id=self.request_id,
            stale=self.fault.stale,
        )
        return perform(asked)

    def entry(self, answer: _Answer) -> Entry:
        """The journal's line."""
        stored = answer.effect and self.action in ("PutProvisionConfig", "PutScalingConfig")
        return Entry(
            at=self.emulator.now(),
            request_id=self.request_id,
            action=self.action,
            method=self.request.method,
            path=self.request.url.path,
            query=dict(self.request.query_params),
            body=self.body,
            status=None if self.fault.cut else answer.status,
            code=answer.code,
            effect=answer.effect,
            fault="" if self.fault is _HARMLESS else self.fault.describe(),
            stored=answer.body if stored else None,
        )

    def response(self, answer: _Answer) -> Response:
        """The answer with the service's headers; the date is the clock's."""
        headers = {
            "X-Fc-Request-Id": self.request_id,
            "Date": format_datetime(self.emulator.now(), usegmt=True),
        }
        if self.fault.retry_after_ms is not None:
            headers["x-acs-retry-after"] = str(self.fault.retry_after_ms)
        if answer.body is None:
            return Response(status_code=answer.status, headers=headers)
        return JSONResponse(answer.body, status_code=answer.status, headers=headers)
