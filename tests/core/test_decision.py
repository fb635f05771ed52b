"""One policy until the next renewal and one for the rest, and the guard over both."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from planner.base import MINUTE
from planner.capacity import CapacitySchedule, Step, StepRules
from planner.decision import Chosen, Policies, cautious, choose_policies, guarded, weighed
from planner.demand import Sizing, demand
from planner.forecast import LEVELS, Champion, Forecast
from planner.guard import NO_GUARD, Guard, GuardWindow
from planner.history import History
from planner.risk import Choice, Objective, Policy, RiskRules
from tests.builders import NOON
from tests.forecast.given import a_history, a_tide, asked

HOUR = timedelta(hours=1)
SIZING = Sizing(instance_concurrency=4, floor=0, ceiling=200)
RULES = RiskRules(
    sizing=SIZING,
    steps=StepRules(lead=3 * MINUTE, dwell=15 * MINUTE, growth_per_minute=100, max_steps=80),
    objective=Objective(cold_share=0.01, start_up=MINUTE),
)
BY_THE_HOUR = Guard(deviations=0.0)


def a_choice(worth: float, *, errors: bool = False, guard: Guard = NO_GUARD) -> Choice:
    return Choice(policy=Policy(worth=worth, errors=errors, guard=guard), reason="by hand")


def chosen_by(history: History, champion: Champion) -> Chosen:
    return choose_policies(history, champion, RULES, at=NOON, under="these tests", enough=2)


def two_policies(near_end: datetime, *, near: Guard = BY_THE_HOUR, rest: Guard = BY_THE_HOUR) -> Policies:
    return Policies(hour=a_choice(0.3, guard=near), day=a_choice(0.01, errors=True, guard=rest), near_end=near_end)


def a_forecast(*tide: float, start: datetime = NOON, spread: float = 2.0) -> Forecast:
    """A quarter of an hour each."""
    values = np.maximum(np.array(tide)[:, None] + spread * np.linspace(-1, 1, len(LEVELS)), 0)
    return Forecast(start=start, slot=15 * MINUTE, levels=LEVELS, values=values, forecaster="drawn")


def a_wave(start: datetime, hours: int = 27) -> Forecast:
    """The same tide at the same time, whenever the forecast starts."""
    slots = np.arange(4 * hours) + (start - NOON) // (15 * MINUTE)
    return a_forecast(*(20 + 15 * np.sin(slots / 7)), start=start)


def held(start: datetime, hours: int = 24, instances: int = 10) -> CapacitySchedule:
    step = Step(at=start, instances=instances, reason="drawn")
    return CapacitySchedule(start=start, end=start + hours * HOUR, steps=(step,))


def guard_of(now: datetime, *, most: int = 80, rest: Guard = BY_THE_HOUR) -> tuple[GuardWindow, ...]:
    """As a plan made at `now` has it, near policy and all."""
    start = now - (now.minute % 15) * MINUTE
    policies = two_policies((start + 1.5 * HOUR).replace(minute=0), rest=rest)
    return guarded(a_wave(start), policies, held(now), instance_concurrency=4, most=most)


@pytest.mark.parametrize("minute", [0, 14, 15, 29, 30, 44, 45, 59])
def test_the_near_policy_ends_at_a_whole_hour_in_half_an_hour_to_one_and_a_half(minute: int) -> None:
    history = a_history(a_tide(4.5))
    now = history.end + minute * MINUTE
    champion = asked(history.until(now), "seasonal", now=now)
    found = chosen_by(history, champion).policies(champion.forecast.start)
    assert found.near_end.minute == 0
    assert timedelta(minutes=30) <= found.near_end - now <= timedelta(minutes=90)


def test_without_hourly_forecasts_one_policy_serves_from_the_start() -> None:
    history = a_history(a_tide(1.2))
    champion = asked(history)
    found = chosen_by(history, champion).policies(champion.forecast.start)
    assert found.hour == found.day
    assert found.near_end == champion.forecast.start
    assert found.near(champion.forecast) == 0


def test_each_horizon_is_judged_by_its_own_past_days() -> None:
    """Where the hourly forecasts said a fifth of what came, the near policy holds more, and the days' stays."""
    history = a_history(a_tide(9, mean=40.0))
    champion = asked(history, "seasonal")
    low = tuple(
        replace(day, forecasts=tuple(replace(each, values=each.values / 5) for each in day.forecasts))
        for day in champion.hourly
    )
    sound, misled = (chosen_by(history, replace(champion, hourly=hourly)) for hourly in (champion.hourly, low))
    assert misled.hour is not None
    assert sound.hour is not None
    assert misled.day == sound.day
    assert misled.hour.policy != sound.hour.policy
    assert misled.hour.policy.worth < sound.hour.policy.worth or misled.hour.policy.guard != NO_GUARD


