"""Rises on record: noted when they are asked for, and closed by the look that finds them arrived or cut short.

Two kinds of events: one where a rise is asked for, one of what became of it. Between two looks nothing is kept in
memory, so a restart loses no rise. A rise is noted before it begins, where neither FC's target nor the instances are
there yet: what a tracker asked for earlier teaches nothing.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from planner.base import MINUTE, FunctionRef, iso
from planner.config import CapacityConfig
from planner.due import Job
from planner.fc.arrival import instances_in_effect
from planner.lead import LONGEST, WINDOW, Lead, Rise, Start, choose, learn
from planner.plan import Plan
from planner.provision import EVALUATION_LAG, LiveDocument, holds_ours
from planner.store import BOOKS, Event, Store

ASKED, ENDED = f"{BOOKS}rise", f"{BOOKS}start"
"""Kinds of events."""
GIVE_UP = LONGEST + EVALUATION_LAG
"""What has not come by then counts as longer than that."""
UNSEEN = 3 * MINUTE
"""After a longer pause between two looks nobody knows when in it the instances came."""
ENOUGH_FOR_ALL = 10 * WINDOW
"""Rises to read for the newest of each kind."""
BACK = timedelta(days=90)
"""Older rises say nothing of the present image; `daemon.keep_records` may drop them sooner."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """Function Compute as a look at `now` found it; `plan` is the one applied last.

    `before` is when the look before this one was; None where it failed, or there was none.
    """

    now: datetime
    before: datetime | None
    live: LiveDocument
    plan: Plan
    as_applied: bool


def lead_of(store: Store, function: FunctionRef, capacity: CapacityConfig, now: datetime) -> Lead:
    """The lead that a plan goes by at `now`."""
    seen = [_start(event) for event in store.control.events(function, ENDED, since=now - BACK, limit=ENOUGH_FOR_ALL)]
    return choose(capacity.configured_lead, capacity.start_up, capacity.evaluation_lag, learn(seen))


def last_look(store: Store, function: FunctionRef) -> datetime | None:
    """When the last look at Function Compute was; None where it failed."""
    last = store.control.last_runs(function).get(Job.VERIFY)
    return None if last is None or last.failed else last.began_at


def note_look(store: Store, look: Look) -> None:
    """Close the rises that ended, and note the step that falls due before the next look."""
    function, since = look.plan.function, look.now - GIVE_UP - UNSEEN
    ended = {_start(event).rise.asked_at for event in store.control.events(function, ENDED, since=since)}
    rises = [_rise(event) for event in store.control.events(function, ASKED, since=since)]
    for rise in rises:
        if rise.asked_at <= look.now and rise.asked_at not in ended:
            _close(store, function, rise, look)
    coming = _coming(look)
    if coming is not None and all(rise.asked_at != coming.asked_at for rise in rises):
        _note(store, function, coming)


def note_put(store: Store, plan: Plan, live: LiveDocument, asked_at: datetime) -> None:
    """A put that asks for more than there was: `live` is from before it."""
    wanted = instances_in_effect(plan.schedule, asked_at)
    if holds_ours(plan.wanted) and max(live.target, live.current) < wanted:
        _note(store, plan.function, Rise(asked_at=asked_at, wanted=wanted, before=live.current, by_put=True))


def _coming(look: Look) -> Rise | None:
    """The step that falls due within a minute, if it asks for more than is there or on its way."""
    due = [step for step in look.plan.schedule.steps if look.now < step.at <= look.now + MINUTE]
    if not due or not look.as_applied or max(look.live.target, look.live.current) >= due[0].instances:
        return None
    return Rise(asked_at=due[0].at, wanted=due[0].instances, before=look.live.current)


def _close(store: Store, function: FunctionRef, rise: Rise, look: Look) -> None:
    """Give a rise its end where it has one; nothing while it may still arrive."""
    took = look.now - rise.asked_at
    # Until then it was certainly not there.
    missing = max(look.before or rise.asked_at, rise.asked_at)
    there = look.live.current >= rise.wanted
    cut = not look.as_applied or _wanted(look) < rise.wanted
    if there and look.now - missing <= UNSEEN:
        end = Start(rise=rise, took=took, arrived=True)
    elif there or cut:
        end = Start(rise=rise, took=missing - rise.asked_at, arrived=False)
    elif took >= GIVE_UP:
        end = Start(rise=rise, took=took, arrived=False)
    else:
        return
    note_end(store, function, end, look.now)


def note_end(store: Store, function: FunctionRef, end: Start, at: datetime) -> None:
    """Put what became of a rise on record."""
    came = "arrived after at most" if end.arrived else "was cut short, or not looked at, after"
    sentence = f"the rise to {end.rise.wanted} of {iso(end.rise.asked_at)} {came} {end.took.total_seconds():.0f} s"
    facts = {"took_seconds": end.took.total_seconds(), "arrived": end.arrived, **_facts(end.rise)}
    store.control.note_event(Event(function=function, kind=ENDED, at=at, sentence=sentence, facts=json.dumps(facts)))


def _wanted(look: Look) -> int:
    """What is asked for now; nothing that teaches once the schedule has ended."""
    return instances_in_effect(look.plan.schedule, look.now) if look.now < look.plan.schedule.end else 0


def _note(store: Store, function: FunctionRef, rise: Rise) -> None:
    sentence = f"{rise.wanted} instances are asked for, {rise.before} are there"
    facts = json.dumps(_facts(rise))
    store.control.note_event(Event(function=function, kind=ASKED, at=rise.asked_at, sentence=sentence, facts=facts))


def _facts(rise: Rise) -> dict[str, object]:
    return {
        "asked_at": rise.asked_at.isoformat(),
        "wanted": rise.wanted,
        "before": rise.before,
        "by_put": rise.by_put,
    }


def _rise(event: Event) -> Rise:
    facts = json.loads(event.facts)
    return Rise(
        asked_at=datetime.fromisoformat(facts["asked_at"]).astimezone(UTC),
        wanted=facts["wanted"],
        before=facts["before"],
        by_put=facts["by_put"],
    )


def _start(event: Event) -> Start:
    facts = json.loads(event.facts)
    took = timedelta(seconds=facts["took_seconds"])
    return Start(rise=_rise(event), took=took, arrived=facts["arrived"])
