"""One line a function: what is the matter, and who has to look."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from planner.freeze import Freeze
from planner.lead import Lead
from planner.overview import Urgency, line
from planner.provision import LiveDocument
from planner.status import Care, Status
from planner.store import Lease, Pause, Run
from tests.builders import NOON, a_plan

HOUR = timedelta(hours=1)
PLAN = a_plan()
LIVE = LiveDocument(config=PLAN.wanted, exists=True, current=2, target=2)
LEASE = Lease(function=PLAN.function, holder="daemon one", epoch=1, expires_at=NOON + HOUR)
CARE = Care(mode="auto", lease=LEASE)
LEAD = Lead(span=timedelta(minutes=1), evaluation_lag=timedelta(minutes=2), source="configured")
FINE = Status(function=PLAN.function, now=NOON, live=LIVE, applied=PLAN, last=None, unfinished=(), lead=LEAD, care=CARE)
FAILED = Run(function=PLAN.function, job="collect", began_at=NOON, ended_at=NOON, failed=True, sentence="no answer")
PAUSE = Pause(function=None, since=NOON, until=None, who="ann", why="")


def test_a_function_that_is_fine() -> None:
    found = line(FINE)
    assert (found.mode, found.instances, found.coming, found.matter) == ("auto", "2 of 2", "6 at 13:00Z", "as applied")
    assert found.urgency is Urgency.QUIET


@pytest.mark.parametrize(
    ("found", "matter", "urgency"),
    [
        (replace(FINE, live=replace(LIVE, current=1)), "1 instances are MISSING, or starting", Urgency.TROUBLE),
        (
            replace(FINE, live=replace(LIVE, config=replace(PLAN.wanted, default_target=9))),
            "DRIFTED: somebody else changed the document",
            Urgency.TROUBLE,
        ),
        (
            replace(FINE, live=replace(LIVE, current_error="no stock")),
            "Function Compute says: no stock",
            Urgency.TROUBLE,
        ),
        (replace(FINE, now=NOON + 9 * HOUR), "the schedule ended; its fallback serves", Urgency.TROUBLE),
        (replace(FINE, care=replace(CARE, runs={"collect": FAILED})), "collect FAILED: no answer", Urgency.TROUBLE),
        (replace(FINE, care=replace(CARE, lease=None)), "no daemon acts", Urgency.TROUBLE),
        (replace(FINE, care=Care(mode="observe")), "as applied", Urgency.QUIET),
        (replace(FINE, care=replace(CARE, pause=PAUSE)), "paused by ann", Urgency.WAITS),
        (
            replace(FINE, care=replace(CARE, freeze=Freeze(why="a sale", until=None))),
            "frozen without an end in sight: a sale",
            Urgency.WAITS,
        ),
        (replace(FINE, applied=None), "no plan was applied yet", Urgency.QUIET),
        (
            replace(FINE, live=replace(LIVE, current=1), care=replace(CARE, pause=PAUSE)),
            "1 instances are MISSING, or starting; paused by ann",
            Urgency.TROUBLE,
        ),
    ],
    ids=[
        "missing instances",
        "drifted",
        "an error of FC",
        "after the schedule",
        "a failed job",
        "no daemon",
        "no daemon where none is needed",
        "paused",
        "frozen",
        "nothing applied",
        "two at once",
    ],
)
def test_what_is_the_matter(found: Status, matter: str, urgency: Urgency) -> None:
    told = line(found)
    assert (told.matter, told.urgency) == (matter, urgency)


def test_where_function_compute_does_not_answer_the_rest_is_told() -> None:
    told = line(replace(FINE, live=None), unreachable="no answer from 127.0.0.1:1")
    assert (told.instances, told.matter, told.urgency) == ("?", "no answer from 127.0.0.1:1", Urgency.TROUBLE)
