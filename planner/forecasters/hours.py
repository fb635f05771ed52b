"""The nowcast at each hour of the past, as a planner that renews its plan each hour would have had it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import numpy as np

from planner.forecasters.base import LEVELS, Floats, Ints, Tide
from planner.forecasters.conformal import law, spread_out
from planner.forecasters.nowcast import AHEAD_HOURS, nowcast, signs

HOURS = 24
REACH = 2
"""Hours that each nowcast is asked for: it is followed for one, and what comes next is prepared."""
LONGEST_LAG = timedelta(hours=AHEAD_HOURS[-1] - REACH)
"""Of the data; beyond it the last hours are too old for the nowcast's weights."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Hours:
    """Hourly origins, oldest first, the last of them now.

    `targets` are the slots of REACH hours from each origin, shape (origins, slots); `known` is the first slot that was
    not seen at each, shape (origins,).
    """

    targets: Ints
    known: Ints


NO_HOURS = Hours(targets=np.empty((1, 0), dtype=np.int64), known=np.zeros(1, dtype=np.int64))


def hourly(tide: Tide, hours: Hours, days: int, pool: int) -> tuple[Floats, list[Floats]]:
    """Means at each level: of the coming hour (slots, levels), and for past days, newest first, (hours, slots, levels).

    Each from the errors of the `pool` days before it, as far as they were seen when its day began. Empty where less
    than a day was known: profiles need one.
    """
    able = hours.known >= tide.per_day
    per_hour = hours.targets.shape[1] // REACH
    whole = (int(np.count_nonzero(able)) - 1) // HOURS
    if per_hour == 0 or whole < 1:
        return np.empty((0, len(LEVELS))), []
    targets, known = hours.targets[-1 - whole * HOURS :], hours.known[-1 - whole * HOURS :]
    made = signs(tide, int(targets.max()) + 1)
    roots = nowcast(made, targets, known, tide.per_day)
    # Day by day, newest first; the day of now has only its first hour.
    past = roots[:-1].reshape(whole, HOURS, -1)[::-1]
    at = targets[:-1, :per_hour].reshape(whole, -1)[::-1]
    begun = known[:-1].reshape(whole, HOURS)[::-1, 0]
    errors = made.seen[at] - past[:, :, :per_hour].reshape(whole, -1)
    slots = (np.arange(HOURS)[:, None] * per_hour + np.arange(targets.shape[1])) % tide.per_day

    def spread(roots: Floats, before: Floats, slots: Ints) -> Floats:
        learnt = law(before[:pool])
        return spread_out(roots, learnt.spread[slots], learnt.shape)

    def before(day: int) -> Floats:
        return np.where(at[day + 1 :] < begun[day], errors[day + 1 :], np.nan)

    told = [spread(past[day], before(day), slots) for day in range(min(days, whole - 1))]
    return spread(roots[-1, :per_hour], errors, slots[0, :per_hour]), told
