"""What forecasters share: the levels, the slot means, and what a family is asked for.

A family only says where the means will lie and how its errors compare from slot to slot; `conformal` makes quantiles
of that from the errors that the same family made on the function's own past. Families work on the square root of the
mean: requests that arrive independently leave a Poisson number in flight, and the root makes its spread constant
(Bartlett 1936, "The square root transformation in the analysis of variance") without a logarithm's trouble near zero.
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
SATURDAY = 5


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Tide:
    """The tide: mean concurrency a slot, on the local wall clock, oldest first."""

    values: Floats
    """NaN where unknown."""
    first: int
    """Number of the first slot, counted from the wall clock's 1970-01-01T00:00."""
    per_day: int
    whole: int
    """The first slot, counted from `first`, of which a part is not seen yet."""
    relabelled: tuple[tuple[int, int, int], ...] = ()
    """What the calendar takes for another weekday: (slot, slot after the last, weekday), counted like `first`."""

    def at(self, slots: Ints) -> Floats:
        """Look up these slots, counted from the first; NaN outside what is held."""
        held = (slots >= 0) & (slots < self.values.size)
        return np.where(held, self.values[np.where(held, slots, 0)], np.nan)

    def weekday(self, slots: Ints) -> Ints:
        """0 is Monday; 1970-01-01 was a Thursday. A relabelled slot has the weekday that it is taken for."""
        on_the_wall = slots + self.first
        found = (on_the_wall // self.per_day + 3) % 7
        for begin, end, weekday in self.relabelled:
            found[(on_the_wall >= begin) & (on_the_wall < end)] = weekday
        return found


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Outlook:
    """One forecast to make: the slots wanted, at least a day of them, and the first slot that is not known yet."""

    targets: Ints
    known: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Centre:
    """Where a family expects the roots of the means, and how wide their errors are, relative to other slots."""

    roots: Floats
    width: Floats


class Family(Protocol):
    """A way of forecasting."""

    @property
    def name(self) -> str:
        """What a person pins it by."""

    @property
    def needs_days(self) -> float:
        """Days of history below which it is not asked."""

    def centres(self, tide: Tide, outlooks: Sequence[Outlook]) -> list[Centre]:
        """One centre an outlook, newest outlook first; none depends on a slot at or after its own `known`."""
