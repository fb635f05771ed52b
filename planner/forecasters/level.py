"""How far the last hours move a forecast that was made from earlier days."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from planner.forecasters.base import Floats

LATEST_HALF_LIFE_HOURS = 1.5
LARGEST_RATIO = 2.0
"""Of roots: a forecast is scaled by at most four times in concurrency; what lies beyond is added."""
SMALLEST_RATIO = 1 / 3
FLOOR = 0.32
"""Of the mean root, a tenth of the mean: a service that starts from nothing has no ratio worth following."""


@dataclass(frozen=True, slots=True)
class Shift:
    """How far to follow the last hours: the latest by `short`, fading over `fade` hours, their mean by `lasting`."""

    hours: float
    short: float
    lasting: float
    fade: float


def move(shift: Shift, wanted: Floats, ahead: Floats, observed: Floats, expected: Floats) -> Floats:
    """Roots `wanted`, `ahead` hours away, moved to where the last day's roots, `observed`, left those `expected`.

    Worked: a day that ran as expected (ratio 1) until the last hours came to twice their roots is moved, with
    short 0.5 and fade 12, by 2 ** 0.5 = 1.41 at once and by 2 ** (0.5 / e) = 1.14 after twelve hours. A launch that
    brought roots of 20 where 5 were expected is beyond scaling: the 10 above twice the expected are added, fading.
    """
    age = np.arange(observed.size, 0, -1) * 24 / observed.size
    seen = np.isfinite(observed) & (age <= shift.hours)
    if not seen.any():
        return wanted
    floor = FLOOR * float(expected.mean()) + 1e-9
    fading = np.exp(-ahead / shift.fade)

    def means(weights: Floats) -> tuple[float, float]:
        share = weights[seen] / weights[seen].sum()
        return float(share @ observed[seen]) + floor, float(share @ expected[seen]) + floor

    def followed(above: float, below: float) -> float:
        return float(np.log(np.clip(above / below, SMALLEST_RATIO, LARGEST_RATIO)))

    above, below = means(2.0 ** (-age / LATEST_HALF_LIFE_HOURS))
    lasting = shift.lasting * followed(*means(np.ones_like(age)))
    ratio = np.exp(lasting + shift.short * (followed(above, below) - lasting) * fading)
    return np.asarray(wanted * ratio + max(above - LARGEST_RATIO * below, 0.0) * fading)
