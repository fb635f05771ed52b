"""Keeping dear fits: found again by everything that they saw, so that keeping one never changes a forecast.

A family that is dear to fit splits its work in two: what it learns (made once for what it saw, kept as one array) and
what it says with that of each outlook (cheap, done every time).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from planner.forecasters.base import Floats


class Fits(Protocol):
    """Where fits are kept. Losing one costs time and nothing else, so neither method fails."""

    def find(self, key: str) -> Floats | None:
        """What was kept under `key`, bit for bit, or None."""

    def keep(self, key: str, fit: Floats) -> None:
        """Keep it, where that can be done."""


class NoFits:
    """Nothing is kept: every fit is made."""

    def find(self, key: str) -> Floats | None:  # noqa: ARG002  # the port's
        """Nothing."""
        return None

    def keep(self, key: str, fit: Floats) -> None:
        """Forget it."""


NO_FITS = NoFits()


def learnt(
    fits: Fits,
    make: Callable[[], Floats],
    *,
    family: str,
    settings: Sequence[object],
    seen: Sequence[NDArray[np.generic]],
) -> Floats:
    """What `make` gives, or gave when the same family saw the same under the same settings.

    `settings` are plain values (their repr counts), `seen` is every array that the fit depends on, bit for bit. What
    the code and its libraries are is the business of whoever keeps.
    """
    content = hashlib.sha256(repr((family, *settings)).encode())
    for array in seen:
        content.update(f"{array.dtype.str} {array.shape}\n".encode())
        content.update(np.ascontiguousarray(array).tobytes())
    key = content.hexdigest()
    fit = fits.find(key)
    if fit is None:
        fit = make()
        fits.keep(key, fit)
    return fit
