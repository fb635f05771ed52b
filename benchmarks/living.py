"""The plans of a day as `planner run` comes to them: by the choice of the day.

It is made anew with the plan after a surprise, or after the band slipped, three hours after the choice before it.
"""

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
from planner.ladder import LOOK_BACK, Promise, Rung, judged, trouble
from planner.pipeline import Question, reasoned
from planner.plan import Band, Plan
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
            chosen, promises = None, list[Promise]()
            for part in range(DAY // self.every):
                now = day + part * self.every
                known = self.known(now)
                if self.anew or (chosen and now - chosen.at >= REFIT and slips(promises, known, now)):
                    chosen = None
                question = Question(
                    now=now, horizon=DAY, history=known, live=LiveDocument(), instance_concurrency=1, chosen=chosen
                )
                made = reasoned(self.settings, question, fits=self.fits)
                chosen = made.decision.chosen if made.decision.chosen.settled else None
                promises.append(promise(Rung.CHAMPION, made.plan))
                yield made.plan


def promise(rung: Rung, plan: Plan) -> Promise:
    """What a plan of a forecast says of its slots."""
    assert plan.evidence is not None, "the plan of a forecast"
    band = plan.evidence.band
    return Promise(rung=rung, made=plan.created_at, start=band.start, slot=band.slot, high=band.values[-1])


def slips(promises: Sequence[Promise], known: History, now: datetime) -> bool:
    """Whether the daemon would choose anew: for a surprise since the newest plan, or for how the bands were kept."""
    return bool(trouble(judged(promises, known, now - LOOK_BACK))) or surprised(promises[-1], known)


def surprised(newest: Promise, known: History) -> bool:
    """Whether at a minute since the newest plan a surprise would have been seen."""
    since = known.series[newest.made :]
    points = [Point(at=at, step=MINUTE, value=value) for at, value in zip(since.index, since.to_numpy(), strict=True)]
    band = Band(start=newest.start, slot=newest.slot, levels=(0.99,), values=(newest.high,))
    return any(surprise(band, points[:end]) for end in range(1, len(points) + 1))
