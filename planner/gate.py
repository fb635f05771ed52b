"""The guard rails on ourselves: whether a fresh plan is pushed, proposed to a person, or left alone, and why.

Every rule is level-triggered: it looks at the plan, at what Function Compute holds and at the records, so that the next
tick decides anew. Only a rise that is needed soon passes the rules that exist to keep quiet.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

import numpy as np

from planner.base import MINUTE, iso, minutes_between
from planner.budget import Budget, Overrun, overruns
from planner.freeze import Freeze
from planner.plan import Plan
from planner.reading import Minutes, least_values

HOUR = 60
SOON = HOUR
"""Minutes ahead, at least, in which a rise counts as needed: a put, FC's evaluation and a start-up fit in well before.

What lies further ahead can be pushed with a later plan, which knows better."""
TRIFLE = 0.05
"""Share of the instances that are there by which a plan may differ within the hour without a push.

The plans of two ticks differ by as much, to and fro (`benchmarks/pushes.py`)."""
FAR, MUCH = timedelta(hours=3), 0.1
"""So long after a push a plan is worth one for what lies further ahead, where it differs by more than this share of the
horizon's instance-hours: Function Compute should hold nearly the newest schedule in case no daemon comes back."""


class Mode(StrEnum):
    """What the daemon may do with a function."""

    OBSERVE = "observe"
    """Plans and records; changes nothing."""
    PROPOSE = "propose"
    """A person approves each plan."""
    AUTO = "auto"
    """Pushes by itself."""


class Drift(StrEnum):
    """What to do about a document that somebody else changed."""

    LEAVE = "leave"
    """Nothing is sent until a person adopts or reverts: an edit at 3 a.m. is not undone by a machine."""
    ADOPT = "adopt"
    """What was changed is the new ground; the plan is made against it."""
    REVERT = "revert"
    """The plan takes its place."""


class Verdict(StrEnum):
    """What becomes of the plan."""

    PUSH = "push"
    PROPOSE = "propose"
    HOLD = "hold"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ruling:
    """The verdict and one sentence on it."""

    verdict: Verdict
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """Instance-hours that a plan adds to the live document within its horizon, and that it saves, minute by minute."""

    added: float
    saved: float


@dataclass(frozen=True, slots=True, kw_only=True)
class GateRules:
    """What the owner allows; a None is not checked."""

    mode: Mode
    drift: Drift
    min_interval: timedelta
    """Between two pushes, unless a rise is needed soon."""
    worth_hours: float
    """Instance-hours that a push must save within the horizon."""
    max_rise: int | None
    """Instances by which one push may raise the highest step of the horizon."""
    max_drop: int | None
    """Instances by which one push may lower it."""
    budget: Budget
    auto_hours: float | None
    """In mode propose: a plan that adds no more instance-hours than this within the horizon is pushed unasked."""
    auto_money: float | None
    """The same in the currency of the price table; where both are given, both have to hold."""
    approved: Difference | None = None
    """In mode propose: what a person just approved may add and save, whatever the two before say."""
    shared_quota: int | None = None
    """Instances that this function and the others beside it may have together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What is known of a function when the plan is judged.

    `applied`: the plan that FC should hold. `held`: why nothing may be sent now (a pause, a frozen window), empty where
    nothing forbids it. `fresh`: whether the newest metric is as new as the owner asks for. `undoes`: what of the live
    document is to be taken back at once, in words; empty where nothing is. `again`: until the next plan.
    """

    now: datetime
    applied: Plan | None
    pushed_at: datetime | None
    held: str
    fresh: bool
    undoes: str = ""
    again: timedelta = 15 * MINUTE
    closing: Freeze | None = None
    """The window without pushes that holds when the next plan is due."""
    spent_hours: float = 0.0
    """Instance-hours that were promised for the local day until `now`."""
    beside: Minutes | None = None
    """Instances that the other functions under the shared quota are promised in each minute of the plan."""


def rule(plan: Plan, standing: Standing, rules: GateRules) -> Ruling:
    """The first rule that has a say decides; each is a sentence in the audit."""
    case = _Case.of(plan, standing, rules)
    for judge in _JUDGES:
        for ruling in judge(case):
            return ruling
    return Ruling(verdict=Verdict.PUSH, sentence="; ".join((case.why, *(each.sentence for each in case.overruns))))


def difference(plan: Plan) -> Difference:
    """What the plan adds to the live document, and what it saves."""
    return _difference(*_per_minute(plan))


