"""The loop over the minutes of a replay, compiled; `replay` holds its types and says what they mean.

Everything here is scalar code in the order in which Function Compute acts, one case after the other: the trackers
look at the last minute, the target follows, surplus is destroyed, missing instances are asked for, what is due
becomes warm, and the minute's load is served. Why it is compiled, and exact all the same: ADR 0012. Helpers take
numbers where they can: a tuple of arrays, or a slice, costs more in every minute than the arithmetic.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache, partial
from typing import NamedTuple

import numpy as np
from numba import njit, typeof, types
from numpy.typing import NDArray

from planner.compiled import kept
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
    has shape (cases, slots): instances that become warm in 0, 1, .. minutes. `on_demand` instances, shape (cases,),
    serve what is cold. `counters` has shape (trackers, cases, 3).
    """

    warm: Minutes
    coming: Minutes
    metric: Floats
    on_demand: Minutes
    counters: Minutes


class Found(NamedTuple):
    """Sums over the minutes, shape (cases,), `busy` of concurrency; `target`: (cases, minutes), or (cases, 0)."""

    cold: Floats
    provisioned: Floats
    busy: Floats
    starts: Minutes
    changes: Minutes
    cold_minutes: Minutes
    target: Minutes


_inner = njit(error_model="numpy")


class _Terms(NamedTuple):
    """A tracker in one minute of one case."""

    target: float
    floor: int
    ceiling: int
    window: int


class _Seen(NamedTuple):
    """What a tracker looks at: the instances, the warm ones of them, and their utilisation in the last minute."""

    there: int
    warm: int
    metric: float
    steps: bool
    """Whether a minute has been measured since the put; else a tracker holds what is there."""


@_inner
def _tracked(terms: _Terms, seen: _Seen, rules: Rules, counters: Minutes, place: tuple[int, int]) -> int:
    """What a tracker asks for, NONE outside its window; `place` (tracker, case) is where its minutes are counted."""
    known = terms.window != 0 and seen.there > 0 and not math.isnan(seen.metric)
    ratio = seen.metric / terms.target if known else 1.0
    number, case = place
    new = terms.window != counters[number, case, WINDOW]
    above = (0 if new else counters[number, case, ABOVE]) + 1 if ratio > 1 else 0
    below = (0 if new else counters[number, case, BELOW]) + 1 if ratio < 1 else 0
    counters[number, case, WINDOW] = terms.window
    counters[number, case, ABOVE], counters[number, case, BELOW] = above, below
    if terms.window == 0:
        return NONE
    return min(max(_wanted(seen, ratio, above, below, rules), terms.floor), terms.ceiling)


@_inner
def _wanted(seen: _Seen, ratio: float, above: int, below: int, rules: Rules) -> int:
    """Instances by the metric alone: `ratio` is the metric over its target, stood above or below for full minutes."""
    if not seen.steps:
        return seen.there
    if above >= rules.hold:
        return max(seen.there, math.ceil(seen.warm * ratio - EPSILON))
    if below >= 5 * rules.hold:
        return seen.there - math.floor(seen.there * rules.scale_in * (1 - ratio) + EPSILON)
    return seen.there


@_inner
def _aim(target: int, there: int, coming: Minutes, case: int, lead: int) -> int:
    """Ask for what is missing or drop what is too much, the newest first; how many warm ones go."""
    if target >= there:
        coming[case, lead] += target - there
        return 0
    surplus = there - target
    for slot in range(coming.shape[1] - 1, -1, -1):
        gone = min(surplus, coming[case, slot])
        coming[case, slot] -= gone
        surplus -= gone
    return surplus


@_inner
def _due(coming: Minutes, case: int) -> int:
    """How many become warm in this minute; the others come a minute nearer."""
    due = coming[case, 0]
    for slot in range(1, coming.shape[1]):
        coming[case, slot - 1] = coming[case, slot]
    coming[case, -1] = 0
    return int(due)


@_inner
def _served(offered: float, warm: int, there: int, rules: Rules) -> tuple[float, float]:
    """Concurrency served, and the utilisation: NaN without an instance, full while the first ones start."""
    capacity = warm * rules.instance_concurrency
    if there == 0:
        return 0.0, math.nan
    if capacity == 0:
        return 0.0, 1.0 if offered > 0 else 0.0
    served = min(offered, float(capacity))
    return served, served / capacity


def _run(  # noqa: PLR0917  # each may be a view of its own, which a tuple of them may not
    schedule: Minutes, load: Floats, goal: Floats, floor: Minutes, ceiling: Minutes, window: Minutes,
    rules: Rules, living: Living, found: Found,
) -> None:  # fmt: skip
    for case in range(len(load)):
        warm, metric, on_demand = living.warm[case], living.metric[case], living.on_demand[case]
        before = there = warm + living.coming[case].sum()
        steps = rules.lag != 0
        if rules.lag != NO_PUT:
            warm -= _aim(rules.default, there, living.coming, case, rules.lead)
            there = rules.default
        for minute in range(load.shape[1]):
            target = schedule[case, minute]
            seen = _Seen(there, warm, metric, steps)
            for number in range(len(window)):
                at = number, case, minute
                terms = _Terms(goal[at], floor[at], ceiling[at], window[at])
                target = max(target, _tracked(terms, seen, rules, living.counters, (number, case)))
            if target == NONE or minute < rules.lag:
                target = rules.default
            if target != there:
                warm -= _aim(target, there, living.coming, case, rules.lead)
            if warm < target:
                warm += _due(living.coming, case)
            served, metric = _served(load[case, minute], warm, target, rules)
            cold = load[case, minute] - served
            needed = 0
            if cold > 0:
                needed = math.ceil(cold / rules.instance_concurrency - EPSILON)
                found.cold[case] += cold
                found.cold_minutes[case] += cold > EPSILON
                found.starts[case] += max(needed - on_demand, 0)
            on_demand = needed
            found.busy[case] += served
            found.provisioned[case] += target
            found.changes[case] += target != before
            if found.target.shape[1]:
                found.target[case, minute] = target
            before = there = target
            steps = True
        living.warm[case], living.metric[case], living.on_demand[case] = warm, metric, on_demand


def run(given: Given, rules: Rules, living: Living, found: Found) -> None:
    """Replay every case: `living` goes on to the last minute, `found` is added to. Views of stride zero do."""
    _compiled()(*given, rules, living, found)


@cache
def _compiled() -> Callable[..., None]:
    """The loop, compiled once for arrays of any layout."""
    return kept(_run, _signature(), error_model="numpy")


def _signature() -> object:
    """Of `_run`: what is only read may be a view, what is written is contiguous."""
    type_of: Callable[[object], types.Type] = typeof
    view: Callable[..., types.Type] = partial(types.Array, layout="A", readonly=True)
    real, whole = np.zeros(1), np.zeros((1, 1, 1), dtype=np.int64)
    return types.void(
        view(types.int64, 2), view(types.float64, 2),
        view(types.float64, 3), view(types.int64, 3), view(types.int64, 3), view(types.int64, 3),
        type_of(Rules(0, 0, 0, 0, 0, 0.0)),
        type_of(Living(whole[0, 0], whole[0], real, whole[0, 0], whole)),
        type_of(Found(real, real, real, whole[0, 0], whole[0, 0], whole[0, 0], whole[0])),
    )  # fmt: skip
