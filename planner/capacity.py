"""Demand to capacity schedule: the cheapest steps that FC's limits allow.

An instance has to be asked for `lead` before it is needed, at most `growth` instances a minute can be had, a document
holds a limited number of steps and a step should last a while (`dwell`). The levels are those of least expected cost,
instance-minutes and cold concurrency together, by dynamic programming over the slots (`stairs`: exact). What is left
after asking ahead is cut into steps, again by dynamic programming, that nowhere ask for less.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from numpy.typing import NDArray

from planner.base import MINUTE, minutes_between
from planner.stairs import StairRules, cheapest, cheapest_for_each

if TYPE_CHECKING:
    from planner.demand import Demand

Slots = TypeVar("Slots", NDArray[np.int64], NDArray[np.float64])
IMPOSSIBLE = 1e18
"""Instance-minutes of a schedule that breaks a limit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepRules:
    """Limits on the steps. `lead` spans from asking FC to the first warm request, FC's evaluation lag included.

    `hold`: so long ahead nothing is lowered below what the same time before needed.
    """

    lead: timedelta
    dwell: timedelta
    growth_per_minute: int
    max_steps: int
    hold: timedelta = timedelta(0)

    def __post_init__(self) -> None:
        if self.max_steps < 1 or self.growth_per_minute < 1 or min(self.lead, self.dwell, self.hold) < timedelta(0):
            raise ValueError(f"impossible limits {self}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """From `at` on (UTC, whole minute), `instances` are wanted."""

    at: datetime
    instances: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CapacitySchedule:
    """Steps in order of time, the first of them in effect at `start`; the last holds until `end`."""

    start: datetime
    end: datetime
    steps: tuple[Step, ...]

    def per_minute(self) -> NDArray[np.int64]:
        """Instances wanted in each minute of [start, end); shape (minutes,)."""
        at = [max(minutes_between(self.start, step.at), 0) for step in self.steps]
        lengths = np.diff([*at, minutes_between(self.start, self.end)])
        return np.repeat([step.instances for step in self.steps], lengths)


@dataclass(frozen=True, slots=True, kw_only=True)
class DayPattern:
    """From each local minute of a day of this class on, so many instances: (minute of day, instances)."""

    name: str
    weekdays: str
    """Cron's day-of-week field, in names."""
    steps: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Need:
    """Instances needed in each slot from `start`; shape (slots,)."""

    start: datetime
    slot: timedelta
    instances: NDArray[np.int64]


def required(need: NDArray[np.int64], rules: StepRules) -> NDArray[np.int64]:
    """What must have been asked for in each minute so that `need` (instances a minute) is met; same shape.

    The need of the next `lead` minutes counts already now, and more than `growth_per_minute` a minute is asked for
    earlier still. Works on the last axis.
    """
    lead = -(-rules.lead // MINUTE)
    asked = need.copy()
    for ahead in range(1, lead + 1):
        asked[..., :-ahead] = np.maximum(asked[..., :-ahead], need[..., ahead:])
    if np.diff(asked, axis=-1).max(initial=0) > rules.growth_per_minute:
        ramp = rules.growth_per_minute * np.arange(asked.shape[-1])
        # asked[t] >= asked[u] - growth * (u - t) for every later u.
        asked = np.maximum.accumulate((asked - ramp)[..., ::-1], axis=-1)[..., ::-1] + ramp
    return asked


def levels(demand: Demand, rules: StepRules) -> Need:
    """Instances in each slot of the cheapest stairs.

    The cost of a slot is its instance-minutes and, at the demand's price, what is expected to be cold in it; a rise
    is paid from `lead` minutes earlier.
    """
    places = cheapest(demand.cold, demand.sizes, demand.price, _stairs(demand, rules), rules.max_steps)
    return Need(start=demand.start, slot=demand.slot, instances=demand.sizes[places])


def kept_up(need: Need, observed: int, until: datetime) -> Need:
    """The need with at least `observed` instances in the slots that begin before `until`."""
    slots = max(-(-(until - need.start) // need.slot), 0)
    instances = need.instances.copy()
    np.maximum(instances[:slots], observed, out=instances[:slots])
    return replace(need, instances=instances)


def levels_for_each(demand: Demand, worths: Sequence[float], rules: StepRules) -> NDArray[np.int64]:
    """The same for each of `worths` in place of the demand's own, whatever number of steps; shape (worths, slots)."""
    prices = 1 / (np.array(worths) * demand.instance_concurrency)
    return demand.sizes[cheapest_for_each(demand.cold, demand.sizes, prices, _stairs(demand, rules))]


def _stairs(demand: Demand, rules: StepRules) -> StairRules:
    return StairRules(
        minutes=demand.slot / MINUTE, rise=float(-(-rules.lead // MINUTE)), dwell=max(-(-rules.dwell // demand.slot), 1)
    )


def per_minute(need: Need, start: datetime, minutes: int) -> NDArray[np.int64]:
    """What is needed in each minute from `start`; shape (minutes,)."""
    return by_minute(need.instances, need.start, need.slot, start, minutes)


def by_minute(slots: Slots, begin: datetime, slot: timedelta, start: datetime, minutes: int) -> Slots:
    """Values by slot from `begin` on as values by minute from `start` on; works on the last axis.

    The first slot reaches back before `begin`, and the last one holds on.
    """
    at = (np.arange(minutes) + minutes_between(begin, start)) // int(slot / MINUTE)
    return slots[..., np.clip(at, 0, slots.shape[-1] - 1)]


def until_met(need: Need, start: datetime, end: datetime, rules: StepRules) -> NDArray[np.int64]:
    """What is needed in each minute from `start` to a lead after `end`: that has to be asked for before the end."""
    return per_minute(need, start, minutes_between(start, end) + -(-rules.lead // MINUTE))


def schedule(need: Need, *, start: datetime, end: datetime, rules: StepRules) -> CapacitySchedule:
    """The cheapest schedule for [start, end) that never asks for less than the need requires."""
    asked = required(until_met(need, start, end, rules), rules)[: minutes_between(start, end)]
    cuts = cheapest_cuts(asked, rules)
    heights = np.maximum.reduceat(asked, cuts)
    steps = []
    for number, (cut, height) in enumerate(zip(cuts, heights, strict=True)):
        before = None if number == 0 else int(heights[number - 1])
        steps.append(
            Step(at=start + int(cut) * MINUTE, instances=int(height), reason=_reason(before, int(height), rules))
        )
    return CapacitySchedule(start=start, end=end, steps=tuple(steps))


def cheapest_cuts(asked: NDArray[np.int64], rules: StepRules) -> NDArray[np.int64]:
    """First minutes of the segments of the cheapest step function on or above `asked`; shape (steps,), begins with 0.

    Segments begin where `asked` changes, last at least `dwell` (the first may be shorter: it began in the past, and
    so may the last: it is cut by the horizon) and number at most `max_steps`. Equal cost: fewer steps.
    """
    edges = np.concatenate(([0], np.flatnonzero(np.diff(asked)) + 1, [len(asked)]))
    runs = len(edges) - 1
    cost = _segment_costs(asked, edges, -(-rules.dwell // MINUTE))
    best = np.full(runs + 1, IMPOSSIBLE)
    best[0] = 0.0
    choices = []
    totals = []
    for _ in range(min(rules.max_steps, runs)):
        reached = best[:, None] + cost
        choices.append(reached.argmin(axis=0))
        best = reached.min(axis=0)
        totals.append(best[runs])
    count = int(np.argmin(totals)) + 1
    cuts: list[int] = []
    end = runs
    for chosen in reversed(choices[:count]):
        end = int(chosen[end])
        cuts.append(int(edges[end]))
    return np.array(cuts[::-1], dtype=np.int64)


def _segment_costs(asked: NDArray[np.int64], edges: NDArray[np.int64], dwell: int) -> NDArray[np.float64]:
    """Instance-minutes of one segment from edge i to edge j; IMPOSSIBLE where it is empty or too short."""
    runs = len(edges) - 1
    values = asked[edges[:-1]]
    cost = np.full((runs + 1, runs + 1), IMPOSSIBLE)
    for first in range(runs):
        lengths = edges[first + 1 :] - edges[first]
        whole = np.maximum.accumulate(values[first:]) * lengths
        short = lengths < dwell
        if first == 0:
            short[:] = False
        short[-1] = False
        cost[first, first + 1 :] = np.where(short, IMPOSSIBLE, whole)
    return cost


def _reason(before: int | None, level: int, rules: StepRules) -> str:
    if before is None:
        return f"in effect now: {level} needed"
    if level > before:
        return f"{level - before} more, asked {rules.lead // MINUTE} min ahead: {level} needed"
    return f"{before - level} fewer: {level} needed"
