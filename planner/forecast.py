"""The Forecast type and the door to the forecasters."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from planner.base import utc
from planner.errors import HistoryError, InputError, PlannerError
from planner.forecasters import conformal, recent
from planner.forecasters.base import LEVELS, Centre, Family, Floats, Grid, Ints, Outlook
from planner.forecasters.grid import DAY, slot_grid, slot_length, slot_start, wall_slots
from planner.forecasters.lastweek import LastWeek
from planner.forecasters.prophet import ProphetFamily
from planner.forecasters.seasonal import Seasonal
from planner.history import History

__all__ = ["LEVELS", "Backtest", "Champion", "Forecast", "ForecastSettings", "Score", "forecast"]

SCORED = (0.5, 0.9, 0.95, 0.99)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Forecast:
    """Quantiles of the peak concurrency in each slot."""

    start: datetime
    slot: timedelta
    levels: tuple[float, ...]
    values: NDArray[np.float64]
    """Slots x levels: finite, at least 0, not falling along a row."""
    forecaster: str

    def __post_init__(self) -> None:
        utc(self.start)
        if self.values.ndim != 2 or self.values.shape[1] != len(self.levels) or not len(self.values):
            raise ValueError(f"{self.values.shape} values for {len(self.levels)} levels")
        if list(self.levels) != sorted(set(self.levels)) or not 0 < self.levels[0] <= self.levels[-1] < 1:
            raise ValueError("levels must rise within (0, 1)")
        if not np.isfinite(self.values).all() or (self.values < 0).any():
            raise ValueError("quantiles must be finite and at least 0")
        if (np.diff(self.values, axis=1) < 0).any():
            raise ValueError("quantiles cross")

    @property
    def end(self) -> datetime:
        """End of the last slot."""
        return self.start + self.slot * len(self.values)

    def quantile(self, level: float) -> NDArray[np.float64]:
        """The quantile at `level` of each slot, linear between the levels that are held."""
        if not self.levels[0] <= level <= self.levels[-1]:
            raise ValueError(f"level {level} is outside {self.levels[0]} to {self.levels[-1]}")
        right = int(np.searchsorted(self.levels, level))
        left = max(right - 1, 0)
        span = self.levels[right] - self.levels[left]
        share = (level - self.levels[left]) / span if span else 0.0
        below, above = self.values[:, left], self.values[:, right]
        return np.asarray(below + share * (above - below))


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """How a forecaster did on the past, or why it could not compete."""

    forecaster: str
    origins: int
    wql: float
    """Mean over the levels 0.5, 0.9, 0.95 and 0.99 of twice the pinball loss over the sum of the peaks."""
    coverage99: float
    excuse: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Backtest:
    """The forecast that would have been made at `origin`, from what was known then."""

    origin: datetime
    forecast: Forecast


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Champion:
    """The forecast of the forecaster that did best on the function's own past."""

    forecast: Forecast
    backtests: tuple[Backtest, ...]
    scores: tuple[Score, ...]
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ForecastSettings:
    """Which forecaster, and what it needs to know about the place."""

    forecaster: str = "auto"
    country: str | None = None
    time_zone: str = "UTC"
    seed: int = 7
    backtest_days: int = 14


