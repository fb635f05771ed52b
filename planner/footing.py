"""The ladder's memory: where a function stands and what its plans promised, as events that any daemon reads."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import datetime, timedelta

from planner.base import FunctionRef, iso, utc
from planner.ladder import CHAMPION, LOOK_BACK, RELAPSE, Coverage, Footing, Promise, Rung
from planner.plan import Plan
from planner.store import BOOKS, Event
from planner.store.control import Control

STEP, PROMISE, UNMADE = "rung", f"{BOOKS}forecast", f"{BOOKS}unmade"
"""Kinds of events."""
LATELY = timedelta(minutes=10)
"""A plan that could not be made is tried again well within it."""
REACH = timedelta(hours=8)
"""Of a plan's band so much is kept: the next plan comes well before."""


def footing(control: Control, function: FunctionRef, now: datetime) -> Footing:
    """Where the function stands: what its newest step says, and on the champion where it never made one."""
    newest = control.newest_event(function, STEP, until=now)
    return CHAMPION if newest is None else _read(newest)


def climbs(control: Control, function: FunctionRef) -> tuple[Footing, ...]:
    """Every step on record, newest first."""
    return tuple(_read(event) for event in control.events(function, STEP))


def note_step(control: Control, function: FunctionRef, stands: Footing) -> None:
    """Put a step on record."""
    facts = json.dumps({"rung": stands.rung.value, "plan": stands.plan})
    control.note_event(Event(function=function, kind=STEP, at=stands.since, sentence=stands.sentence, facts=facts))


def note_unmade(control: Control, function: FunctionRef, why: str, now: datetime) -> None:
    """Put on record that no plan of a forecast could be made."""
    control.note_event(Event(function=function, kind=UNMADE, at=now, sentence=why, facts="{}"))


def unmade(control: Control, function: FunctionRef, now: datetime) -> bool:
    """Whether none could be made a moment ago."""
    return bool(control.events(function, UNMADE, since=now - LATELY, until=now, limit=1))


def relapses(control: Control, function: FunctionRef, now: datetime) -> int:
    """Descents from the champion within RELAPSE, but for the one that the function is on."""
    steps = [_read(event).rung for event in control.events(function, STEP, since=now - RELAPSE, until=now)]
    return sum(rung is Rung.CHAMPION for rung in steps)


def note_promise(
    control: Control, function: FunctionRef, rung: Rung, plan: Plan, coverage: Coverage | None = None
) -> None:
    """Put on record what the plan says of the next hours; nothing where no forecast stands behind it.

    With what is known of how such promises were kept.
    """
    if plan.evidence is None:
        return
    band = plan.evidence.band
    high = band.values[-1][: REACH // band.slot]
    facts = {"rung": rung.value, "start": iso(band.start), "slot": int(band.slot.total_seconds()), "high": high}
    facts |= asdict(coverage) if coverage else {}
    sentence = f"P{100 * band.levels[-1]:g} of the {rung.value} forecast for {len(high)} slots from {iso(band.start)}"
    control.note_event(
        Event(function=function, kind=PROMISE, at=plan.created_at, sentence=sentence, facts=json.dumps(facts))
    )


def promises(control: Control, function: FunctionRef, now: datetime) -> tuple[Promise, ...]:
    """What is on record of the time that slots are judged of, newest first."""
    return tuple(_promise(event) for event in control.events(function, PROMISE, since=now - LOOK_BACK, until=now))


def coverage(control: Control, function: FunctionRef, now: datetime) -> Coverage | None:
    """How promises were kept, as known at the newest one; None before the first."""
    newest = control.newest_event(function, PROMISE, until=now)
    facts = json.loads(newest.facts) if newest else {}
    return Coverage(kept=facts["kept"], slots=facts["slots"]) if "kept" in facts else None


def _read(event: Event) -> Footing:
    facts = json.loads(event.facts)
    return Footing(rung=Rung(facts["rung"]), since=event.at, sentence=event.sentence, plan=facts["plan"])


def _promise(event: Event) -> Promise:
    facts = json.loads(event.facts)
    return Promise(
        rung=Rung(facts["rung"]),
        made=event.at,
        start=utc(datetime.fromisoformat(facts["start"])),
        slot=timedelta(seconds=facts["slot"]),
        high=tuple(facts["high"]),
    )
