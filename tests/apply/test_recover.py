"""An attempt that began and never ended gets the end that FC shows."""

from __future__ import annotations

from dataclasses import replace

import pytest

from planner.apply import recover
from planner.clock import ManualClock
from planner.errors import FCUnreachable
from planner.fc.memory import MemoryFunctionCompute
from planner.outcome import OutcomeKind
from planner.provision import LiveDocument, ProvisionConfig
from tests.apply.conftest import MemoryAudit
from tests.builders import FUNCTION, NOON, a_plan

PLAN = a_plan()


@pytest.mark.parametrize(
    ("live", "kind", "words"),
    [
        (LiveDocument(config=PLAN.wanted, exists=True), OutcomeKind.APPLIED, "FC holds the wanted document"),
        (LiveDocument(config=PLAN.live, exists=True), OutcomeKind.FAILED, "still holds the document from before"),
        (
            LiveDocument(config=ProvisionConfig(default_target=9), exists=True),
            OutcomeKind.DRIFTED,
            "defaultTarget 9 instead of 2",
        ),
        (LiveDocument(), OutcomeKind.DRIFTED, "neither document"),
    ],
    ids=["the wanted one", "the old one", "a third one", "none at all"],
)
def test_the_row_says_which_document_fc_holds(
    fc: MemoryFunctionCompute, audit: MemoryAudit, live: LiveDocument, kind: OutcomeKind, words: str
) -> None:
    fc.documents[FUNCTION] = live
    attempt = audit.begin(PLAN, who="ci", at=NOON, forced=False)

    outcome = recover(PLAN, attempt=attempt, fc=fc, audit=audit, clock=ManualClock(NOON))

    assert (outcome.kind, outcome.live_after, words in outcome.message) == (kind, live.config.digest, True)
    assert audit.last == outcome
    assert fc.puts() == ()


def test_a_first_document_that_never_came_is_told_from_one_that_was_removed(
    fc: MemoryFunctionCompute, audit: MemoryAudit
) -> None:
    plan = replace(PLAN, live=ProvisionConfig(), live_exists=False)
    fc.documents.clear()
    attempt = audit.begin(plan, who="ci", at=NOON, forced=False)

    outcome = recover(plan, attempt=attempt, fc=fc, audit=audit, clock=ManualClock(NOON))

    assert outcome.kind is OutcomeKind.FAILED


def test_while_fc_is_out_of_reach_the_row_stays_open(fc: MemoryFunctionCompute, audit: MemoryAudit) -> None:
    attempt = audit.begin(PLAN, who="ci", at=NOON, forced=False)
    fc.fail_next(FCUnreachable())

    with pytest.raises(FCUnreachable):
        recover(PLAN, attempt=attempt, fc=fc, audit=audit, clock=ManualClock(NOON))

    assert audit.rows[attempt].outcome is None
