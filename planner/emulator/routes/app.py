"""The API on the wire: methods, paths, parameters. No rules."""

from collections.abc import Awaitable, Callable, Sequence

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from planner.emulator.errors import InvalidArgument, NotCovered
from planner.emulator.models.document import Json
from planner.emulator.models.emulator import Emulator
from planner.emulator.models.operations import Call
from planner.emulator.routes.admin import admin_routes
from planner.emulator.routes.cloudmonitor import cloudmonitor_routes
from planner.emulator.routes.coverage import coverage_routes
from planner.emulator.routes.exchange import Asked, exchange

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

_ANY_METHOD = ["GET", "POST", "PUT", "DELETE", "PATCH"]

_Endpoint = Callable[[Request], Awaitable[Response]]


def create_app(emulator: Emulator, data: Sequence[Route] = ()) -> Starlette:
    """The ASGI application of an emulator: admin routes, Cloud Monitor, data plane, API, 501 for the rest."""
    api = [Route(path, _endpoint(emulator, action), methods=[method]) for method, path, action in ROUTES]
    rest = Route("/{path:path}", _endpoint(emulator, UNKNOWN), methods=_ANY_METHOD)
    own = [*admin_routes(emulator), *coverage_routes(COVERED)]
    return Starlette(routes=[*data, *own, *cloudmonitor_routes(emulator), *api, rest])


def _endpoint(emulator: Emulator, action: str) -> _Endpoint:
    def perform(asked: Asked) -> Json | None:
        if action == UNKNOWN:
            covered = ", ".join(name for _, _, name in COVERED)
            message = f"the emulator does not have this route; it covers {covered}"
            raise NotCovered(message)
        if isinstance(asked.body, str):
            message = "The request body is not valid JSON"
            raise InvalidArgument(message)
        call = Call(
            function_name=asked.request.path_params.get("function_name", ""),
            alias_name=asked.request.path_params.get("alias_name", ""),
            query=dict(asked.request.query_params),
            body=asked.body,
            stale=asked.stale,
        )
        return emulator.call(action, call)

    async def endpoint(request: Request) -> Response:
        return await exchange(emulator, action, request, perform)

    return endpoint
