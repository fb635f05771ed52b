"""The plans of the lower rungs of the ladder: last week with a margin, the last good schedule, guardrails alone.

None of them lowers what runs: at the descent the first hour keeps Function Compute's target, and the last good schedule
is in no minute below the live document.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import numpy as np

from planner.base import floor_minute, minutes_between, utc
from planner.capacity import CapacitySchedule, Step
from planner.compiler import Wanted, compile_document, foreign_in_horizon
from planner.config import FunctionConfig
from planner.diff import changes
from planner.guard import GuardWindow
from planner.lately import hour_floor
from planner.plan import Plan
from planner.policies import allocation, guard_policy, safety_rules
from planner.reading import Minutes, least_values
from planner.replay import Floats, simulate
from planner.safety import foreign_breaches, limit_breaches, quota_breaches
from planner.undo import DAY, Present, redated, rollback, steps_of

MARGIN = 1 / 4
"""Of the objective: what the plan of the same time last week may leave cold. See `benchmarks/ladder.py`."""
DID_WELL_TIMES = 2.0
"""Times the objective that a schedule may have left cold, dated to the last day, to count as one that does well."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What a fallback keeps, in instances. `needed`: of the last hour's peak; 0 where that isn't known.

    `first`: it is the first plan of its rung, so that what runs now was another one's decision.
    """

    needed: int
    first: bool


def last_week(settings: FunctionConfig) -> FunctionConfig:
    """The normal pipeline under these settings plans by the same time last week, with a margin."""
    return settings.model_copy(
        update={
            "forecast": settings.forecast.model_copy(update={"forecaster": "lastweek"}),
            "objective": settings.objective.model_copy(update={"cold_share": settings.objective.cold_share * MARGIN}),
        }
    )


def last_good(settings: FunctionConfig, earlier: Plan, present: Present, kept: Kept) -> Plan:
    """The earlier plan dated anew, in no minute below the live document, nor below what the last hour needed."""
    now = floor_minute(utc(present.now))
    held = np.maximum(hour_floor(_now(present, kept, now)), least_values(present.live.config, now, DAY))
    plan = rollback(
        earlier,
        present,
        guards=guard_policy(settings),
        safety=safety_rules(settings),
        floor=held,
        ceiling=settings.capacity.max_instances,
    )
    return replace(plan, notes=("fallback: nowhere below the live document", *plan.notes))


def guardrails_only(settings: FunctionConfig, present: Present, kept: Kept) -> Plan:
    """One step, and the safe tracker from now on; nothing of any forecast."""
    now = floor_minute(utc(present.now))
    end = now + settings.daemon.horizon
    live, guards = present.live.config, guard_policy(settings)
    instances = max(settings.capacity.min_instances, 1, int(_now(present, kept, now)))
    why = "guardrails only: what runs, or what the last hour needed"
    steps = CapacitySchedule(start=now, end=end, steps=(Step(at=now, instances=instances, reason=why),))
    cpu, gpu = allocation(settings, live)
    document = compile_document(
        Wanted(
            schedule=steps,
            patterns=(),
            time_zone=present.time_zone,
            guards=guards,
            guard=(GuardWindow(start=now, end=end, target=guards.fallback_target),) if guards.enabled else (),
            always_allocate_cpu=cpu,
            always_allocate_gpu=gpu,
            valid_until=now + present.valid_for,
            running=present.live.target,
        ),
        live,
    )
    return Plan(
        function=present.function,
        time_zone=present.time_zone,
        created_at=now,
        valid_until=now + present.valid_for,
        endpoint=present.endpoint,
        live=live,
        live_exists=present.live.exists,
        lacked=(),
        wanted=document,
        schedule=steps,
        recurring=steps_of(document, end, timedelta(days=7), "as before: there is no recurring form"),
        changes=changes(live, document, {action.name: why for action in document.scheduled_actions}),
        breaches=(
            *quota_breaches(document, safety_rules(settings)),
            *foreign_breaches(foreign_in_horizon(live, now, end)),
            *limit_breaches(document),
        ),
        notes=(f"fallback: {instances} instances and the safe tracker, until a forecast is trusted again",),
    )


def did_well(
    candidates: Iterable[tuple[int, Plan]], load: Floats | None, now: datetime, settings: FunctionConfig
) -> int | None:
    """The id of the first candidate whose steps, dated to the last day, would have kept about the objective on it.

    Else the one that would have left the least cold, and where the day isn't known the first one; None without any.
    `load`: offered concurrency of each minute of the day before now, shape (1, DAY).
    """
    best: tuple[float, int] | None = None
    for number, plan in candidates:
        if load is None or plan.evidence is None:
            return number
        found = simulate(
            redated(plan, now - timedelta(days=1))[None, :],
            (),
            load,
            instance_concurrency=plan.evidence.instance_concurrency,
            lead=minutes_between(now, now + settings.capacity.start_up),
        )
        share = float(found.cold_share[0])
        if share <= DID_WELL_TIMES * settings.objective.cold_share:
            return number
        best = min(best or (share, number), (share, number))
    return None if best is None else best[1]


def _now(present: Present, kept: Kept, now: datetime) -> int:
    """Instances that are kept for now: what the last hour needed, what the document gives, at the descent what runs."""
    given: Minutes = least_values(present.live.config, now, 1)
    return max(kept.needed, int(given[0]), present.live.target if kept.first else 0)
