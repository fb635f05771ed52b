"""The only wiring of the stages: history and live document in, plan out.

The command line, the daemon and the tests differ in what they hand in, never in what happens here. Nothing here reads
a clock, a file, a database or the network.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import numpy as np
import pandas as pd

from planner.base import MINUTE, floor_minute, utc
from planner.capacity import CapacitySchedule, Step, StepRules, schedule
from planner.compiler import Wanted, compile_document, foreign_in_horizon, step_budget
from planner.config import FunctionConfig
from planner.cost import Prices, Scene, estimate
from planner.demand import Demand, Sizing, demand
from planner.diff import changes
from planner.evidence import collect_evidence, notes, reasons
from planner.forecast import Champion, ForecastSettings, forecast
from planner.guardrails import CustomTracker, GuardPolicy
from planner.forecasters.slots import interval_peaks
from planner.history import History, Statistic
from planner.plan import Plan
from planner.provision import LiveDocument, MetricType, ProvisionConfig
from planner.reading import schedule_values
from planner.recurring import WEEK, day_patterns
from planner.risk import GUARDS, Choice, Objective, choose
from planner.risk import Question as RiskQuestion
from planner.safety import SafetyRules, Situation, breaches
from planner.undo import steps_of

RECURRING_STEPS = 16
RECURRING_LEVEL = 0.95
"""The fallback runs unattended, so it takes less risk than the dated steps may."""
HOUR = timedelta(hours=1)

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is to be planned, and what was read for it.

    `instance_concurrency` is already settled (configured, or read from the function). `adopt`: the plan may replace
    scheduled actions that a person made. `lacked` says in words what could not be read.
    """

    now: datetime
    horizon: timedelta
    history: History
    live: LiveDocument
    instance_concurrency: int
    adopt: bool = False
    lacked: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Decision:
    champion: Champion
    choice: Choice
    schedule: CapacitySchedule
    wanted: Wanted


def make_plan(settings: FunctionConfig, question: Question, progress: Progress = lambda _: None) -> Plan:
    """Plan one function. The same question gives the same plan, byte by byte."""
    now = floor_minute(utc(question.now))
    question = replace(question, now=now, history=question.history.until(now))
    end = now + question.horizon
    foreign = foreign_in_horizon(question.live.config, now, end)
    kept = question.live.config
    if question.adopt:
        kept = replace(kept, scheduled_actions=tuple(a for a in kept.scheduled_actions if a not in foreign))
    decision = _decide(settings, question, kept, progress)
    progress("writing the document")
    document = compile_document(decision.wanted, kept)
    scene = Scene(
        start=now,
        end=end,
        instance_concurrency=question.instance_concurrency,
        start_up=settings.capacity.lead,
        prices=prices(settings),
    )
    sizing = _sizing(settings, question)
    costs = estimate(
        decision.champion.forecast,
        wanted=document,
        live=question.live.config,
        static_instances=_observed(question.history, timedelta(days=7), sizing),
        scene=scene,
    )
    situation = Situation(
        now=now,
        schedule=decision.schedule,
        wanted=document,
        estimate=costs,
        running=question.live.target,
        observed=_observed(question.history, HOUR, sizing),
        history_end=question.history.end,
        foreign=() if question.adopt else foreign,
    )
    return Plan(
        function=settings.ref,
        time_zone=settings.time_zone,
        created_at=now,
        valid_until=decision.wanted.valid_until,
        live=question.live.config,
        live_exists=question.live.exists,
        lacked=question.lacked,
        wanted=document,
        schedule=decision.schedule,
        recurring=steps_of(document, end, WEEK, "recurring form"),
        patterns=decision.wanted.patterns,
        changes=changes(question.live.config, document, reasons(document, decision.schedule)),
        breaches=breaches(situation, safety_rules(settings)),
        estimate=costs,
        evidence=collect_evidence(
            question.history,
            decision.champion,
            decision.choice,
            end=end,
            instance_concurrency=question.instance_concurrency,
            lead=settings.capacity.lead + settings.capacity.evaluation_lag,
        ),
        notes=notes(question.live.config, document, foreign if question.adopt else ()),
    )


