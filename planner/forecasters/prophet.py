"""Prophet on slot peaks: the only door to the library."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from planner.errors import PlannerError
from planner.forecasters.base import Centre, Floats, Grid, Ints, Outlook

if TYPE_CHECKING:
    from prophet import Prophet

FITS = 4
"""Fits on the past; each serves the origins up to the next, as kept fits would."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProphetFamily:
    """Prophet with log1p and weekday and weekend shapes, its intervals calibrated like any other family's."""

    country: str | None
    seed: int
    @property
    def name(self) -> str:
        """What a person pins it by."""
        return "prophet"

    def excuse(self, days: float) -> str:
        """From two days on."""
        return "" if days >= 2 else f"needs 2 days, has {days:.1f}"

    def centres(self, grid: Grid, outlooks: Sequence[Outlook]) -> list[Centre]:
        """One centre an outlook; a fit serves the origins of the days after it."""
        every = max(1, -(-(len(outlooks) - 1) // FITS))
        groups = [outlooks[:1]] + [outlooks[i : i + every] for i in range(1, len(outlooks), every)]
        found: list[Centre] = []
        for group in groups:
            with _quiet(self.seed):
                model = _fit(grid, min(o.known for o in group), self.country)
                found += [_predict(model, grid, o.targets) for o in group]
        return found


def _fit(grid: Grid, known: int, country: str | None) -> Prophet:
    from prophet import Prophet

    frame = pd.DataFrame({"ds": _wall(grid, np.arange(known)), "y": np.log1p(grid.peaks[:known])}).dropna()
    model = Prophet(
        growth="linear",
        daily_seasonality=10,
        weekly_seasonality=3 if known >= 14 * grid.per_day else False,
        yearly_seasonality=False,
        uncertainty_samples=200,
    )
    if country:
        model.add_country_holidays(country)
    try:
        return model.fit(frame)
    except (RuntimeError, ValueError) as error:
        raise PlannerError(f"Prophet could not be fitted: {error}", remedy="use forecaster: auto or seasonal") from error


def _predict(model: Prophet, grid: Grid, targets: Ints) -> Centre:
    samples = model.predictive_samples(pd.DataFrame({"ds": _wall(grid, targets)}))["yhat"]
    roots: Floats = np.sqrt(np.maximum(np.expm1(np.minimum(samples, 50.0)), 0))
    low, middle, high = np.quantile(roots, (0.1, 0.5, 0.9), axis=1)
    return Centre(roots=middle, width=np.maximum((high - low) / 2.56, 0.05))


def _wall(grid: Grid, slots: Ints) -> pd.DatetimeIndex:
    seconds = 86_400 // grid.per_day
    return pd.DatetimeIndex(pd.to_datetime((slots + grid.first) * seconds, unit="s"))


@contextmanager
def _quiet(seed: int) -> Iterator[None]:
    """Prophet draws from numpy's global generator and logs through two loggers: seed and silence both, then restore."""
    state = np.random.get_state()  # noqa: NPY002
    loggers = [logging.getLogger(n) for n in ("prophet", "prophet.plot", "cmdstanpy")]
    before = [(x, x.disabled) for x in loggers]
    try:
        for x in loggers:
            x.disabled = True
        np.random.seed(seed)  # noqa: NPY002
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        np.random.set_state(state)  # noqa: NPY002
        for x, disabled in before:
            x.disabled = disabled
