"""How far the last hours move a forecast that was made from earlier days."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from planner.forecasters.base import Floats

LATEST_HALF_LIFE_HOURS = 1.5
LARGEST_RATIO = 3.0
"""Of roots: a level moves a forecast by at most nine times in concurrency."""
FLOOR = 0.32
"""Of the mean root, a tenth of the mean: a service that starts from nothing has no ratio worth following."""


@dataclass(frozen=True, slots=True)
class Shift:
    """How far to follow the last hours: the latest by `short`, fading over `fade` hours, their mean by `lasting`."""

    hours: float
    short: float
    lasting: float
    fade: float


def level(shift: Shift, observed: Floats, expected: Floats, usual: float, ahead: Floats) -> Floats:
    """Ratio by which to move roots that lie `ahead` hours away; `observed` and `expected` are the last day's roots.

    Worked: a day that ran as expected (ratio 1) until the last hours came to twice their roots is moved, with
    short 0.5 and fade 12, by 2 ** 0.5 = 1.41 at once and by 2 ** (0.5 / e) = 1.14 after twelve hours.
    """
    age = np.arange(observed.size, 0, -1) * 24 / observed.size
    seen = np.isfinite(observed) & (age <= shift.hours)
    if not seen.any():
        return np.ones_like(ahead)

    def ratio(weights: Floats) -> float:
        known = weights[seen] / weights[seen].sum()
        floor = FLOOR * usual + 1e-9
        moved = (known @ observed[seen] + floor) / (known @ expected[seen] + floor)
        return float(np.log(np.clip(moved, 1 / LARGEST_RATIO, LARGEST_RATIO)))

    lasting = shift.lasting * ratio(np.ones_like(age))
    latest = ratio(2.0 ** (-age / LATEST_HALF_LIFE_HOURS))
    return np.asarray(np.exp(lasting + shift.short * (latest - lasting) * np.exp(-ahead / shift.fade)))
