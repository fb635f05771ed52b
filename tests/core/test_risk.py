"""Which policy is chosen, on days whose answer is known by hand.

Constant forecasts need a constant number of instances, so that what each policy costs and leaves cold follows without
a replay: n instances of four on a load of 8 leave max(0, 1 - n / 2) cold.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from planner.base import MINUTE
from planner.capacity import StepRules
from planner.demand import Sizing, demand
from planner.forecast import LEVELS, Backtest, Forecast
from planner.guard import NO_GUARD, Guard
from planner.history import History, Statistic
from planner.risk import (
    DAY,
    GUARDS,
    HALF_LIFE_DAYS,
    PRIOR_CAP,
    Objective,
    Policy,
    RiskRules,
    allowed_share,
    choose,
    prior_share,
    replay_policies,
)
from tests.builders import NOON

Floats = NDArray[np.float64]
ONE_DAY = timedelta(days=1)
SIZING = Sizing(instance_concurrency=4, floor=0, ceiling=50)


def a_history(*days: Floats | float) -> History:
    """Minutes up to noon, a day each, the oldest first."""
    values = np.concatenate([np.broadcast_to(day, (DAY,)) for day in days])
    index = pd.date_range(NOON - len(days) * ONE_DAY, periods=len(values), freq=MINUTE, tz="UTC")
    series = pd.Series(values, index=index, dtype=np.float64, name="concurrency")
    return History(series=series, step=MINUTE, statistic=Statistic.MAX, repairs=(), source="drawn")


def a_forecast(tide: float = 8.0, *, ago: int = 0, spread: float = 0.0) -> Forecast:
    """A constant tide for the day that began `ago` days before noon; its P5 and P99.9 lie `spread` beside."""
    values = np.tile(tide + spread * np.linspace(-1, 1, len(LEVELS)), (96, 1))
    return Forecast(
        start=NOON - ago * ONE_DAY, slot=15 * MINUTE, levels=LEVELS, values=np.maximum(values, 0), forecaster="drawn"
    )


def past(days: int, tide: float = 8.0, *, spread: float = 0.0) -> list[Backtest]:
    """One forecast a day, the oldest first."""
    forecasts = [a_forecast(tide, ago=ago, spread=spread) for ago in range(days, 0, -1)]
    return [Backtest(origin=forecast.start, forecasts=(forecast,)) for forecast in forecasts]


def some_rules(cold_share: float = 0.05, *, guards: tuple[Guard, ...] = (NO_GUARD,)) -> RiskRules:
    return RiskRules(
        sizing=SIZING,
        steps=StepRules(lead=3 * MINUTE, dwell=15 * MINUTE, growth_per_minute=100, max_steps=80),
        objective=Objective(cold_share=cold_share, start_up=MINUTE),
        guards=guards,
    )


def instances(policy: Policy, forecast: Forecast) -> int:
    """What a policy makes of a constant forecast."""
    made = demand(forecast, sizing=SIZING, worth=policy.worth, errors=policy.errors)
    (found,) = set(made.instances.tolist())
    return int(found)


def weight_of(days: int) -> float:
    """Of so many newest days together; every fifth day counts half."""
    return sum(0.5 ** (age / HALF_LIFE_DAYS) for age in range(days))


@pytest.mark.parametrize("tide", [2.0, 5.0, 8.0, 11.0, 30.0], ids=lambda tide: f"forecast {tide:g}")
def test_the_cheapest_policy_that_keeps_the_objective_is_chosen(tide: float) -> None:
    """The load is 8 whatever was forecast: two instances keep any objective, one keeps none."""
    rules, days = some_rules(), past(14, tide, spread=1.5)
    chosen = choose(a_history(*[8.0] * 14), days, a_forecast(tide), rules, prior="day")
    able = [n for policy in rules.policies if (n := instances(policy, days[0].forecasts[0])) >= 2]
    assert instances(chosen.policy, days[0].forecasts[0]) == min(able)
    assert f"{min(able):.1f} instances on average" in chosen.reason


@pytest.mark.parametrize(("part", "wanted"), [(0.91, 2), (0.95, 3)], ids=["within the margin", "beyond the margin"])
def test_a_margin_is_kept_to_the_objective(part: float, wanted: int) -> None:
    """Some minutes at 12 leave a third of their load cold under two instances, and nothing under three."""
    objective = 0.05
    rules, days = some_rules(objective), past(14)
    others = prior_share("day", (NO_GUARD,), cap=PRIOR_CAP * objective)
    two = [place for place, policy in enumerate(rules.policies) if instances(policy, a_forecast()) == 2]
    weight = weight_of(14)
    share = ((1 + weight) * part * objective - others[two].min()) / weight
    busy = share * 8 / (4 - 4 * share)  # from 4 b = share (8 + 4 b)
    day = np.where(np.arange(DAY) < round(busy * DAY), 12.0, 8.0)
    chosen = choose(a_history(*[day] * 14), days, a_forecast(), rules, prior="day")
    assert instances(chosen.policy, a_forecast()) == wanted
    assert 0.91 < allowed_share(objective) / objective < 0.95


@pytest.mark.parametrize(("ago", "wanted"), [(10, 2), (1, 3)], ids=["ten days ago", "yesterday"])
def test_a_bad_day_counts_less_the_longer_ago_it_was(ago: int, wanted: int) -> None:
    """Ten days, one of them at 12: of what they offer 2 % is cold under two instances, or 8 %."""
    history = a_history(*(12.0 if 10 - day == ago else 8.0 for day in range(10)))
    chosen = choose(history, past(10), a_forecast(), some_rules(0.07), prior="day")
    assert instances(chosen.policy, a_forecast()) == wanted


def test_without_a_past_day_other_services_speak_of_the_share_and_the_coming_day_of_the_cost() -> None:
    rules = some_rules()
    coming = a_forecast(40.0, spread=10.0)
    chosen = choose(a_history(8.0), [], coming, rules, prior="day")
    assert "no past day can be replayed yet" in chosen.reason
    others = prior_share("day", (NO_GUARD,), cap=PRIOR_CAP * 0.05)
    keeping = [policy for policy, share in zip(rules.policies, others, strict=True) if share <= allowed_share(0.05)]
    assert chosen.policy in keeping
    assert instances(chosen.policy, coming) == min(instances(policy, coming) for policy in keeping)


def test_a_day_that_is_hardly_over_is_no_past_day_yet_and_one_from_before_the_history_neither() -> None:
    """Of the day that began an hour ago nothing is known; a metric store that is two hours late is no hindrance."""
    history = a_history(8.0, 8.0)
    young, old = a_forecast(ago=0), a_forecast(ago=3)
    days = [Backtest(origin=forecast.start - timedelta(hours=1), forecasts=(forecast,)) for forecast in (old, young)]
    assert "no past day" in choose(history, days, a_forecast(), some_rules(), prior="day").reason
    late = history.until(NOON - timedelta(hours=2))
    assert "on 1 replayed days" in choose(late, past(1), a_forecast(), some_rules(), prior="day").reason


def test_where_nothing_keeps_the_objective_the_least_cold_is_taken_and_said() -> None:
    """The ceiling leaves half of the load cold."""
    rules = replace(some_rules(), sizing=replace(SIZING, ceiling=1))
    chosen = choose(a_history(*[8.0] * 3), past(3), a_forecast(), rules, prior="day")
    assert f"none of {len(rules.policies)} keeps 5.000% cold" in chosen.reason


def test_a_guard_is_chosen_where_it_is_cheaper_than_more_instances() -> None:
    """An hour a day at three times the tide: the guard follows it, a plan would have to hold it all day."""
    day = np.where(np.arange(DAY) % DAY < 60, 24.0, 8.0)
    rules = some_rules(0.03, guards=GUARDS)
    chosen = choose(a_history(*[day] * 14), past(14), a_forecast(), rules, prior="day")
    alone = choose(a_history(*[day] * 14), past(14), a_forecast(), some_rules(0.03), prior="day")
    assert chosen.policy.guard != NO_GUARD
    assert alone.policy.guard == NO_GUARD
    assert instances(chosen.policy, a_forecast()) < instances(alone.policy, a_forecast())


@given(cap=st.floats(1e-4, 1.0), name=st.sampled_from(("day", "hour")))
@settings(max_examples=40)
def test_no_other_service_speaks_louder_than_the_cap(cap: float, name: str) -> None:
    shares = prior_share(name, GUARDS, cap=cap)
    assert len(shares) == len(some_rules(guards=GUARDS).policies)
    assert (shares >= 0).all()
    assert (shares <= cap + 1e-12).all()
    assert (shares <= prior_share(name, GUARDS, cap=2 * cap) + 1e-12).all()


def test_a_guard_that_was_not_measured_speaks_like_the_nearest() -> None:
    configured, nearest = (prior_share("day", (Guard(target=target),), cap=1.0) for target in (0.78, 0.8))
    assert configured.tolist() == nearest.tolist()


def test_the_shares_of_other_services_fall_as_instances_may_idle_more() -> None:
    shares = prior_share("day", (NO_GUARD,), cap=1.0).reshape(2, -1)
    assert (np.diff(shares, axis=1) <= 1e-9).all()
    assert (shares[:, 0] > 10 * shares[:, -1]).all()


def test_a_replayed_day_has_a_case_for_each_policy_in_their_order() -> None:
    rules = some_rules(guards=(NO_GUARD, Guard(target=0.5)))
    found = replay_policies(past(1)[0], np.full((1, DAY), 8.0), rules)
    held = np.array([instances(policy, a_forecast()) for policy in rules.policies])
    unguarded = np.array([policy.guard == NO_GUARD for policy in rules.policies])
    np.testing.assert_allclose(found.provisioned[unguarded] / DAY, held[unguarded])
    assert (found.provisioned[~unguarded] >= found.provisioned[unguarded]).all()


def test_forecasts_of_a_day_are_each_followed_until_the_next_begins() -> None:
    """A tide of 8 for half a day, and one of 40 for the other half."""
    half = timedelta(hours=12)
    forecasts = (a_forecast(8.0, ago=1), replace(a_forecast(40.0, ago=1), start=NOON - half))
    rules = some_rules()
    found = replay_policies(Backtest(origin=NOON - ONE_DAY, forecasts=forecasts), np.full((1, DAY), 8.0), rules)
    expected = [(instances(p, a_forecast(8.0)) + instances(p, a_forecast(40.0))) / 2 for p in rules.policies]
    np.testing.assert_allclose(found.provisioned / DAY, expected)


def test_a_policy_is_said_in_words() -> None:
    policy = Policy(worth=0.11, errors=True, guard=Guard(target=0.9))
    assert str(policy) == (
        "instances that are busy at least 11.00% of the time around the tide with its forecast errors, a guard at 90 %"
    )


@pytest.mark.parametrize(
    ("objective", "part"), [(0.0001, 0.4), (0.001, 0.5), (0.003, 0.711), (0.01, 0.842)], ids=["rare", "1", "3", "10"]
)
def test_the_rarer_what_is_counted_the_larger_the_margin(objective: float, part: float) -> None:
    assert allowed_share(objective) / objective == pytest.approx(part, abs=0.001)
