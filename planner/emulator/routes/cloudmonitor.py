"""Cloud Monitor on the wire: RPC style, POST or GET of `/`, parameters in the query or as a form.

The official SDK (alibabacloud-cms20190101 4.0.10) posts the parameters in the query and names the
action in the header `x-acs-action`; older clients name it in the parameter `Action`.
"""

import time
from collections import deque
from collections.abc import Callable
from threading import Lock
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from planner.emulator.errors import ActionNotFound, ThrottledUser
from planner.emulator.models.cloudmonitor import ACTIONS
from planner.emulator.models.document import Json
from planner.emulator.models.emulator import Emulator
from planner.emulator.routes.exchange import Asked, exchange

VERSION = "2019-01-01"

_NAMELESS = "CloudMonitor"
"""The journal's action of a request that names none."""


class CallRate:
    """How many calls of each action a second lets pass, in real time. Safe between threads."""

    def __init__(self, limit: int, clock: Callable[[], float] = time.monotonic) -> None:
        """`limit` calls in any second, of the clock's; 0 is no limit."""
        self._limit = limit
        self._clock = clock
        self._lock = Lock()
        self._passed: dict[str, deque[float]] = {}

    def take(self, action: str) -> None:
        """Let a call pass; `ThrottledUser` if it is one too many, which then does not count."""
        if not self._limit:
            return
        with self._lock:
            now, passed = self._clock(), self._passed.setdefault(action, deque())
            while passed and passed[0] <= now - 1:
                passed.popleft()
            if len(passed) >= self._limit:
                raise ThrottledUser
            passed.append(now)


def cloudmonitor_routes(emulator: Emulator) -> list[Route]:
    """The one route of Cloud Monitor's API."""
    rate = CallRate(emulator.settings.metric_calls_per_second)

    async def endpoint(request: Request) -> Response:
        parameters = await _parameters(request)
        action = parameters.get("Action") or request.headers.get("x-acs-action") or _NAMELESS
        version = parameters.get("Version") or request.headers.get("x-acs-version") or VERSION

        def perform(asked: Asked) -> Json:
            if action not in ACTIONS or version != VERSION:
                raise ActionNotFound
            rate.take(action)
            with emulator.account() as present:
                return {"RequestId": asked.request_id, **ACTIONS[action](present, parameters)}

        return await exchange(emulator, action, request, perform)

    return [Route("/", endpoint, methods=["GET", "POST"])]


async def _parameters(request: Request) -> dict[str, str]:
    """What the query and a form name; the query wins."""
    form: list[tuple[str, str]] = []
    if request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        form = parse_qsl((await request.body()).decode(errors="replace"), keep_blank_values=True)
    return {**dict(form), **dict(request.query_params)}
