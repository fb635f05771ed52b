"""The last resort for hours of history."""

from __future__ import annotations

import numpy as np

from planner.forecasters.base import LEVELS, Floats, Grid, Outlook

NAME = "recent"


def quantiles(grid: Grid, outlook: Outlook) -> Floats:
    """Peaks at each level, slots x levels: from what runs now upwards, wider as the horizon grows."""
    past = grid.peaks[: outlook.known]
    seen = past[np.isfinite(past)]
    hour = max(grid.per_day // 24, 1)
    now, most = seen[-hour:].max(), seen.max()
    spread = max(np.sqrt(most) - np.sqrt(seen.min()), 1.0)
    ahead = (outlook.targets - outlook.known + 1) / hour
    reach = np.sqrt(np.minimum(ahead / 6, 1.0))[:, None]
    up = np.maximum(np.array(LEVELS) - 0.5, 0) * 2
    roots = np.sqrt(now) + spread * reach * up
    return np.maximum.accumulate(np.maximum(roots**2, now), axis=1)
