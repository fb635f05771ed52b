"""From what was served to what was offered: requests that were turned away, and intervals in which capacity ran out.

A source that shows neither has its values taken for the offered load, and the history says so (`Offered.basis`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import numpy as np

from planner.columns import Columns, Mask, Numbers, read_numbers

SATURATED = 1.25
"""Times the served concurrency that a saturated interval is taken for. Its true demand is at least what was served and
nobody saw how much more, so the next plan asks for a quarter more: while that runs full too it grows again, and as
soon as it doesn't the demand is seen. The same time of other days can't say: where the peak is cut every day, so is
theirs."""
PINNED = 0.99
"""Share of the limit from which an interval is saturated: the mean of one that ran full stays a little below it."""
UNSEEN = "the source shows no throttling: served load is taken for offered"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Offered:
    """Offered concurrency of each record (NaN where unknown), and in words what it stands on."""

    values: Numbers
    basis: str


def read_offered(columns: Columns, *, mean_duration: timedelta | None) -> Offered:
    """The offered concurrency of each record.

    `throttled` (requests a minute that were turned away) is added to the value by Little's law, L = lambda x W (Little
    1961, "A proof for the queuing formula L = lambda W"), as if each would have taken as long as those that were
    served: 120 a minute of 500 ms are 120 / 60 x 0.5 = 1 request in flight. How long is the record's `duration_ms`,
    else `mean_duration`, else the median of the column. A record whose value reaches its `limit` is saturated, and
    taken for `SATURATED` times its value, unless `throttled` says what was turned away.

    Raises HistoryError at the first cell that can't be read, and where requests were turned away and nothing says how
    long one takes.
    """
    values = read_numbers(columns)
    if columns.throttled is None and columns.limit is None:
        return Offered(values=values, basis=UNSEEN)
    away = read_numbers(columns, "throttled")
    limit = read_numbers(columns, "limit")
    saturated = np.isnan(away) & (values > 0) & (values >= PINNED * limit)
    turned = np.isfinite(values) & (away > 0)
    back = np.zeros_like(values)
    if turned.any():
        back[turned] = away[turned] / 60 * _seconds(columns, turned, mean_duration)[turned]
    offered = np.where(saturated, SATURATED * values, values + back)
    return Offered(values=offered, basis=_basis(columns, back[turned], int(saturated.sum())))


def _seconds(columns: Columns, turned: Mask, mean_duration: timedelta | None) -> Numbers:
    """How long a request took, record by record; a source writes 0, or nothing, where none was finished."""
    seconds = read_numbers(columns, "duration_ms") / 1000
    known = seconds > 0
    if mean_duration is not None:
        usual = mean_duration.total_seconds()
    elif known.any():
        usual = float(np.median(seconds[known]))
    else:
        raise columns.refuse(
            int(turned.argmax()),
            "requests were turned away, and nothing says how long one takes",
            "Add the column `duration_ms` (milliseconds), or set history.mean_duration_ms.",
        )
    return np.where(known, seconds, usual)


def _basis(columns: Columns, back: Numbers, saturated: int) -> str:
    shown = [name for name in ("throttled", "limit") if getattr(columns, name) is not None]
    source = f"by its column{'s' if len(shown) > 1 else ''} {' and '.join(shown)} the source "
    said = []
    if back.size:
        added = f"added back {back.mean():.3g} requests in flight on average ({back.max():.3g} at most)"
        said.append(f"{added} where requests were turned away ({_intervals(back.size)})")
    if saturated:
        said.append(f"{_intervals(saturated)} saturated, taken for {SATURATED:g} times what was served")
    if not said:
        return source + "turned nothing away and never ran full: served load is offered load"
    return f"{source}served less than was offered: {'; '.join(said)}"


def _intervals(count: int) -> str:
    return f"{count} interval" if count == 1 else f"{count} intervals"
