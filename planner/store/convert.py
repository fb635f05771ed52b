"""Rows to records and values to columns."""

from __future__ import annotations

import json

from planner.base import FunctionRef
from planner.outcome import Arrival, Outcome, OutcomeKind
from planner.plan import Plan
from planner.provision import config_from_wire
from planner.store.records import Adoption, Attempt, Event, StoredPlan
from planner.store.tables import AdoptionRow, AttemptRow, EventRow, PlanRow


def function_of(row: PlanRow | AdoptionRow | EventRow) -> FunctionRef:
    """The function that a row is about."""
    return FunctionRef(name=row.function, qualifier=row.qualifier)


def stored_plan(row: PlanRow) -> StoredPlan:
    """A line of the list of plans."""
    return StoredPlan(
        id=row.id,
        function=function_of(row),
        digest=row.digest,
        created_at=row.created_at,
        recorded_at=row.recorded_at,
        who=row.who,
        safe=row.safe,
        why=row.why,
    )


def attempt(row: AttemptRow) -> Attempt:
    """An apply with what is known of its end."""
    return Attempt(
        id=row.id,
        plan_id=row.plan_id,
        function=function_of(row.plan),
        digest=row.plan.digest,
        who=row.who,
        began_at=row.began_at,
        forced=row.forced,
        outcome=_outcome(row),
    )


def event(row: EventRow) -> Event:
    """Something that happened."""
    return Event(function=function_of(row), kind=row.kind, at=row.at, sentence=row.sentence, facts=row.facts)


def _outcome(row: AttemptRow) -> Outcome | None:
    if row.kind is None or row.finished_at is None:
        return None
    return Outcome(
        kind=OutcomeKind(row.kind),
        at=row.finished_at,
        message=row.message,
        live_before=row.live_before,
        live_after=row.live_after,
        arrival=Arrival(row.arrival),
        wanted_instances=row.wanted_instances,
        target=row.target,
        current=row.current,
        current_error=row.current_error,
    )


def outcome_columns(outcome: Outcome) -> dict[str, object]:
    """What an outcome writes into the row of its attempt."""
    return {
        "finished_at": outcome.at,
        "kind": outcome.kind.value,
        "message": outcome.message,
        "live_before": outcome.live_before,
        "live_after": outcome.live_after,
        "arrival": outcome.arrival.value,
        "wanted_instances": outcome.wanted_instances,
        "target": outcome.target,
        "current": outcome.current,
        "current_error": outcome.current_error,
    }


def adoption(row: AdoptionRow) -> Adoption:
    """What a release of the function restores."""
    return Adoption(
        function=function_of(row),
        config=config_from_wire(json.loads(row.document)),
        complete=row.complete,
        adopted_at=row.adopted_at,
        who=row.who,
    )


def why(plan: Plan) -> str:
    """The plan in a sentence: what makes it unsafe, or else what it changes and the reasons, each once."""
    if plan.breaches:
        return "unsafe: " + "; ".join(breach.detail for breach in plan.breaches)
    if not plan.changes:
        return "nothing to change"
    reasons = dict.fromkeys(change.reason for change in plan.changes)
    count = len(plan.changes)
    return f"{count} change{'s' if count > 1 else ''}: " + "; ".join(reasons)