def test_slots_until_the_near_end_follow_its_policy_and_the_rest_the_days() -> None:
    forecast = a_forecast(*[30.0] * 8)
    found = weighed(forecast, two_policies(NOON + HOUR), SIZING)
    near, rest = (
        int(demand(forecast, sizing=SIZING, worth=worth, errors=errors).instances[0])
        for worth, errors in ((0.3, False), (0.01, True))
    )
    assert near < rest
    assert found.instances.tolist() == [near] * 4 + [rest] * 4


@given(worth=st.floats(0.0003, 0.6), least=st.floats(0.0003, 0.6))
def test_who_will_not_come_back_takes_no_more_risk_than_the_days_policy_and_counts_errors(
    worth: float, least: float
) -> None:
    policies = Policies(hour=a_choice(0.6), day=a_choice(worth, guard=BY_THE_HOUR), near_end=NOON)
    found = cautious(policies, least)
    assert found.hour == found.day
    assert found.day.policy == Policy(worth=min(worth, least), errors=True, guard=BY_THE_HOUR)


@given(minute=st.integers(0, 24 * 60), most=st.integers(6, 88))
def test_the_guard_covers_the_plan_from_the_hour_that_it_is_made_in_with_no_window_too_many(
    minute: int, most: int
) -> None:
    now = NOON + minute * MINUTE
    found = guard_of(now, most=most)
    assert found[0].start == now.replace(minute=0)
    assert found[-1].end == now + 24 * HOUR
    assert all(before.end == after.start for before, after in pairwise(found))
    assert all(window.start.minute == 0 for window in found)
    assert all(window.end > now for window in found)
    assert len(found) <= most


@pytest.mark.parametrize("later", [5, 25, 29, 30, 44, 59])
def test_a_renewal_within_the_hour_keeps_the_windows_of_its_hours(later: int) -> None:
    """But for the last, which ends with the horizon."""
    first, again = guard_of(NOON), guard_of(NOON + later * MINUTE)
    assert {window.end for window in first[:-1]} <= {window.end for window in again}
    assert again[0].start == first[0].start


def test_a_renewal_of_the_same_decisions_keeps_every_target() -> None:
    first, again = ({w.end: w.target for w in guard_of(now)[:-1]} for now in (NOON, NOON + 10 * MINUTE))
    assert len(first) > 15
    assert first.items() <= again.items()


@pytest.mark.parametrize(
    ("near", "rest", "ends"),
    [
        (NO_GUARD, NO_GUARD, []),
        (Guard(target=0.8), NO_GUARD, [1]),
        (NO_GUARD, Guard(target=0.8), [24]),
        (Guard(target=0.8), Guard(target=0.7), [1, 24]),
    ],
    ids=["none", "near", "rest", "both"],
)
def test_each_policy_brings_its_own_guard(near: Guard, rest: Guard, ends: list[int]) -> None:
    policies = two_policies(NOON + HOUR, near=near, rest=rest)
    found = guarded(a_wave(NOON), policies, held(NOON), instance_concurrency=4, most=80)
    assert [(window.end - NOON) // HOUR for window in found] == ends


def test_a_horizon_that_ends_before_the_next_renewal_has_the_near_guard_alone() -> None:
    policies = two_policies(NOON + HOUR, near=Guard(target=0.8), rest=Guard(target=0.7))
    found = guarded(a_wave(NOON), policies, held(NOON, hours=1), instance_concurrency=4, most=80)
    assert [(window.start, window.end, window.target) for window in found] == [(NOON, NOON + HOUR, 0.8)]


def test_without_a_near_policy_no_window_is_over_before_the_plan_begins() -> None:
    """The forecast's first slot begins before the plan, and so does the day's policy."""
    now = NOON + 20 * MINUTE
    policies = two_policies(NOON + 15 * MINUTE, near=Guard(target=0.8), rest=Guard(target=0.7))
    found = guarded(a_wave(NOON + 15 * MINUTE), policies, held(now), instance_concurrency=4, most=80)
    assert [(window.start, window.end, window.target) for window in found] == [(NOON, now + 24 * HOUR, 0.7)]
