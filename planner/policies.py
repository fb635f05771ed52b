"""The configuration in the words of each stage: one function a stage, nothing decided."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from planner.billing import Prices
from planner.budget import Budget
from planner.calendar.campaigns import Campaign, Dates, Ignored
from planner.calendar.days import OwnDay
from planner.calendar.decide import Calendar, Rules
from planner.capacity import StepRules
from planner.config import EntriesConfig, FreezeConfig, FunctionConfig
from planner.cost import Scene
from planner.demand import Sizing
from planner.forecast import ForecastSettings
from planner.freeze import Dated, Weekly, Window
from planner.gate import Drift, GateRules, Mode
from planner.guard import NO_GUARD, Guard
from planner.guardrails import CustomTracker, GuardPolicy
from planner.lead import Lead
from planner.provision import MetricType, ProvisionConfig
from planner.risk import GUARDS, Objective, RiskRules
from planner.safety import SafetyRules


def forecast_settings(settings: FunctionConfig) -> ForecastSettings:
    """For the forecast."""
    return ForecastSettings(
        forecaster=settings.forecast.forecaster,
        time_zone=settings.time_zone,
        seed=settings.forecast.seed,
        backtest_days=settings.forecast.backtest_days,
    )


def calendar_of(settings: FunctionConfig, company: Dates) -> Calendar:
    """For the calendar: the section, and what the company's files say."""
    own = dates_of([("configuration", settings.calendar)])
    return Calendar(
        time_zone=settings.time_zone,
        country=settings.calendar.country,
        rules=Rules(settings.calendar.rules),
        dates=Dates(
            campaigns=own.campaigns + company.campaigns,
            ignored=own.ignored + company.ignored,
            # A day that both name is the configuration's.
            days=company.days + own.days,
        ),
    )


def dates_of(entries: Iterable[tuple[str, EntriesConfig]]) -> Dates:
    """The dates of sections or files, each with its name for people."""
    held = list(entries)
    return Dates(
        campaigns=tuple(
            Campaign(
                name=said.name,
                source=source,
                start=said.first,
                end=said.stop,
                ramp_up=said.ramp_up,
                ramp_down=said.ramp_down,
                uplift=said.uplift,
                like=said.like,
                at_least=said.at_least,
            )
            for source, entry in held
            for said in entry.campaigns
        ),
        ignored=tuple(
            Ignored(start=said.first, end=said.stop, why=said.why, source=source)
            for source, entry in held
            for said in entry.ignore
        ),
        days=tuple(
            OwnDay(date=said.day, off=said.kind == "holiday", name=said.name, source=source)
            for source, entry in held
            for said in entry.days
        ),
    )


def sizing_of(settings: FunctionConfig, instance_concurrency: int) -> Sizing:
    """For the demand."""
    return Sizing(
        instance_concurrency=instance_concurrency,
        floor=settings.capacity.min_instances,
        ceiling=settings.capacity.max_instances,
    )


def with_lead(settings: FunctionConfig, lead: Lead) -> FunctionConfig:
    """The settings with a lead that was chosen for them."""
    capacity = settings.capacity.model_copy(update={"lead": lead.span})
    return settings.model_copy(update={"capacity": capacity})


def step_rules(settings: FunctionConfig, max_steps: int) -> StepRules:
    """For the capacity schedule."""
    return StepRules(
        lead=settings.capacity.start_up + settings.capacity.evaluation_lag,
        dwell=settings.capacity.dwell,
        growth_per_minute=settings.capacity.growth_per_minute,
        max_steps=max(max_steps, 1),
        hold=settings.capacity.hold,
    )


def risk_rules(settings: FunctionConfig, sizing: Sizing, steps: StepRules) -> RiskRules:
    """For the choice of the risk."""
    guards = GUARDS
    if not settings.guardrails.enabled or settings.guardrails.live == "off":
        guards = (NO_GUARD,)
    elif settings.guardrails.live != "auto":
        guards = (Guard(target=settings.guardrails.live),)
    return RiskRules(
        sizing=sizing,
        steps=steps,
        objective=Objective(cold_share=settings.objective.cold_share, start_up=settings.capacity.start_up),
        guards=guards,
        guard_ceiling=settings.safety.quota or settings.capacity.max_instances,
    )


def guard_policy(settings: FunctionConfig) -> GuardPolicy:
    """For the trackers."""
    return GuardPolicy(
        enabled=settings.guardrails.enabled,
        fallback_target=settings.guardrails.fallback_target,
        floor=settings.capacity.min_instances,
        ceiling=min(settings.capacity.max_instances, settings.safety.quota or settings.capacity.max_instances),
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


def allocation(settings: FunctionConfig, live: ProvisionConfig) -> tuple[bool, bool]:
    """`alwaysAllocateCPU` and `alwaysAllocateGPU`: as configured, or kept as FC has them."""
    cpu, gpu = settings.always_allocate.cpu, settings.always_allocate.gpu
    return (
        live.always_allocate_cpu if cpu == "keep" else cpu,
        live.always_allocate_gpu if gpu == "keep" else gpu,
    )


def safety_rules(settings: FunctionConfig) -> SafetyRules:
    """For the verdict."""
    return SafetyRules(
        max_drop=settings.safety.max_drop,
        max_cost_ratio=settings.safety.max_cost_ratio,
        history_max_age=settings.safety.history_max_age,
        quota=settings.safety.quota,
    )


def gate_rules(settings: FunctionConfig) -> GateRules:
    """For the gate between a fresh plan and Function Compute."""
    daemon = settings.daemon
    return GateRules(
        mode=Mode(daemon.mode),
        drift=Drift(daemon.drift),
        min_interval=daemon.min_interval,
        worth_hours=daemon.worth_hours,
        max_rise=daemon.max_rise,
        max_drop=daemon.max_drop,
        budget=Budget(hours=daemon.max_daily_hours, money=daemon.max_daily_money),
        auto_hours=daemon.auto_hours,
        auto_money=daemon.auto_money,
    )


def at_most(settings: FunctionConfig, most: int) -> FunctionConfig:
    """The same function with a lower ceiling, though not below its floor."""
    capacity = settings.capacity
    ceiling = max(min(capacity.max_instances, most), capacity.min_instances, 1)
    return settings.model_copy(update={"capacity": capacity.model_copy(update={"max_instances": ceiling})})


def freeze_windows(settings: FunctionConfig) -> tuple[Window, ...]:
    """For the change windows."""

    def when(said: FreezeConfig) -> Dated | Weekly:
        if said.dated is not None:
            start, end = said.dated
            return Dated(start=start, end=end)
        assert said.weekly is not None, "a window is dated or weekly"
        days, opens, closes = said.weekly
        return Weekly(weekdays=days, start=opens, end=closes)

    return tuple(Window(when=when(said), why=said.why, only=said.only) for said in settings.daemon.freeze)


def scene_of(settings: FunctionConfig, start: datetime, end: datetime, instance_concurrency: int) -> Scene:
    """For the comparison of documents."""
    return Scene(
        start=start,
        end=end,
        instance_concurrency=instance_concurrency,
        start_up=settings.capacity.start_up,
        prices=prices(settings),
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