def most_at_once(plan: Plan, rules: GateRules) -> int | None:
    """Instances that one push may ask for at most, where the plan asks for more; None where it doesn't."""
    if rules.max_rise is None:
        return None
    wanted, live = _per_minute(plan)
    most = int(live.max(initial=0)) + rules.max_rise
    return most if wanted.max(initial=0) > most else None


def _per_minute(plan: Plan) -> tuple[Minutes, Minutes]:
    """Instances that the wanted and the live document give at least, in each minute of the horizon."""
    start, minutes = plan.schedule.start, minutes_between(plan.schedule.start, plan.schedule.end)
    return least_values(plan.wanted, start, minutes), least_values(plan.live, start, minutes)


def _difference(wanted: Minutes, live: Minutes) -> Difference:
    added, saved = (float(np.maximum(more, 0).sum() / HOUR) for more in (wanted - live, live - wanted))
    return Difference(added=added, saved=saved)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Case:
    """The plan beside the live document: instances a minute over the horizon, and the larger and smaller of the two."""

    plan: Plan
    standing: Standing
    rules: GateRules
    wanted: Minutes
    live: Minutes
    ahead: int
    """Minutes in which no later plan can help."""
    missing: int
    """Most instances that the live document lacks in these minutes."""
    needed: bool
    """Whether it lacks more than a trifle of what is there at one of them."""
    idle: bool
    """Whether it has more than a trifle too much in them."""
    hours: Difference
    rise: int
    ending: bool
    """The schedule that runs has less than half of its horizon left, or would end while nothing may be pushed."""
    overruns: tuple[Overrun, ...]
    """The days of which the plan takes more than is allowed."""

    @classmethod
    def of(cls, plan: Plan, standing: Standing, rules: GateRules) -> _Case:
        wanted, live = _per_minute(plan)
        applied = standing.applied
        ahead = _ahead(plan, standing)
        lacking, soon = np.maximum(wanted - live, 0)[:ahead], live[:ahead]
        return cls(
            plan=plan,
            standing=standing,
            rules=rules,
            wanted=wanted,
            live=live,
            ahead=ahead,
            missing=int(lacking.max(initial=0)),
            needed=bool((lacking > TRIFLE * soon).any()),
            idle=bool(np.maximum(soon - wanted[:ahead], 0).sum() > TRIFLE * soon.sum()),
            hours=_difference(wanted, live),
            rise=int(wanted.max(initial=0) - live.max(initial=0)),
            ending=applied is None or _half_gone(applied, standing.now) or _outlived(applied, standing.closing),
            overruns=tuple(overruns(plan, rules.budget, spent_hours=standing.spent_hours)),
        )

    @property
    def why(self) -> str:
        """What the push is for."""
        applied = self.standing.applied
        half_gone = applied is not None and _half_gone(applied, self.standing.now)
        when = "within the hour" if self.ahead == SOON else "before a later plan can ask for them"
        reasons = (
            (bool(self.standing.undoes), self.standing.undoes),
            (self.needed, f"{self.missing} more instances are needed {when}"),
            (applied is None, "no plan was applied yet"),
            (half_gone, "less than half of the schedule that runs is left"),
            (self.drifted, "somebody else changed the document"),
            (self.ending, "the schedule that runs would end in a freeze"),
        )
        usual = f"{self.hours.saved:.1f} instance-hours are saved, {self.hours.added:.1f} added"
        return next((words for holds, words in reasons if holds), usual)

    @property
    def drifted(self) -> bool:
        """Whether somebody else changed the document."""
        applied = self.standing.applied
        return applied is not None and self.plan.live.digest != applied.wanted.digest

    @property
    def far_off(self) -> bool:
        """Whether the plan differs by much over its horizon, some hours after the last push."""
        since = self.standing.pushed_at
        rested = since is None or self.standing.now - since >= FAR
        return rested and self.hours.saved + self.hours.added > MUCH * float(self.live.sum()) / HOUR

    def is_later(self, overrun: Overrun) -> bool:
        """Whether its day begins after the minutes in which no later plan can help."""
        return overrun.start >= self.plan.schedule.start + self.ahead * MINUTE

    def hold(self, sentence: str) -> Ruling:
        return Ruling(verdict=Verdict.HOLD, sentence=sentence)


