"""Builders and verbs for tests of instances that are processes."""

import json
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import ProxyHandler, Request, build_opener

from planner.emulator import Clock, FunctionSpec, RealClock
from tests.emulator.fc import Fc, emulated

SAMPLE = Path(__file__).with_name("sample.py")
PATIENCE_SECONDS = 30
_OPENER = build_opener(ProxyHandler({}))


def sample(environment: dict[str, object] | None = None, **fields: Any) -> FunctionSpec:
    """A function `asr` whose instances are the sample server; fields as in the world's file."""
    process = {
        "command": [sys.executable, "-S", "-u", str(SAMPLE), "{port}"],
        "environment": {name: str(value) for name, value in (environment or {}).items()},
    }
    body = {"functionName": "asr", "aliases": ["prod"], "logConfig": {"enableInstanceMetrics": True}}
    return FunctionSpec.from_wire({**body, "process": process, **fields})


@contextmanager
def served(function: FunctionSpec, clock: Clock | None = None, **switches: Any) -> Iterator["Site"]:
    """An emulator whose puts are evaluated at once."""
    quick = {"evaluation_lag_seconds": 0, "termination_grace_seconds": 5.0, **switches}
    with emulated(function, clock=clock or RealClock(), **quick) as fc:
        yield Site(fc=fc)


def until(condition: Callable[[], Any], patience: float = PATIENCE_SECONDS) -> Any:
    """What the condition gives as soon as it gives something true; fails when patience ends."""
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        if found := condition():
            return found
        time.sleep(0.05)
    message = "it did not happen in time"
    raise AssertionError(message)


def alive(pid: int) -> bool:
    """Whether a process exists and is no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def children() -> list[int]:
    """The children of this process, zombies too."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
        except (FileNotFoundError, ProcessLookupError):
            continue
        if parent == os.getpid():
            found.append(int(entry.name))
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An answer of the data plane."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)

    @property
    def code(self) -> str:
        """The `Code` of a refusal."""
        return str(self.json["Code"])


class Later:
    """A request in a thread of its own."""

    def __init__(self, call: Callable[[], Answer]) -> None:
        self._answers: list[Answer] = []
        self._thread = threading.Thread(target=lambda: self._answers.append(call()), daemon=True)
        self._thread.start()

    @property
    def over(self) -> bool:
        """Whether there is an answer."""
        return bool(self._answers)

    def answer(self) -> Answer:
        """The answer, waited for."""
        self._thread.join(PATIENCE_SECONDS)
        return self._answers[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A running emulator with real instances."""

    fc: Fc

    def warm(self, count: int) -> None:
        """Provision so many instances and wait for them."""
        self.fc.put({"defaultTarget": count})
        until(lambda: self.fc.get()["current"] == count)

    def send(
        self, path: str, method: str = "GET", body: bytes | None = None, headers: dict[str, str] | None = None
    ) -> Answer:
        """A request to the HTTP trigger of the alias."""
        return self.ask(f"/_function/asr/prod{path}", method, body, headers)

    def ask(
        self, path: str, method: str = "GET", body: bytes | None = None, headers: dict[str, str] | None = None
    ) -> Answer:
        """Any request."""
        request = Request(self.fc.url + path, data=body, method=method, headers=headers or {})
        try:
            with _OPENER.open(request, timeout=PATIENCE_SECONDS) as answer:
                return Answer(status=answer.status, headers=_flat(answer.headers), body=answer.read())
        except HTTPError as error:
            with error:
                return Answer(status=error.code, headers=_flat(error.headers), body=error.read())

    def later(self, path: str) -> Later:
        """The same without waiting."""
        return Later(lambda: self.send(path))

    def instances(self, *states: str) -> list[Any]:
        """What the admin route tells of instances, of those states if any are named."""
        told = self.ask("/_emulator/instances").json["instances"]
        return [i for i in told if not states or i["state"] in states]


def _flat(headers: Any) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in headers.items():
        found[name.lower()] = f"{found[name.lower()]}, {value}" if name.lower() in found else value
    return found
