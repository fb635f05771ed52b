"""The load generator: open loop, each latency from when the request was due, and no process left behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from planner.errors import PlannerError
from planner.rehearsal.driving import generator
from planner.rehearsal.generator import TEXTS, Orders, Row
from tests.emulator.instances.site import alive, children, until
from tests.model_server.serving import WITHIN_SECONDS

TOGETHER = 20


class _Gathering(BaseHTTPRequestHandler):
    """Answers none before as many are there as the barrier wants; every fifth with 429."""

    seen: list[bytes]
    barrier: threading.Barrier
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        self.seen.append(self.rfile.read(int(self.headers["Content-Length"])))
        place = self.barrier.wait(WITHIN_SECONDS)
        self.send_response(200 if place % 5 else 429)
        self.send_header("x-emulator-start", "cold")
        self.send_header("x-emulator-instance-id", "i-1")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *args: object) -> None:
        pass


@contextmanager
def gathering(together: int) -> Iterator[tuple[str, list[bytes]]]:
    seen: list[bytes] = []
    handler = type("_Handler", (_Gathering,), {"seen": seen, "barrier": threading.Barrier(together)})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}/invoke", seen
        finally:
            server.shutdown()
            thread.join()


def orders(url: str, arrivals: list[float], *, ago: float = 0.0) -> Orders:
    return Orders(url=url, begin=time.monotonic() - ago, arrivals=arrivals, timeout_seconds=20)


def driven(url: str, arrivals: list[float], *, ago: float = 0.0) -> tuple[Row, ...]:
    with generator() as sender:
        return sender.drive(orders(url, arrivals, ago=ago), lambda: None)


def test_requests_are_sent_at_their_times_though_no_earlier_one_is_answered() -> None:
    due = [number * 0.01 for number in range(TOGETHER)]
    with gathering(TOGETHER) as (url, seen):
        rows = driven(url, due)
    assert len(seen) == TOGETHER
    assert set(seen) == {text.encode() for text in TEXTS}
    assert [row.at for row in rows] == due
    assert all(0 <= row.late <= row.latency for row in rows)
    # The first waited until the last was sent.
    assert rows[0].latency >= due[-1] - due[0]
    assert sorted(row.status for row in rows) == [200] * 16 + [429] * 4
    assert {(row.start, row.instance) for row in rows} == {("cold", "i-1")}


def test_a_latency_counts_from_when_the_request_was_due() -> None:
    """What should have been sent two seconds ago is sent at once, but it has waited two seconds."""
    with gathering(1) as (url, _):
        (row,) = driven(url, [0.0], ago=2.0)
    assert row.late >= 2.0
    assert row.latency >= row.late


def test_a_server_that_is_not_there_is_an_answer_of_none() -> None:
    (row,) = driven("http://127.0.0.1:9/invoke", [0.0])
    assert (row.status, row.start) == (0, "")


def test_no_process_is_left_when_whoever_waits_is_interrupted() -> None:
    before = set(children())

    def interrupt() -> None:
        assert set(children()) - before
        raise KeyboardInterrupt

    with generator() as sender, pytest.raises(KeyboardInterrupt):
        sender.drive(orders("http://127.0.0.1:9/invoke", [60.0]), interrupt)
    assert set(children()) == before


def test_no_process_is_left_that_got_no_orders() -> None:
    before = set(children())
    with generator():
        assert set(children()) - before
    assert set(children()) == before


def test_a_generator_that_fails_is_told_in_one_sentence() -> None:
    with generator() as sender, pytest.raises(PlannerError) as told:
        sender.drive({"begin": 0.0, "arrivals": [0.0]}, lambda: None)  # type: ignore[typeddict-item]
    assert told.value.message == "The load generator ended without a result: KeyError: 'timeout_seconds'"


@pytest.mark.parametrize("number", [1, 100_000], ids=["few orders", "more than a pipe holds"])
def test_a_generator_that_was_killed_before_its_orders_is_told_in_one_sentence(number: int) -> None:
    before = set(children())
    with generator() as sender:
        (process,) = set(children()) - before
        os.kill(process, signal.SIGKILL)
        until(lambda: not alive(process))
        with pytest.raises(PlannerError) as told:
            sender.drive(orders("http://127.0.0.1:9/invoke", [0.0] * number), lambda: None)
    assert told.value.message == "The load generator ended without a result: it said nothing"
    assert set(children()) == before


def test_it_ends_when_whoever_gave_the_orders_is_gone() -> None:
    program = """
import json, subprocess, sys
process = subprocess.Popen([sys.executable, "-m", "planner.rehearsal.generator"], stdin=subprocess.PIPE)
process.stdin.write(json.dumps(json.loads(sys.argv[1])).encode() + b"\\n")
process.stdin.flush()
print(process.pid, flush=True)
sys.stdin.read()
"""
    asked = json.dumps(orders("http://127.0.0.1:9/invoke", [600.0]))
    command = [sys.executable, "-c", program, asked]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        generator = int(parent.stdout.readline())
        assert alive(generator)
        parent.kill()
    until(lambda: not alive(generator))
