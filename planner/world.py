"""What the jobs of one function reach the world by, and what they come to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from planner import starts
from planner.base import FunctionRef
from planner.clock import Clock
from planner.config import FunctionConfig
from planner.fc.port import FunctionCompute
from planner.forecasters.keeping import NO_FITS, Fits
from planner.lead import Lead
from planner.notices import Alert
from planner.pipeline import Question
from planner.status import StillRuns
from planner.store import Point, Store


class Stopping(Exception):
    """The daemon is being stopped, and nothing was sent: the job is left for the next one, without a record."""


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What the jobs of one function reach the world by.

    `ask` gathers what a plan needs at an instant; its second argument lets the plan take out other people's scheduled
    actions. `recent` gives the stored points that begin between two instants, where the history is one that goes on.
    `others` are the functions that have `shared_quota` instances together with this one; None: nobody counts.
    `collect` fetches new points and says so in a sentence; None: there is nothing to fetch. People are told of what
    lasts once in `repeat_every`.
    """

    settings: FunctionConfig
    store: Store
    fc: FunctionCompute
    clock: Clock
    who: str
    still_runs: StillRuns
    ask: Callable[[datetime, bool], Question]
    recent: Callable[[datetime, datetime], Sequence[Point]] = lambda _start, _end: ()
    collect: Callable[[datetime], str] | None = None
    fits: Fits = NO_FITS
    others: tuple[FunctionRef, ...] = ()
    shared_quota: int | None = None
    repeat_every: timedelta = timedelta(hours=1)
    stopping: Callable[[], bool] = lambda: False

    @property
    def function(self) -> FunctionRef:
        """Whose jobs they are."""
        return self.settings.ref

    def lead(self, now: datetime) -> Lead:
        """What plans go by now."""
        return starts.lead_of(self.store, self.function, self.settings.capacity, now)

    def leave(self, _stage: str = "") -> None:
        """Raise Stopping when the daemon is being stopped; called where nothing is under way."""
        if self.stopping():
            raise Stopping


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What a job came to. `replan`, `refit`: that is due at once. `plan`: the id of the one that it is about.

    `alerts` are for people; what lasts may be said each time.
    """

    sentence: str
    failed: bool = False
    replan: bool = False
    refit: bool = False
    plan: int | None = None
    alerts: tuple[Alert, ...] = ()
