"""From a question to a decision: who forecasts, at which risk, in which steps. Wiring, like `pipeline`.

What is chosen (the forecaster and the policies) is a value apart: a question may bring one along, and then only the
forecast and the steps are made.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from planner.base import floor_minute, iso, utc
from planner.calendar.acting import Acting
from planner.calendar.campaigns import Dates
from planner.calendar.decide import decide as decide_calendar
from planner.capacity import CapacitySchedule, DayPattern, Need, StepRules, kept_up, levels, schedule
from planner.compiler import foreign_in_horizon, step_budget
from planner.config import FunctionConfig
from planner.decision import Chosen, Policies, cautious, choose_policies, guarded, weighed
from planner.demand import Demand, Sizing
from planner.errors import HistoryError
from planner.forecast import MIN_CONTEST, Backtest, Champion, follow, forecast
from planner.forecasters.keeping import NO_FITS, Fits
from planner.guard import GuardWindow
from planner.history import History
from planner.lately import busy_instances
from planner.lead import Lead
from planner.policies import calendar_of, forecast_settings, risk_rules, sizing_of, step_rules, with_lead
from planner.provision import MAX_TRACKERS, LiveDocument, ProvisionConfig, ScheduledAction
from planner.recurring import WEEK, day_patterns

RECURRING_STEPS = 16
RECURRING_WORTH = 0.02
"""The fallback runs unattended, so it takes less risk than the dated steps may."""
OTHER_TRACKERS = 12
"""Places left for what holds steps during a put, the fallback and the owner's own trackers."""
DAY = timedelta(days=1)
MOST_MISSING = 0.1
"""Share of a past day that may be unknown before its replay says too little."""

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is to be planned, and what was read for it.

    `endpoint` is the Function Compute that was read, `instance_concurrency` is already settled (configured, or read
    from the function). `adopt`: the plan may replace scheduled actions that a person made. `company` is what the
    company's calendar files say, `lacked` says in words what could not be read. `chosen`: what was chosen before; it is
    followed where it was chosen under the same settings and its forecaster can be used, else all is chosen anew. `lead`
    was chosen from the records; None: as configured, or assumed.
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
    chosen: Chosen | None = None
    lead: Lead | None = None

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
    chosen: Chosen
    policies: Policies
    sizing: Sizing
    rules: StepRules
    demand: Demand
    levels: Need
    needed: Need
    guard: tuple[GuardWindow, ...]
    schedule: CapacitySchedule
    patterns: tuple[DayPattern, ...]


def choose(
    settings: FunctionConfig, question: Question, progress: Progress = lambda _: None, *, fits: Fits = NO_FITS
) -> Chosen:
    """What a plan of the same question chooses where nothing was chosen before."""
    return _choose(ground_of(settings, question), progress, fits)[1]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Ground:
    """What everything is decided on: the question with what is known at its minute, and `kept` of the live document."""

    settings: FunctionConfig
    """With the lead that the question brings."""
    configured: FunctionConfig
    question: Question
    foreign: tuple[ScheduledAction, ...]
    kept: ProvisionConfig
    acting: Acting
    history: History
    """As the calendar lets it be seen."""

    @property
    def adopted(self) -> tuple[ScheduledAction, ...]:
        """Scheduled actions of other people that the plan takes out."""
        return self.foreign if self.question.adopt else ()

    @property
    def sizing(self) -> Sizing:
        """What turns concurrency into instances."""
        return sizing_of(self.settings, self.question.instance_concurrency)

    @property
    def rules(self) -> StepRules:
        """The limits on the steps."""
        return step_rules(self.settings, step_budget(self.kept, RECURRING_STEPS))

    @property
    def horizon(self) -> timedelta:
        """Of the forecast: one week more than the plan's, since the recurring form covers whatever day follows."""
        return self.question.horizon + WEEK

    @property
    def under(self) -> str:
        """Digest of what a choice depends on besides the history.

        Not of what only the daemon goes by, nor of the ceiling: a push that is capped follows the same choice. Nor of a
        learnt lead, which moves with each rise.
        """
        said = self.configured.model_dump(exclude={"daemon": True, "capacity": {"max_instances"}})
        known = f"{said!r} {self.question.instance_concurrency} {self.question.company!r}"
        return hashlib.sha256(known.encode()).hexdigest()


def ground_of(settings: FunctionConfig, question: Question) -> Ground:
    """What is known at the question's minute; HistoryError where that is less than the owner asks for."""
    now = floor_minute(utc(question.now))
    question = replace(question, now=now, history=_known(question.history, now, settings.history.minimum))
    live = question.live.config
    foreign = foreign_in_horizon(live, now, question.end)
    adopted = foreign if question.adopt else ()
    acting = acting_of(settings, question)
    return Ground(
        settings=settings if question.lead is None else with_lead(settings, question.lead),
        configured=settings,
        question=question,
        foreign=foreign,
        kept=replace(live, scheduled_actions=tuple(a for a in live.scheduled_actions if a not in adopted)),
        acting=acting,
        history=acting.seen(question.history),
    )


def decide(ground: Ground, progress: Progress, fits: Fits) -> Decision:
    """By what was chosen before, where it holds still; else by what is chosen now."""
    champion, chosen = _followed(ground, progress, fits) or _choose(ground, progress, fits)
    progress("finding the cheapest steps")
    return arranged(ground.question, ground.kept, ground.acting, champion, chosen, ground.sizing, ground.rules)


def _followed(ground: Ground, progress: Progress, fits: Fits) -> tuple[Champion, Chosen] | None:
    """What was chosen before and the forecast by it, where it holds still."""
    chosen = ground.question.chosen
    if chosen is None or chosen.under != ground.under:
        return None
    progress(f"forecasting by {chosen.elected.forecaster}")
    champion = follow(
        chosen.elected,
        ground.history,
        now=ground.question.now,
        horizon=ground.horizon,
        settings=forecast_settings(ground.settings),
        acting=ground.acting,
        fits=fits,
    )
    return None if champion is None else (champion, chosen)


def _choose(ground: Ground, progress: Progress, fits: Fits) -> tuple[Champion, Chosen]:
    champion = forecast(
        ground.history,
        now=ground.question.now,
        horizon=ground.horizon,
        settings=forecast_settings(ground.settings),
        acting=ground.acting,
        progress=progress,
        fits=fits,
    )
    progress("replaying past days to choose the risk")
    chosen = choose_policies(
        ground.history,
        _of_sound_days(champion, ground.history),
        risk_rules(ground.settings, ground.sizing, ground.rules),
        at=ground.question.now,
        under=ground.under,
        enough=min(MIN_CONTEST, ground.settings.forecast.backtest_days),
    )
    return champion, chosen


def arranged(  # noqa: PLR0917  # what steps follow from; each is a stage's result
    question: Question,
    kept: ProvisionConfig,
    acting: Acting,
    champion: Champion,
    chosen: Chosen,
    sizing: Sizing,
    rules: StepRules,
) -> Decision:
    """The decision that the chosen policies make of the forecast."""
    policies = chosen.policies(champion.forecast.start)
    demand = weighed(champion.forecast, policies, sizing).until(question.end + rules.lead)
    found = levels(demand, rules)
    observed = busy_instances(question.history, question.now, rules.hold, sizing)
    needed = kept_up(found, observed, question.now + rules.hold) if observed else found
    steps = schedule(needed, start=question.now, end=question.end, rules=rules)
    week = weighed(champion.forecast, cautious(policies, RECURRING_WORTH), sizing)
    return Decision(
        acting=acting,
        champion=champion,
        chosen=chosen,
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
    return decide_calendar(
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
