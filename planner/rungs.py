"""A plan from the rung that a function stands on, and the step to another rung where the records ask for one.

The champion's plan is made at every tick. Where it isn't the one that is followed it goes on record as the shadow, and
its band is what brings it back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol, assert_never

import numpy as np

from planner import choices, fallbacks
from planner.base import MINUTE, FunctionRef, floor_minute, iso, minutes_between
from planner.config import FunctionConfig
from planner.errors import HistoryError, PlannerError
from planner.fallbacks import Kept
from planner.fc.port import FunctionCompute
from planner.footing import climbs, footing, note_promise, note_step, note_unmade, promises, relapses, unmade
from planner.forecasters.keeping import Fits
from planner.forecasters.prophet import FitError
from planner.hindsight import LEAST, MOST, Came, regretted, still_cold
from planner.history import History
from planner.ladder import LOOK_BACK, Footing, Rung, Signs, Slot, coverage_of, fallen, judge, judged, trouble
from planner.lately import Lately, lately
from planner.lead import Lead
from planner.pipeline import Question, reasoned
from planner.plan import Plan
from planner.policies import sizing_of
from planner.provision import LiveDocument, ProvisionConfig, holds_ours
from planner.replay import Floats
from planner.risk import minute_load
from planner.store import Attempt, Point, Store
from planner.undo import Present

RECENT_LOAD = timedelta(hours=2)
"""Over so much of the load the cold share is replayed; half of it must be known."""
CANDIDATES = 12
"""Applies that are looked through for a schedule to go back to: two days of usual pushes, and more."""
LOOKED_AT = 4
"""Pushes that may be taken back: those of an hour, where a surprise makes a plan each quarter of one."""
FORECAST = (Rung.CHAMPION, Rung.LAST_WEEK)
"""The rungs whose plans follow a forecast."""
UNMAKEABLE = (HistoryError, FitError)
"""What says that a rung's plan can't be made; anything else is another trouble, and the tick is tried again."""


class Ground(Protocol):
    """What of the daemon's world a plan is made from."""

    @property
    def settings(self) -> FunctionConfig:
        """What the owner configured."""
        ...

    @property
    def function(self) -> FunctionRef:
        """Whose plans they are."""
        ...

    @property
    def store(self) -> Store:
        """The records."""
        ...

    @property
    def fc(self) -> FunctionCompute:
        """Function Compute, asked only where there is no question."""
        ...

    @property
    def who(self) -> str:
        """Who makes the plans."""
        ...

    @property
    def fits(self) -> Fits:
        """Kept fits."""
        ...

    @property
    def recent(self) -> Callable[[datetime, datetime], Sequence[Point]]:
        """The stored points that begin between two instants."""
        ...

    @property
    def lead(self) -> Callable[[datetime], Lead]:
        """How long a rise takes, as learnt until an instant."""
        ...

    @property
    def ask(self) -> Callable[[datetime, bool], Question]:
        """What a plan needs at an instant; HistoryError where the history can't be read."""
        ...

    def leave(self, _stage: str = "") -> None:
        """Raise where the daemon is being stopped."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """A plan, the document it was made against, and what is to be said of its rung.

    `metric_end`: of the newest metric; None where there is none. `again` makes the plan of the same rung under other
    limits of the owner. `slips`: the champion's band is not what it promises.
    """

    plan: Plan
    live: LiveDocument
    metric_end: datetime | None
    again: Callable[[FunctionConfig], Plan]
    said: tuple[str, ...] = ()
    slips: bool = False


def planned(world: Ground, now: datetime, *, adopt: bool) -> Made:
    """The plan of the rung that the function stands on at `now`; a step to another rung is put on record.

    PlannerError where not even guardrails can be planned, and where no forecast can be made and either no plan of ours
    is in force (what a person set is not replaced by a fallback) or it is for the first time: one answer that failed is
    no reason to leave a rung for hours.
    """
    tick = _Tick.of(world, now, adopt=adopt)
    champion = tick.attempt(tick.footing, Rung.CHAMPION)
    if isinstance(champion, PlannerError) and not tick.in_force:
        raise champion
    slots = tick.slots() if tick.question else ()
    stands = judge(tick.footing, tick.signs(slots)) if tick.question else tick.footing
    plan, stands = tick.best(stands, champion)
    control, function = world.store.control, world.function
    said = () if stands.rung is Rung.CHAMPION else (f"on the rung {stands.rung.value} since {iso(stands.since)}",)
    if stands is not tick.footing:
        note_step(control, function, stands)
        said = (stands.sentence,)
    coverage = coverage_of(slots) if tick.question else None
    if isinstance(champion, Plan):
        note_promise(control, function, Rung.CHAMPION, champion, coverage)
        if stands.rung is not Rung.CHAMPION:
            shadow = replace(champion, notes=("shadow: on record, not followed", *champion.notes))
            world.store.save_plan(shadow, who=world.who, at=now)
    if stands.rung is Rung.LAST_WEEK:
        note_promise(control, function, Rung.LAST_WEEK, plan, coverage)

    def again(settings: FunctionConfig) -> Plan:
        made = tick.attempt(stands, stands.rung, settings)
        if isinstance(made, PlannerError):
            raise made
        return made

    return Made(
        plan=plan,
        live=tick.live,
        metric_end=tick.known.end if tick.known else None,
        again=again,
        said=said,
        slips=bool(trouble(slots)),
    )


def take_back(world: Ground, now: datetime, *, pushed_by: str) -> str:
    """Step down to the schedule from before a push where that would have done much better, and say so; else nothing.

    Only what a daemon pushed (a name that begins with `pushed_by`) is taken back, and only from a rung with a forecast.
    Further pushes may have followed within minutes, each for a surprise, so more than the newest is looked at.
    """
    store, function = world.store, world.function
    stands, applied = footing(store.control, function, now), store.applied(function, limit=CANDIDATES)
    if stands.rung not in FORECAST:
        return ""
    since = max(stands.since, now - MOST)
    pushes = [n for n, each in enumerate(applied) if since <= each.began_at <= now - LEAST]
    for place in pushes[:LOOKED_AT]:
        earlier = next((each for each in applied[place:] if each.digest != applied[place].digest), None)
        if earlier is None or not applied[place].who.startswith(pushed_by):
            return ""
        why = _regret(world, applied[: place + 1], earlier, now)
        if why:
            back = f"{why}; back to plan {earlier.plan_id}"
            down = replace(fallen(stands, Rung.LAST_GOOD, now, back), plan=earlier.plan_id)
            note_step(store.control, function, down)
            return f"REGRETTED: {down.sentence}"
    return ""


def _regret(world: Ground, stood: Sequence[Attempt], earlier: Attempt, now: datetime) -> str:
    """Why the oldest of what `stood` since, newest first, should not have taken the place of the earlier one."""
    push = stood[-1]
    start = floor_minute(push.began_at) + MINUTE
    points, pushed, before = world.recent(start, now), world.store.plan(push.plan_id), world.store.plan(earlier.plan_id)
    if pushed.evidence is None or not holds_ours(before.wanted) or not points:
        return ""
    came = Came(
        start=start,
        load=_by_minute(points, start),
        instance_concurrency=pushed.evidence.instance_concurrency,
        start_up=world.lead(now).span,
    )
    documents = [(each.began_at, world.store.plan(each.plan_id).wanted) for each in reversed(stood)]
    return regretted(documents, before.wanted, came, objective=world.settings.objective.cold_share)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Tick:
    """What one tick knows. `question` None: the history can't be read, as `excuse` says."""

    world: Ground
    now: datetime
    footing: Footing
    question: Question | None
    known: History | None
    excuse: PlannerError | None
    lead: Lead
    live: LiveDocument
    applied: tuple[Attempt, ...]
    in_force: bool

    @classmethod
    def of(cls, world: Ground, now: datetime, *, adopt: bool) -> _Tick:
        store, function = world.store, world.function
        question, known, excuse, lead = None, None, None, world.lead(now)
        try:
            question = replace(world.ask(now, adopt), lead=lead)
            known = question.history.until(now)
        except UNMAKEABLE as error:
            question, excuse = None, error
        applied = store.applied(function, limit=CANDIDATES)
        return cls(
            world=world,
            now=now,
            footing=footing(store.control, function, now),
            question=question,
            known=known,
            excuse=excuse,
            lead=lead,
            applied=applied,
            live=question.live if question else world.fc.get_provision_config(function),
            in_force=bool(applied) and holds_ours(store.plan(applied[0].plan_id).wanted),
        )

    def best(self, stands: Footing, champion: Plan | PlannerError) -> tuple[Plan, Footing]:
        """The plan of the highest rung, from where the function stands on down, of which one can be made.

        PlannerError where that would be a step down from a forecast for the first time in a row.
        """
        control, function = self.world.store.control, self.world.function
        why = ""
        for rung in list(Rung)[stands.rung.below_champion :]:
            made = champion if rung is Rung.CHAMPION else self.attempt(stands, rung)
            if isinstance(made, PlannerError):
                if rung is stands.rung and rung in FORECAST and not unmade(control, function, self.now):
                    note_unmade(control, function, made.message, self.now)
                    raise made
                why = why or made.message.rstrip(".")
                continue
            found = stands if rung is stands.rung else fallen(stands, rung, self.now, f"no plan can be made: {why}")
            if rung is Rung.LAST_GOOD and found.plan is None:
                found = replace(found, plan=self.good)
            return made, found
        raise AssertionError("guardrails can always be planned")

    def attempt(self, stands: Footing, rung: Rung, limits: FunctionConfig | None = None) -> Plan | PlannerError:
        """The plan of a rung, or why it can't be made; any other trouble is raised."""
        settings, world = limits or self.world.settings, self.world
        try:
            match rung:
                case Rung.CHAMPION | Rung.LAST_WEEK:
                    if self.question is None:
                        assert self.excuse is not None, "there is a question, or a reason why not"
                        return self.excuse
                    if rung is Rung.LAST_WEEK:
                        settings = fallbacks.last_week(settings)
                    chosen = choices.newest(world.store, world.function, self.now)
                    question = replace(self.question, chosen=chosen)
                    made = reasoned(settings, question, world.leave, fits=world.fits)
                    if rung is Rung.CHAMPION and limits is None and made.decision.chosen is not chosen:
                        choices.keep_as_fit(world.store, world.function, made.decision.chosen, at=self.now)
                    return made.plan
                case Rung.LAST_GOOD:
                    number = stands.plan or self.good
                    if number is None:
                        return HistoryError("no plan of a forecast was applied that could be gone back to")
                    return fallbacks.last_good(
                        settings, world.store.plan(number), self.present, self.kept(stands, settings)
                    )
                case Rung.GUARDRAILS:
                    return fallbacks.guardrails_only(settings, self.present, self.kept(stands, settings))
                case _:
                    assert_never(rung)
        except UNMAKEABLE as error:
            return error

    def slots(self, rung: Rung = Rung.CHAMPION) -> tuple[Slot, ...]:
        """How the bands of a rung were kept lately, of a history that can be read."""
        assert self.known is not None, "asked only where the history can be read"
        told = promises(self.world.store.control, self.world.function, self.now)
        return judged([each for each in told if each.rung is rung], self.known, self.now - LOOK_BACK)

    def signs(self, champion: Sequence[Slot]) -> Signs:
        """What is on record since the function stands on its rung; `champion`: how its bands were kept."""
        assert self.known is not None, "asked only where the history can be read"
        control, function, settings = self.world.store.control, self.world.function, self.world.settings
        rung, since = self.footing.rung, self.footing.since
        shadow = tuple(slot for slot in champion if slot.at >= since)
        served = shadow
        if rung is not Rung.CHAMPION:
            served = tuple(slot for slot in self.slots(rung) if slot.at >= since)
        return Signs(
            now=self.now,
            served=served,
            shadow=shadow,
            age=self.now - self.known.end,
            fresh_within=settings.daemon.fresh_within,
            cold=self.cold(self.known),
            objective=settings.objective.cold_share,
            relapses=relapses(control, function, self.now),
        )

    def cold(self, known: History) -> float | None:
        """Cold share under what stood of the last hours, and still, since the function stands on its rung."""
        since = max(self.footing.since, known.end - RECENT_LOAD, known.start)
        stood = [each for each in reversed(self.applied) if each.began_at < known.end]
        if self.question is None or not stood:
            return None
        start = floor_minute(max(since, stood[0].began_at)) + MINUTE
        minutes = (known.end - start) // MINUTE
        if minutes * MINUTE < RECENT_LOAD / 2:
            return None
        # The newest of those that stood before counts from the start on.
        later = [each for each in stood if each.began_at >= start]
        documents = [(each.began_at, self.document(each)) for each in stood[len(stood) - len(later) - 1 :]]
        came = Came(
            start=start,
            load=minute_load(known, start, minutes),
            instance_concurrency=self.question.instance_concurrency,
            start_up=self.lead.span,
        )
        return still_cold(documents, came)

    def document(self, attempt: Attempt) -> ProvisionConfig:
        return self.world.store.plan(attempt.plan_id).wanted

    @property
    def present(self) -> Present:
        """Where a fallback starts from."""
        settings, world, question = self.world.settings, self.world, self.question
        endpoint = question.endpoint if question else world.store.plan(self.applied[0].plan_id).endpoint
        return Present(
            function=world.function,
            time_zone=settings.time_zone,
            now=self.now,
            valid_for=settings.plan.valid_for,
            live=self.live,
            endpoint=endpoint,
        )

    def lately(self, settings: FunctionConfig) -> Lately | None:
        """The end of the history; None where it can't be read."""
        if self.question is None or self.known is None:
            return None
        return lately(self.known, self.now, sizing_of(settings, self.question.instance_concurrency))

    def kept(self, stands: Footing, settings: FunctionConfig) -> Kept:
        """What a fallback doesn't go below; what was needed within the ceiling of `settings`."""
        seen = self.lately(settings)
        first = not self.applied or self.applied[0].began_at < stands.since or stands is not self.footing
        return Kept(needed=seen.needed if seen else 0, first=first)

    @property
    def good(self) -> int | None:
        """The schedule to go back to: the newest of the champion's that did well, by the last day's load."""
        seen = self.lately(self.world.settings)
        steps = climbs(self.world.store.control, self.world.function)
        return fallbacks.did_well(self._candidates(steps), seen.load if seen else None, self.now, self.world.settings)

    def _candidates(self, steps: Sequence[Footing]) -> Iterator[tuple[int, Plan]]:
        for number in dict.fromkeys(each.plan_id for each in self.applied if _rung_at(steps, each.began_at)):
            plan = self.world.store.plan(number)
            if plan.evidence is not None:
                yield number, plan


def _rung_at(steps: Sequence[Footing], at: datetime) -> bool:
    """Whether the function stood on the champion then; `steps`: newest first."""
    rung = next((step.rung for step in steps if step.since <= at), Rung.CHAMPION)
    return rung is Rung.CHAMPION


def _by_minute(points: Sequence[Point], start: datetime) -> Floats:
    """Offered concurrency of each minute from `start` to the end of the newest point; a gap counts as nothing."""
    told = [(minutes_between(start, each.at), each.step // MINUTE, each.value or 0.0) for each in points]
    load = np.zeros(max(first + length for first, length, _ in told))
    for first, length, value in told:
        load[max(first, 0) : first + length] = value
    return load
