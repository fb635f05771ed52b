"""One function at a glance: wanted, live, running, last outcome."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from planner.base import FunctionRef, iso
from planner.config import FunctionConfig
from planner.fc.compare import difference
from planner.footing import footing
from planner.freeze import Freeze, frozen
from planner.ladder import CHAMPION, Footing
from planner.lead import Lead
from planner.outcome import LONGEST_APPLY
from planner.plan import Plan
from planner.policies import freeze_windows
from planner.provision import LiveDocument, holds_ours
from planner.starts import lead_of
from planner.store import Attempt, Lease, Pause, Proposal, Run, Store

StillRuns = Callable[[str, datetime, datetime], bool | None]
"""Whether the process that called itself so at the first instant is alive at the second; None: that can't be known."""


_LABELS = {True: "running", False: "interrupted", None: "unfinished"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Unfinished:
    """An apply that began and has not ended: `running` still, or killed; None where that can't be known from here."""

    attempt: Attempt
    plan: Plan
    running: bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Care:
    """What a daemon does with the function: `mode` as configured, the newest run of each job, who holds the lease.

    `lease` None: no daemon acts now. `proposal` is the one that waits for a person, if one does.
    `stands`: where its plans stand on the ladder.
    """

    mode: str
    pause: Pause | None = None
    freeze: Freeze | None = None
    proposal: Proposal | None = None
    lease: Lease | None = None
    runs: Mapping[str, Run] = field(default_factory=dict)
    stands: Footing = CHAMPION

    def rows(self) -> tuple[tuple[str, str], ...]:
        """Label and sentence, for people."""
        acts = f"{self.lease.holder} acts" if self.lease else "no daemon acts"
        said = [("daemon", f"mode {self.mode}; {acts}")]
        why = f" since {iso(self.stands.since)}: {self.stands.sentence}" if self.stands.sentence else ""
        said.append(("ladder", f"{self.stands.rung.value}{why}"))
        if (pause := self.pause) is not None:
            end = f"until {iso(pause.until)}" if pause.until else "until `planner resume`"
            whose = "" if pause.function else "with every function, "
            why = f": {pause.why}" if pause.why else ""
            said.append(("paused", f"{whose}by {pause.who} since {iso(pause.since)}, {end}{why}"))
        if self.freeze is not None:
            said.append(("change window", f"{self.freeze.sentence}; nothing is pushed"))
        if (waiting := self.proposal) is not None:
            how = f"`planner approve {waiting.plan_id}` or `planner reject {waiting.plan_id}`"
            said.append(("proposed", f"plan {waiting.plan_id} until {iso(waiting.expires_at)}: {how}"))
        runs = ((f"last {job}", run) for job, run in sorted(self.runs.items()))
        said += [
            (label, f"{'FAILED ' if run.failed else ''}{iso(run.began_at)}: {run.sentence}") for label, run in runs
        ]
        return tuple(said)

    @property
    def data(self) -> dict[str, object]:
        """The same for machines."""
        pause, waiting, lease = self.pause, self.proposal, self.lease
        return {
            "mode": self.mode,
            "ladder": self.stands.data,
            "holder": lease.holder if lease else None,
            "pause": pause
            and {
                "function": str(pause.function) if pause.function else None,
                "since": iso(pause.since),
                "until": iso(pause.until) if pause.until else None,
                "who": pause.who,
                "why": pause.why,
            },
            "freeze": self.freeze
            and {"until": iso(self.freeze.until) if self.freeze.until else None, "why": self.freeze.why},
            "proposal": waiting
            and {"plan": waiting.plan_id, "sentence": waiting.sentence, "expires_at": iso(waiting.expires_at)},
            "runs": {
                job: {"began_at": iso(run.began_at), "failed": run.failed, "sentence": run.sentence}
                for job, run in self.runs.items()
            },
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """What is known at `now`. `live` None: no Function Compute is configured."""

    function: FunctionRef
    now: datetime
    live: LiveDocument | None
    applied: Plan | None
    last: Attempt | None
    unfinished: tuple[Unfinished, ...]
    care: Care
    lead: Lead

    def rows(self) -> tuple[tuple[str, str], ...]:
        """Label and sentence, for people."""
        return (
            ("wanted", self._wanted()),
            ("document", self._document()),
            ("instances", self._instances()),
            ("lead", self.lead.sentence),
            ("last outcome", self._last()),
            *((_LABELS[one.running], self._sentence(one)) for one in self.unfinished),
            *self.care.rows(),
        )

    @property
    def data(self) -> dict[str, object]:
        """The same for machines."""
        live = self.live
        return {
            "function": str(self.function),
            "now": iso(self.now),
            "wanted_instances": self.wanted_instances,
            "schedule_until": iso(self.applied.schedule.end) if self.applied and not self.released else None,
            "released": self.released,
            "document_as_applied": self.as_applied,
            "live": None if live is None else live.config.wire() | {"exists": live.exists},
            "target": None if live is None else live.target,
            "current": None if live is None else live.current,
            "current_error": None if live is None else live.current_error,
            "last_outcome": None if self.last is None or self.last.outcome is None else self.last.outcome.data,
            "unfinished": [self._unfinished(one) for one in self.unfinished],
            "daemon": self.care.data,
            "lead": self.lead.data,
        }

    @property
    def released(self) -> bool:
        """Whether the last thing that was applied took our policies away."""
        return self.applied is not None and not holds_ours(self.applied.wanted)

    @property
    def wanted_instances(self) -> int | None:
        """What the schedule asks for now; None where no schedule says."""
        return self._step()[0]

    @property
    def as_applied(self) -> bool | None:
        """Whether Function Compute holds what was applied last; None where there is nothing to compare."""
        if self.live is None or self.applied is None:
            return None
        return self.live.config.digest == self.applied.wanted.digest

    def _step(self) -> tuple[int | None, str]:
        """Instances wanted now, None where no schedule says, and the sentence for it."""
        if self.applied is None:
            return None, "no plan was applied yet"
        if self.released:
            return None, "released: the planner wants nothing here"
        schedule = self.applied.schedule
        if self.now >= schedule.end:
            return None, f"the schedule ended {iso(schedule.end)}, its recurring fallback is in effect; plan again"
        begun = [step for step in schedule.steps if step.at <= self.now] or [schedule.steps[0]]
        coming = [step for step in schedule.steps if step.at > self.now]
        after = f", {coming[0].instances} from {iso(coming[0].at)}" if coming else ""
        return begun[-1].instances, f"{begun[-1].instances} instances now{after}; planned until {iso(schedule.end)}"

    def _wanted(self) -> str:
        return self._step()[1]

    def _document(self) -> str:
        if self.live is None:
            return "no Function Compute is configured"
        config = self.live.config
        if not self.live.exists:
            gone = ", though a plan was applied" if self.applied and not self.released else ""
            return f"Function Compute holds no provision config{gone}"
        ours = sum(a.ours for a in config.scheduled_actions) + sum(p.ours for p in config.tracking_policies)
        others = len(config.scheduled_actions) + len(config.tracking_policies) - ours
        text = f"default {config.default_target}, {ours} policies of ours, {others} of other people"
        if self.applied is None:
            return text
        if self.as_applied:
            return f"{text}; as applied"
        if any(self._held(one.plan) == "wanted" for one in self.unfinished):
            return f"{text}; as the unfinished apply wanted"
        return f"{text}; DRIFTED from what was applied ({difference(self.applied.wanted, config)})"

    def _instances(self) -> str:
        if self.live is None:
            return "unknown"
        trouble = f"; Function Compute says: {self.live.current_error}" if self.live.current_error else ""
        return f"{self.live.current} current, {self.live.target} target{trouble}"

    def _last(self) -> str:
        if self.last is None or self.last.outcome is None:
            return "none"
        outcome = self.last.outcome
        return f"{outcome.kind.value} at {iso(outcome.at)} by {self.last.who}: {outcome.message}"

    def _unfinished(self, one: Unfinished) -> dict[str, object]:
        return {
            "apply": one.attempt.id,
            "plan": one.attempt.plan_id,
            "began_at": iso(one.attempt.began_at),
            "who": one.attempt.who,
            "running": one.running,
            "fc_holds": self._held(one.plan),
        }

    def _sentence(self, one: Unfinished) -> str:
        attempt = one.attempt
        begun = f"apply {attempt.id} of plan {attempt.plan_id} began {iso(attempt.began_at)}"
        state = {
            True: f"{begun} and runs ({attempt.who})",
            False: f"{begun} by {attempt.who} and never ended",
            None: f"{begun} on another machine ({attempt.who}) and runs there, or was killed",
        }[one.running]
        words = {
            "wanted": "FC holds its wanted document",
            "before": "FC still holds the document from before",
            "neither": "FC holds neither its wanted document nor the one from before",
        }
        held = self._held(one.plan)
        closing = {
            True: "",
            False: "; the next apply puts that on record",
            None: f"; it counts as killed after {iso(attempt.began_at + LONGEST_APPLY)}",
        }[one.running]
        return f"{state}; {words[held] if held else 'what FC holds is unknown'}{closing}"

    def _held(self, plan: Plan) -> str | None:
        """`wanted`, `before` or `neither`; None where there is no Function Compute to ask."""
        if self.live is None:
            return None
        held = self.live.config.digest
        if held == plan.wanted.digest:
            return "wanted"
        return "before" if held == plan.live.digest and self.live.exists == plan.live_exists else "neither"


def look(
    store: Store, settings: FunctionConfig, live: LiveDocument | None, *, now: datetime, still_runs: StillRuns
) -> Status:
    """Read the records of a function beside what FC holds; nothing is written."""
    function = settings.ref
    applied = store.last_applied(function)
    return Status(
        function=function,
        now=now,
        live=live,
        applied=store.plan(applied.plan_id) if applied else None,
        last=store.last_outcome(function),
        unfinished=tuple(
            Unfinished(
                attempt=attempt,
                plan=store.plan(attempt.plan_id),
                running=still_runs(attempt.who, attempt.began_at, now),
            )
            for attempt in store.unfinished(function)
        ),
        care=_care(store, settings, now),
        lead=lead_of(store, function, settings.capacity, now),
    )


def _care(store: Store, settings: FunctionConfig, now: datetime) -> Care:
    control, function = store.control, settings.ref
    lease, last = control.lease(function), next(iter(control.proposals(function, limit=1)), None)
    return Care(
        mode=settings.daemon.mode,
        pause=control.paused(function, now=now),
        freeze=frozen(freeze_windows(settings), now, settings.time_zone),
        proposal=last if last is not None and last.approved is None and now < last.expires_at else None,
        lease=lease if lease is not None and now < lease.expires_at else None,
        runs=control.last_runs(function),
        stands=footing(control, function, now),
    )
