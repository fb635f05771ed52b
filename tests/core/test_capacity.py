"""Demand to steps: exact within the limits, never too low, and never less for more load."""

from __future__ import annotations

from datetime import timedelta
from itertools import combinations, pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from planner.base import MINUTE
from planner.capacity import Need, StepRules, cheapest_cuts, per_minute, required, schedule
from tests.builders import NOON, a_schedule

Figures = list[int]
figures = st.lists(st.integers(0, 6), min_size=1, max_size=9)


def limits(lead: int = 0, dwell: int = 0, growth: int = 1000, steps: int = 100) -> StepRules:
    """Lead and dwell in minutes."""
    return StepRules(lead=lead * MINUTE, dwell=dwell * MINUTE, growth_per_minute=growth, max_steps=steps)


def a_need(values: Figures, slot: int = 15) -> Need:
    return Need(start=NOON, slot=slot * MINUTE, instances=np.array(values, dtype=np.int64))


def cost_of(asked: Figures, cuts: tuple[int, ...]) -> int:
    """Instance-minutes of the step function with segments from these cuts on."""
    ends = (*cuts[1:], len(asked))
    return sum(max(asked[first:end]) * (end - first) for first, end in zip(cuts, ends, strict=True))


def brute_force(asked: Figures, dwell: int, steps: int) -> tuple[int, int]:
    """Fewest instance-minutes, and fewest steps among those, over every subset of the changes of the need."""
    edges = [minute for minute in range(1, len(asked)) if asked[minute] != asked[minute - 1]]
    found = []
    for count in range(min(steps, len(edges) + 1)):
        for chosen in combinations(edges, count):
            cuts = (0, *chosen)
            inner = [end - first for first, end in pairwise(cuts[1:])]
            if all(length >= dwell for length in inner):
                found.append((cost_of(asked, cuts), len(cuts)))
    return min(found)


@given(runs=st.lists(st.tuples(st.integers(0, 6), st.integers(1, 4)), min_size=1, max_size=8), data=st.data())
@settings(max_examples=300)
def test_the_cuts_are_as_cheap_as_the_best_of_all_subsets_and_no_more_than_it_takes(
    runs: list[tuple[int, int]], data: st.DataObject
) -> None:
    asked = [value for value, length in runs for _ in range(length)]
    dwell, steps = data.draw(st.integers(0, 6)), data.draw(st.integers(1, 8))
    cuts = tuple(int(cut) for cut in cheapest_cuts(np.array(asked), limits(dwell=dwell, steps=steps)))
    assert (cost_of(asked, cuts), len(cuts)) == brute_force(asked, dwell, steps)
    assert cuts[0] == 0
    assert len(cuts) <= steps
    assert all(end - first >= dwell for first, end in pairwise(cuts[1:]))


def literally_required(need: Figures, lead: int, growth: int) -> Figures:
    """Asked by minute t: what is needed until `lead` minutes later, or asked later less what grows until then."""
    asked = [max(need[minute : minute + lead + 1]) for minute in range(len(need))]
    for minute in reversed(range(len(need) - 1)):
        asked[minute] = max(asked[minute], asked[minute + 1] - growth)
    return asked


@given(need=st.lists(st.integers(0, 40), min_size=1, max_size=40), lead=st.integers(0, 7), growth=st.integers(1, 12))
@settings(max_examples=300)
def test_required_asks_ahead_by_the_lead_and_earlier_where_growth_is_limited(
    need: Figures, lead: int, growth: int
) -> None:
    values = np.array(need, dtype=np.int64)
    assert required(values, limits(lead, growth=growth)).tolist() == literally_required(need, lead, growth)
    assert values.tolist() == need


def test_required_works_on_many_cases_at_once() -> None:
    many = np.array([[1, 1, 9, 1], [5, 0, 0, 0]])
    assert required(many, limits(lead=1, growth=3)).tolist() == [[6, 9, 9, 1], [5, 0, 0, 0]]


def test_a_lead_that_is_no_whole_minute_counts_as_the_next_whole_one() -> None:
    rules = StepRules(lead=timedelta(seconds=61), dwell=timedelta(0), growth_per_minute=99, max_steps=9)
    assert required(np.array([0, 0, 0, 4]), rules).tolist() == [0, 4, 4, 4]


