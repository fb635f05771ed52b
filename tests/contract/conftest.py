"""The backends of the port: memory, and the emulator through the official SDK."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from planner.emulator import Fault, FunctionSpec, ManualClock, Running, World, running
from planner.errors import FCError, FCServerError, FCThrottled, FCUnreachable
from planner.fc.memory import MemoryFunctionCompute
from planner.fc.port import FunctionCompute, FunctionFacts
from tests.builders import FUNCTION, NOON
from tests.contract.support import connected

FACTS = FunctionFacts(
    instance_concurrency=4,
    instance_metrics=True,
    gpu_type="fc.gpu.ampere.1",
    cpu=8.0,
)
BARE = "no-metrics"
"""A function whose instance metrics are off."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Backend:
    """A port, and how to make its next calls of an action fail for good."""

    fc: FunctionCompute
    fail: Callable[[type[FCError], str], None]


@pytest.fixture
def emulator() -> Iterator[Running]:
    functions = (
        FunctionSpec(
            name=FUNCTION.name,
            aliases=(FUNCTION.qualifier, "canary"),
            instance_concurrency=4,
            instance_metrics=True,
            gpu_type=FACTS.gpu_type,
            gpu_memory_mb=24576,
        ),
        FunctionSpec(name=BARE),
    )
    with running(World(functions=functions), clock=ManualClock(NOON)) as server:
        yield server


@pytest.fixture
def memory() -> MemoryFunctionCompute:
    return MemoryFunctionCompute({FUNCTION.name: FACTS, BARE: FunctionFacts(cpu=8.0)})


@pytest.fixture(params=["memory", "emulator"])
def backend(request: pytest.FixtureRequest) -> Backend:
    if request.param == "memory":
        fc: MemoryFunctionCompute = request.getfixturevalue("memory")
        return Backend(fc=fc, fail=lambda kind, action: fc.fail_next(kind("ordered"), action=action))
    server: Running = request.getfixturevalue("emulator")
    return Backend(fc=connected(server.url), fail=lambda kind, action: server.emulator.faults.add(_fault(kind, action)))


def _fault(kind: type[FCError], action: str) -> Fault:
    """As often as the client asks, at most three times."""
    if kind is FCUnreachable:
        return Fault(action=action, cut="before", times=3)
    status, code = {
        FCThrottled: (429, "ResourceExhausted"),
        FCServerError: (500, "InternalServerError"),
    }.get(kind, (403, "AccessDenied"))
    return Fault(action=action, status=status, code=code, times=3)
