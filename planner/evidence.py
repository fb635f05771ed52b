"""What a plan tells its reviewer: what was read, what was concluded, and why each part of the document is there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from math import isnan

import numpy as np
import pandas as pd

from planner.capacity import CapacitySchedule
from planner.compiler import END, STEP
from planner.decision import Policies
from planner.forecast import Champion, Forecast, Score
from planner.guard import GuardWindow
from planner.guardrails import FALLBACK, GUARD, HOLD, OWN
from planner.history import History
from planner.plan import Band, Evidence, Recent
from planner.provision import MetricType, ProvisionConfig, ScheduledAction, holds_ours

SHOWN_LEVELS = (0.05, 0.5, 0.9, 0.99)
SHOWN_PAST = timedelta(days=3)
SHOWN_SLOT = timedelta(minutes=15)


def collect_evidence(
    history: History,
    champion: Champion,
    policies: Policies,
    *,
    chosen_at: datetime,
    guard: tuple[GuardWindow, ...],
    end: datetime,
    instance_concurrency: int,
    lead: timedelta,
) -> Evidence:
    """Everything behind the decision, thinned to what a person looks at."""
    return Evidence(
        history_source=history.source,
        history_digest=history.digest,
        history_start=history.start,
        history_end=history.end,
        history_step=history.step,
        repairs=tuple(repair.detail for repair in history.repairs),
        forecaster=champion.forecast.forecaster,
        forecaster_reason=champion.elected.reason,
        scores=_ranked(champion.elected.scores),
        chosen_at=chosen_at,
        policy=str(policies.day.policy),
        policy_reason=policies.day.reason,
        near_policy=str(policies.hour.policy),
        near_reason=policies.hour.reason,
        near_end=policies.near_end,
        guard=guard,
        instance_concurrency=instance_concurrency,
        lead=lead,
        recent=_recent(history),
        band=_band(champion.forecast, end),
    )


def _ranked(scores: Sequence[Score]) -> tuple[tuple[str, float, str], ...]:
    """Scores in order of merit; a figure that is none becomes an excuse."""

    def excuse(score: Score) -> str:
        return score.excuse or ("no past day could be judged" if isnan(score.wql) else "")

    ranked = sorted(scores, key=lambda s: (bool(excuse(s)), 0.0 if excuse(s) else s.wql, s.forecaster))
    return tuple((s.forecaster, 0.0 if excuse(s) else round(s.wql, 4), excuse(s)) for s in ranked)


def reasons(document: ProvisionConfig, schedule: CapacitySchedule) -> Mapping[str, str]:
    """Why each of our actions and policies is in the document, by name."""
    dated = [action for action in document.scheduled_actions if action.name.startswith(STEP)]
    why = {action.name: step.reason for action, step in zip(dated, schedule.steps, strict=True)}
    for action in document.scheduled_actions:
        if action.name.startswith(END):
            why[action.name] = "if nobody renews the plan: capacity from the horizon on, without an end"
        elif action.ours and action.name not in why:
            why[action.name] = "recurring form: takes over at the horizon if nobody renews the plan"
    for policy in document.tracking_policies:
        if policy.name.startswith(HOLD):
            why[policy.name] = "holds its step until the next, in case its at() lies before the put and doesn't fire"
        elif policy.name.startswith(GUARD):
            why[policy.name] = "live guard: answers load above the forecast"
        elif policy.name.startswith(OWN):
            why[policy.name] = "as configured"
    why[FALLBACK] = "safe tracker: takes over at the horizon if nobody renews the plan"
    return why


def notes(live: ProvisionConfig, document: ProvisionConfig, adopted: tuple[ScheduledAction, ...]) -> tuple[str, ...]:
    """What the reviewer should know besides the changes."""
    said = [
        f"adopted: the scheduled action {action.name!r} is taken out; `planner release` brings it back"
        for action in adopted
    ]
    said += [
        f"kept: the tracker {policy.name!r} was made by somebody else; it only raises and counts in the estimate"
        + ("" if policy.metric_type == MetricType.CONCURRENCY else " with its floor (its metric can't be replayed)")
        for policy in document.tracking_policies
        if not policy.ours
    ]
    # A default beside policies of ours is our own hand-over target.
    if not holds_ours(live) and live.default_target and live.default_target != document.default_target:
        said.append(
            f"the default target {live.default_target} is recorded and comes back with `planner release`; "
            "FC ignores it while a policy is in effect"
        )
    return tuple(said)


def waking(document: ProvisionConfig, wake: timedelta) -> tuple[str, ...]:
    """What hibernation costs in time, by the owner's figure; silent where idle instances keep their resources."""
    if document.always_allocate_cpu and document.always_allocate_gpu:
        return ()
    return (f"idle instances hibernate: a request that finds one so waits up to {wake.total_seconds():g} s more",)


def _recent(history: History) -> Recent:
    slot = max(history.step, SHOWN_SLOT)
    start = pd.Timestamp(max(history.end - SHOWN_PAST, history.start)).floor(slot)
    peaks = history.series.loc[start:].resample(slot).max()
    return Recent(
        start=start.to_pydatetime(),
        slot=slot,
        peaks=tuple(None if np.isnan(peak) else round(float(peak), 3) for peak in peaks),
    )


def _band(forecast: Forecast, end: datetime) -> Band:
    slots = -(-(end - forecast.start) // forecast.slot)
    peaks = [forecast.peak(level)[:slots] for level in SHOWN_LEVELS]
    return Band(
        start=forecast.start,
        slot=forecast.slot,
        levels=SHOWN_LEVELS,
        values=tuple(tuple(round(float(value), 3) for value in level) for level in peaks),
    )
