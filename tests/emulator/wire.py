"""Requests to the emulator's application without a socket: thousands of them in seconds."""

import asyncio
import json
from collections.abc import MutableMapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from planner.emulator import Emulator
from planner.emulator.routes.app import create_app
from planner.emulator.routes.exchange import CUT
from tests.published import Body


@dataclass(slots=True, kw_only=True)
class Answer:
    """What a client gets: a status of None where the connection was cut."""

    status: int | None = None
    body: Body = field(default_factory=dict)


class Wire:
    """The application of one emulator."""

    def __init__(self, emulator: Emulator) -> None:
        self._app = create_app(emulator)
        self._runner = asyncio.Runner()

    def ask(self, method: str, path: str, body: object = None, **query: object) -> Answer:
        """Send one request and wait for its answer."""
        return self._runner.run(self._ask(method, path, body, query))

    def close(self) -> None:
        """Nothing is asked any more."""
        self._runner.close()

    async def _ask(self, method: str, path: str, body: object, query: dict[str, object]) -> Answer:
        answer, connection, sent = Answer(), {"cut": False}, bytearray()
        scope: dict[str, Any] = {
            "type": "http",
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": path,
            "raw_path": path.encode(),
            "root_path": "",
            "query_string": urlencode(query).encode(),
            "headers": [],
            "server": ("127.0.0.1", 80),
            "client": ("127.0.0.1", 1),
            "state": {CUT: lambda: connection.update(cut=True)},
        }

        async def receive() -> MutableMapping[str, Any]:
            return {"type": "http.request", "body": b"" if body is None else json.dumps(body).encode()}

        async def send(message: MutableMapping[str, Any]) -> None:
            if not connection["cut"]:
                answer.status = message.get("status", answer.status)
                sent.extend(message.get("body", b""))

        await self._app(scope, receive, send)
        answer.body = json.loads(sent) if sent else {}
        return answer
