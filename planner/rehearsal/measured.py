"""What became of the requests and the instances: one value a policy, and all of them side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from planner.base import MINUTE
from planner.rehearsal.generator import Row
from planner.rehearsal.scene import Scene

NO_PLAN, VENDOR, OURS = "no plan", "vendor's example", "our plan"
QUANTILES = (0.5, 0.95, 0.99)
SERVED = 200
REFUSED = 429
COLD = "cold"
SATURATED_SECONDS = 0.05
"""From here on of the generator's own lateness the machine, and not the instances, decides what is measured."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """Of the requests of a span of time; latencies in seconds are of those that were answered with 200.

    `quantiles` as in QUANTILES, of nearest rank: so many of the requests took no longer. `cold`: how many waited for
    an instance to start. `refused`: turned away with 429. `failed`: any other answer, or none.
    """

    requests: int
    quantiles: tuple[float, ...]
    longest: float
    cold: int
    refused: int
    failed: int

    @property
    def p99(self) -> float:
        """The latency that 99 of a hundred requests keep."""
        return self.quantiles[QUANTILES.index(0.99)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Lived:
    """One minute of the trace as Function Compute lived it: requests in flight and instances, in the mean."""

    offered: float
    warm: float
    """Provisioned instances."""
    on_demand: float
    """Those with a request."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One policy. Hours are in the trace's time; `cold_starts` are instances that were started for a request."""

    name: str
    rows: tuple[Row, ...]
    minutes: tuple[Lived, ...]
    warm_hours: float
    on_demand_hours: float
    bill: float

    @property
    def cold_starts(self) -> int:
        """Instances that requests waited for."""
        return len({row.instance for row in self.rows if row.start == COLD})

    @property
    def hours(self) -> float:
        """Instance-hours of both kinds, as billed."""
        return self.warm_hours + self.on_demand_hours


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """What this machine's instances take, in real seconds, as measured before the runs: a start, and a request."""

    start_seconds: float
    request_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Rehearsal:
    """The result. `lead` is what an instance takes to start, in the trace's time."""

    scene: Scene
    pace: Pace
    lead: timedelta
    currency: str
    runs: tuple[Run, ...]
    remarks: tuple[str, ...] = ()

    def run(self, name: str) -> Run:
        """The run of a policy."""
        return next(run for run in self.runs if run.name == name)

    @property
    def ramp(self) -> tuple[datetime, datetime]:
        """From when to when the load rises."""
        first, last = self.scene.ramp
        return self.scene.start + first * MINUTE, self.scene.start + last * MINUTE

    def whole(self, run: Run) -> Figures:
        """The figures of the whole span."""
        return figures(run.rows)

    def rising(self, run: Run) -> Figures:
        """Those of the requests that were to be sent while the load rises."""
        first, last = (minute * self.scene.minute_seconds for minute in self.scene.ramp)
        return figures([row for row in run.rows if first <= row.at < last])

    @property
    def lateness(self) -> float:
        """P99 of how much later than meant requests were sent, in seconds: whether the machine kept up."""
        late = [row.late for run in self.runs for row in run.rows]
        return _nearest(late, (0.99,))[0]

    @property
    def saturated(self) -> bool:
        """Whether the machine did not keep up, so that latencies tell of it and not of the instances."""
        return self.lateness > SATURATED_SECONDS


def figures(rows: Sequence[Row]) -> Figures:
    """The figures of some requests."""
    served = [row.latency for row in rows if row.status == SERVED]
    refused = sum(row.status == REFUSED for row in rows)
    return Figures(
        requests=len(rows),
        quantiles=_nearest(served, QUANTILES),
        longest=max(served, default=0.0),
        cold=sum(row.start == COLD for row in rows),
        refused=refused,
        failed=len(rows) - len(served) - refused,
    )


def _nearest(values: Sequence[float], levels: tuple[float, ...]) -> tuple[float, ...]:
    """Quantiles of nearest rank, 0 of nothing: the smallest value that so large a share does not exceed."""
    if not values:
        return tuple(0.0 for _ in levels)
    return tuple(float(value) for value in np.quantile(values, levels, method="inverted_cdf"))
