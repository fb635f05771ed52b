"""The loop over the minutes of a replay, compiled; `replay` holds its types and says what they mean.

Everything here is scalar code in the order in which Function Compute acts, one case after the other: the trackers
look at the last minute, the target follows, surplus is destroyed, missing instances are asked for, what is due
becomes warm, and the minute's load is served. Compiling (and why it is exact): ADR 0012.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache, partial
from typing import NamedTuple

import numpy as np
from numba import njit, typeof, types
from numpy.typing import NDArray

from planner.reading import NONE, Minutes

Floats = NDArray[np.float64]
EPSILON = 1e-9
NO_PUT = -1
WINDOW, ABOVE, BELOW = 0, 1, 2
"""Places in the counters of a tracker: the window it counts in, full minutes above its target, and below."""


class Rules(NamedTuple):
    """What holds for every case. `lag` is the evaluation lag in minutes, or NO_PUT."""

    default: int
    instance_concurrency: int
    lead: int
    hold: int
    lag: int
    scale_in: float


class Given(NamedTuple):
    """What is only read. `schedule` and `load`: (cases, minutes); of the trackers: (trackers, cases, minutes)."""

    schedule: Minutes
    load: Floats
    target: Floats
    floor: Minutes
    ceiling: Minutes
    window: Minutes


class Living(NamedTuple):
    """What goes on from minute to minute, changed in place.

    `warm` and `metric` (the last minute's utilisation, NaN where nothing was measured) have shape (cases,). `coming`
    has shape (cases, slots): instances that become warm in 0, 1, .. minutes. `counters` has shape (trackers, cases, 3).
    """

    warm: Minutes
    coming: Minutes
    metric: Floats
    counters: Minutes


class Found(NamedTuple):
    """Sums over the minutes, shape (cases,), `busy` of concurrency; `target`: (cases, minutes), or (cases, 0)."""

    cold: Floats
    provisioned: Floats
    busy: Floats
    changes: Minutes
    cold_minutes: Minutes
    target: Minutes


_inner = njit(error_model="numpy")


@_inner
def _tracked(
    place: tuple[int, int, int], seen: tuple[int, int, float], given: Given, counters: Minutes, rules: Rules
) -> int:
    """What the tracker asks for at `place` (tracker, case, minute); `seen`: instances, warm ones, their metric."""
    number, case, minute = place
    there, warm, metric = seen
    window = given.window[place]
    if window != counters[number, case, WINDOW]:
        counters[number, case, WINDOW] = window
        counters[number, case, ABOVE] = counters[number, case, BELOW] = 0
    if window == 0:
        return NONE
    known = there > 0 and not math.isnan(metric)
    ratio = metric / given.target[place] if known else 1.0
    above = counters[number, case, ABOVE] + 1 if ratio > 1 else 0
    below = counters[number, case, BELOW] + 1 if ratio < 1 else 0
    counters[number, case, ABOVE], counters[number, case, BELOW] = above, below
    wanted = there
    if minute == 0 and rules.lag != NO_PUT:
        wanted = there  # between a put and the next whole minute nothing has been measured yet
    elif above >= rules.hold:
        wanted = max(there, math.ceil(warm * ratio - EPSILON))
    elif below >= 5 * rules.hold:
        wanted = there - math.floor(there * rules.scale_in * (1 - ratio) + EPSILON)
    return int(min(max(wanted, given.floor[place]), given.ceiling[place]))


@_inner
def _aim(target: int, there: int, warm: int, coming: Minutes, lead: int) -> int:
    """Ask for what is missing, or drop what is too much, the newest first; what is still warm."""
    if target >= there:
        coming[lead] += target - there
        return warm
    surplus = there - target
    for slot in range(len(coming) - 1, -1, -1):
        gone = min(surplus, coming[slot])
        coming[slot] -= gone
        surplus -= gone
    return warm - surplus


@_inner
def _due(coming: Minutes) -> int:
    """How many become warm in this minute; the others come a minute nearer."""
    due = coming[0]
    coming[:-1] = coming[1:]
    coming[-1] = 0
    return int(due)


@_inner
def _case(case: int, given: Given, rules: Rules, living: Living, found: Found) -> None:
    coming, warm, metric = living.coming[case], living.warm[case], living.metric[case]
    there = warm + coming.sum()
    for minute in range(given.load.shape[1]):
        before = there
        if minute == 0 and rules.lag != NO_PUT:
            warm = _aim(rules.default, there, warm, coming, rules.lead)
            there = rules.default
        target = given.schedule[case, minute]
        for number in range(len(given.window)):
            asked = _tracked((number, case, minute), (there, warm, metric), given, living.counters, rules)
            target = max(target, asked)
        if target == NONE or minute < rules.lag:
            target = rules.default
        warm = _aim(target, there, warm, coming, rules.lead)
        there = target
        if warm < there:
            warm += _due(coming)
        offered, capacity = given.load[case, minute], warm * rules.instance_concurrency
        served = min(offered, float(capacity))
        metric = served / capacity if capacity > 0 else (1.0 if offered > 0 else 0.0)
        found.cold[case] += offered - served
        found.busy[case] += served
        found.provisioned[case] += there
        found.changes[case] += there != before
        found.cold_minutes[case] += offered - served > EPSILON
        if found.target.shape[1]:
            found.target[case, minute] = target
    living.warm[case], living.metric[case] = warm, metric


def _run(  # noqa: PLR0917  # each may be a view of its own, which a tuple of them may not
    schedule: Minutes, load: Floats, target: Floats, floor: Minutes, ceiling: Minutes, window: Minutes,
    rules: Rules, living: Living, found: Found,
) -> None:  # fmt: skip
    given = Given(schedule, load, target, floor, ceiling, window)
    for case in range(len(load)):
        _case(case, given, rules, living, found)


def run(given: Given, rules: Rules, living: Living, found: Found) -> None:
    """Replay every case: `living` goes on to the last minute, `found` is added to. Views of stride zero do."""
    _compiled()(*given, rules, living, found)


@cache
def _compiled() -> Callable[..., None]:
    """The loop, compiled once for arrays of any layout and kept in a folder of numba's choice.

    That is NUMBA_CACHE_DIR, else the package's own, else the user's cache; where none can be written, each process
    compiles anew, which takes some seconds.
    """
    compile_: Callable[..., Callable[[Callable[..., None]], Callable[..., None]]] = njit
    try:
        return compile_(_signature(), cache=True, error_model="numpy")(_run)
    except RuntimeError:  # numba found no folder
        return compile_(_signature(), error_model="numpy")(_run)


def _signature() -> object:
    """Of `_run`: what is only read may be a view, what is written is contiguous."""
    type_of: Callable[[object], types.Type] = typeof
    view: Callable[..., types.Type] = partial(types.Array, layout="A", readonly=True)
    real, whole = np.zeros(1), np.zeros((1, 1, 1), dtype=np.int64)
    return types.void(
        view(types.int64, 2), view(types.float64, 2),
        view(types.float64, 3), view(types.int64, 3), view(types.int64, 3), view(types.int64, 3),
        type_of(Rules(0, 0, 0, 0, 0, 0.0)),
        type_of(Living(whole[0, 0], whole[0], real, whole)),
        type_of(Found(real, real, real, whole[0, 0], whole[0, 0], whole[0])),
    )  # fmt: skip
