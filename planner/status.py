"""One function at a glance: wanted, live, running, last outcome."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from planner.base import FunctionRef, iso
from planner.fc.compare import difference
from planner.plan import Plan
from planner.provision import LiveDocument
from planner.store import Attempt, Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """What is known at `now`. `live` None: no Function Compute is configured. `unfinished` attempts never ended."""

    function: FunctionRef
    now: datetime
    live: LiveDocument | None
    applied: Plan | None
    last: Attempt | None
    unfinished: tuple[tuple[Attempt, Plan], ...]

    def rows(self) -> tuple[tuple[str, str], ...]:
        """Label and sentence, for people."""
        return (
            ("wanted", self._wanted()),
            ("document", self._document()),
            ("instances", self._instances()),
            ("last outcome", self._last()),
            *(("interrupted", self._interrupted(attempt, plan)) for attempt, plan in self.unfinished),
        )

    @property
    def data(self) -> dict[str, object]:
        """The same for machines."""
        live = self.live
        return {
            "function": str(self.function),
            "now": iso(self.now),
            "wanted_instances": self._step()[0] if self.applied else None,
            "valid_schedule_until": iso(self.applied.schedule.end) if self.applied else None,
            "document_as_applied": self._as_applied(),
            "live": None if live is None else live.config.wire() | {"exists": live.exists},
            "target": None if live is None else live.target,
            "current": None if live is None else live.current,
            "current_error": None if live is None else live.current_error,
            "last_outcome": None if self.last is None or self.last.outcome is None else self.last.outcome.data,
            "unfinished": [self._interrupted(attempt, plan) for attempt, plan in self.unfinished],
        }

    def _as_applied(self) -> bool | None:
        if self.live is None or self.applied is None:
            return None
        return self.live.config.digest == self.applied.wanted.digest

    def _step(self) -> tuple[int, str]:
        assert self.applied is not None
        schedule = self.applied.schedule
        if self.now >= schedule.end:
            return 0, f"the plan's horizon ended {iso(schedule.end)}: the recurring fallback is in effect; plan again"
        begun = [step for step in schedule.steps if step.at <= self.now] or [schedule.steps[0]]
        coming = [step for step in schedule.steps if step.at > self.now]
        after = f", {coming[0].instances} from {iso(coming[0].at)}" if coming else ""
        return begun[-1].instances, f"{begun[-1].instances} instances now{after}; planned until {iso(schedule.end)}"

    def _wanted(self) -> str:
        return self._step()[1] if self.applied else "no plan was applied yet"

    def _document(self) -> str:
        if self.live is None:
            return "no Function Compute is configured"
        if not self.live.exists:
            return "Function Compute holds no provision config"
        config = self.live.config
        ours = sum(a.ours for a in config.scheduled_actions) + sum(p.ours for p in config.tracking_policies)
        others = len(config.scheduled_actions) + len(config.tracking_policies) - ours
        text = f"default {config.default_target}, {ours} policies of ours, {others} of other people"
        if self.applied is None:
            return text
        if self._as_applied():
            return f"{text}; as applied"
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

    def _interrupted(self, attempt: Attempt, plan: Plan) -> str:
        begun = f"apply {attempt.id} of plan {attempt.plan_id} began {iso(attempt.began_at)} and has not ended"
        if self.live is None:
            return begun
        held = self.live.config.digest
        if held == plan.wanted.digest:
            return f"{begun}; FC holds its wanted document"
        if held == plan.live.digest and self.live.exists == plan.live_exists:
            return f"{begun}; FC still holds the document from before"
        return f"{begun}; FC holds neither its wanted document nor the one from before"


def look(store: Store, function: FunctionRef, live: LiveDocument | None, *, now: datetime) -> Status:
    """Read the records of a function beside what FC holds; nothing is written."""
    applied = store.last_applied(function)
    return Status(
        function=function,
        now=now,
        live=live,
        applied=store.plan(applied.plan_id) if applied else None,
        last=store.last_outcome(function),
        unfinished=tuple((attempt, store.plan(attempt.plan_id)) for attempt in store.unfinished(function)),
    )
