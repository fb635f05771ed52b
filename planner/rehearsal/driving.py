"""The generator's process: started, given its orders, watched, and never left behind."""

from __future__ import annotations

import json
import select
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from tempfile import TemporaryFile
from typing import IO

from planner.errors import PlannerError
from planner.rehearsal.generator import Orders, Row

_LOOK_SECONDS = 0.2
_END_SECONDS = 5.0


class Generator:
    """A generator that waits for its orders; `generator` makes one."""

    def __init__(self, process: subprocess.Popen[bytes], said: IO[bytes]) -> None:
        self._process, self._said = process, said
        self._line()  # it is ready: nothing that it imports makes a request late

    def drive(self, orders: Orders, beat: Callable[[], None]) -> tuple[Row, ...]:
        """Every request of the orders, in the order of their times; `beat` is called several times a second meanwhile.

        Once only: when this returns or raises, its process has ended, so that nobody sends on while the server stops.
        PlannerError where it ends without a result.
        """
        try:
            return self._driven(orders, beat)
        finally:
            _end(self._process)

    def _driven(self, orders: Orders, beat: Callable[[], None]) -> tuple[Row, ...]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with suppress(BrokenPipeError):  # it has ended, and what it prints no more tells so
            self._process.stdin.write(json.dumps(orders).encode() + b"\n")
            self._process.stdin.flush()
        while not select.select([self._process.stdout], [], [], _LOOK_SECONDS)[0]:
            beat()
        return tuple(Row(*row) for row in json.loads(self._line()))

    def _line(self) -> bytes:
        """The next line that it prints."""
        assert self._process.stdout is not None
        if line := self._process.stdout.readline():
            return line
        self._process.wait()
        self._said.seek(0)
        lines = [line.strip() for line in self._said.read().decode(errors="replace").splitlines()]
        last = next((line for line in reversed(lines) if line), "it said nothing")
        raise PlannerError(f"The load generator ended without a result: {last}")


@contextmanager
def generator() -> Iterator[Generator]:
    """A generator that is ready; after the block its process has ended."""
    command = [sys.executable, "-m", "planner.rehearsal.generator"]
    with TemporaryFile() as said:
        process = subprocess.Popen(  # noqa: S603  # this package's own module
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=said
        )
        with process:
            try:
                yield Generator(process, said)
            finally:
                _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    assert process.stdin is not None
    with suppress(BrokenPipeError, subprocess.TimeoutExpired):
        process.stdin.close()
        process.wait(_END_SECONDS)
    process.kill()
    process.wait()
