"""A million requests to one model server: what its memory does meanwhile.

    python benchmarks/model_server_endurance.py [--requests 1000000] [--connections 64]

Needs the model's packages (`make setup-model`). The texts, of one to eighty words, are drawn from words made up for
this run, with one in each that comes once only; one request in a hundred is a bad one. Prints the resident memory of
both processes at every twentieth of the way, and ends with 1 where one of them grew by more than `ALLOWED_MIB` after
the first tenth, or where an answer was not the one that was due.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import socket
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
ALLOWED_MIB = 16


class Texts:
    """Requests, and the status that each is due."""

    def __init__(self, seed: int) -> None:
        self._draw = random.Random(seed)
        self._words = ["".join(self._draw.choices("aeioubdklmnrst", k=self._draw.randint(2, 9))) for _ in range(20_000)]

    def next(self) -> tuple[bytes, bytes]:
        """Draw one."""
        draw = self._draw
        if draw.random() < 0.01:
            return _request(b"\xff"), b"400"
        words = [self._words[int(20_000 * draw.random() ** 3)] for _ in range(draw.choice((1, 4, 4, 8, 20, 80)))]
        words.append(f"{draw.getrandbits(40):x}")
        return _request(" ".join(words).encode()), b"200"


def _request(body: bytes) -> bytes:
    head = b"POST /invoke HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n"
    return head % len(body) + body


async def ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes) -> bytes:
    """The status of the answer."""
    writer.write(request)
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    length = int(head.split(b"content-length:", 1)[1].split(b"\r", 1)[0])
    await reader.readexactly(length)
    return head[9:12]


async def load(port: int, requests: int, connections: int, process: int) -> tuple[list[list[float]], int]:
    """Memory of the processes at each twentieth, and how many answers were wrong."""
    texts, left, wrong = Texts(0), requests, 0
    seen: list[list[float]] = []

    async def one() -> None:
        nonlocal left, wrong
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        while left > 0:
            left -= 1
            number = requests - left
            request, due = texts.next()
            wrong += await ask(reader, writer, request) != due
            if number % max(1, requests // 20) == 0:
                seen.append([resident(member) for member in family(process)])
                shown = " + ".join(f"{mib:.1f}" for mib in seen[-1])
                print(f"{number:9} requests: {shown} MiB resident", flush=True)
        writer.close()

    await asyncio.gather(*(one() for _ in range(connections)))
    return seen, wrong


def family(process: int) -> list[int]:
    children = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    return [process, *map(int, children)]


def resident(process: int) -> float:
    """MiB."""
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:")) / 1024


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=1_000_000)
    parser.add_argument("--connections", type=int, default=64)
    chosen = parser.parse_args()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "model_server", "--host", "127.0.0.1", "--port", str(port)]
    process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL)
    try:
        initialize(port)
        begun = time.perf_counter()
        seen, wrong = asyncio.run(load(port, chosen.requests, chosen.connections, process.pid))
        spent = time.perf_counter() - begun
    finally:
        process.terminate()
        process.wait()
    grown = [max(after) - before for before, after in zip(seen[1], zip(*seen[2:], strict=True), strict=True)]
    said = " and ".join(f"{mib:+.1f}" for mib in grown)
    print(f"{chosen.requests} requests in {spent:.0f} s, {wrong} wrong; after the first tenth {said} MiB at most")
    return int(wrong > 0 or max(grown) > ALLOWED_MIB)


def initialize(port: int) -> None:
    """Wait for the listening port and then for the Initializer, whose answer is the first byte."""
    for _ in range(100):
        try:
            with socket.create_connection(("127.0.0.1", port), 300) as connection:
                connection.sendall(b"POST /initialize HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
                if not connection.recv(100).startswith(b"HTTP/1.1 200"):
                    raise SystemExit("the server was not initialized")
                return
        except ConnectionRefusedError:
            time.sleep(0.1)
    raise SystemExit("the server does not listen")


if __name__ == "__main__":
    sys.exit(main())
