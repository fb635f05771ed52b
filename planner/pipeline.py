"""The only wiring of the stages: history and live document in, plan out.

The command line and the tests differ in what they hand in, never in what happens here. Nothing here reads
a clock, a database, the network, or a file but the package's own table of priors.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from planner.base import floor_minute, iso, utc
from planner.calendar.acting import Acting
from planner.calendar.campaigns import Dates
from planner.calendar.decide import decide
from planner.capacity import CapacitySchedule, DayPattern, Need, StepRules, kept_up, levels, schedule
from planner.compiler import Wanted, compile_document, foreign_in_horizon, step_budget
from planner.config import FunctionConfig
from planner.cost import PATHS, estimate
from planner.decision import Policies, cautious, choose_policies, guarded, weighed
from planner.demand import Demand, Sizing
from planner.diff import changes
from planner.errors import HistoryError
from planner.evidence import collect_evidence, notes, reasons, waking
from planner.forecast import Backtest, Champion, forecast
from planner.forecasters.keeping import NO_FITS, Fits
from planner.guard import GuardWindow
from planner.history import History
from planner.lately import busy_instances, observed_instances
from planner.plan import Breach, Estimate, Plan
from planner.policies import (
    allocation,
    calendar_of,
    forecast_settings,
    guard_policy,
    risk_rules,
    safety_rules,
    scene_of,
    sizing_of,
    step_rules,
)
from planner.provision import MAX_TRACKERS, LiveDocument, ProvisionConfig, ScheduledAction
from planner.reading import least_values
from planner.recurring import WEEK, day_patterns
from planner.risk import expected_load
from planner.safety import SOON, Situation, breaches
from planner.undo import steps_of

RECURRING_STEPS = 16
RECURRING_WORTH = 0.02
"""The fallback runs unattended, so it takes less risk than the dated steps may."""
OTHER_TRACKERS = 12
"""Places left for what holds steps during a put, the fallback and the owner's own trackers."""
SHOWN = 0.9
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
MOST_MISSING = 0.1
"""Share of a past day that may be unknown before its replay says too little."""

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is to be planned, and what was read for it.

    `endpoint` is the Function Compute that was read, `instance_concurrency` is already settled (configured, or read
    from the function). `adopt`: the plan may replace scheduled actions that a person made. `company` is what the
    company's calendar files say, `lacked` says in words what could not be read.
    """

    now: datetime
    horizon: timedelta
    history: History
    live: LiveDocument
    instance_concurrency: int
    endpoint: str = ""
    adopt: bool = False
    company: Dates = field(default_factory=Dates)
    lacked: tuple[str, ...] = ()

    @property
    def end(self) -> datetime:
        """End of the horizon."""
        return self.now + self.horizon


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Decision:
    """What was decided, before it is put into FC's words.

    `demand` is weighed and `levels` are found up to a lead after the horizon, under `rules`. `needed` are the levels,
    for the next minutes not below what the last ones needed; `schedule` meets it.
    """

    acting: Acting
    champion: Champion
    policies: Policies
    sizing: Sizing
    rules: StepRules
    demand: Demand
    levels: Need
    needed: Need
    guard: tuple[GuardWindow, ...]
    schedule: CapacitySchedule
    patterns: tuple[DayPattern, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Reasoned:
    """A plan and the decision that it puts into FC's words."""

    plan: Plan
    decision: Decision


def make_plan(
    settings: FunctionConfig, question: Question, progress: Progress = lambda _: None, *, fits: Fits = NO_FITS
) -> Plan:
    """Plan one function. The same question gives the same plan, byte by byte, whatever `fits` hold."""
    return reasoned(settings, question, progress, fits=fits).plan


