"""The regular grid that timestamps lie on: its step, its phase, and which interval each record belongs to."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import numpy.typing as npt

from planner.columns import Columns, Integers
from planner.errors import HistoryError

SECOND = 1_000_000
"""Microseconds: the unit of every integer here."""
MOST_INTERVALS_PER_ROW = 100
"""A file that fills less than one interval in a hundred holds a wrong date rather than a gap."""

_USUAL_STEPS = np.array([1, 2, 5, 10, 15, 20, 30, 60, 120, 300, 600, 900, 1200, 1800, 3600, 7200, 10800, 14400, 21600])
_LONGEST_STEP = 86_400 * SECOND


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Grid:
    """Interval `n` starts `phase + n * step` microseconds after 1970.

    `slots[i]` is the interval of record i, the one whose start is nearest; `moved` are the positions of records whose
    timestamp isn't that start. `partial_last`: the last timestamp lies inside an interval, as when an exporter adds
    the running interval at the moment of the export.
    """

    step: timedelta
    phase: int
    slots: Integers
    moved: Integers
    partial_last: bool


def infer_grid(columns: Columns, stamps: Integers) -> Grid:
    """The grid of ascending `stamps` (microseconds since 1970; `columns` only names rows in errors).

    Raises HistoryError if no step explains at least half of the gaps.
    """
    gaps = np.diff(stamps)
    if not (gaps > 0).any():
        what = f"{columns.source}: {len(stamps)} row(s) of one timestamp, so the step can't be inferred"
        raise HistoryError(what, remedy="Give at least two intervals.")
    step = _step(columns, gaps)
    phase = _phase(stamps, step)
    slots = (stamps - phase + step // 2) // step
    if slots[-1] - slots[0] >= MOST_INTERVALS_PER_ROW * len(slots):
        widest = int(gaps.argmax())
        what = f"the timestamp lies {_span(gaps[widest])} after the one before it, while the step is {_span(step)}"
        raise columns.refuse(widest + 1, what, "Check this date, or leave out what is so far away from the rest.")
    away = np.abs(stamps - (slots * step + phase))
    partial_last = bool(away[-1] > step // 4)
    whole = away[:-1] if partial_last else away
    return Grid(
        step=timedelta(microseconds=step),
        phase=phase,
        slots=slots,
        moved=np.flatnonzero(whole),
        partial_last=partial_last,
    )


def _step(columns: Columns, gaps: Integers) -> int:
    """The most common gap if most gaps are that long; else, for a clock that jitters, the usual step near the median.

    Either must be within a quarter of at least half of the gaps.
    """
    positive = gaps[gaps > 0]
    lengths, counts = np.unique(positive, return_counts=True)
    step = int(lengths[counts.argmax()])
    if counts.max() * 2 < len(positive):
        usual = _USUAL_STEPS * SECOND
        step = int(usual[np.abs(np.log(usual / np.median(positive))).argmin()])
    far = np.abs(gaps - step) > step // 4
    if SECOND <= step <= _LONGEST_STEP and (far & (gaps > 0)).sum() * 2 <= len(positive):
        return step
    common = np.argsort(-counts, kind="stable")[:2]
    named = " and ".join(f"{_span(lengths[i])} ({counts[i]} times)" for i in common)
    what = f"the step can't be inferred, first here; the most common gaps between rows are {named}"
    remedy = "Export the series at one fixed step between one second and one day."
    raise columns.refuse(int((far & (gaps > 0)).argmax()) + 1, what, remedy)


def _phase(stamps: Integers, step: int) -> int:
    """Where in a step the intervals start: the most common remainder, or of a jittering clock the rounded mean."""
    remainders, counts = np.unique(stamps % step, return_counts=True)
    if counts.max() * 2 >= len(stamps):
        return int(remainders[counts.argmax()])
    # Remainders live on a circle: just before a full step is near zero, so angles are averaged, not numbers.
    turn: npt.NDArray[np.complex128] = np.exp(2j * np.pi * (stamps % step) / step)
    twelfths = round(float(np.angle(turn.mean())) / (2 * np.pi) * 12)
    return twelfths % 12 * step // 12


def _span(microseconds: int | np.int64) -> str:
    return str(timedelta(microseconds=int(microseconds)))
