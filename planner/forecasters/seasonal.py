"""Seasonal quantiles: earlier days at the same time, moved to the level of the last hours. Needs no fitting."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from planner.forecasters.base import Centre, Floats, Grid, Ints, Outlook

HALF_LIFE_DAYS = 14.0


class Seasonal:
    """Weighted mean of the same time on earlier days, like days counting most."""

    name = "seasonal"

    def excuse(self, days: float) -> str:
        """From two days on."""
        return "" if days >= 2 else f"needs 2 days, has {days:.1f}"

    def centres(self, grid: Grid, outlooks: Sequence[Outlook]) -> list[Centre]:
        """One centre an outlook."""
        return [_centre(grid, o) for o in outlooks]


def _centre(grid: Grid, outlook: Outlook) -> Centre:
    hours = grid.per_day / 24
    recent = np.arange(outlook.known - grid.per_day, outlook.known)
    both = profile(grid, np.concatenate([recent, outlook.targets]), outlook.known)
    expected, wanted = both[: recent.size], both[recent.size :]
    seen = np.where(recent >= 0, grid.roots[np.maximum(recent, 0)], np.nan)
    error = seen - expected
    ahead = (outlook.targets - outlook.known) / hours
    age = (outlook.known - 1 - recent) / hours
    short, day = _mean(error, 2 ** (-age / 1.5)), _mean(error, np.ones_like(age))
    moved = wanted + 0.5 * day + 0.5 * (short - 0.5 * day) * np.exp(-ahead / 6)
    roots = np.maximum(moved, 0)
    return Centre(roots=roots, width=np.ones_like(roots))


def _mean(values: Floats, weights: Floats) -> float:
    ok = np.isfinite(values)
    return float((values[ok] * weights[ok]).sum() / (weights[ok].sum() + 1e-9))


def profile(grid: Grid, targets: Ints, known: int) -> Floats:
    """The weighted mean of the same time on earlier days, gaps filled from the neighbouring slots."""
    days = max(1, -(-int(targets.max()) // grid.per_day))
    lags = np.arange(1, days + 1)
    at = targets[:, None] - lags * grid.per_day
    usable = (at >= 0) & (at < np.minimum(known, targets)[:, None])
    values = grid.roots[np.where(usable, at, 0)]
    usable &= np.isfinite(values)
    there, here = grid.weekday(at), grid.weekday(targets)[:, None]
    like = np.where(there == here, 1.0, np.where((there >= 5) == (here >= 5), 0.5, 0.1))
    weights = usable * like * 2 ** (-lags / HALF_LIFE_DAYS)
    total = weights.sum(axis=1)
    mean = (weights * np.where(usable, values, 0)).sum(axis=1)
    known_slots = total > 0
    if not known_slots.any():
        past = grid.roots[:known]
        return np.full(targets.size, np.nanmean(past) if np.isfinite(past).any() else 0.0)
    filled = np.where(known_slots, mean / np.where(known_slots, total, 1), 0)
    position = np.arange(targets.size)
    return np.asarray(np.interp(position, position[known_slots], filled[known_slots]))
