"""The last resort for hours of history: what runs now, and upwards."""

from __future__ import annotations

import numpy as np

from planner.forecasters.base import LEVELS, Floats, Outlook, Tide

NAME = "recent"
WIDENING_HOURS = 6.0


def quantiles(tide: Tide, outlook: Outlook) -> Floats:
    """Means at each level, slots x levels.

    No level lies below the highest mean of the newest known hour. The levels above one half open over six hours up to
    the distance that the means have covered so far: after an hour between 20 and 30, the highest level a quarter day
    ahead is (sqrt(30) + 0.998 x (sqrt(30) - sqrt(20)))^2 = 41.4.
    """
    known = tide.values[: outlook.known]
    seen = known[np.isfinite(known)]
    hour = max(tide.per_day // 24, 1)
    now = seen[-hour:].max()
    reach = max(np.sqrt(seen.max()) - np.sqrt(seen.min()), 0.5)  # 0.5: the deviation of a Poisson number's root
    ahead = (outlook.targets - outlook.known + 1) / hour
    opened = np.sqrt(np.minimum(ahead / WIDENING_HOURS, 1.0))[:, None]
    above = np.maximum(np.array(LEVELS) - 0.5, 0) * 2
    return np.asarray(np.maximum((np.sqrt(now) + reach * opened * above) ** 2, now))
