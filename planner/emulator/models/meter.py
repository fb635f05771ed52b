"""How a minute of a function and qualifier is measured: sums over the pieces in which nothing changed."""

from bisect import bisect_right
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Literal, Self

from planner.emulator.models.config import ConfigState
from planner.emulator.models.document import Document, Json
from planner.emulator.models.fleet import Fleet
from planner.emulator.models.ledger import Minute
from planner.emulator.models.load import Load

MINUTE = timedelta(minutes=1)

_NO_CONFIG = Document()
"""Whose flags a minute carries in which no instance was provisioned."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Serving:
    """How instances take requests."""

    instance_concurrency: int
    dispatch: Literal["packed", "spread"]

    def on_demand(self, concurrency: float) -> float:
        """On-demand instances busy at a time, in the mean, with a concurrency that found nothing warm.

        One is created where the others are full, so all but the last are; the last, with a rest
        of r requests at a time, is busy for min(r, 1) of the time at most.

        Worked, with 4 at once: 8.3 keeps 2.3 instances busy, 9.5 keeps 3, 0.3 keeps 0.3.
        """
        full, rest = divmod(concurrency, self.instance_concurrency)
        return full + min(rest, 1.0)

    def busy(self, concurrency: float, warm: int) -> float:
        """Warm instances busy at a time, in the mean, with a concurrency that they can serve.

        Worked, 3 requests at a time on 5 warm instances that take 4 at once: packed keeps 1 busy,
        spread 3.
        """
        return self.on_demand(concurrency) if self.dispatch == "packed" else min(concurrency, float(warm))


@dataclass(slots=True, kw_only=True)
class Meter:
    """What was lived since the last whole minute, up to `at`: concurrency- and instance-seconds."""

    at: datetime
    offered: float = 0.0
    served: float = 0.0
    warm: float = 0.0
    busy: float = 0.0
    starting: float = 0.0
    on_demand: float = 0.0
    invocations: float = 0.0

    @property
    def empty(self) -> bool:
        """Whether nothing was asked for and no instance existed."""
        return not (self.offered or self.warm or self.starting)

    def run(self, to: datetime, load: Load | None, fleet: Fleet | None, serving: Serving) -> None:
        """Let time pass up to `to`, within a minute; the fleet still stands where the meter does."""
        if to <= self.at:
            return
        offered = 0.0
        if load is not None:
            offered = load.at(self.at)
            # Little's law: so many requests begin a second as the concurrency over the mean duration.
            self.invocations += offered / load.duration_seconds * (to - self.at).total_seconds()
        warm, ready = (fleet.warm, fleet.starting) if fleet else (0, [])
        became = bisect_right(ready, to)
        for place, moment in enumerate(ready[:became]):
            self._pass(moment, offered=offered, warm=warm + place, starting=len(ready) - place, serving=serving)
        self._pass(to, offered=offered, warm=warm + became, starting=len(ready) - became, serving=serving)

    def _pass(self, to: datetime, *, offered: float, warm: int, starting: int, serving: Serving) -> None:
        seconds = (to - self.at).total_seconds()
        served = min(offered, float(warm * serving.instance_concurrency))
        self.offered += offered * seconds
        self.served += served * seconds
        self.warm += warm * seconds
        self.busy += serving.busy(served, warm) * seconds
        self.starting += starting * seconds
        self.on_demand += serving.on_demand(offered - served) * seconds
        self.at = to

    def take(self, config: ConfigState | None) -> Minute:
        """The minute that ends at `at`, with the config's target and flags; the sums begin anew."""
        document = config.document if config else _NO_CONFIG
        seconds = MINUTE.total_seconds()
        minute = Minute(
            start=self.at - MINUTE,
            offered=self.offered / seconds,
            served=self.served / seconds,
            warm=self.warm / seconds,
            busy=self.busy / seconds,
            starting=self.starting / seconds,
            on_demand=self.on_demand / seconds,
            invocations=self.invocations,
            target=config.target if config else 0,
            current=config.fleet.warm if config else 0,
            always_allocate_cpu=document.always_allocate_cpu,
            always_allocate_gpu=document.always_allocate_gpu,
        )
        self.offered = self.served = self.warm = self.busy = 0.0
        self.starting = self.on_demand = self.invocations = 0.0
        return minute

    def to_json(self) -> Json:
        """The form in which a meter is stored."""
        return {**asdict(self), "at": self.at.isoformat()}

    @classmethod
    def from_json(cls, stored: Json) -> Self:
        """A meter from its stored form."""
        return cls(**{**stored, "at": datetime.fromisoformat(stored["at"])})
