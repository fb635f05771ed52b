"""Forecast to demand: whole instances needed in each slot, at a stated risk."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from planner.forecast import Forecast


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizing:
    """What turns concurrency into instances. `floor` and `ceiling` are instances, inclusive."""

    instance_concurrency: int
    floor: int
    ceiling: int

    def __post_init__(self) -> None:
        if self.instance_concurrency < 1 or not 0 <= self.floor <= self.ceiling:
            raise ValueError(f"impossible sizing {self}")

    def instances(self, concurrency: NDArray[np.float64]) -> NDArray[np.int64]:
        """Whole instances that serve so many requests at once, within floor and ceiling; same shape."""
        whole = np.ceil(concurrency / self.instance_concurrency - 1e-9).astype(np.int64)
        return np.clip(whole, self.floor, self.ceiling)


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """Instances needed in each slot from `start`, so that the slot's peak is covered with probability `risk_level`."""

    start: datetime
    slot: timedelta
    instances: tuple[int, ...]
    risk_level: float


def demand(forecast: Forecast, *, risk_level: float, sizing: Sizing) -> Demand:
    """Size each slot for the `risk_level` quantile of its peak."""
    return Demand(
        start=forecast.start,
        slot=forecast.slot,
        instances=tuple(int(n) for n in sizing.instances(forecast.quantile(risk_level))),
        risk_level=risk_level,
    )
