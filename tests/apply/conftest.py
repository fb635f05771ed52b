"""A function in memory that holds what the plan was made against, and an audit that remembers."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

import pytest

from planner.clock import ManualClock
from planner.fc.memory import MemoryFunctionCompute
from planner.fc.port import FunctionFacts
from planner.outcome import Outcome
from planner.plan import Plan
from planner.provision import LiveDocument
from tests.builders import FUNCTION, NOON, a_plan


@dataclass(slots=True, kw_only=True)
class Row:
    """One attempt."""

    plan: Plan
    who: str
    at: datetime
    forced: bool
    outcome: Outcome | None = None


@dataclass(slots=True)
class MemoryAudit:
    """Implements `Audit` in a list; the attempt's id is its place."""

    rows: list[Row] = field(default_factory=list)

    def begin(self, plan: Plan, *, who: str, at: datetime, forced: bool) -> int:
        self.rows.append(Row(plan=plan, who=who, at=at, forced=forced))
        return len(self.rows) - 1

    def finish(self, attempt: int, outcome: Outcome) -> None:
        assert self.rows[attempt].outcome is None, "an attempt ends once"
        self.rows[attempt].outcome = outcome

    @property
    def last(self) -> Outcome:
        outcome = self.rows[-1].outcome
        assert outcome is not None, "the row is still open"
        return outcome


@pytest.fixture
def audit() -> MemoryAudit:
    return MemoryAudit()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOON)


@pytest.fixture
def fc() -> MemoryFunctionCompute:
    """FC holds the document of `a_plan()` and runs the instances of its first step."""
    port = MemoryFunctionCompute({FUNCTION.name: FunctionFacts(instance_metrics=True)})
    port.documents[FUNCTION] = LiveDocument(config=a_plan().live, exists=True, target=4, current=4)
    return port
