"""What forecasters share: the levels, the grid of slot peaks, and what a family is asked for.

A family only says where the centre of the peaks will lie; `conformal` turns centres into quantiles from the errors
that the same family made on the function's own past. Families work on the square root of the peak: arrivals make
counts whose spread grows like the root of their mean, and the root makes that spread constant (Bartlett 1936, "The
square root transformation in analysis of variance"), without the explosions of a logarithm near zero.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

LEVELS: tuple[float, ...] = (0.05, 0.1, 0.25, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.999)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Grid:
    """Peak concurrency a slot, on the local wall clock, oldest first."""

    peaks: Floats
    """NaN where unknown."""
    first: int
    """Number of the first slot, counted from the wall clock's 1970-01-01T00:00."""
    per_day: int

    @property
    def roots(self) -> Floats:
        """Square roots of the peaks."""
        return np.sqrt(self.peaks)

    def weekday(self, slots: Ints) -> Ints:
        """0 is Monday; 1970-01-01 was a Thursday."""
        return ((slots + self.first) // self.per_day + 3) % 7


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Outlook:
    """One forecast to make: the slots wanted, and the first slot of which nothing is known yet."""

    targets: Ints
    known: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Centre:
    """Where a family expects the roots of the peaks, and how wide it expects their errors to be, slot by slot."""

    roots: Floats
    width: Floats


class Family(Protocol):
    """A way of forecasting."""

    @property
    def name(self) -> str:
        """What a person pins it by."""

    def excuse(self, days: float) -> str:
        """Why it can't work from so many days of history, or nothing."""

    def centres(self, grid: Grid, outlooks: Sequence[Outlook]) -> list[Centre]:
        """One centre an outlook, newest outlook first; no centre depends on a slot at or after its `known`."""
