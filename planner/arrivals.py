"""Arrivals around the tide: how much concurrency finds no warm instance when the mean is known, or its quantiles are.

Requests that arrive independently leave a Poisson number in flight (infinite servers, Eick, Massey and Whitt 1993,
"The physics of the Mt/G/inf queue"); a mean that is itself uncertain makes it a mixture of them.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from planner.compiled import kept

Floats = NDArray[np.float64]

LARGE = 200.0
"""Mean from which the normal law stands in for Poisson's."""
REACH = 12.0
"""Deviations from the mean beyond which nothing is counted."""
ROOT_2_PI = math.sqrt(2 * math.pi)


def cold(means: Floats, capacities: Floats) -> Floats:
    """E[(L - c)+] for each row of `means` and each capacity c (concurrency, rising); shape (rows, capacities).

    `means` has shape (rows, points): equally likely means of the Poisson number L.
    """
    found = np.zeros((len(means), len(capacities)))
    _cold(np.ascontiguousarray(means), np.ascontiguousarray(capacities, dtype=np.float64), found)
    return found


@kept
def _cold(means: Floats, capacities: Floats, found: Floats) -> None:  # pragma: no cover  # compiled
    points = means.shape[1]
    for row in range(len(means)):
        for point in range(points):
            mean = means[row, point]
            if mean > LARGE:
                _add_normal(mean, capacities, found[row], 1.0 / points)
            elif mean > 0:
                _add_poisson(mean, capacities, found[row], 1.0 / points)


@kept
def _add_poisson(mean: float, capacities: Floats, row: Floats, share: float) -> None:  # pragma: no cover  # compiled
    """E[(L - c - 1)+] = E[(L - c)+] - P(L > c), from c = 0 on; linear between whole numbers."""
    highest = int(mean + REACH * math.sqrt(mean) + REACH)
    probability = math.exp(-mean)
    above = 1.0 - probability
    excess = mean
    place = 0
    for count in range(highest):
        while place < len(capacities) and capacities[place] <= count + 1:
            row[place] += share * max(excess - (capacities[place] - count) * above, 0.0)
            place += 1
        if place == len(capacities):
            return
        excess -= above
        probability *= mean / (count + 1)
        above -= probability


@kept
def _add_normal(mean: float, capacities: Floats, row: Floats, share: float) -> None:  # pragma: no cover  # compiled
    deviation = math.sqrt(mean)
    for place in range(len(capacities)):
        z = (capacities[place] - mean) / deviation
        if z > REACH:
            return
        density = math.exp(-z * z / 2) / ROOT_2_PI
        tail = math.erfc(z / math.sqrt(2)) / 2
        row[place] += share * max(deviation * density - (capacities[place] - mean) * tail, 0.0)
