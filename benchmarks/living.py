"""The plans of a day as `planner run` comes to them: by the choice of the day, and anew after a surprise."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from traces import DAY

from planner.base import MINUTE
from planner.config import FunctionConfig
from planner.cycle import REFIT
from planner.forecasters.keeping import Fits
from planner.history import History
from planner.pipeline import Question, reasoned
from planner.plan import Plan
from planner.provision import LiveDocument
from planner.store import Point
from planner.watch import surprise


@dataclass(frozen=True, kw_only=True)
class Plans:
    """How they are made: one each `every`, with what is `known` then, against an empty document."""

    settings: FunctionConfig
    every: timedelta
    fits: Fits
    known: Callable[[datetime], History]
    anew: bool = False
    """Each plan by its own choice."""

    def of(self, days: Sequence[datetime]) -> Iterator[Plan]:
        """In order of time; as the daemon has it, a choice of too few past days is followed by none."""
        for day in days:
            chosen, newest = None, None
            for part in range(DAY // self.every):
                now = day + part * self.every
                known = self.known(now)
                if self.anew or (chosen and now - chosen.at >= REFIT and newest and surprised(newest, known)):
                    chosen = None
                question = Question(
                    now=now, horizon=DAY, history=known, live=LiveDocument(), instance_concurrency=1, chosen=chosen
                )
                made = reasoned(self.settings, question, fits=self.fits)
                newest, chosen = made.plan, made.decision.chosen if made.decision.chosen.settled else None
                yield newest


def surprised(plan: Plan, known: History) -> bool:
    """Whether verify would have seen a surprise at one of the minutes since the plan was made."""
    assert plan.evidence is not None, "the plan of a forecast"
    since = known.series[plan.created_at :]
    points = [Point(at=at, step=MINUTE, value=value) for at, value in zip(since.index, since.to_numpy(), strict=True)]
    return any(surprise(plan.evidence.band, points[:end]) for end in range(1, len(points) + 1))
