"""What lies around an apply: what to give back is on record before it, and what an earlier one left open is closed.

Whoever applies (the command line, a daemon) calls `close_unfinished` first, `adopt` right before and `settle` after.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

from planner.apply import recover
from planner.base import FunctionRef, iso
from planner.clock import Clock
from planner.config import FunctionConfig
from planner.errors import InputError
from planner.fc.port import FunctionCompute
from planner.freeze import frozen
from planner.gate import Drift
from planner.outcome import LONGEST_APPLY, Outcome, OutcomeKind
from planner.plan import Plan
from planner.policies import freeze_windows
from planner.provision import ProvisionConfig, ScheduledAction, holds_ours
from planner.status import StillRuns
from planner.store import Adoption, Attempt, Store
from planner.undo import Present

SETTLED = timedelta(seconds=10)
"""After so long a put of a killed process has arrived, or never will."""
RECENT = 100
"""Applies to look through for an earlier plan."""
LATE = timedelta(hours=1)
"""A put that was taken for lost arrives within this, or never."""

Say = Callable[[str], None]


def adopt(store: Store, plan: Plan, *, who: str, clock: Clock, say: Say) -> None:
    """Put on record what a release will restore, before `plan` changes it.

    An earlier record counts only if something of ours came after it: an apply that came to nothing (a stale plan, a
    refusal) left one, and a person may have changed the document since.
    """
    if not holds_ours(plan.wanted):
        return
    known, last = store.adoption(plan.function), store.last_applied(plan.function)
    came_to_nothing = known is not None and (last is None or last.began_at < known.adopted_at)
    if came_to_nothing and not holds_ours(plan.live):
        store.forget_adoption(plan.function)
        known = None
    if known is None:
        found = _found(plan, who=who, clock=clock)
        store.adopt(found)
        if not found.complete:
            say(
                f"What {plan.function} had before the planner isn't on record in {store.location}, and Function "
                "Compute holds policies of ours already: a release will need --default N."
            )
    if taken := taken_out(plan):
        store.add_taken(plan.function, taken)


def settle(store: Store, plan: Plan, outcome: Outcome) -> None:
    """Once nothing of ours is left, the next adoption is a first one again."""
    if outcome.kind in (OutcomeKind.APPLIED, OutcomeKind.UNCHANGED) and not holds_ours(plan.wanted):
        store.forget_adoption(plan.function)


def taken_out(plan: Plan) -> tuple[ScheduledAction, ...]:
    """The scheduled actions of other people that the plan removes."""
    kept = {action.name for action in plan.wanted.scheduled_actions}
    return tuple(a for a in plan.live.scheduled_actions if not a.ours and a.name not in kept)


def late_put(store: Store, applied: Plan, live: ProvisionConfig, now: datetime) -> int | None:
    """The plan whose document FC holds in the place of what was applied last, where one of ours was sent lately.

    Such a put was on its way when it was taken for lost, so it is no person's change.
    """
    if live.digest == applied.wanted.digest:
        return None
    tried = (entry for entry in store.audit(applied.function, limit=RECENT) if isinstance(entry, Attempt))
    lately = dict.fromkeys(one.plan_id for one in tried if now - one.began_at <= LATE)
    return next((number for number in lately if store.plan(number).wanted.digest == live.digest), None)


def to_restore(store: Store, present: Present, *, default: int | None) -> ProvisionConfig:
    """What a release brings back; `default` takes the place of the default target that was found.

    InputError where there is nothing to release, or where what was found isn't known and no `default` is given.
    """
    function, live = present.function, present.live.config
    found = store.adoption(function)
    if found is None and not holds_ours(live):
        raise InputError(
            f"{function} is not adopted: nothing is on record in {store.location}, and nothing of ours is there",
            remedy="There is nothing to release; --to-zero removes every policy and instance of other people too.",
        )
    if found is not None and found.complete:
        return found.config if default is None else replace(found.config, default_target=default)
    if default is None:
        since = f", where its record began {iso(found.adopted_at)} with our policies in place" if found else ""
        raise InputError(
            f"What {function} had before the planner isn't known in {store.location}{since}",
            remedy="Name the default target to leave with --default N, or remove everything with --to-zero; "
            "release with the database that has the record, if there is one.",
        )
    return ProvisionConfig(
        default_target=default,
        always_allocate_cpu=live.always_allocate_cpu,
        always_allocate_gpu=live.always_allocate_gpu,
        scheduled_actions=found.config.scheduled_actions if found else (),
    )


def restored(plan: Plan) -> str:
    """What a release did, in a sentence."""
    before, after = plan.live, plan.wanted
    names = {action.name for action in before.scheduled_actions}
    back = [repr(action.name) for action in after.scheduled_actions if action.name not in names]
    gone = _policies(before) - (_policies(after) - len(back))
    went = f"{gone} {'policy' if gone == 1 else 'policies'}"
    again = f"; back: {', '.join(back)}" if back else ""
    return (
        f"Released {plan.function}: removed {went}, default target {after.default_target}, alwaysAllocateCPU "
        f"{_word(on=after.always_allocate_cpu)}, alwaysAllocateGPU {_word(on=after.always_allocate_gpu)}{again}."
    )


def earlier_plan(store: Store, function: FunctionRef) -> Plan | None:
    """What to go back to: the newest applied plan that left another document on FC than the last one, and one of ours.

    Two plans may want one document (the second then changes nothing), so the documents are compared.
    """
    applied = store.applied(function, limit=RECENT)
    for number in dict.fromkeys(one.plan_id for one in applied if _left(one) != _left(applied[0])):
        plan = store.plan(number)
        if holds_ours(plan.wanted):
            return plan
    return None


def close_unfinished(
    store: Store, fc: FunctionCompute, function: FunctionRef, *, clock: Clock, still_runs: StillRuns, say: Say
) -> None:
    """Give applies whose process is gone the outcome that FC shows, before anything new is sent.

    InputError while one runs, or may run on another machine.
    """
    for attempt in store.unfinished(function):
        _refuse_running(attempt, still_runs(attempt.who, attempt.began_at, clock.now()))
        begun = f"Apply {attempt.id} of plan {attempt.plan_id}, begun {attempt.began_at:%H:%M:%S} UTC"
        # No longer, though it began in the future: by a clock that was wrong.
        rest = min(attempt.began_at + SETTLED - clock.now(), SETTLED).total_seconds()
        if rest > 0:
            say(f"{begun}, was killed; what it sent may be on its way: waiting {rest:.0f} s.")
            clock.sleep(rest)
        plan = store.plan(attempt.plan_id)
        outcome = recover(plan, attempt=attempt.id, fc=fc, audit=store, clock=clock)
        settle(store, plan, outcome)
        say(f"{begun}: {outcome.message}")


def _found(plan: Plan, *, who: str, clock: Clock) -> Adoption:
    # Policies of ours without a record: the database is new or another one, so the default may be our own.
    complete = not holds_ours(plan.live)
    theirs = tuple(action for action in plan.live.scheduled_actions if not action.ours)
    found = plan.live if complete else ProvisionConfig(scheduled_actions=theirs)
    return Adoption(function=plan.function, config=found, complete=complete, adopted_at=clock.now(), who=who)


def _refuse_running(attempt: Attempt, runs: bool | None) -> None:
    since = f"since {iso(attempt.began_at)} ({attempt.who})"
    if runs:
        raise InputError(
            f"Another apply of {attempt.function} is running {since}", remedy="Wait for it, or end that process."
        )
    if runs is None:
        raise InputError(
            f"Another apply of {attempt.function} is under way on another machine {since}, or was killed there",
            remedy=f"Wait for it, or look there; after {iso(attempt.began_at + LONGEST_APPLY)} it counts as killed.",
        )


def _left(attempt: Attempt) -> str:
    return attempt.outcome.live_after if attempt.outcome else ""


def _policies(document: ProvisionConfig) -> int:
    return len(document.scheduled_actions) + len(document.tracking_policies)


def _word(*, on: bool) -> str:
    return "on" if on else "off"


def held(store: Store, settings: FunctionConfig, applied: Plan | None, now: datetime) -> str:
    """Why nothing may be sent for a function now; empty where something may."""
    pause = store.control.paused(settings.ref, now=now)
    if pause is not None:
        until = f" until {iso(pause.until)}" if pause.until else ""
        why = f": {pause.why}" if pause.why else ""
        return f"paused by {pause.who} since {iso(pause.since)}{until}{why}"
    freeze = frozen(freeze_windows(settings), now, settings.time_zone)
    if freeze is not None:
        return freeze.sentence
    if applied is not None and not holds_ours(applied.wanted):
        return "released; the next plan that a person applies begins anew"
    return ""


def undoes(store: Store, settings: FunctionConfig, made: Plan, applied: Plan | None, now: datetime) -> str:
    """What of the live document the plan takes back at once."""
    if applied is None or made.live.digest == applied.wanted.digest:
        return ""
    if (late := late_put(store, applied, made.live, now)) is not None:
        return f"the put of plan {late} came late, after another one"
    reverts = Drift(settings.daemon.drift) is Drift.REVERT
    return "somebody else's change is taken back" if reverts else ""
