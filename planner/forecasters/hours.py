"""The nowcast at each hour of the past, as a planner that renews its plan each hour would have had it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from planner.forecasters.base import Floats, Ints, Peaks
from planner.forecasters.conformal import law, spread_out
from planner.forecasters.nowcast import nowcast, signs

HOURS = 24
REACH = 2
"""Hours that each nowcast is asked for: it is followed for one, and what comes next is prepared."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Hours:
    """Hourly origins, oldest first, the last of them now.

    `targets` are the slots of REACH hours from each origin, shape (origins, slots); `known` is the first slot that was
    not seen at each, shape (origins,).
    """

    targets: Ints
    known: Ints


def hourly(peaks: Peaks, hours: Hours, days: int, pool: int) -> tuple[Floats, list[Floats]]:
    """Means at each level: from now (slots, levels), and for past days, newest first, (hours, slots, levels).

    Each from the errors of the `pool` days before it. Empty where less than a day was known: profiles need one.
    """
    able = hours.known >= peaks.per_day
    per_hour = hours.targets.shape[1] // REACH
    whole = (int(np.count_nonzero(able)) - 1) // HOURS
    if per_hour == 0 or whole < 1:
        return np.empty((0, 0)), []
    targets, known = hours.targets[-1 - whole * HOURS :], hours.known[-1 - whole * HOURS :]
    made = signs(peaks, int(targets.max()) + 1)
    roots = nowcast(made, targets, known, peaks.per_day)
    # Day by day, newest first; the day of now has only its first hour.
    past = roots[:-1].reshape(whole, HOURS, -1)[::-1]
    seen = made.seen[targets[:-1, :per_hour]].reshape(whole, -1)[::-1]
    errors = seen - past[:, :, :per_hour].reshape(whole, -1)
    slots = (np.arange(HOURS)[:, None] * per_hour + np.arange(targets.shape[1])) % peaks.per_day

    def spread(day: Floats, before: Floats, at: Ints) -> Floats:
        learnt = law(before[:pool])
        return spread_out(day, learnt.spread[at], learnt.shape)

    told = [spread(past[day], errors[day + 1 :], slots) for day in range(min(days, whole - 1))]
    return spread(roots[-1], errors, slots[0]), told
