"""What the emulator covers of all that the official SDK's client can call.

The client's routes are read from its source, which states each as a literal; the SDK is not
imported, so that client and emulator stay strangers to each other.
"""

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from planner.emulator.models.document import Json

SDK = "alibabacloud_fc20230330"
"""The package of the official SDK."""

RouteRow = tuple[str, str, str]
"""Method, path and action."""

_INTRODUCTION = """# What the local Function Compute covers

Written by `make docs` from the source of the official SDK's client, {sdk} {version}: every route that it knows.
`GET /_emulator/coverage` answers the same as JSON. A route that is not covered answers 501 `NotImplemented`.

{covered} of {all} actions are covered.

| action | method and path | covered |
|---|---|---|
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """A call of the official client."""

    name: str
    method: str
    path: str
    covered: bool


def coverage_routes(routes: Sequence[RouteRow]) -> list[Route]:
    """`GET /_emulator/coverage`, for an emulator that has these routes."""

    async def endpoint(request: Request) -> Response:  # noqa: ARG001
        return JSONResponse(to_json(coverage(routes)))

    return [Route("/_emulator/coverage", endpoint, methods=["GET"])]


def coverage(routes: Sequence[RouteRow]) -> tuple[Action, ...]:
    """Every call of the client, in order of name; covered if method, path and action are among the routes."""
    return tuple(
        Action(name=name, method=method, path=path, covered=(method, path, name) in routes)
        for method, path, name in sorted(client_routes(), key=lambda row: row[2])
    )


def to_json(actions: Sequence[Action]) -> Json:
    """The admin route's form."""
    rows = [{"action": a.name, "method": a.method, "path": a.path, "covered": a.covered} for a in actions]
    return {"sdk": _sdk(), "version": version(_sdk()), "actions": rows}


def page(actions: Sequence[Action]) -> str:
    """The text of docs/emulator-coverage.md."""
    rows = "".join(f"| {a.name} | {a.method} `{a.path}` | {'yes' if a.covered else 'no'} |\n" for a in actions)
    count = sum(action.covered for action in actions)
    return _INTRODUCTION.format(sdk=_sdk(), version=version(_sdk()), covered=count, all=len(actions)) + rows


def _sdk() -> str:
    """The name under which the SDK is installed."""
    return SDK.replace("_", "-")


@cache
def client_routes() -> frozenset[RouteRow]:
    """Every route of the installed client.

    `RuntimeError` if the SDK is not installed, or states its routes in another way than it did.
    """
    spec = find_spec(SDK)
    if spec is None or not spec.submodule_search_locations:
        message = f"{_sdk()} is not installed"
        raise RuntimeError(message)
    source = Path(spec.submodule_search_locations[0], "client.py").read_text(encoding="utf-8")
    found = frozenset(_routes(ast.parse(source)))
    if not found:
        message = f"no route was found in the client of {_sdk()}"
        raise RuntimeError(message)
    return found


def _routes(tree: ast.Module) -> Iterator[RouteRow]:
    """From each `Params(action=..., pathname=..., method=...)`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "Params":
            given = {keyword.arg: _text(keyword.value) for keyword in node.keywords}
            yield given["method"], given["pathname"], given["action"]


def _text(node: ast.expr) -> str:
    """A literal; in a formatted one `{percent_encode(function_name)}` becomes `{function_name}`."""
    if isinstance(node, ast.JoinedStr):
        return "".join(_text(part) for part in node.values)
    if isinstance(node, ast.FormattedValue):
        encoded = node.value.args[0] if isinstance(node.value, ast.Call) else node.value
        return f"{{{ast.unparse(encoded)}}}"
    return str(ast.literal_eval(node))
