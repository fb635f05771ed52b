"""The reference, and how far a plan is from it.

The reference is a planner that knows the tide (the rate of arrivals) but not the noise around it: for a risk p it holds
in each quarter of an hour the Poisson quantile p of the quarter's highest rate. As p varies, that gives the hours that
a cold share costs. The regret of a plan is its hours over the hours of the reference at the plan's own cold share: 1.1
is a tenth more than one who knew the tide would have used. A live tracker sees the noise and can beat the reference.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
RISKS = (0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 0.975, 0.99, 0.995, 0.998, 0.999, 0.9995, 0.9999, 0.99999, 0.999999)
SLOT = 15
LEAST_SHARE = 0.2
"""Of the objective: a plan colder than this share is compared at its own share, any other at this one."""
MOST_SHARE = 2.0
"""Times the objective: a plan that is colder than this did not keep the promise and has no score."""
NOTHING = 1e-6
SMOOTH = 15
"""Minutes over which `smoothed_rate` takes the mean."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """Pairs of cold share and hours (instance-minutes over those of an instant, all-knowing scaler), colder first."""

    cold_shares: tuple[float, ...]
    hours: tuple[float, ...]

    def hours_at(self, cold_share: float) -> float:
        """Hours at a cold share: linear in the logarithm of the share; beyond either end the end counts."""
        shares = [math.log(max(share, NOTHING)) for share in reversed(self.cold_shares)]
        return float(np.interp(math.log(max(cold_share, NOTHING)), shares, self.hours[::-1]))


def ideal_minutes(load: Floats, instance_concurrency: int) -> float:
    """Instance-minutes of a scaler that knows every minute and needs no time."""
    return float(np.ceil(load / instance_concurrency - 1e-9).sum())


def reference(days: Sequence[tuple[Floats, Floats]], instance_concurrency: int) -> Reference:
    """The reference's curve over (load, rate) of whole days, a minute each; both of the same shape."""
    from scipy.stats import poisson  # noqa: PLC0415  # half a second that only a comparison needs

    found: dict[float, float] = {}
    offered = max(sum(float(load.sum()) for load, _ in days), NOTHING)
    ideal = max(sum(ideal_minutes(load, instance_concurrency) for load, _ in days), NOTHING)
    for risk in RISKS:
        cold = held = 0.0
        for load, rate in days:
            whole = len(rate) // SLOT * SLOT
            highest = rate[:whole].reshape(-1, SLOT).max(axis=1)
            instances = np.repeat(np.ceil(poisson.ppf(risk, highest) / instance_concurrency), SLOT)
            cold += float(np.maximum(load[:whole] - instances * instance_concurrency, 0).sum())
            held += float(instances.sum())
        share = max(cold / offered, NOTHING)
        found[share] = min(held / ideal, found.get(share, math.inf))
    shares = sorted(found, reverse=True)
    return Reference(cold_shares=tuple(shares), hours=tuple(found[share] for share in shares))


def regret(known: Reference, *, cold_share: float, hours: float, objective: float) -> float:
    """How many times the reference's hours a plan used; infinite where it left more than twice the objective cold.

    `hours` is the plan's ratio to the all-knowing scaler, `objective` the cold share that was promised.
    """
    if cold_share > MOST_SHARE * objective:
        return math.inf
    return hours / known.hours_at(max(cold_share, LEAST_SHARE * objective))


def smoothed_rate(load: Floats) -> Floats:
    """The rate behind a load of which only the counts are known: the centred mean over fifteen minutes, same shape.

    It still holds a little of the noise (a fifteenth of its variance) and blurs what moves within minutes. On nineteen
    traces whose rate is known the regret at 0.1 % cold came out 1.5 % high in the middle, 16 % low and 15 % high at the
    ends; half as long a mean knows more of the noise, twice as long a mean less of the tide.
    """
    return np.convolve(np.pad(load, SMOOTH // 2, mode="edge"), np.full(SMOOTH, 1 / SMOOTH), mode="valid")
