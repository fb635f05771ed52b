"""Surprises on record: what the daemon saw above the forecast, written when it is seen and read for later fits."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime, timedelta

from planner.base import MINUTE, FunctionRef, iso
from planner.calendar.oneoffs import LONGEST, PASSED, Unforeseen
from planner.plan import Band
from planner.store import Event, Store
from planner.watch import Surprise

KIND = "surprise"


def note(store: Store, function: FunctionRef, surprise: Surprise, band: Band) -> None:
    """Put a surprise on record, with the forecast that it was above: how long it lasts is told later by the history."""
    first = (surprise.start - band.start) // band.slot
    slots = -(-(LONGEST + PASSED) // band.slot) + 1
    facts = {
        "from": iso(surprise.start),
        "to": iso(surprise.end),
        "begins": iso(band.start + first * band.slot),
        "slot_minutes": band.slot // MINUTE,
        "highest": band.values[-1][first : first + slots],
    }
    sentence, facts_text = surprise.sentence, json.dumps(facts)
    store.control.note_event(Event(function=function, kind=KIND, at=surprise.end, sentence=sentence, facts=facts_text))


def recorded(store: Store, function: FunctionRef, *, since: datetime) -> Sequence[Unforeseen]:
    """What was put on record since then."""
    return [_read(event.facts) for event in store.control.events(function, KIND, since=since)]


def _read(text: str) -> Unforeseen:
    facts = json.loads(text)
    return Unforeseen(
        start=datetime.fromisoformat(facts["from"]),
        begins=datetime.fromisoformat(facts["begins"]),
        slot=timedelta(minutes=facts["slot_minutes"]),
        highest=tuple(facts["highest"]),
    )
