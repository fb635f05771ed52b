"""The way of requests to instances: InvokeFunction, the HTTP trigger, and a look at the instances."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from email.utils import format_datetime

import aiohttp
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from yarl import URL

from planner.emulator.errors import ApiError, NotCovered, error_body
from planner.emulator.instances.errors import CAExited, EntityTooLarge, InvocationTimeout
from planner.emulator.instances.host import Host, NoInstance
from planner.emulator.instances.pool import Lease, Pool
from planner.emulator.instances.process import LOOPBACK
from planner.emulator.models.function import LATEST
from planner.emulator.routes.signature import check_signature

INVOCATIONS = "/2023-03-30/functions/{function_name}/invocations"
TRIGGER = "/_function/{function_name}"
INSTANCES = "/_emulator/instances"

_ANY_METHOD = ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"]
_HOP_BY_HOP = frozenset(
    {"connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "te", "trailer", "transfer-encoding"}
    | {"upgrade", "content-length", "date", "server", "expect"}
)
"""What a proxy does not pass on (RFC 9110, 7.6.1), and what is written anew."""
_TRIES = 3

_Endpoint = Callable[[Request], Awaitable[Response]]


class _BrokenOff(aiohttp.ClientError):
    """The connection ended before the answer."""


async def _once(request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
    """Keep aiohttp from sending a request again that the instance may have seen: it does so for GET and others."""
    try:
        return await handler(request)
    except aiohttp.ClientConnectorError:
        raise
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
        raise _BrokenOff from error


def data_routes(host: Host) -> list[Route]:
    """The data plane, and the admin routes for people who look at instances.

    The HTTP trigger has a path and no host name of its own: that works for every client, without
    any name resolution.
    """
    exchange = _DataPlane(host)
    return [
        Route(INVOCATIONS, exchange.invoke, methods=["POST"]),
        Route(TRIGGER, exchange.trigger, methods=_ANY_METHOD),
        Route(TRIGGER + "/{path:path}", exchange.trigger, methods=_ANY_METHOD),
        Route(INSTANCES, _instances(host), methods=["GET"]),
        Route(INSTANCES + "/{instance_id}/log", _log(host), methods=["GET"]),
    ]


def _instances(host: Host) -> _Endpoint:
    async def endpoint(request: Request) -> Response:  # noqa: ARG001
        return JSONResponse(host.instances())

    return endpoint


def _log(host: Host) -> _Endpoint:
    async def endpoint(request: Request) -> Response:
        try:
            return JSONResponse(host.log(request.path_params["instance_id"]))
        except NoInstance as error:
            return JSONResponse({"error": f"no instance {error}"}, status_code=404)

    return endpoint


@dataclass(frozen=True, slots=True, kw_only=True)
class _Forward:
    """A request as an instance gets it."""

    method: str
    target: str
    """Raw path and query, still percent-encoded."""
    headers: list[tuple[str, str]]
    body: bytes
    control_path: str


def _passes(name: str) -> bool:
    """Whether a header passes the data plane, in either direction: those of FC itself do not.

    Source: https://help.aliyun.com/en/functioncompute/fc/user-guide/code-development-in-custom-container-runtimes
    """
    return name not in _HOP_BY_HOP and not name.startswith("x-fc-")


@dataclass(frozen=True, slots=True)
class _DataPlane:
    """Takes requests in, passes them to instances, and answers; errors become bodies only here."""

    host: Host

    async def invoke(self, request: Request) -> Response:
        """InvokeFunction: POST /invoke with the payload; FC's own headers and signature end here.

        Source: https://help.aliyun.com/en/functioncompute/fc/user-guide/code-development-in-custom-container-runtimes
        """
        request_id = self._request_id()
        try:
            if request.headers.get("x-fc-invocation-type", "Sync").lower() != "sync":
                message = "the emulator has no asynchronous invocations"
                raise NotCovered(message)
            forward = _Forward(
                method="POST",
                target="/invoke",
                headers=[("content-type", "application/octet-stream")],
                body=await self._body(request),
                control_path="/invoke",
            )
            check_signature(self.host.emulator, request, forward.body)
            name = request.path_params["function_name"]
            return await self._serve(name, request.query_params.get("qualifier", ""), forward, request_id)
        except ApiError as error:
            return self._refusal(error, request_id)

    async def trigger(self, request: Request) -> Response:
        """The HTTP trigger: any method and path; a first part that is an alias or LATEST is the qualifier."""
        request_id = self._request_id()
        try:
            name = request.path_params["function_name"]
            # The raw path, so that what the client has encoded stays so.
            raw = request.scope["raw_path"].decode("latin-1").partition("?")[0]
            rest = raw.removeprefix("/_function/").partition("/")[2]
            first, _, after = rest.partition("/")
            with self.host.emulator.account() as account:
                qualified = account.function(name).has(first)
            qualifier, path = (first, after) if qualified else (LATEST, rest)
            query = request.scope["query_string"].decode("latin-1")
            forward = _Forward(
                method=request.method,
                target=f"/{path}" + (f"?{query}" if query else ""),
                headers=request.headers.items(),
                body=await self._body(request),
                control_path="/http-invoke",
            )
            return await self._serve(name, qualifier, forward, request_id)
        except ApiError as error:
            return self._refusal(error, request_id)

    def _request_id(self) -> str:
        emulator = self.host.emulator
        return emulator.journal.next_request_id(emulator.now())

    @property
    def _limit(self) -> int:
        return self.host.machine.settings.body_limit_mb * 2**20

    async def _body(self, request: Request) -> bytes:
        """The body; one that is too large is read to its end and dropped, so that the client hears of it."""
        parts: list[bytes] = []
        size = 0
        async for part in request.stream():
            size += len(part)
            if size > self._limit:
                parts.clear()
            else:
                parts.append(part)
        if size > self._limit:
            raise EntityTooLarge(self._limit)
        return b"".join(parts)

    async def _serve(self, name: str, qualifier: str, forward: _Forward, request_id: str) -> Response:
        """Find an instance and pass the request on; an instance that died before it got it is no matter."""
        with self.host.emulator.account() as account:
            key = account.key(name, qualifier)
            process = account.function(name).process
        if process is None:
            message = f"function '{name}' has no process that could serve requests"
            raise NotCovered(message)
        pool = self.host.pool(key)
        for left in reversed(range(_TRIES)):
            lease = await pool.acquire()
            try:
                return await self._pass_on(pool, lease, forward, request_id)
            except aiohttp.ClientConnectorError as error:
                await lease.instance.condemn()
                if not left:
                    raise CAExited(lease.instance.id) from error
            finally:
                pool.release(lease)
        raise AssertionError

    async def _pass_on(self, pool: Pool, lease: Lease, forward: _Forward, request_id: str) -> Response:
        function, machine = pool.function, self.host.machine
        fc = machine.headers(function, pool.key[1], forward.control_path, request_id)
        seconds = function.process.timeout_seconds if function.process else 0.0
        try:
            async with machine.session.request(
                forward.method,
                URL(f"http://{LOOPBACK}:{lease.instance.port}{forward.target}", encoded=True),
                data=forward.body or None,
                headers=[*((k, v) for k, v in forward.headers if _passes(k)), *fc.items()],
                skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding", "Content-Type"),
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(total=seconds),
                middlewares=(_once,),
            ) as answer:
                return self._answer(answer, await self._read(answer), lease, request_id)
        except TimeoutError as error:
            raise InvocationTimeout(seconds) from error
        except aiohttp.ClientConnectorError:
            raise
        except aiohttp.ClientError as error:
            await lease.instance.doubt()
            raise CAExited(lease.instance.id) from error

    async def _read(self, answer: aiohttp.ClientResponse) -> bytes:
        """The body of an answer."""
        body = bytearray()
        async for part in answer.content.iter_any():
            body += part
            if len(body) > self._limit:
                raise EntityTooLarge(self._limit)
        return bytes(body)

    def _answer(self, answer: aiohttp.ClientResponse, body: bytes, lease: Lease, request_id: str) -> Response:
        response = Response(body, status_code=answer.status)
        passed = [(k, v) for k, v in answer.raw_headers if _passes(k.decode("latin-1").lower())]
        own = {
            **self._own_headers(request_id),
            "x-emulator-start": lease.start,
            "x-emulator-instance": "on-demand" if lease.instance.on_demand else "provisioned",
            "x-emulator-instance-id": lease.instance.id,
            "content-length": str(len(body)),
        }
        if answer.status in (204, 304):
            del own["content-length"]
        response.raw_headers = [*passed, *((k.lower().encode(), v.encode()) for k, v in own.items())]
        return response

    def _refusal(self, error: ApiError, request_id: str) -> Response:
        headers = self._own_headers(request_id)
        return JSONResponse(error_body(error, request_id), status_code=error.http_status, headers=headers)

    def _own_headers(self, request_id: str) -> dict[str, str]:
        date = format_datetime(self.host.emulator.now(), usegmt=True)
        return {"X-Fc-Request-Id": request_id, "Date": date}
