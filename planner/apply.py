"""Carry a plan out: look again, put, read back, follow. It looks at nothing but the plan, FC, the audit and a clock.

FC has no conditional put (API 2023-03-30 carries no version, and the SDK no If-Match), so exclusion between writers
can't be perfect. What is promised instead: the intent is recorded before anything is sent, the live document is read
right before the put and right after it, and the audit says what is true whatever happens. A process that is killed
leaves an attempt without an end; `recover` gives it one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Protocol

from planner.clock import Clock
from planner.errors import FCRefused, FCServerError, FCThrottled, FCUnreachable, PlannerError, UnsafePlan
from planner.fc.arrival import Follower, instances_in_effect
from planner.fc.compare import difference
from planner.fc.port import FunctionCompute
from planner.outcome import Outcome, OutcomeKind
from planner.plan import Plan
from planner.provision import LiveDocument

FOLLOW = timedelta(minutes=5)
"""FC moves the target within 120 s (reference: §1.4), and a GPU instance takes tens of seconds to start."""
PUTS = 3
"""Tries of one document while FC is seen to hold the one from before."""
READS = 3
"""Read-backs after a put that FC confirmed: the old document may come from a replica that is late."""
PAUSE_SECONDS = 2.0
"""Between such tries, and between such reads."""

Progress = Callable[[str], None]


class Audit(Protocol):
    """The record of attempts. `begin` returns once the row is safely stored: only then may anything be sent."""

    def begin(self, plan: Plan, *, who: str, at: datetime, forced: bool) -> int:
        """Record the intent, and whether safety rules may be passed over; the id of the attempt."""
        ...

    def finish(self, attempt: int, outcome: Outcome) -> None:
        """Record how the attempt ended."""
        ...


def apply(
    plan: Plan,
    *,
    fc: FunctionCompute,
    audit: Audit,
    clock: Clock,
    who: str,
    force: bool = False,
    follow: timedelta = FOLLOW,
    progress: Progress | None = None,
) -> Outcome:
    """Bring FC to the wanted document and say what came of it; the audit's row says the same.

    Raises UnsafePlan for a plan that breaks a safety rule, unless `force`; and FCError where FC can't be reached or
    refuses. A world that moved is no error: the outcome is stale or drifted. `follow` is how long to wait for the
    instances of the step in effect; zero doesn't wait.
    """
    attempt = audit.begin(plan, who=who, at=clock.now(), forced=force)
    run = _Run(plan, fc, clock, progress)
    try:
        outcome = run.carry_out(force=force, follow=follow)
    except BaseException as error:
        # Also for Ctrl-C and for a bug: the row must not stay open while somebody is there to close it.
        audit.finish(attempt, run.ended_by(error))
        raise
    audit.finish(attempt, outcome)
    return outcome


def recover(plan: Plan, *, attempt: int, fc: FunctionCompute, audit: Audit, clock: Clock) -> Outcome:
    """Give an attempt that began and never ended (its process was killed) the outcome that FC shows.

    Only for an attempt whose process is gone, and some seconds after: a put that had left may still arrive. Raises
    FCError, and leaves the row open, if FC can't be read.
    """
    live = fc.get_provision_config(plan.function)
    if live.config.digest == plan.wanted.digest:
        kind, what = OutcomeKind.APPLIED, "was interrupted after it was applied: FC holds the wanted document"
    elif _is_from_before(plan, live):
        kind, what = OutcomeKind.FAILED, "was interrupted and not applied: FC still holds the document from before"
    else:
        kind = OutcomeKind.DRIFTED
        what = f"was interrupted, and FC holds neither document: {difference(plan.wanted, live.config)}"
    outcome = Outcome(
        kind=kind,
        at=clock.now(),
        message=f"The apply to {plan.function} {what}.",
        live_before=plan.live.digest,
        live_after=live.config.digest,
        wanted_instances=instances_in_effect(plan.schedule, clock.now()),
        target=live.target,
        current=live.current,
        current_error=live.current_error,
    )
    audit.finish(attempt, outcome)
    return outcome


def _is_from_before(plan: Plan, live: LiveDocument) -> bool:
    return live.exists == plan.live_exists and live.config.digest == plan.live.digest


class _Run:
    """One apply. `truth` is the outcome that would be right if the run ended now."""

    def __init__(self, plan: Plan, fc: FunctionCompute, clock: Clock, progress: Progress | None) -> None:
        self._plan, self._fc, self._clock = plan, fc, clock
        self._say: Progress = progress or (lambda _: None)
        self._note = ""
        self._live = LiveDocument()
        self.truth = Outcome(
            kind=OutcomeKind.FAILED,
            at=clock.now(),
            message="Nothing was sent",
            wanted_instances=instances_in_effect(plan.schedule, clock.now()),
        )

    def carry_out(self, *, force: bool, follow: timedelta) -> Outcome:
        """The whole way; see `apply`."""
        self._check_safety(force=force)
        if self._clock.now() > self._plan.valid_until:
            return self._end(OutcomeKind.STALE, "The plan is too old; nothing was sent. Plan again.")
        self._say(f"reading what FC holds for {self._plan.function}")
        before = self._read()
        self.truth = replace(self.truth, live_before=before.config.digest, live_after=before.config.digest)
        if before.config.digest == self._plan.wanted.digest:
            self._end(OutcomeKind.UNCHANGED, "FC holds the wanted document already; nothing was sent.")
        elif _is_from_before(self._plan, before):
            self._put(before)
        else:
            return self._end(OutcomeKind.STALE, self._moved(before))
        if self.truth.kind in (OutcomeKind.APPLIED, OutcomeKind.UNCHANGED):
            self._follow(before.current_error, follow)
        return self.truth

    def ended_by(self, error: BaseException) -> Outcome:
        """What is true although `error` broke the run off (the text of a foreign error may hold anything: not kept)."""
        reason = error.message if isinstance(error, PlannerError) else f"broken off by {type(error).__name__}"
        return replace(self.truth, at=self._clock.now(), message=f"{self.truth.message.rstrip('.')}: {reason}")

    def _check_safety(self, *, force: bool) -> None:
        if self._plan.safe:
            return
        rules = ", ".join(breach.rule.value for breach in self._plan.breaches)
        if force:
            self._note = f" Forced past {rules}."
            return
        self._end(OutcomeKind.REFUSED, "Nothing was sent")
        raise UnsafePlan(
            f"the plan for {self._plan.function} is unsafe: {rules}",
            remedy="; ".join(breach.remedy for breach in self._plan.breaches),
            breaches=tuple(breach.detail for breach in self._plan.breaches),
        )

    def _put(self, before: LiveDocument) -> None:
        """Send until it is known what FC holds. Raises if that is the old document after all tries, or not knowable."""
        for tries in range(1, PUTS + 1):
            self._say("sending the document" if tries == 1 else f"sending the document again ({tries} of {PUTS})")
            self._end(OutcomeKind.FAILED, "The document was sent, and what FC made of it isn't known", after="")
            try:
                self._fc.put_provision_config(self._plan.function, self._plan.wanted)
            except (FCUnreachable, FCServerError):
                self._say("no clear answer; reading back")
                if not self._holds_still(before):
                    return
                text = "The put got no clear answer, and FC still holds the document from before"
                self._end(OutcomeKind.FAILED, text, after=before.config.digest)
                if tries == PUTS:
                    raise
                self._clock.sleep(PAUSE_SECONDS)
            except (FCThrottled, FCRefused) as error:
                self._refused(before, error)
                return
            else:
                self._confirm(before)
                return

    def _refused(self, before: LiveDocument, error: FCThrottled | FCRefused) -> None:
        """Nothing was written. A 409 means that somebody else was writing: the world moved, which is no error."""
        if error.status == 409:
            self._holds_still(before)
            if self.truth.kind is not OutcomeKind.APPLIED:
                text = "Somebody else wrote at the same moment; nothing of ours was written. Plan again."
                self._end(OutcomeKind.STALE, text, after=self._live.config.digest)
            return
        kind = OutcomeKind.FAILED if isinstance(error, FCThrottled) else OutcomeKind.REFUSED
        self._end(kind, "Nothing was written", after=before.config.digest)
        raise error

    def _confirm(self, before: LiveDocument) -> None:
        """Read back after a put that FC confirmed."""
        self._say("reading back")
        for _ in range(READS):
            if not self._holds_still(before):
                return
            self._clock.sleep(PAUSE_SECONDS)
        text = "FC confirmed the document, yet holds the one from before; another writer?"
        self._end(OutcomeKind.DRIFTED, text, after=before.config.digest)

    def _holds_still(self, before: LiveDocument) -> bool:
        """Read FC. True if it holds the document from before; else the truth is noted: applied, or drifted."""
        live = self._read()
        found = live.config.digest
        if found == self._plan.wanted.digest:
            self._end(OutcomeKind.APPLIED, "FC holds the wanted document.", after=found)
        elif live.exists == before.exists and found == before.config.digest:
            return True
        else:
            change = difference(self._plan.wanted, live.config)
            text = f"FC doesn't hold what was put; another writer? ({change})."
            self._end(OutcomeKind.DRIFTED, text, after=found)
        return False

    def _follow(self, old_error: str, within: timedelta) -> None:
        seen = Follower(self._fc, self._clock, self._say).follow(self._plan, self._live, old_error, within)
        self._note_live(seen.live)
        self.truth = replace(
            self.truth,
            at=self._clock.now(),
            message=f"{self.truth.message} {seen.sentence}",
            arrival=seen.arrival,
            wanted_instances=seen.wanted,
        )

    def _read(self) -> LiveDocument:
        self._live = self._fc.get_provision_config(self._plan.function)
        self._note_live(self._live)
        return self._live

    def _note_live(self, live: LiveDocument) -> None:
        self.truth = replace(self.truth, target=live.target, current=live.current, current_error=live.current_error)

    def _moved(self, live: LiveDocument) -> str:
        if live.exists != self._plan.live_exists:
            change = "a document was set" if live.exists else "the document was removed"
        else:
            change = difference(self._plan.live, live.config)
        return f"The live document is not the one the plan was made against ({change}); nothing was sent. Plan again."

    def _end(self, kind: OutcomeKind, text: str, *, after: str | None = None) -> Outcome:
        known = self.truth.live_after if after is None else after
        message = f"{text}{self._note}"
        self.truth = replace(self.truth, kind=kind, at=self._clock.now(), message=message, live_after=known)
        return self.truth
