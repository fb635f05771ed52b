"""The functions of one process share the retries of each API."""

from __future__ import annotations

from pathlib import Path

import pytest

from planner.base import FunctionRef
from planner.cli.room import Room
from planner.clock import ManualClock
from planner.emulator import Fault, Running
from planner.errors import FCServerError
from tests.builders import NOON
from tests.cli.conftest import NAME, fc, write_config

__all__ = ["fc"]
FUNCTIONS = 30


def test_an_outage_costs_one_budget_and_not_one_a_function(tmp_path: Path, fc: Running) -> None:
    entries = "".join(f"- name: {NAME}-{n}\n  history: {{file: history.csv}}\n" for n in range(FUNCTIONS))
    config = write_config(tmp_path, fc.endpoint, functions=entries)
    first = Room(config=Room.open_any(config).config, settings=Room.open_any(config).settings, clock=ManualClock(NOON))
    fc.emulator.faults.add(Fault(action="*", status=503, code="ServiceUnavailable", times=10_000))
    for n in range(FUNCTIONS):
        with pytest.raises(FCServerError):
            first.of(FunctionRef(name=f"{NAME}-{n}")).live()

    asked = len(fc.emulator.journal.entries("GetProvisionConfig"))
    # Twenty retries in the bucket, and what came back into it while the first ones waited.
    assert FUNCTIONS + 20 <= asked <= FUNCTIONS + 23