def reasoned(
    settings: FunctionConfig, question: Question, progress: Progress = lambda _: None, *, fits: Fits = NO_FITS
) -> Reasoned:
    """The same, with what was decided on the way."""
    now = floor_minute(utc(question.now))
    question = replace(question, now=now, history=_known(question.history, now, settings.history.minimum))
    live = question.live.config
    foreign = foreign_in_horizon(live, now, question.end)
    adopted = foreign if question.adopt else ()
    kept = replace(live, scheduled_actions=tuple(a for a in live.scheduled_actions if a not in adopted))
    decision = _decide(settings, question, kept, progress, fits)
    progress("writing the document")
    document = compile_document(_wanted(settings, question, decision), kept)
    costs = _estimate(settings, question, decision.champion, document)
    plan = Plan(
        function=settings.ref,
        time_zone=settings.time_zone,
        created_at=now,
        valid_until=_valid_until(settings, question),
        endpoint=question.endpoint,
        live=live,
        live_exists=question.live.exists,
        lacked=question.lacked,
        wanted=document,
        schedule=decision.schedule,
        recurring=steps_of(document, question.end, WEEK, "recurring form"),
        patterns=decision.patterns,
        changes=changes(live, document, reasons(document, decision.schedule)),
        breaches=_verdict(settings, question, decision.schedule, document, costs, foreign),
        estimate=costs,
        evidence=collect_evidence(
            question.history,
            decision.champion,
            decision.policies,
            guard=decision.guard,
            end=question.end,
            instance_concurrency=question.instance_concurrency,
            lead=settings.capacity.lead + settings.capacity.evaluation_lag,
        ),
        notes=(
            question.history.basis,
            *_clipped(settings, question, decision),
            *decision.acting.notes,
            *notes(live, document, adopted),
            *waking(document, settings.capacity.wake),
        ),
    )
    return Reasoned(plan=plan, decision=decision)


def _decide(
    settings: FunctionConfig, question: Question, kept: ProvisionConfig, progress: Progress, fits: Fits
) -> Decision:
    acting = acting_of(settings, question)
    history = acting.seen(question.history)
    champion = forecast(
        history,
        now=question.now,
        # One week more than the horizon: the recurring form covers whatever day follows.
        horizon=question.horizon + WEEK,
        settings=forecast_settings(settings),
        acting=acting,
        progress=progress,
        fits=fits,
    )
    progress("replaying past days to choose the risk")
    sizing = sizing_of(settings, question.instance_concurrency)
    rules = step_rules(settings, step_budget(kept, RECURRING_STEPS))
    policies = choose_policies(history, _of_sound_days(champion, history), risk_rules(settings, sizing, rules))
    progress("finding the cheapest steps")
    return arranged(question, kept, acting, champion, policies, sizing, rules)


def arranged(  # noqa: PLR0917  # what steps follow from; each is a stage's result
    question: Question,
    kept: ProvisionConfig,
    acting: Acting,
    champion: Champion,
    policies: Policies,
    sizing: Sizing,
    rules: StepRules,
) -> Decision:
    """The decision that the policies make of the forecast."""
    demand = weighed(champion.forecast, policies, sizing).until(question.end + rules.lead)
    found = levels(demand, rules)
    observed = busy_instances(question.history, question.now, rules.hold, sizing)
    needed = kept_up(found, observed, question.now + rules.hold) if observed else found
    steps = schedule(needed, start=question.now, end=question.end, rules=rules)
    week = weighed(champion.forecast, cautious(policies, RECURRING_WORTH), sizing)
    return Decision(
        acting=acting,
        champion=champion,
        policies=policies,
        sizing=sizing,
        rules=rules,
        demand=demand,
        levels=found,
        needed=needed,
        guard=guarded(
            champion.forecast,
            policies,
            steps,
            instance_concurrency=sizing.instance_concurrency,
            most=MAX_TRACKERS - OTHER_TRACKERS - len(kept.tracking_policies),
        ),
        schedule=steps,
        patterns=day_patterns(
            _from(week, question.end),
            zone=acting.zone,
            rules=replace(rules, max_steps=RECURRING_STEPS),
            floor=max(sizing.floor, 1),
        ),
    )


def acting_of(settings: FunctionConfig, question: Question) -> Acting:
    """What of the calendar acts on the plan; HistoryError for a campaign like days that the history doesn't hold."""
    return decide(
        calendar_of(settings, question.company),
        question.history.until(question.now),
        now=question.now,
        end=question.end,
    )


