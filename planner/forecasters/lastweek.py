"""The safe naive: the same slot a week ago, or on the latest day that is known."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from planner.forecasters.base import Centre, Outlook, Peaks

LAGS = (7, 14, 21, 28, *(days for days in range(1, 21) if days % 7))
"""Days back, in the order in which they are tried."""


class LastWeek:
    """The same slot a week ago; until a week is known, the latest day."""

    name = "lastweek"
    needs_days = 2.0

    def centres(self, peaks: Peaks, outlooks: Sequence[Outlook]) -> list[Centre]:
        """One centre an outlook."""
        return [_centre(peaks, o) for o in outlooks]


def _centre(peaks: Peaks, outlook: Outlook) -> Centre:
    roots = np.full(outlook.targets.size, np.nan)
    for days in LAGS:
        at = outlook.targets - days * peaks.per_day
        roots = np.where(np.isnan(roots), np.sqrt(peaks.at(np.where(at < outlook.known, at, -1))), roots)
    past = np.sqrt(peaks.values[: outlook.known])
    rest = float(np.nanmean(past)) if np.isfinite(past).any() else 0.0
    roots = np.where(np.isnan(roots), rest, roots)
    return Centre(roots=roots, width=np.ones_like(roots))