def _decide(
    settings: FunctionConfig, question: Question, kept: ProvisionConfig, progress: Progress
) -> _Decision:
    now, end = question.now, question.now + question.horizon
    champion = forecast(
        question.history,
        now=now,
        # One week more than the horizon: the recurring form covers whatever day follows.
        horizon=question.horizon + WEEK,
        settings=ForecastSettings(
            forecaster=settings.forecast.forecaster,
            country=settings.forecast.country,
            time_zone=settings.time_zone,
            seed=settings.forecast.seed,
            backtest_days=settings.forecast.backtest_days,
        ),
        progress=progress,
    )
    progress("replaying past days to choose the risk")
    sizing = _sizing(settings, question)
    rules = StepRules(
        lead=settings.capacity.lead + settings.capacity.evaluation_lag,
        dwell=settings.capacity.dwell,
        growth_per_minute=settings.capacity.growth_per_minute,
        max_steps=max(step_budget(kept, RECURRING_STEPS), 1),
    )
    choice = choose(
        question.history,
        champion.backtests,
        RiskQuestion(
            sizing=sizing,
            rules=rules,
            objective=Objective(cold_share=settings.objective.cold_share, start_up=settings.capacity.lead),
            guards=_guard_targets(settings),
        ),
    )
    progress("finding the cheapest steps")
    steps = schedule(
        demand(champion.forecast, risk_level=choice.risk_level, sizing=sizing), start=now, end=end, rules=rules
    )
    week = demand(
        champion.forecast,
        risk_level=max(choice.risk_level, RECURRING_LEVEL),
        sizing=replace(sizing, floor=max(sizing.floor, 1)),
    )
    patterns = day_patterns(
        _from(week, end),
        zone=settings.time_zone,
        rules=replace(rules, max_steps=RECURRING_STEPS),
        floor=max(sizing.floor, 1),
    )
    live = question.live.config
    allocate = settings.always_allocate
    return _Decision(
        champion=champion,
        choice=choice,
        schedule=steps,
        wanted=Wanted(
            schedule=steps,
            patterns=patterns,
            time_zone=settings.time_zone,
            guards=guard_policy(settings),
            live_target=choice.guard_target,
            always_allocate_cpu=live.always_allocate_cpu if allocate.cpu == "keep" else bool(allocate.cpu),
            always_allocate_gpu=live.always_allocate_gpu if allocate.gpu == "keep" else bool(allocate.gpu),
            valid_until=now + settings.plan.valid_for,
        ),
    )


def _from(week: Demand, start: datetime) -> Demand:
    """The demand from the slot that contains `start` on."""
    skip = int((start - week.start) // week.slot)
    return replace(week, start=week.start + skip * week.slot, instances=week.instances[skip:])


def _sizing(settings: FunctionConfig, question: Question) -> Sizing:
    return Sizing(
        instance_concurrency=question.instance_concurrency,
        floor=settings.capacity.min_instances,
        ceiling=settings.capacity.max_instances,
    )


def _guard_targets(settings: FunctionConfig) -> tuple[float | None, ...]:
    if not settings.guardrails.enabled or settings.guardrails.live == "off":
        return (None,)
    return GUARDS if settings.guardrails.live == "auto" else (settings.guardrails.live,)


def guard_policy(settings: FunctionConfig) -> GuardPolicy:
    return GuardPolicy(
        enabled=settings.guardrails.enabled,
        fallback_target=settings.guardrails.fallback_target,
        floor=settings.capacity.min_instances,
        ceiling=settings.capacity.max_instances,
        custom=tuple(
            CustomTracker(
                name=own.name,
                metric=MetricType(own.metric),
                target=own.target,
                min_instances=own.min_instances,
                max_instances=own.max_instances,
                start=own.from_,
                end=own.to,
            )
            for own in settings.guardrails.trackers
        ),
    )


def safety_rules(settings: FunctionConfig) -> SafetyRules:
    return SafetyRules(
        max_drop=settings.safety.max_drop,
        max_cost_ratio=settings.safety.max_cost_ratio,
        history_max_age=settings.safety.history_max_age,
        quota=settings.safety.quota,
    )


def prices(settings: FunctionConfig) -> Prices:
    """Compute units a second of one instance of the configured size."""
    price = settings.price
    return Prices(
        currency=price.currency,
        unit=price.cu,
        active=price.gpu_gb * price.gpu_cu_per_gb_second
        + price.vcpu * price.cpu_cu_per_second
        + price.memory_gb * price.memory_cu_per_gb_second,
        idle=price.gpu_gb * price.gpu_idle_cu_per_gb_second + price.memory_gb * price.memory_idle_cu_per_gb_second,
    )


def _observed(history: History, span: timedelta, sizing: Sizing) -> int:
    """Instances that the highest peak of the last `span` of the history needed."""
    recent = history.series.loc[pd.Timestamp(history.end - span) :].to_numpy(dtype=np.float64)
    highest = np.nanmax(recent, initial=0.0, keepdims=True)
    if history.statistic is Statistic.MEAN:
        highest = interval_peaks(highest, history.step)
    return int(sizing.instances(highest)[0])
