"""The safety verdict: every rule that a plan breaks, with what a person can do about it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from planner.capacity import CapacitySchedule
from planner.plan import Breach, Estimate, Rule
from planner.provision import MAX_ACTIONS, MAX_TRACKERS, ProvisionConfig, ScheduledAction

SOON = 10
"""Minutes after the put in which a drop is judged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SafetyRules:
    """What the owner tolerates: shares are ratios, `quota` is instances (None: not checked)."""

    max_drop: float
    max_cost_ratio: float
    history_max_age: timedelta
    quota: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """What the verdict looks at, in instances.

    `running` is FC's target now, less what the live document takes away by itself in the next minutes; `observed` is
    what the last hour of the history needed, `week_peak` what its last week needed.
    """

    now: datetime
    schedule: CapacitySchedule
    wanted: ProvisionConfig
    estimate: Estimate
    running: int
    observed: int
    week_peak: int
    history_end: datetime
    foreign: tuple[ScheduledAction, ...]


def breaches(case: Situation, rules: SafetyRules) -> tuple[Breach, ...]:
    """All rules that are broken, not just the first."""
    return tuple(breach for check in (_drop, _rise, _stale, _quota, _foreign, _limit) for breach in check(case, rules))


def drop_breaches(
    schedule: CapacitySchedule, *, running: int, rules: SafetyRules, explained: bool = False
) -> Iterator[Breach]:
    """More of what runs is taken away at once than the owner tolerates, unless the history explains it."""
    soon = int(schedule.per_minute()[:SOON].min())
    if soon < running * (1 - rules.max_drop) and not explained:
        yield Breach(
            rule=Rule.DROP,
            detail=f"{running} instances run and the plan keeps {soon}: more than {rules.max_drop:.0%} go at once",
            remedy="Check that the history is whole and this function's; raise safety.max_drop or apply with --force.",
        )


def foreign_breaches(actions: Iterable[ScheduledAction]) -> Iterator[Breach]:
    """Scheduled actions of other people that are in effect within the horizon."""
    for action in actions:
        yield Breach(
            rule=Rule.FOREIGN,
            detail=(
                f"the scheduled action {action.name!r} was made by somebody else and is in effect within the horizon: "
                "it and the plan's steps would silence each other"
            ),
            remedy="Let the plan take it out with --adopt (`planner release` brings it back), or remove it by hand.",
        )


def quota_breaches(document: ProvisionConfig, rules: SafetyRules) -> Iterator[Breach]:
    """The schedule or its fallback asks for more instances than the account may run."""
    peak = max((action.target for action in document.scheduled_actions), default=0)
    if rules.quota is not None and peak > rules.quota:
        yield Breach(
            rule=Rule.QUOTA,
            detail=f"the document asks for {peak} instances, the quota is {rules.quota}",
            remedy="Ask for more in Quota Center and raise safety.quota, or lower capacity.max_instances.",
        )


def _drop(case: Situation, rules: SafetyRules) -> Iterator[Breach]:
    # A static peak may come down on the first plan, but only on the word of a history that knows that peak: a dead
    # exporter, or another function's metric, doesn't.
    knows_what_runs = case.week_peak >= case.running * (1 - rules.max_drop)
    # What runs for nothing is not what is needed: of that the same share may go, but not the last one.
    least = max(int(case.observed * (1 - rules.max_drop)), min(case.observed, 1))
    covered = case.schedule.per_minute()[:SOON].min() >= least
    return drop_breaches(case.schedule, running=case.running, rules=rules, explained=bool(knows_what_runs and covered))


def _foreign(case: Situation, _: SafetyRules) -> Iterator[Breach]:
    return foreign_breaches(case.foreign)


def _rise(case: Situation, rules: SafetyRules) -> Iterator[Breach]:
    instances = case.schedule.per_minute()
    wanted, static = instances.sum() / 60, case.estimate.static_instances * len(instances) / 60
    if wanted > rules.max_cost_ratio * static:
        yield Breach(
            rule=Rule.RISE,
            detail=(
                f"the steps' {wanted:.1f} instance-hours are {wanted / max(static, 1e-9):.1f} times those of a static "
                f"peak of the last week ({static:.1f}); {rules.max_cost_ratio:g} times are allowed"
            ),
            remedy="Look at plan.png; raise safety.max_cost_ratio or apply with --force if such growth is expected.",
        )


def _stale(case: Situation, rules: SafetyRules) -> Iterator[Breach]:
    age = case.now - case.history_end
    if age > rules.history_max_age:
        yield Breach(
            rule=Rule.STALE,
            detail=f"the history ends {_hours(age)} before now; {_hours(rules.history_max_age)} are allowed",
            remedy="Bring the history up to date, or raise safety.history_max_age.",
        )


def _quota(case: Situation, rules: SafetyRules) -> Iterator[Breach]:
    return quota_breaches(case.wanted, rules)


def _limit(case: Situation, _: SafetyRules) -> Iterator[Breach]:
    return limit_breaches(case.wanted)


def limit_breaches(document: ProvisionConfig) -> Iterator[Breach]:
    """More policies than FC takes."""
    actions, trackers = len(document.scheduled_actions), len(document.tracking_policies)
    if actions > MAX_ACTIONS or trackers > MAX_TRACKERS:
        yield Breach(
            rule=Rule.LIMIT,
            detail=f"{actions} scheduled actions and {trackers} trackers; FC takes {MAX_ACTIONS} and {MAX_TRACKERS}",
            remedy="Remove policies that nobody needs from the function.",
        )


def _hours(span: timedelta) -> str:
    return f"{span.total_seconds() / 3600:.1f} h"
