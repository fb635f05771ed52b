"""Decisions over a stated tide: a test names what it is about, the rest is wide open."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from statistics import NormalDist

import numpy as np
import pandas as pd

from planner.base import MINUTE
from planner.calendar.acting import Acting
from planner.capacity import StepRules
from planner.deciding import Decision, Question, arranged
from planner.decision import Chosen
from planner.demand import Sizing
from planner.explain import Kind, course, parts
from planner.forecast import LEVELS, Champion, Elected, Forecast
from planner.guard import NO_GUARD, Guard
from planner.history import History, Statistic
from planner.provision import LiveDocument, ProvisionConfig
from planner.recurring import WEEK
from planner.risk import Choice, Policy
from tests.builders import NOON

SLOT = 15 * MINUTE
ZONE = "Asia/Shanghai"
NOTHING = Acting(until=NOON, zone=ZONE)
AS_GIVEN = Elected(forecaster="seasonal", scores=(), reason="as given")


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """`tide` holds medians a slot from NOON on. `spread` is the deviation of the tide's logarithm."""

    tide: Sequence[float]
    spread: float = 0.0
    worth: float = 0.02
    errors: bool = False
    guard: Guard = NO_GUARD
    each: int = 1
    floor: int = 0
    ceiling: int = 100_000
    lead: timedelta = timedelta(0)
    dwell: timedelta = timedelta(0)
    growth: int = 1000
    max_steps: int = 80
    acting: Acting = NOTHING
    late: timedelta = timedelta(0)
    """How long after NOON the plan is made."""

    @property
    def end(self) -> datetime:
        return NOON + len(self.tide) * SLOT

    def decision(self) -> Decision:
        policy = Policy(worth=self.worth, errors=self.errors, guard=self.guard)
        choice = Choice(policy=policy, reason=f"{policy}: as given")
        start = NOON + self.late
        return arranged(
            replace(_question(), now=start, horizon=self.end - start),
            ProvisionConfig(),
            self.acting,
            self._champion(),
            self._chosen(choice),
            Sizing(instance_concurrency=self.each, floor=self.floor, ceiling=self.ceiling),
            StepRules(lead=self.lead, dwell=self.dwell, growth_per_minute=self.growth, max_steps=self.max_steps),
        )

    def _chosen(self, choice: Choice) -> Chosen:
        return Chosen(at=NOON, under="", elected=AS_GIVEN, day=choice, hour=None, settled=True)

    def _champion(self) -> Champion:
        slots = np.resize(np.array(self.tide, dtype=np.float64), len(self.tide) + int((WEEK + WEEK / 7) / SLOT))
        deviations = np.array([NormalDist().inv_cdf(level) for level in LEVELS])
        usual = slots[:, None] * np.exp(self.spread * deviations)
        return Champion(
            forecast=Forecast(
                start=NOON,
                slot=SLOT,
                levels=LEVELS,
                values=self.acting.lift(usual, NOON, SLOT),
                forecaster="seasonal",
            ),
            usual=usual[:, LEVELS.index(0.5)],
            nowcast_end=NOON + 2 * SLOT,
            backtests=(),
            hourly=(),
            elected=AS_GIVEN,
        )


def told(given: Given, after: timedelta) -> dict[Kind, int]:
    """The parts so long after NOON, by kind."""
    decision = given.decision()
    return {line.kind: line.instances or 0 for line in parts(decision, course(decision), NOON + after)}


def why(given: Given, kind: Kind, after: timedelta = timedelta(0)) -> str:
    """The sentence of one part."""
    decision = given.decision()
    (found,) = (line.why for line in parts(decision, course(decision), NOON + after) if line.kind is kind)
    return found


def _question() -> Question:
    series = pd.Series([1.0, 1.0], index=pd.date_range(NOON - 2 * SLOT, periods=2, freq=SLOT))
    history = History(series=series, step=SLOT, statistic=Statistic.MAX, repairs=(), source="given")
    return Question(
        now=NOON, horizon=SLOT, history=history, live=LiveDocument(config=ProvisionConfig()), instance_concurrency=1
    )
