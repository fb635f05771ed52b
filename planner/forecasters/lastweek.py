"""The safe naive: the same slot a week ago, or on the latest day that is known."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from planner.forecasters.base import Centre, Grid, Outlook


class LastWeek:
    """The same slot a week ago; until a week is known, yesterday."""

    name = "lastweek"

    def excuse(self, days: float) -> str:
        """From two days on."""
        return "" if days >= 2 else f"needs 2 days, has {days:.1f}"

    def centres(self, grid: Grid, outlooks: Sequence[Outlook]) -> list[Centre]:
        """One centre an outlook."""
        return [_centre(grid, o) for o in outlooks]


def _centre(grid: Grid, outlook: Outlook) -> Centre:
    roots = np.full(outlook.targets.size, np.nan)
    for lag in (7, 14, 21, 28, 1, 2, 3, 4, 5, 6, 8, 9, 10, 11, 12, 13):
        at = outlook.targets - lag * grid.per_day
        usable = (at >= 0) & (at < outlook.known) & np.isnan(roots)
        roots[usable] = grid.roots[at[usable]]
    past = grid.roots[: outlook.known]
    rest = float(np.nanmean(past)) if np.isfinite(past).any() else 0.0
    roots = np.where(np.isnan(roots), rest, roots)
    return Centre(roots=roots, width=np.ones_like(roots))