def _ahead(plan: Plan, standing: Standing) -> int:
    """Minutes until what the next plan that may be pushed asks for can be there, half an hour after it."""
    closing, following = standing.closing, standing.now + standing.again
    if closing is not None:
        following = closing.until or plan.schedule.end
    return max(SOON, (following - standing.now) // MINUTE + HOUR // 2)


def _half_gone(applied: Plan, now: datetime) -> bool:
    schedule = applied.schedule
    return schedule.end - now < (schedule.end - schedule.start) / 2


def _outlived(applied: Plan, closing: Freeze | None) -> bool:
    return closing is not None and (closing.until is None or closing.until > applied.schedule.end)


def _unchanged(case: _Case) -> Iterator[Ruling]:
    if not case.plan.changes:
        yield case.hold("Function Compute holds the wanted document")


def _held(case: _Case) -> Iterator[Ruling]:
    if case.standing.held:
        yield case.hold(case.standing.held)


def _observed(case: _Case) -> Iterator[Ruling]:
    if case.rules.mode is Mode.OBSERVE:
        yield case.hold(f"observed only: {case.why}")


def _drifted(case: _Case) -> Iterator[Ruling]:
    if case.rules.drift is Drift.LEAVE and case.drifted and not case.standing.undoes:
        yield case.hold("somebody else changed the document; it is left until a person adopts or reverts the change")


def _unsafe(case: _Case) -> Iterator[Ruling]:
    if not case.plan.safe:
        broken = "; ".join(breach.detail for breach in case.plan.breaches)
        yield case.hold(f"the plan is unsafe: {broken}")


def _blind(case: _Case) -> Iterator[Ruling]:
    """A missing metric never lowers capacity: what is pushed then only adds."""
    if not case.standing.fresh and case.hours.saved > 0:
        yield case.hold("the newest metric is too old, and the plan would lower capacity")


def _too_much(case: _Case) -> Iterator[Ruling]:
    rules = case.rules
    if rules.max_rise is not None and case.rise > rules.max_rise:
        yield case.hold(f"the plan asks for {case.rise} instances more at once; {rules.max_rise} are allowed")
    if rules.max_drop is not None and -case.rise > rules.max_drop:
        yield case.hold(f"the plan takes {-case.rise} instances away at once; {rules.max_drop} are allowed")


def _over_budget(case: _Case) -> Iterator[Ruling]:
    """Where a rise is needed soon, later days are no reason to hold it: they are planned anew before they come."""
    for overrun in case.overruns:
        if not case.needed or not case.is_later(overrun):
            yield case.hold(overrun.sentence)


def _crowded(case: _Case) -> Iterator[Ruling]:
    """Together with the other functions more than their quota, at a minute for which the plan adds something."""
    quota, beside = case.rules.shared_quota, case.standing.beside
    if quota is None or beside is None:
        return
    over = np.where(case.wanted > case.live, case.wanted + beside - quota, 0)
    if over.max(initial=0) > 0:
        at = int(over.argmax())
        when = iso(case.plan.schedule.start + at * MINUTE)
        others = f"beside {beside[at]} of other functions"
        yield case.hold(f"at {when} the plan asks for {case.wanted[at]} instances {others}; the quota is {quota}")


def _quiet(case: _Case) -> Iterator[Ruling]:
    """No push for a trifle, none right after another, and none for what can wait.

    What will lack, and what is to be undone, are none of these.
    """
    if case.needed or case.standing.undoes:
        return
    since, pause = case.standing.pushed_at, case.rules.min_interval
    if since is not None and case.standing.now - since < pause:
        yield case.hold(f"the last push was at {iso(since)}; the next may be {pause // MINUTE} min later")
    if case.ending or case.drifted:
        return
    if case.hours.saved < case.rules.worth_hours and case.hours.added < case.rules.worth_hours:
        yield case.hold(f"not worth a push: {case.why}")
    if not case.idle and not case.far_off:
        yield case.hold(f"can wait for a later plan: {case.why}")


def _asked(case: _Case) -> Iterator[Ruling]:
    rules = case.rules
    if rules.mode is not Mode.PROPOSE:
        return
    if _small(case):
        return
    yield Ruling(verdict=Verdict.PROPOSE, sentence=f"waits for a person: {case.why}")


def _small(case: _Case) -> bool:
    """Whether it is no more than was approved, or adds no more than passes unasked: in hours, in money, or both."""
    rules, estimate, added = case.rules, case.plan.estimate, case.hours.added
    approved = rules.approved
    if approved is not None and added <= approved.added and case.hours.saved <= approved.saved:
        return True
    if rules.auto_hours is None and rules.auto_money is None:
        return False
    if rules.auto_hours is not None and added > rules.auto_hours:
        return False
    if rules.auto_money is None:
        return True
    return estimate is not None and added * estimate.price_of_an_hour <= rules.auto_money


_JUDGES: tuple[Callable[[_Case], Iterator[Ruling]], ...] = (
    _unchanged,
    _held,
    _drifted,
    _unsafe,
    _blind,
    _too_much,
    _over_budget,
    _crowded,
    _quiet,
    _observed,
    _asked,
)
"""In the order in which they have a say."""
