"""The safe naive: the same slot a week ago, or on the latest day that is known."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from planner.forecasters.base import Centre, Outlook, Tide

LAGS = (*((days, True) for days in range(1, 29)), *((days, False) for days in range(1, 21)))
"""Days back, in the order in which they are tried, and whether they must have the weekday of the day wanted."""


class LastWeek:
    """The same slot a week ago; until a week is known, the latest day."""

    name = "lastweek"
    needs_days = 2.0

    def centres(self, tide: Tide, outlooks: Sequence[Outlook]) -> list[Centre]:
        """One centre an outlook."""
        return [_centre(tide, o) for o in outlooks]


def _centre(tide: Tide, outlook: Outlook) -> Centre:
    roots = np.full(outlook.targets.size, np.nan)
    weekday = tide.weekday(outlook.targets)
    for days, alike in LAGS:
        at = outlook.targets - days * tide.per_day
        held = (at < outlook.known) & ((tide.weekday(at) == weekday) | (not alike))
        roots = np.where(np.isnan(roots), np.sqrt(tide.at(np.where(held, at, -1))), roots)
    past = np.sqrt(tide.values[: outlook.known])
    rest = float(np.nanmean(past)) if np.isfinite(past).any() else 0.0
    roots = np.where(np.isnan(roots), rest, roots)
    return Centre(roots=roots, width=np.ones_like(roots))
