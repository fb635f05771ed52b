"""From centres to quantiles, by the errors that the same family made on the past (split conformal prediction)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from planner.forecasters.base import LEVELS, Centre, Floats, Outlook, Tide

HALF_LIFE_DAYS = 14.0
REACH_HOURS = 1.0
POOLING = 1 / 8
"""Weight of the whole day's spread in a slot's own, in days of evidence."""
INFLATION = 0.75
LEAST_EVIDENCE_DAYS = 0.25
"""Of errors; with less, only the noise of arrivals is taken for known."""
LARGEST_LEAP = 10.0
"""Times the highest mean seen: errors of a first day can stretch a forecast beyond any use."""
LONGEST_GROWTH = 3.0


def calibrate(tide: Tide, outlooks: Sequence[Outlook], centres: Sequence[Centre], wanted: int) -> list[Floats]:
    """Means at each level, slots x levels, for the newest `wanted` outlooks, each from errors known in its time."""
    size = min(c.roots.size for c in centres)
    targets = np.array([o.targets[:size] for o in outlooks])
    roots = np.array([c.roots[:size] for c in centres])
    width = np.array([c.width[:size] for c in centres])
    errors = (np.sqrt(tide.at(targets)) - roots) / width
    made = []
    for i, (outlook, centre) in enumerate(zip(outlooks[:wanted], centres, strict=False)):
        known = np.where(targets[i + 1 :] < outlook.known, errors[i + 1 :], np.nan)
        highest = np.nanmax(tide.values[: outlook.known], initial=1.0)
        made.append(np.minimum(quantiles(centre, known, tide.per_day), LARGEST_LEAP * highest))
    return made


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Law:
    """How roots err: a spread for each slot of the day, shape (per_day,), and the shape at each level, (levels,)."""

    spread: Floats
    shape: Floats


def law(day: Floats) -> Law:
    """Learn from past errors, newest day first, shape (days, per_day), NaN where unknown.

    The errors of a slot's neighbourhood give its spread, all errors in units of their spread give the shape of the
    tails, recent days counting most. The upper half is stretched by 1 + 0.75 / days of evidence: errors of one day
    hang together, so that n days hold little more than n draws, and the highest of n draws leaves 1 / (n + 1) above.
    """
    per_day = day.shape[1]
    weights = np.isfinite(day) * 2.0 ** (-np.arange(len(day)) / HALF_LIFE_DAYS)[:, None]
    evidence = weights.sum() / per_day
    if evidence < LEAST_EVIDENCE_DAYS:
        # A Poisson number's root deviates by 1/2.
        arrivals = np.array([NormalDist().inv_cdf(level) / 2 for level in LEVELS])
        return Law(spread=np.ones(per_day), shape=arrivals)
    spread = _spread(np.nan_to_num(np.abs(day)), weights)
    shape = _weighted_quantiles(np.nan_to_num(day) / spread, weights)
    return Law(spread=spread, shape=np.where(shape > 0, shape * (1 + INFLATION / max(evidence, 1.0)), shape))


def quantiles(centre: Centre, errors: Floats, per_day: int) -> Floats:
    """Means at each level, slots x levels, from past errors, newest day first, in units of the centre's width."""
    learnt = law(errors[:, :per_day])
    size = centre.roots.size
    scale = np.resize(learnt.spread, size) * _growth(errors, per_day, size) * centre.width
    return spread_out(centre.roots, scale, learnt.shape)


def spread_out(roots: Floats, scale: Floats, shape: Floats) -> Floats:
    """Means at each level around `roots`; a new last axis of levels."""
    found = np.maximum(roots[..., None] + scale[..., None] * shape, 0) ** 2
    return np.asarray(np.maximum.accumulate(found, axis=-1))


def _spread(size: Floats, weights: Floats) -> Floats:
    """Mean absolute error around each slot, drawn towards the mean over the day."""
    per_day = size.shape[1]
    reach = int(REACH_HOURS * per_day / 24)
    total = (size * weights).sum() / weights.sum()
    sums = np.array([(size * weights).sum(axis=0), weights.sum(axis=0)])
    lost, count = np.sum([np.roll(sums, slots, axis=1) for slots in range(-reach, reach + 1)], axis=0)
    prior = POOLING * weights.sum()
    return np.asarray(np.maximum((lost + total * prior) / (count + prior), 1e-9))


def _weighted_quantiles(values: Floats, weights: Floats) -> Floats:
    """Quantiles at LEVELS, each value standing in the middle of its own weight."""
    held = weights > 0
    order = np.argsort(values[held], kind="stable")
    weight = weights[held][order]
    return np.interp(LEVELS, (np.cumsum(weight) - weight / 2) / weight.sum(), values[held][order])


def _growth(errors: Floats, per_day: int, size: int) -> Floats:
    """How much wider errors are on later days of a horizon than on its first, never falling.

    A day without evidence grows on from the day before it as the root of its number, as sums of shocks do.
    """
    factors = [1.0]
    for day in range(1, -(-size // per_day)):
        later = errors[:, day * per_day : (day + 1) * per_day]
        both = np.isfinite(later) & np.isfinite(errors[:, : later.shape[1]])
        first = np.abs(errors[:, : later.shape[1]][both]).sum()
        seen = np.abs(later[both]).sum() / first if first else factors[-1] * np.sqrt((day + 1) / day)
        factors.append(float(np.clip(seen, factors[-1], LONGEST_GROWTH)))
    return np.repeat(factors, per_day)[:size]
