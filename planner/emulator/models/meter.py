"""How a minute of a function and qualifier is measured: sums over the pieces in which nothing changed."""

from bisect import bisect_right
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal, Self

from planner.emulator.models.config import ConfigState
from planner.emulator.models.document import Document, Json
from planner.emulator.models.fleet import Fleet
from planner.emulator.models.ledger import MINUTE, Minute
from planner.emulator.models.load import Load
from planner.emulator.models.ondemand import OnDemand, instances_for

_SUMS = ("offered", "served", "kept", "throttled", "throttles", "warm", "busy", "starting", "on_demand", "invocations")
_NO_CONFIG = Document()
"""Whose flags a minute carries in which no instance was provisioned."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Serving:
    """How instances take requests."""

    instance_concurrency: int
    dispatch: Literal["packed", "spread"]
    idle: timedelta
    """How long an on-demand instance that is not needed is kept."""

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
    kept: float = 0.0
    throttled: float = 0.0
    throttles: float = 0.0
    warm: float = 0.0
    busy: float = 0.0
    starting: float = 0.0
    on_demand: float = 0.0
    invocations: float = 0.0
    elastic: OnDemand = field(default_factory=OnDemand)
    """The on-demand instances; they live on after the minute."""

    @property
    def empty(self) -> bool:
        """Whether nothing was asked for and no instance existed."""
        return not (self.offered or self.warm or self.starting or self.elastic.count)

    @property
    def on_demand_count(self) -> int:
        """On-demand instances that exist, the idle ones too: they count against quotas."""
        return self.elastic.count

    def missing(self, load: Load | None, fleet: Fleet | None, instance_concurrency: int) -> int:
        """On-demand instances to be asked for now, before time passes on from `at`.

        Asked for when more are needed than a moment ago, and for those that were refused again at
        every whole minute: so that nothing depends on when somebody looks.
        """
        elastic, offered = self.elastic, load.at(self.at) if load else 0.0
        rest = offered - (fleet.warm if fleet else 0) * instance_concurrency
        needed = instances_for(rest, instance_concurrency) if rest > 0 else 0
        if needed <= elastic.count:
            elastic.refused = 0
            return 0
        whole = not (self.at.second or self.at.microsecond)
        return needed - elastic.count if whole or needed > elastic.needed else 0

    def run(self, to: datetime, load: Load | None, fleet: Fleet | None, serving: Serving) -> None:
        """Let time pass up to `to`, within a minute; the fleet still stands where the meter does."""
        if to <= self.at:
            return
        offered = load.at(self.at) if load else 0.0
        # Little's law: so many requests begin a second as the concurrency over the mean duration.
        rate = 1 / load.duration_seconds if load else 0.0
        self.invocations += offered * rate * (to - self.at).total_seconds()
        warm, ready = (fleet.warm, fleet.starting) if fleet else (0, [])
        others = self.elastic.ready
        turns = [*ready[: bisect_right(ready, to)], *others[bisect_right(others, self.at) : bisect_right(others, to)]]
        for moment in (*sorted(turns), to):
            became = bisect_right(ready, self.at)
            self._pass(
                moment, offered=offered, rate=rate, warm=warm + became, starting=len(ready) - became, serving=serving
            )

    def _pass(self, to: datetime, *, offered: float, rate: float, warm: int, starting: int, serving: Serving) -> None:
        seconds = (to - self.at).total_seconds()
        if not seconds:
            return
        served = min(offered, float(warm * serving.instance_concurrency))
        self.offered += offered * seconds
        self.served += served * seconds
        self.warm += warm * seconds
        self.busy += serving.busy(served, warm) * seconds
        self.starting += starting * seconds
        if offered > served or self.elastic.count or self.elastic.needed:
            self._overflow(to, offered - served, rate, serving)
        self.at = to

    def _overflow(self, to: datetime, rest: float, rate: float, serving: Serving) -> None:
        """What no provisioned instance took: on warm on-demand ones, waiting for those that start, or refused."""
        seconds, elastic, each = (to - self.at).total_seconds(), self.elastic, serving.instance_concurrency
        taken = min(rest, float(elastic.count * each))
        throttled = min(rest - taken, float(elastic.refused * each))
        self.kept += min(rest, float(elastic.warm(self.at) * each)) * seconds
        self.throttled += throttled * seconds
        self.throttles += throttled * rate * seconds
        self.on_demand += serving.on_demand(taken) * seconds
        elastic.use(instances_for(rest, each), to, serving.idle)

    def take(self, config: ConfigState | None) -> Minute:
        """The minute that ends at `at`, with the config's target and flags; the sums begin anew."""
        document = config.document if config else _NO_CONFIG
        seconds = MINUTE.total_seconds()
        minute = Minute(
            start=self.at - MINUTE,
            offered=self.offered / seconds,
            served=self.served / seconds,
            kept=self.kept / seconds,
            throttled=self.throttled / seconds,
            warm=self.warm / seconds,
            busy=self.busy / seconds,
            starting=self.starting / seconds,
            on_demand=self.on_demand / seconds,
            invocations=self.invocations,
            throttles=self.throttles,
            target=config.target if config else 0,
            current=config.fleet.warm if config else 0,
            always_allocate_cpu=document.always_allocate_cpu,
            always_allocate_gpu=document.always_allocate_gpu,
        )
        for name in _SUMS:
            setattr(self, name, 0.0)
        return minute

    def to_json(self) -> Json:
        """The form in which a meter is stored."""
        sums = {name: getattr(self, name) for name in _SUMS}
        return {"at": self.at.isoformat(), "elastic": self.elastic.to_json(), **sums}

    @classmethod
    def from_json(cls, stored: Json) -> Self:
        """A meter from its stored form."""
        at, elastic = datetime.fromisoformat(stored["at"]), OnDemand.from_json(stored["elastic"])
        return cls(**{**stored, "at": at, "elastic": elastic})