def _of_sound_days(champion: Champion, history: History) -> Champion:
    """Without past days of which the history lacks a part, or is to ignore it: a replay of them would judge the gap."""

    def sound(days: tuple[Backtest, ...]) -> tuple[Backtest, ...]:
        return tuple(day for day in days if history.missing(day.origin, DAY) <= MOST_MISSING)

    return replace(champion, backtests=sound(champion.backtests), hourly=sound(champion.hourly))


def _wanted(settings: FunctionConfig, question: Question, decision: Decision) -> Wanted:
    cpu, gpu = allocation(settings, question.live.config)
    return Wanted(
        schedule=decision.schedule,
        patterns=decision.patterns,
        time_zone=settings.time_zone,
        guards=guard_policy(settings),
        guard=decision.guard,
        always_allocate_cpu=cpu,
        always_allocate_gpu=gpu,
        valid_until=_valid_until(settings, question),
        running=question.live.target,
    )


def _valid_until(settings: FunctionConfig, question: Question) -> datetime:
    """A put after the horizon would find every step ended, so a plan is void well before it."""
    return question.now + min(settings.plan.valid_for, question.horizon / 2)


def _estimate(settings: FunctionConfig, question: Question, champion: Champion, document: ProvisionConfig) -> Estimate:
    sizing = sizing_of(settings, question.instance_concurrency)
    scene = scene_of(settings, question.now, question.end, question.instance_concurrency)
    return estimate(
        expected_load(champion.forecast, PATHS, start=scene.start, minutes=scene.minutes),
        wanted=document,
        live=question.live.config,
        static_instances=observed_instances(question.history, WEEK, sizing),
        scene=scene,
    )


def _verdict(  # noqa: PLR0917  # what a verdict is about; each is a stage's result
    settings: FunctionConfig,
    question: Question,
    steps: CapacitySchedule,
    document: ProvisionConfig,
    costs: Estimate,
    foreign: tuple[ScheduledAction, ...],
) -> tuple[Breach, ...]:
    situation = Situation(
        now=question.now,
        schedule=steps,
        wanted=document,
        estimate=costs,
        running=_running(question),
        observed=observed_instances(question.history, HOUR, sizing_of(settings, question.instance_concurrency)),
        week_peak=costs.static_instances,
        history_end=question.history.end,
        foreign=() if question.adopt else foreign,
    )
    return breaches(situation, safety_rules(settings))


def _running(question: Question) -> int:
    """FC's target, less what the live document takes away by itself while a drop is judged."""
    ahead = least_values(question.live.config, question.now, SOON)
    return question.live.target - int(ahead[0] - ahead.min())


def _clipped(settings: FunctionConfig, question: Question, decision: Decision) -> tuple[str, ...]:
    """A word on demand that the owner's ceiling cuts off: FC would serve the rest cold."""
    ceiling = settings.capacity.max_instances
    peak = float(decision.champion.forecast.peak(SHOWN)[: -(WEEK // decision.champion.forecast.slot)].max())
    needed = -int(-peak // question.instance_concurrency)
    if needed <= ceiling:
        return ()
    note = f"clipped: P{100 * SHOWN:g} of the peak needs {needed} instances, capacity.max_instances allows {ceiling}; "
    return (note + "raise it, and the account's quota, or the rest is cold",)


def _known(history: History, now: datetime, minimum: timedelta) -> History:
    """The history up to `now`; HistoryError where that is less than the owner asks for."""
    known = history.until(now)
    if known.days < minimum:
        raise HistoryError(
            f"{history.source}: {known.days} of history are known at {iso(now)}, the configured minimum is {minimum}",
            remedy="Choose a later time, give a longer history, or lower history.minimum.",
        )
    return known


def _from(week: Demand, start: datetime) -> Need:
    """The instances from the slot that contains `start` on, each slot taken alone."""
    skip = int((start - week.start) // week.slot)
    return Need(start=week.start + skip * week.slot, slot=week.slot, instances=week.instances[skip:])
