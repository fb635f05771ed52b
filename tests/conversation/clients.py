"""The conversation in the words of the official SDKs: Python, Python asynchronous, TypeScript.

Each says the steps to an endpoint and gives back what came: of an answer `status`, `requestId`, `date` and `body` in
the wire's words, of an error `kind`, `status`, `code`, `message` and `requestId`; nothing normalised away.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Awaitable, Callable, Sequence
from typing import Any
from urllib.error import HTTPError
from urllib.request import ProxyHandler, Request, build_opener

from alibabacloud_fc20230330 import models
from alibabacloud_fc20230330.client import Client
from alibabacloud_tea_openapi.exceptions import AlibabaCloudException
from alibabacloud_tea_openapi.models import Config, OpenApiRequest, Params
from darabonba.exceptions import UnretryableException
from darabonba.runtime import RuntimeOptions

from tests.node import run_script

Json = dict[str, Any]
Speaker = Callable[[str, Sequence[Json]], list[Json]]

NEXT_TOKEN = "<nextToken>"
"""In a request: the token of the answer before."""
NODE_SECONDS = 60
_OPENER = build_opener(ProxyHandler({}))


def python(endpoint: str, steps: Sequence[Json]) -> list[Json]:
    """The Python SDK, and its calls that block."""
    client = _client(endpoint)

    async def call(method: str, arguments: Sequence[object]) -> Any:
        return getattr(client, method)(*arguments)

    return asyncio.run(_converse(endpoint, steps, call))


def python_async(endpoint: str, steps: Sequence[Json]) -> list[Json]:
    """The Python SDK, and its calls to be awaited."""
    client = _client(endpoint)

    async def call(method: str, arguments: Sequence[object]) -> Any:
        return await getattr(client, f"{method}_async")(*arguments)

    return asyncio.run(_converse(endpoint, steps, call))


def typescript(endpoint: str, steps: Sequence[Json]) -> list[Json]:
    """The TypeScript SDK, on Node."""
    said = run_script("conversation.mjs", endpoint, stdin=json.dumps(steps), seconds=NODE_SECONDS)
    heard: list[Json] = json.loads(said)
    return heard


def _client(endpoint: str) -> Client:
    keys = {"access_key_id": "id", "access_key_secret": "secret"}
    return Client(Config(endpoint=endpoint, protocol="http", **keys))


_Call = Callable[[str, Sequence[object]], Awaitable[Any]]


async def _converse(endpoint: str, steps: Sequence[Json], call: _Call) -> list[Json]:
    heard: list[Json] = []
    for step in steps:
        if "admin" in step:
            heard.append(_admin(endpoint, *step["admin"]))
            continue
        token = heard[-1].get("body", {}).get("nextToken") if heard else None
        method, arguments = _raw(step["raw"]) if "raw" in step else _typed(step, token)
        try:
            heard.append(_answer(await call(method, arguments)))
        except AlibabaCloudException as error:
            heard.append(_error(error))
        except UnretryableException:
            heard.append({"kind": "cut"})
    return heard


def _typed(step: Json, token: str | None) -> tuple[str, list[object]]:
    method = re.sub(r"(?<!^)(?=[A-Z])", "_", step["call"]).lower()
    if "request" not in step:
        return method, step["path"]
    request = step["request"]
    if request.get("nextToken") == NEXT_TOKEN:
        request = {**request, "nextToken": token}
    return method, [*step["path"], getattr(models, f"{step['call']}Request")().from_map(request)]


def _raw(said: Json) -> tuple[str, list[object]]:
    params = Params(
        action=said["action"],
        method=said["method"],
        pathname=said["pathname"],
        version="2023-03-30",
        protocol="HTTP",
        auth_type="AK",
        style="ROA",
        req_body_type="json",
        body_type="json",
    )
    return "call_api", [params, OpenApiRequest(query=said["query"], body=said["body"]), RuntimeOptions()]


def _answer(answer: Any) -> Json:
    if isinstance(answer, dict):
        status, headers, body = answer["statusCode"], answer["headers"], answer["body"]
    else:
        typed = getattr(answer, "body", None)
        status, headers, body = answer.status_code, answer.headers, typed and typed.to_map()
    heard = {"status": status, "requestId": headers["x-fc-request-id"], "date": headers["date"]}
    return heard if body is None else {**heard, "body": body}


def _error(error: AlibabaCloudException) -> Json:
    return {
        "kind": type(error).__name__.removesuffix("Exception").lower(),
        "status": error.status_code,
        "code": error.code,
        "message": error.data["Message"],
        "requestId": error.request_id,
    }


def _admin(endpoint: str, method: str, path: str, body: Json) -> Json:
    request = Request(f"http://{endpoint}{path}", data=json.dumps(body).encode(), method=method)
    try:
        with _OPENER.open(request, timeout=5) as answer:
            return {"status": answer.status, "body": json.loads(answer.read())}
    except HTTPError as error:
        return {"status": error.code, "body": json.loads(error.read())}
