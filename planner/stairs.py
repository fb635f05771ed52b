"""The cheapest stairs: exact dynamic programming over what each number of instances costs in each slot, compiled.

A slot at n instances costs n for each of its minutes, and what is cold then at a price. A stair holds `dwell` slots at
least (the first may have begun before, the last is cut by the end), and going up costs `rise` minutes of every
instance more: it is asked for, and paid, before it is needed.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from planner.compiled import kept

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
STAY = -1


class StairRules(NamedTuple):
    """`minutes` of a slot, minutes that a `rise` is paid ahead, and slots that a stair holds at least (one or more)."""

    minutes: float
    rise: float
    dwell: int


def cheapest(cold: Floats, sizes: Ints, price: Floats, rules: StairRules, most: int) -> Ints:
    """Place in `sizes` of the cheapest stairs, at most `most` of them; shape (slots,).

    `cold` is what each size leaves cold in each slot, shape (slots, sizes); `sizes` rise; `price` of cold, (slots,).
    """
    free = _stairs(cold, sizes, price, rules, 0)
    if 1 + np.count_nonzero(np.diff(free)) <= most:
        return free
    return np.asarray(_stairs(cold, sizes, price, rules, most))


@kept
def cheapest_for_each(
    cold: Floats, sizes: Ints, prices: Floats, rules: StairRules
) -> Ints:  # pragma: no cover  # compiled
    """The same for each of `prices`, the same in every slot, however many stairs; shape (prices, slots)."""
    found = np.empty((len(prices), len(cold)), dtype=np.int64)
    for number in range(len(prices)):
        found[number] = _stairs(cold, sizes, np.full(len(cold), prices[number]), rules, 0)
    return found


@kept
def _stairs(
    cold: Floats, sizes: Ints, price: Floats, rules: StairRules, most: int
) -> Ints:  # pragma: no cover  # compiled
    """`held[s, k, n]`: least cost of the slots before s, on the k-th stair at size n, which may be left at s.

    Without a limit (`most` 0), k stays 0. `origin` is the size of the stair before, or STAY, and `length` says how
    many slots back it was left.
    """
    slots, width = cold.shape
    counts = min(most, slots) if most else 1
    cost = rules.minutes * (sizes + np.expand_dims(price, 1) * cold)
    sums = np.zeros((slots + 1, width))
    for slot in range(slots):
        sums[slot + 1] = sums[slot] + cost[slot]
    held = np.full((slots + 1, counts, width), np.inf)
    held[0, 0, :] = 0.0
    origin = np.full((slots + 1, counts, width), STAY, dtype=np.int32)
    length = np.ones((slots + 1, counts, width), dtype=np.int32)
    for slot in range(slots):
        for count in range(counts):
            for size in range(width):
                through = held[slot, count, size] + cost[slot, size]
                if through < held[slot + 1, count, size]:
                    held[slot + 1, count, size] = through
                    origin[slot + 1, count, size] = STAY
                    length[slot + 1, count, size] = 1
        if slot:
            _turn(held, origin, length, sums, sizes, rules, slot, most > 0)
    return _walk_back(held, origin, length, most > 0)


@kept
def _turn(  # noqa: PLR0917  # compiled code takes no keywords
    held: Floats,
    origin: NDArray[np.int32],
    length: NDArray[np.int32],
    sums: Floats,
    sizes: Ints,
    rules: StairRules,
    slot: int,
    counted: bool,
) -> None:  # pragma: no cover  # compiled
    """Begin stairs at `slot`: they are held for `dwell` slots, or to the end."""
    counts, width = held.shape[1], held.shape[2]
    entry, came = np.zeros(width), np.zeros(width, dtype=np.int32)
    end = min(slot + rules.dwell, held.shape[0] - 1)
    for count in range(counts - 1 if counted else counts):
        onto = count + 1 if counted else count
        _enter(held[slot, count], sizes, rules.rise, entry, came)
        for size in range(width):
            total = entry[size] + sums[end, size] - sums[slot, size]
            if came[size] != size and total < held[end, onto, size]:
                held[end, onto, size] = total
                origin[end, onto, size] = came[size]
                length[end, onto, size] = end - slot


@kept
def _enter(
    before: Floats, sizes: Ints, rise: float, entry: Floats, came: NDArray[np.int32]
) -> None:  # pragma: no cover  # compiled
    """Least cost of beginning a stair at each size, and the size before it."""
    width = len(sizes)
    best = width - 1
    for size in range(width - 1, -1, -1):  # from above, for nothing
        if before[size] <= before[best]:
            best = size
        entry[size] = before[best]
        came[size] = best
    best = 0
    for size in range(width):  # from below, at `rise` an instance
        if before[size] - rise * sizes[size] < before[best] - rise * sizes[best]:
            best = size
        from_below = before[best] + rise * (sizes[size] - sizes[best])
        if from_below < entry[size]:
            entry[size] = from_below
            came[size] = best


@kept
def _walk_back(
    held: Floats, origin: NDArray[np.int32], length: NDArray[np.int32], counted: bool
) -> Ints:  # pragma: no cover  # compiled
    slot, counts, width = held.shape[0] - 1, held.shape[1], held.shape[2]
    places = np.zeros(slot, dtype=np.int64)
    count, size = 0, 0
    for k in range(counts):
        for n in range(width):
            if held[slot, k, n] < held[slot, count, size]:
                count, size = k, n
    while slot > 0:
        came, back = origin[slot, count, size], length[slot, count, size]
        places[slot - back : slot] = size
        slot -= back
        if came != STAY:
            size = came
            if counted:
                count -= 1
    return places
