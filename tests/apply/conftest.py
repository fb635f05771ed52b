"""A function in memory that holds what the plan was made against, and an audit that remembers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import pytest

from planner.apply import apply
from planner.base import FunctionRef
from planner.clock import ManualClock
from planner.fc.memory import MemoryFunctionCompute
from planner.fc.port import FunctionCompute, FunctionFacts
from planner.outcome import Outcome
from planner.plan import Plan
from planner.provision import LiveDocument, ProvisionConfig
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


@dataclass(slots=True)
class Applying:
    """Applies with the ports of one test; `plan` is what `a_plan()` gives unless said otherwise."""

    fc: FunctionCompute
    audit: MemoryAudit
    clock: ManualClock

    def __call__(
        self, plan: Plan | None = None, *, force: bool = False, follow: timedelta = timedelta(minutes=5)
    ) -> Outcome:
        return apply(
            plan or a_plan(),
            fc=self.fc,
            audit=self.audit,
            clock=self.clock,
            who="zhang.wei",
            force=force,
            follow=follow,
        )


@pytest.fixture
def applying(fc: MemoryFunctionCompute, audit: MemoryAudit, clock: ManualClock) -> Applying:
    return Applying(fc, audit, clock)


@dataclass(slots=True)
class Meddled:
    """A port on which somebody else acts right before our call of some number (counted from 1)."""

    fc: MemoryFunctionCompute
    meddles: dict[int, Callable[[MemoryFunctionCompute], None]]

    def get_provision_config(self, function: FunctionRef) -> LiveDocument:
        self._meddle()
        return self.fc.get_provision_config(function)

    def put_provision_config(self, function: FunctionRef, config: ProvisionConfig) -> LiveDocument:
        self._meddle()
        return self.fc.put_provision_config(function, config)

    def get_function(self, function: FunctionRef) -> FunctionFacts:
        return self.fc.get_function(function)

    def _meddle(self) -> None:
        if meddle := self.meddles.get(len(self.fc.calls) + 1):
            meddle(self.fc)


def holding(config: ProvisionConfig) -> Callable[[MemoryFunctionCompute], None]:
    """Somebody sets this document in the console."""

    def change(fc: MemoryFunctionCompute) -> None:
        fc.documents[FUNCTION] = replace(fc.documents[FUNCTION], config=config)

    return change
