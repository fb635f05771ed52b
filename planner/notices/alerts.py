"""What is worth a message, noted with the function's other events, so that neither a crash nor a restart loses it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from planner.base import FunctionRef, iso
from planner.due import Job
from planner.provision import LiveDocument
from planner.store import BOOKS, Event, Run, Store

ALERT = f"{BOOKS}alert"
"""Kind of the events."""
FAILING = timedelta(minutes=30)
"""People are told of plans that fail once the newest is so old."""
KEPT = 50
"""Alerts that are looked at for a repetition; of each topic the newest counts."""


class Topic(StrEnum):
    """What a message is about."""

    PROPOSAL = "proposal"
    """A plan waits for a person."""
    DRIFT = "drift"
    """Somebody else changed the document."""
    DEMOTION = "demotion"
    """Another forecast, simpler or better, plans from now on."""
    ROLLBACK = "rollback"
    """A push was taken back."""
    SHORTFALL = "shortfall"
    """Instances that were asked for are not there."""
    SURPRISE = "surprise"
    """The load is above all that was forecast."""
    FAILING = "failing"
    """No plan could be made for a while."""
    TEST = "test"
    """A person tries the channel."""


RELAYED = {"rung": Topic.DEMOTION}
"""Kinds of events that others note, and that are worth a message each."""
TOLD = (ALERT, *RELAYED)
"""Kinds of events that go to the channels."""
LOUD = {"DRIFTED:": Topic.DRIFT, "MISSING:": Topic.SHORTFALL, "SURPRISE:": Topic.SURPRISE, "REGRETTED:": Topic.ROLLBACK}
"""How sentences of `planner.watch` begin that are worth a message."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """Something that a person should know. `key` tells what lasts (the same) from what is new (another)."""

    topic: Topic
    sentence: str
    key: str = ""


def note(store: Store, function: FunctionRef, alert: Alert, *, now: datetime, repeat_every: timedelta) -> bool:
    """Put an alert on record, unless its like was within `repeat_every`; whether it was.

    Whoever looks each minute may say so each minute.
    """
    for event in store.control.events(function, ALERT, since=now - repeat_every, until=now, limit=KEPT):
        facts = json.loads(event.facts)
        if facts["topic"] == alert.topic:
            # The newest of the topic: one with another key is news.
            if facts["key"] == alert.key:
                return False
            break
    facts = json.dumps({"topic": alert.topic, "key": alert.key})
    store.control.note_event(Event(function=function, kind=ALERT, at=now, sentence=alert.sentence, facts=facts))
    return True


def of_look(said: Iterable[str], live: LiveDocument) -> tuple[Alert, ...]:
    """What a look at a function found, of the sentences that begin with a word in capitals."""
    found = [(topic, sentence) for sentence in said for word, topic in LOUD.items() if sentence.startswith(word)]
    # Another change of the document is news, and tells itself by its digest.
    keys = {Topic.DRIFT: live.config.digest}
    return tuple(Alert(topic=topic, sentence=sentence, key=keys.get(topic, "")) for topic, sentence in found)


def note_of(store: Store, run: Run, found: Iterable[Alert], *, repeat_every: timedelta) -> None:
    """Note what a run found, and that it fails where it does so for long."""
    for alert in (*found, *failing(store, run)):
        note(store, run.function, alert, now=run.ended_at, repeat_every=repeat_every)


def proposal(plan: int, sentence: str) -> Alert:
    """A plan waits for a person; another plan is news."""
    return Alert(topic=Topic.PROPOSAL, sentence=sentence, key=str(plan))


def failing(store: Store, run: Run) -> tuple[Alert, ...]:
    """A word on plans that have failed for longer than a few retries take."""
    if run.job != Job.PLAN or not run.failed:
        return ()
    newest = next(iter(store.plans(run.function, limit=1)), None)
    if newest is not None and run.ended_at - newest.recorded_at < FAILING:
        return ()
    since = "ever" if newest is None else f"since {iso(newest.recorded_at)}"
    return (Alert(topic=Topic.FAILING, sentence=f"no plan was made {since}: {run.sentence}"),)


def topic_of(event: Event) -> Topic:
    """What an event of TOLD is about."""
    return RELAYED.get(event.kind) or Topic(json.loads(event.facts)["topic"])
