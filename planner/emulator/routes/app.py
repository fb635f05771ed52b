"""The API on the wire: methods, paths, parameters. No rules."""

import re
from collections.abc import Awaitable, Callable, Sequence
from urllib.parse import unquote

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from planner.emulator.errors import (
    ApiError,
    InternalServerError,
    InvalidArgument,
    NotCovered,
    PathNotSupported,
    error_body,
)
from planner.emulator.models.document import Json
from planner.emulator.models.emulator import Emulator
from planner.emulator.models.operations import Call
from planner.emulator.routes.admin import admin_routes
from planner.emulator.routes.cloudmonitor import cloudmonitor_routes
from planner.emulator.routes.coverage import coverage_routes
from planner.emulator.routes.exchange import Asked, exchange

_API = b"/2023-03-30/"
_FUNCTION = "/2023-03-30/functions/{function_name}"
_ALIASES = f"{_FUNCTION}/aliases"
_ALIAS = f"{_ALIASES}/{{alias_name}}"
_CONFIG = f"{_FUNCTION}/provision-config"
_SCALING = f"{_FUNCTION}/scaling-config"

ROUTES = (
    ("PUT", _CONFIG, "PutProvisionConfig"),
    ("GET", _CONFIG, "GetProvisionConfig"),
    ("DELETE", _CONFIG, "DeleteProvisionConfig"),
    ("GET", "/2023-03-30/provision-configs", "ListProvisionConfigs"),
    ("PUT", _SCALING, "PutScalingConfig"),
    ("GET", _SCALING, "GetScalingConfig"),
    ("DELETE", _SCALING, "DeleteScalingConfig"),
    ("GET", "/2023-03-30/scaling-configs", "ListScalingConfigs"),
    ("POST", "/2023-03-30/functions", "CreateFunction"),
    ("GET", "/2023-03-30/functions", "ListFunctions"),
    ("GET", _FUNCTION, "GetFunction"),
    ("PUT", _FUNCTION, "UpdateFunction"),
    ("DELETE", _FUNCTION, "DeleteFunction"),
    ("GET", f"{_FUNCTION}/instances", "ListInstances"),
    ("POST", _ALIASES, "CreateAlias"),
    ("GET", _ALIASES, "ListAliases"),
    ("GET", _ALIAS, "GetAlias"),
    ("PUT", _ALIAS, "UpdateAlias"),
    ("DELETE", _ALIAS, "DeleteAlias"),
)
"""Method, path and action of everything in the control plane that is covered."""

COVERED = (*ROUTES, ("POST", f"{_FUNCTION}/invocations", "InvokeFunction"))
"""These and the data plane, whose routes the server brings along."""

UNKNOWN = "Unknown"
"""The journal's action of a request that no route takes."""

_Endpoint = Callable[[Request], Awaitable[Response]]


def create_app(emulator: Emulator, data: Sequence[Route] = ()) -> Starlette:
    """The ASGI application of an emulator: admin routes, Cloud Monitor, data plane, API, 404 and 501 for the rest."""
    api = [Route(path, _endpoint(emulator, action), methods=[method]) for method, path, action in ROUTES]
    known = sorted({path for _, path, _ in (COVERED if data else ROUTES)})
    rest = [_any_method(path, _endpoint(emulator, UNKNOWN)) for path in (*known, "/{path:path}")]
    own = [*admin_routes(emulator), *coverage_routes(COVERED)]
    return Starlette(
        routes=[*data, *own, *cloudmonitor_routes(emulator), *api, *rest],
        middleware=[Middleware(_KeepSlashes)],
        exception_handlers={Exception: _last_resort(emulator)},
    )


def _any_method(path: str, endpoint: _Endpoint) -> Route:
    """A route for every method, also for those that have no name; a `Route` is of GET unless it is told others."""
    route = Route(path, endpoint)
    route.methods = None
    return route


def _last_resort(emulator: Emulator) -> Callable[[Request, Exception], Response]:
    """What answers where an error is met outside of an exchange; Starlette raises it again, for the log."""

    def answer(request: Request, error: Exception) -> Response:  # noqa: ARG001
        request_id = emulator.journal.next_request_id(emulator.now())
        body = error_body(InternalServerError(), request_id)
        return JSONResponse(body, status_code=InternalServerError.status, headers={"X-Fc-Request-Id": request_id})

    return answer


class _KeepSlashes:
    """Keeps `%2F` in a path of the API from parting a name in two."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        raw: bytes = scope.get("raw_path", b"")
        if raw.startswith(_API) and b"%2f" in raw.lower():
            scope = {**scope, "path": unquote(re.sub("%2f", "%252F", raw.decode(), flags=re.IGNORECASE))}
        await self._app(scope, receive, send)


def _name(request: Request, parameter: str) -> str:
    """A name in the path, empty where it has none, with the slashes that `_KeepSlashes` kept."""
    return str(request.path_params.get(parameter, "")).replace("%2F", "/")


def _unknown(request: Request) -> ApiError:
    """The refusal of what no route takes."""
    if "path" not in request.path_params:
        return PathNotSupported(request.method, request.url.path)
    covered = ", ".join(name for _, _, name in COVERED)
    return NotCovered(f"the emulator does not have this route; it covers {covered}")


def _endpoint(emulator: Emulator, action: str) -> _Endpoint:
    def perform(asked: Asked) -> Json | None:
        if action == UNKNOWN:
            raise _unknown(asked.request)
        if isinstance(asked.body, str):
            message = "The request body is not valid JSON"
            raise InvalidArgument(message)
        call = Call(
            function_name=_name(asked.request, "function_name"),
            alias_name=_name(asked.request, "alias_name"),
            query=dict(asked.request.query_params),
            body=asked.body,
            stale=asked.stale,
        )
        return emulator.call(action, call)

    async def endpoint(request: Request) -> Response:
        return await exchange(emulator, action, request, perform)

    return endpoint
