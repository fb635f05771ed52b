"""From centres to quantiles, by the errors that the same family made on the past (split conformal prediction)."""

from __future__ import annotations

import numpy as np

from planner.forecasters.base import LEVELS, Centre, Floats


def quantiles(centre: Centre, past: list[tuple[Centre, Floats]]) -> Floats:
    """Peaks at each level, slots x levels, from past centres and the roots that came true."""
    errors = np.array([(truth - c.roots) for c, truth in past])
    width = spread(errors, centre.roots.size)
    scaled = errors / width[: errors.shape[1]]
    pooled = np.sort(scaled[np.isfinite(scaled)])
    shape = np.quantile(pooled, LEVELS) if pooled.size else np.zeros(len(LEVELS))
    days = max(len(past), 1)
    shape = np.where(shape > 0, shape * (1 + 1 / days), shape)
    roots = centre.roots[:, None] + width[:, None] * shape
    return np.maximum.accumulate(np.maximum(roots, 0) ** 2, axis=1)


def spread(errors: Floats, size: int) -> Floats:
    """Mean absolute error around each slot, mixed with the mean over the day."""
    total = np.nanmean(np.abs(errors)) if np.isfinite(errors).any() else 1.0
    per_slot = np.nan_to_num(np.nansum(np.abs(errors), axis=0))
    count = np.isfinite(errors).sum(axis=0)
    reach = np.ones(2 * max(errors.shape[1] // 16, 1) + 1)
    wide = np.concatenate([per_slot, per_slot, per_slot]), np.concatenate([count, count, count])
    n = errors.shape[1]
    s, c = (np.convolve(w, reach, mode="same")[n : 2 * n] for w in wide)
    local = (s + total * n / 8) / (c + n / 8)
    return np.resize(np.maximum(local, 0.05), size)
