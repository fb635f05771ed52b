"""The open-loop load generator, a process of its own: `python -m planner.rehearsal.generator`.

It prints a line when it is ready, reads one of JSON (`Orders`) from standard input, sends each request at its time
whether or not earlier ones were answered, and prints one of JSON, a row (`Row`) a request. A latency counts from the
instant at which the request was meant to be sent: what waits for a connection, or for this process, is not left out (no
coordinated omission). When standard input closes, whoever gave the orders is gone, and it ends.
"""

from __future__ import annotations

import asyncio
import json
import signal
import sys
import time
from typing import NamedTuple, TypedDict

import aiohttp

CONNECTIONS = 256
"""At once, at most; who gets none waits, and that counts."""
TEXTS = (
    "Nice to meet you",
    "很高兴认识你",
    "see you at eight",
    "明天见",
    "the parcel has arrived",
    "free prize, call now",
)
_NO_ANSWER = 0


class Orders(TypedDict):
    """What is sent: `arrivals` are seconds from `begin`, an instant of `time.monotonic`, which processes share."""

    url: str
    begin: float
    arrivals: list[float]
    timeout_seconds: float


class Row(NamedTuple):
    """One request: when it was due (seconds from `begin`), how much later it was sent, and what came of it.

    `latency` counts from when it was due. Status 0: no answer. `start` is `cold` where it waited for an instance to
    start, `warm` where one was there, empty in refusals; `instance` is the id of the one that answered.
    """

    at: float
    late: float
    latency: float
    status: int
    start: str
    instance: str


async def drive(orders: Orders) -> list[Row]:
    """Send everything, and wait for what is in flight."""
    rows: list[Row] = []
    connector = aiohttp.TCPConnector(limit=CONNECTIONS)
    timeout = aiohttp.ClientTimeout(total=orders["timeout_seconds"])
    async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session, asyncio.TaskGroup() as group:
        for number, at in enumerate(orders["arrivals"]):
            due = orders["begin"] + at
            await asyncio.sleep(max(due - time.monotonic(), 0.0))
            group.create_task(_send(session, orders["url"], number, at, due, rows))
    return rows


async def _send(  # noqa: PLR0917  # one request is all of them
    session: aiohttp.ClientSession, url: str, number: int, at: float, due: float, rows: list[Row]
) -> None:
    late = time.monotonic() - due
    status, start, instance = _NO_ANSWER, "", ""
    try:
        async with session.post(url, data=TEXTS[number % len(TEXTS)].encode(), headers=_HEADERS) as answer:
            await answer.read()
            status = answer.status
            start = answer.headers.get("x-emulator-start", "")
            instance = answer.headers.get("x-emulator-instance-id", "")
    except (aiohttp.ClientError, TimeoutError):
        pass  # told by the status
    rows.append(Row(at, late, time.monotonic() - due, status, start, instance))


_HEADERS = {"Content-Type": "text/plain; charset=utf-8"}


async def _main() -> None:
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=2**25)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    line = await reader.readline()
    if not line:
        return
    orders: Orders = json.loads(line)
    driving, orphaned = asyncio.create_task(drive(orders)), asyncio.create_task(reader.read())
    await asyncio.wait((driving, orphaned), return_when=asyncio.FIRST_COMPLETED)
    if not driving.done():
        driving.cancel()
        return
    sys.stdout.write(json.dumps(sorted(driving.result())) + "\n")


if __name__ == "__main__":
    # Ctrl-C goes to the whole group; this process ends when its standard input closes.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    asyncio.run(_main())
