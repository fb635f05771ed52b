"""What FC does not have: the clock, offered load, functions, faults, the journal, the state."""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from planner.emulator.clock import ClockNotMovable, aware
from planner.emulator.errors import ApiError
from planner.emulator.faults import fault_from_json
from planner.emulator.incoming import read_json
from planner.emulator.models.document import Json
from planner.emulator.models.emulator import Emulator
from planner.emulator.models.function import LATEST, FunctionSpec
from planner.emulator.models.load import CONCURRENCY, Load
from planner.emulator.models.traffic import TraceFormat, parse_trace
from planner.emulator.models.validation import checked_object

ADMIN = "/_emulator"

_CSV = "text/csv"

_Handler = Callable[[Emulator, Request, Json], Any]


def admin_routes(emulator: Emulator) -> list[Route]:
    """The routes under `/_emulator`: JSON in, JSON out, 400 with `error` for a bad request."""
    table: tuple[tuple[str, str, _Handler], ...] = (
        ("GET", "/clock", _get_clock),
        ("POST", "/clock", _move_clock),
        ("GET", "/state", _get_state),
        ("PUT", "/functions/{name}", _put_function),
        ("PUT", "/functions/{name}/load", _put_load),
        ("PUT", "/functions/{name}/traffic", _put_traffic),
        ("GET", "/traffic", _get_traffic),
        ("GET", "/faults", _get_faults),
        ("POST", "/faults", _add_fault),
        ("DELETE", "/faults", _clear_faults),
        ("GET", "/journal", _get_journal),
        ("DELETE", "/journal", _clear_journal),
    )
    return [Route(ADMIN + path, _endpoint(emulator, handler), methods=[method]) for method, path, handler in table]


def _endpoint(emulator: Emulator, handler: _Handler) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        try:
            raw = await request.body()
            body = {_CSV: raw.decode("utf-8-sig")} if _is_csv(request) else checked_object(read_json(raw or b"{}"))
            return JSONResponse(handler(emulator, request, body))
        except ApiError as error:
            return JSONResponse({"error": error.message}, status_code=error.http_status)
        except (ValueError, TypeError, KeyError, AttributeError, OverflowError, ClockNotMovable) as error:
            message = f"{type(error).__name__}: {error}"
            return JSONResponse({"error": message}, status_code=400)

    return endpoint


def _is_csv(request: Request) -> bool:
    return request.headers.get("content-type", "").partition(";")[0].strip() == _CSV


def _get_clock(emulator: Emulator, request: Request, body: Json) -> Json:  # noqa: ARG001
    return {"now": emulator.now().isoformat(), "kind": type(emulator.clock).__name__}


def _move_clock(emulator: Emulator, request: Request, body: Json) -> Json:
    """`{"advanceSeconds": 60}` or `{"now": "2026-11-22T12:00:00Z"}`; manual clocks only."""
    if "advanceSeconds" in body:
        emulator.advance(timedelta(seconds=float(body["advanceSeconds"])))
    else:
        emulator.move_to(aware(datetime.fromisoformat(body["now"])))
    return _get_clock(emulator, request, body)


def _get_state(emulator: Emulator, request: Request, body: Json) -> Json:  # noqa: ARG001
    return emulator.state()


def _put_function(emulator: Emulator, request: Request, body: Json) -> Json:
    """The body of GetFunction, plus `aliases`, `startupSeconds`, `imagePullError`."""
    name = request.path_params["name"]
    emulator.put_function(FunctionSpec.from_wire({**body, "functionName": name}))
    return {"functionName": name}


def _put_load(emulator: Emulator, request: Request, body: Json) -> Json:
    """`{"values": 12}` or `{"values": [...], "start": "...Z", "repeat": true, "durationSeconds": 2}`, `?qualifier=`."""
    emulator.offer(
        request.path_params["name"],
        Load.from_wire(body),
        qualifier=request.query_params.get("qualifier", LATEST),
        metric=body.get("metric", CONCURRENCY),
    )
    return {}


def _put_traffic(emulator: Emulator, request: Request, body: Json) -> Json:
    """A trace as text/csv; the query holds the qualifier and the fields of `TraceFormat`."""
    if _CSV not in body:
        message = f"a trace is sent as {_CSV}"
        raise ValueError(message)
    query = dict(request.query_params)
    qualifier = query.pop("qualifier", LATEST)
    trace = parse_trace(body[_CSV], TraceFormat.from_mapping(query), name="body")
    emulator.offer(request.path_params["name"], trace, qualifier=qualifier)
    return {"start": trace.begin(emulator.now()).start.isoformat(), "minutes": len(trace.load.values)}


def _get_traffic(emulator: Emulator, request: Request, body: Json) -> Json:  # noqa: ARG001
    """The minutes of `?function=&qualifier=` with totals and bill, that begin in [`from`, `to`)."""
    query = request.query_params
    start, end = (aware(datetime.fromisoformat(query[name])) if name in query else None for name in ("from", "to"))
    return emulator.report(query["function"], query.get("qualifier", LATEST), start, end).to_json()


def _get_faults(emulator: Emulator, request: Request, body: Json) -> Json:  # noqa: ARG001
    return {"faults": [fault.to_json() for fault in emulator.faults.pending()]}


def _add_fault(emulator: Emulator, request: Request, body: Json) -> Json:
    """`kind` and the fields of that fault."""
    emulator.faults.add(fault_from_json(body))
    return _get_faults(emulator, request, body)


def _clear_faults(emulator: Emulator, request: Request, body: Json) -> Json:
    emulator.faults.clear()
    return _get_faults(emulator, request, body)


def _get_journal(emulator: Emulator, request: Request, body: Json) -> Json:  # noqa: ARG001
    """The requests received; `?action=` selects."""
    entries = emulator.journal.entries(request.query_params.get("action"))
    return {"entries": [entry.to_json() for entry in entries]}


def _clear_journal(emulator: Emulator, request: Request, body: Json) -> Json:
    emulator.journal.clear()
    return _get_journal(emulator, request, body)
