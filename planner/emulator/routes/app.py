"""The API on the wire: paths, JSON, headers, errors, faults. No rules."""

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from email.utils import format_datetime

import anyio.lowlevel
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from planner.emulator.errors import ApiError, Injected, InvalidArgument, NotCovered, error_body
from planner.emulator.faults import Fault
from planner.emulator.models.document import Json
from planner.emulator.models.emulator import Emulator
from planner.emulator.models.journal import Entry
from planner.emulator.models.operations import Call
from planner.emulator.routes.admin import admin_routes

_CONFIG = "/2023-03-30/functions/{function_name}/provision-config"
_SCALING = "/2023-03-30/functions/{function_name}/scaling-config"

ROUTES = (
    ("PUT", _CONFIG, "PutProvisionConfig"),
    ("GET", _CONFIG, "GetProvisionConfig"),
    ("DELETE", _CONFIG, "DeleteProvisionConfig"),
    ("GET", "/2023-03-30/provision-configs", "ListProvisionConfigs"),
    ("PUT", _SCALING, "PutScalingConfig"),
    ("GET", _SCALING, "GetScalingConfig"),
    ("DELETE", _SCALING, "DeleteScalingConfig"),
    ("GET", "/2023-03-30/scaling-configs", "ListScalingConfigs"),
    ("GET", "/2023-03-30/functions/{function_name}", "GetFunction"),
)
"""Method, path and action of everything that is covered."""

UNKNOWN = "Unknown"
"""The journal's action of a request that no route takes."""

CUT = "cut"
"""Key of the connection's state under which the server leaves a way to cut it."""

_ANY_METHOD = ["GET", "POST", "PUT", "DELETE", "PATCH"]
_HARMLESS = Fault()

_Endpoint = Callable[[Request], Awaitable[Response]]


def create_app(emulator: Emulator) -> Starlette:
    """The ASGI application of an emulator: the admin routes, the API, and 501 for the rest."""
    api = [Route(path, _endpoint(emulator, action), methods=[method]) for method, path, action in ROUTES]
    rest = Route("/{path:path}", _endpoint(emulator, UNKNOWN), methods=_ANY_METHOD)
    return Starlette(routes=[*admin_routes(emulator), *api, rest])


def _endpoint(emulator: Emulator, action: str) -> _Endpoint:
    async def endpoint(request: Request) -> Response:
        fault = emulator.faults.take(action) or _HARMLESS
        body = _body(await request.body())
        if fault.latency_seconds:
            await anyio.sleep(fault.latency_seconds)
        exchange = _Exchange(
            emulator=emulator,
            action=action,
            request=request,
            body=body,
            fault=fault,
            request_id=emulator.journal.next_request_id(emulator.now()),
        )
        answer = exchange.answer()
        emulator.journal.add(exchange.entry(answer))
        if fault.cut:
            request.scope["state"][CUT]()
            # The server learns of the cut in the loop's next turn, and sends nothing after it.
            await anyio.lowlevel.checkpoint()
        return exchange.response(answer)

    return endpoint


def _body(raw: bytes) -> object:
    """The JSON of a body, its text if it is none, None if it is empty."""
    try:
        return json.loads(raw) if raw else None
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
    body: object
    fault: Fault
    request_id: str

    def answer(self) -> _Answer:
        """Carry out the call, unless a fault comes first; errors become bodies only here."""
        if self.fault.cut == "before":
            return _Answer(status=204)
        try:
            body = self._carry_out()
        except ApiError as error:
            refusal: Json = {**error_body(error, self.request_id)}
            return _Answer(status=error.http_status, body=refusal, code=error.code)
        return _Answer(status=204 if body is None else 200, body=body, effect=True)

    def _carry_out(self) -> Json | None:
        if self.fault.status is not None:
            raise Injected(self.fault.code, self.fault.message, self.fault.status)
        if self.action == UNKNOWN:
            covered = ", ".join(name for _, _, name in ROUTES)
            message = f"the emulator does not have this route; it covers {covered}"
            raise NotCovered(message)
        if isinstance(self.body, str):
            message = "The request body is not valid JSON"
            raise InvalidArgument(message)
        call = Call(
            function_name=self.request.path_params.get("function_name", ""),
            query=dict(self.request.query_params),
            body=self.body,
            stale=self.fault.stale,
        )
        return self.emulator.call(self.action, call)

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