def forecast(
    history: History,
    *,
    now: datetime,
    horizon: timedelta,
    settings: ForecastSettings,
    progress: Callable[[str], None] | None = None,
) -> Champion:
    """The champion's forecast from the slot that contains `now` to the horizon, with its backtests."""
    slot = slot_length(history.step)
    start = slot_start(utc(now), slot)
    grid = slot_grid(history, slot, settings.time_zone)
    say = progress or (lambda _: None)

    def outlook(origin: datetime, length: timedelta, lag: int) -> Outlook:
        index = pd.date_range(origin, periods=-(-length // slot), freq=slot)
        targets = wall_slots(index, slot, settings.time_zone) - grid.first
        return Outlook(targets=targets, known=min(int(targets[0]) - lag, grid.peaks.size))

    first = outlook(start, horizon, 0)
    lag = max(int(first.targets[0]) - grid.peaks.size, 0)
    days = int(np.isfinite(grid.peaks[: first.known]).sum()) / grid.per_day
    if not days:
        raise HistoryError("the history holds no value", remedy="wait for data or give a longer history")
    span = first.known / grid.per_day
    families: list[Family] = [LastWeek(), Seasonal(), ProphetFamily(country=settings.country, seed=settings.seed)]
    names = ["auto", recent.NAME, *(f.name for f in families)]
    if settings.forecaster not in names:
        raise InputError(f"no forecaster is called {settings.forecaster!r}", remedy=f"choose one of {', '.join(names)}")
    past = [outlook(start - DAY * k, DAY, lag) for k in range(1, 2 * settings.backtest_days + 1)]
    past = [o for o in past if o.known >= grid.per_day]
    pinned = settings.forecaster != "auto"
    scores: list[Score] = []
    results: dict[str, tuple[Floats, list[Floats]]] = {}
    for family in families:
        if pinned and family.name != settings.forecaster:
            continue
        excuse = family.excuse(span)
        if not excuse:
            say(f"forecasting with {family.name}")
            try:
                results[family.name] = _run(family, grid, first, past, settings.backtest_days)
            except PlannerError as error:
                if pinned:
                    raise
                excuse = error.message
        elif pinned:
            raise HistoryError(f"{family.name} {excuse}", remedy="give a longer history or use forecaster: auto")
        if excuse:
            scores.append(Score(forecaster=family.name, origins=0, wql=float("nan"), coverage99=float("nan"), excuse=excuse))
            continue
        scores.append(_score(family.name, results[family.name][1], grid, past))
    back: list[Floats]
    if not results:
        values, back, name = recent.quantiles(grid, first), [], recent.NAME
        reason = f"recent: with {span:.1f} days of history it never asks for less than what runs now"
    else:
        ranked = sorted((s for s in scores if not s.excuse), key=lambda s: (np.nan_to_num(s.wql, nan=9e9), s.forecaster))
        name = ranked[0].forecaster
        values, back = results[name]
        reason = f"{name}: lowest loss on {ranked[0].origins} past days"

    def made(origin: datetime, v: Floats) -> Forecast:
        return Forecast(start=origin, slot=slot, levels=LEVELS, values=v, forecaster=name)

    backtests = tuple(
        Backtest(origin=start - DAY * (k + 1), forecast=made(start - DAY * (k + 1), v)) for k, v in reversed(list(enumerate(back)))
    )
    return Champion(forecast=made(start, values), backtests=backtests, scores=tuple(scores), reason=reason)


def _truth(grid: Grid, targets: Ints) -> Floats:
    inside = (targets >= 0) & (targets < grid.peaks.size)
    return np.where(inside, grid.peaks[np.where(inside, targets, 0)], np.nan)


def _run(family: Family, grid: Grid, first: Outlook, past: list[Outlook], days: int) -> tuple[Floats, list[Floats]]:
    centres = family.centres(grid, [first, *past])
    pairs: list[tuple[Centre, Floats]] = [
        (c, np.sqrt(_truth(grid, o.targets))) for c, o in zip(centres[1:], past, strict=True)
    ]
    values = conformal.quantiles(centres[0], pairs)
    back = [conformal.quantiles(centres[1 + k], pairs[k + 1 :]) for k in range(min(days, len(past) - 1))]
    return values, back


def _score(name: str, back: list[Floats], grid: Grid, past: list[Outlook]) -> Score:
    loss = weight = covered = count = 0.0
    for values, outlook in zip(back, past, strict=False):
        truth = _truth(grid, outlook.targets)
        ok = np.isfinite(truth)
        for level in SCORED:
            error = truth[ok] - values[ok, LEVELS.index(level)]
            loss += 2 * np.maximum(level * error, (level - 1) * error).sum() / len(SCORED)
        weight += np.abs(truth[ok]).sum()
        covered += (truth[ok] <= values[ok, LEVELS.index(0.99)]).sum()
        count += ok.sum()
    return Score(
        forecaster=name,
        origins=len(back),
        wql=float(loss / weight) if weight else 0.0,
        coverage99=float(covered / count) if count else float("nan"),
        excuse="",
    )