@given(
    values=st.lists(st.integers(0, 30), min_size=1, max_size=12),
    lead=st.integers(0, 30),
    dwell=st.integers(0, 40),
    growth=st.integers(1, 30),
    steps=st.integers(1, 6),
    offset=st.integers(0, 14),
)
@settings(max_examples=150)
def test_a_schedule_never_asks_for_less_than_is_required_and_keeps_its_limits(
    values: Figures, lead: int, dwell: int, growth: int, steps: int, offset: int
) -> None:
    rules = limits(lead, dwell, growth, steps)
    start, end = NOON + offset * MINUTE, NOON + 180 * MINUTE
    wanted = a_need(values)
    made = schedule(wanted, start=start, end=end, rules=rules)
    minutes = 180 - offset
    beyond = required(per_minute(wanted, start, minutes + lead), rules)[:minutes]
    assert (made.per_minute() >= beyond).all()
    assert made.per_minute().max() <= max(values)
    assert made.per_minute().min() >= min(values)
    assert len(made.per_minute()) == minutes
    assert 1 <= len(made.steps) <= steps
    assert made.steps[0].at == start
    at = [step.at for step in made.steps]
    assert all(after - before >= rules.dwell for before, after in pairwise(at[1:]))
    assert all(a.instances != b.instances for a, b in pairwise(made.steps))


@given(values=figures, more=st.lists(st.integers(0, 4), min_size=9, max_size=9), lead=st.integers(0, 20))
@settings(max_examples=150)
def test_more_load_never_gives_fewer_instances_in_any_minute(values: Figures, more: Figures, lead: int) -> None:
    """Where neither the number of steps nor the dwell binds."""
    greater = [value + extra for value, extra in zip(values, more, strict=False)]
    rules = limits(lead, growth=2)
    end = NOON + 15 * len(values) * MINUTE
    less, most = (schedule(a_need(v), start=NOON, end=end, rules=rules).per_minute() for v in (values, greater))
    assert (most >= less).all()


@given(
    values=figures,
    more=st.lists(st.integers(0, 4), min_size=9, max_size=9),
    steps=st.integers(1, 4),
    lead=st.integers(0, 20),
)
@settings(max_examples=150)
def test_with_few_steps_more_load_never_gives_fewer_instance_minutes_nor_less_than_the_smaller_load_requires(
    values: Figures, more: Figures, steps: int, lead: int
) -> None:
    greater = [value + extra for value, extra in zip(values, more, strict=False)]
    rules = limits(lead, steps=steps)
    end = NOON + 15 * len(values) * MINUTE
    less, most = (schedule(a_need(v), start=NOON, end=end, rules=rules).per_minute() for v in (values, greater))
    assert most.sum() >= less.sum()
    assert most.max() >= less.max()
    assert (most >= required(per_minute(a_need(values), NOON, len(less)), rules)).all()


def test_with_few_steps_more_load_may_move_a_step_and_give_a_minute_fewer_instances() -> None:
    """Why the property above is said of the sum: two steps for 4-3-1 are 4-4-1, for 6-3-1 they are 6-3-3."""
    rules = limits(steps=2)
    end = NOON + 45 * MINUTE
    less = schedule(a_need([4, 3, 1]), start=NOON, end=end, rules=rules).per_minute()
    most = schedule(a_need([6, 3, 1]), start=NOON, end=end, rules=rules).per_minute()
    assert (less[20], most[20]) == (4, 3)
    assert most.sum() > less.sum()


def test_what_is_needed_right_after_the_horizon_is_asked_for_before_it() -> None:
    made = schedule(a_need([1, 1, 8]), start=NOON, end=NOON + 30 * MINUTE, rules=limits(lead=5))
    assert [(step.at, step.instances) for step in made.steps] == [(NOON, 1), (NOON + 25 * MINUTE, 8)]


def test_the_reasons_say_how_many_why_and_how_far_ahead() -> None:
    made = schedule(a_need([2, 6, 3]), start=NOON, end=NOON + 45 * MINUTE, rules=limits(lead=3))
    assert [step.reason for step in made.steps] == [
        "in effect now: 2 needed",
        "4 more, asked 3 min ahead: 6 needed",
        "3 fewer: 3 needed",
    ]


def test_the_last_slot_of_a_demand_holds_on_and_its_first_reaches_back() -> None:
    assert per_minute(a_need([1, 2], slot=2), NOON - MINUTE, 7).tolist() == [1, 1, 1, 2, 2, 2, 2]


def test_a_step_that_began_before_the_schedule_counts_from_its_start() -> None:
    values: NDArray[np.int64] = a_schedule(2, 5, each=10 * MINUTE).per_minute()
    assert values.tolist() == [2] * 10 + [5] * 10


@pytest.mark.parametrize(
    "limit",
    [{"lead": -1}, {"dwell": -1}, {"growth": 0}, {"steps": 0}],
    ids=["lead", "dwell", "growth", "steps"],
)
def test_impossible_limits_are_refused(limit: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="impossible limits"):
        limits(**limit)
