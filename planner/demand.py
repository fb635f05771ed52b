"""Forecast to demand: what so many instances would leave cold in each slot, on average over what may come."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from planner.arrivals import Floats, cold

if TYPE_CHECKING:
    from planner.forecast import Forecast

Ints = NDArray[np.int64]

POINTS = 24
"""Equally likely tides that stand for the forecast's distribution."""
SIZES = 400
"""Numbers of instances that are weighed; a larger service is sized in steps of several instances."""
HEADROOM = 6.0
"""Deviations of arrivals above the highest tide up to which instances are weighed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizing:
    """What turns concurrency into instances. `floor` and `ceiling` are instances, inclusive."""

    instance_concurrency: int
    floor: int
    ceiling: int

    def __post_init__(self) -> None:
        if self.instance_concurrency < 1 or not 0 <= self.floor <= self.ceiling:
            raise ValueError(f"impossible sizing {self}")

    def instances(self, concurrency: Floats) -> Ints:
        """Whole instances that serve so many requests at once, within floor and ceiling; same shape."""
        whole = np.ceil(concurrency / self.instance_concurrency - 1e-9).astype(np.int64)
        return np.clip(whole, self.floor, self.ceiling)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Demand:
    """What each number of instances leaves cold in each slot from `start`.

    `sizes` are the numbers that are weighed, rising, shape (sizes,). `cold` is the expected concurrency that finds no
    warm instance, a minute, shape (slots, sizes). `worth` is how busy the last instance must be at least, a share of
    its concurrency, shape (slots,): fewer instances follow from a higher one.
    """

    start: datetime
    slot: timedelta
    sizes: Ints
    cold: Floats
    worth: Floats
    instance_concurrency: int

    @property
    def price(self) -> Floats:
        """Instance-minutes that a cold concurrency-minute is worth, shape (slots,).

        One more instance serves what is cold without it and not with it. It is worth its minute where that is at
        least `worth` of its concurrency: the newsvendor's critical ratio (Arrow, Harris and Marschak 1951).
        """
        return np.asarray(1 / (self.worth * self.instance_concurrency))

    def until(self, end: datetime) -> Demand:
        """The slots that begin before `end`, one at least."""
        slots = max(-(-(end - self.start) // self.slot), 1)
        return replace(self, cold=self.cold[:slots], worth=self.worth[:slots])

    @property
    def instances(self) -> Ints:
        """The number that costs least in each slot taken alone, shape (slots,)."""
        return np.asarray(self.sizes[np.argmin(self.sizes + self.price[:, None] * self.cold, axis=1)])


def demand(forecast: Forecast, *, sizing: Sizing, worth: float | Floats, errors: bool | NDArray[np.bool_]) -> Demand:
    """Weigh every number of instances in each slot of the forecast.

    `errors`: whether the tide is taken for as uncertain as its forecasts were; without, the median is taken for the
    tide, and only arrivals vary around it. Both it and `worth` may differ by slot.
    """
    slots = len(forecast.values)
    counted = np.broadcast_to(errors, (slots,))
    tides = np.where(counted[:, None], likely_tides(forecast), forecast.quantile(0.5)[:, None])
    sizes = numbers(tides, sizing)
    return Demand(
        start=forecast.start,
        slot=forecast.slot,
        sizes=sizes,
        cold=cold(tides, (sizes * sizing.instance_concurrency).astype(np.float64)),
        worth=np.broadcast_to(np.asarray(worth, dtype=np.float64), (slots,)),
        instance_concurrency=sizing.instance_concurrency,
    )


def numbers(tides: Floats, sizing: Sizing) -> Ints:
    """Numbers of instances worth weighing: from the floor to what the highest tide could want, SIZES at most."""
    highest = float(tides.max(initial=0.0))
    wanted = sizing.instances(np.array([highest + HEADROOM * np.sqrt(highest) + HEADROOM]))
    most = max(int(wanted[0]), sizing.floor)
    step = max(-(-(most - sizing.floor) // (SIZES - 1)), 1)
    return np.unique(np.append(np.arange(sizing.floor, most, step), most)).astype(np.int64)


def likely_tides(forecast: Forecast) -> Floats:
    """POINTS equally likely values of each slot's mean; shape (slots, POINTS)."""
    shares = (np.arange(POINTS) + 0.5) / POINTS
    return forecast.quantiles(np.clip(shares, forecast.levels[0], forecast.levels[-1]))
