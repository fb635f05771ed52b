"""From a history to a plan: the same for the same question, blind to the future, and sound at the edges."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pytest

from planner.base import MINUTE
from planner.compiler import END, STEP
from planner.config import FunctionConfig
from planner.errors import HistoryError
from planner.history import History, Statistic
from planner.pipeline import Question, make_plan
from planner.plan import Plan, Rule
from planner.plancodec import plan_to_json
from planner.provision import MAX_ACTIONS, MAX_TRACKERS, LiveDocument, ProvisionConfig
from tests.builders import a_tracker, an_action
from tests.documents.given import printed
from tests.documents.moments import turning_points
from tests.documents.reader import READINGS, Reader
from tests.forecast.given import a_history, a_tide

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
WEEKS = a_history(a_tide(16), statistic=Statistic.MEAN)


def a_function(forecaster: str = "seasonal", **sections: Any) -> FunctionConfig:
    return FunctionConfig.model_validate(
        {"name": "asr-gpu", "forecast": {"forecaster": forecaster, "backtest_days": 5}, **sections}
    )


def plan(
    history: History = WEEKS,
    *,
    function: FunctionConfig | None = None,
    now: datetime | None = None,
    horizon: timedelta = DAY,
    live: ProvisionConfig | None = None,
    target: int = 0,
    adopt: bool = False,
) -> Plan:
    """A plan made as the history ends, against an empty document, for an instance that serves four at once."""
    question = Question(
        now=now or history.end,
        horizon=horizon,
        history=history,
        live=LiveDocument(config=live or ProvisionConfig(), exists=live is not None, target=target),
        instance_concurrency=4,
        adopt=adopt,
    )
    return make_plan(function or a_function(), question)


def assert_sound(made: Plan, settings: FunctionConfig) -> None:
    """What every plan keeps: bounds, limits, and a document that is never below what it prints."""
    low, high = settings.capacity.min_instances, settings.capacity.max_instances
    values = made.schedule.per_minute()
    assert values.min() >= low
    assert values.max() <= high
    assert len(made.wanted.scheduled_actions) <= MAX_ACTIONS
    assert len(made.wanted.tracking_policies) <= MAX_TRACKERS
    assert made.schedule.steps[0].at == made.schedule.start == made.created_at
    for among, past_at in READINGS:
        reader = Reader(
            config=made.wanted, put_at=made.valid_until, among=among, past_at=past_at, lag=timedelta(seconds=90)
        )
        for at in turning_points(made.wanted, made.valid_until, made.recurring.end):
            wanted = printed(made.schedule if at < made.schedule.end else made.recurring, at)
            assert reader.serves(at) >= wanted, (at, among, past_at)
            assert at < made.schedule.end or reader.serves(at) >= 1


SCRIPT = """
import hashlib, sys
from tests.documents.test_pipeline import plan
from planner.plancodec import plan_to_json
sys.stdout.write(hashlib.sha256(plan_to_json(plan()).encode()).hexdigest())
"""


@pytest.mark.parametrize("seed", ["0", "4242"])
def test_the_same_question_gives_the_same_plan_byte_by_byte_in_every_process(seed: str) -> None:
    environment = {"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(path for path in sys.path if path)}
    other = subprocess.run([sys.executable, "-c", SCRIPT], env=environment, capture_output=True, text=True, check=True)
    assert other.stdout == hashlib.sha256(plan_to_json(plan()).encode()).hexdigest()


def test_the_global_random_generator_is_left_as_it_was() -> None:
    np.random.seed(5)
    before = np.random.get_state()[1].tolist()
    plan()
    assert np.random.get_state()[1].tolist() == before


@pytest.mark.parametrize("poison", [0.0, 1e6, float("nan")], ids=["nothing", "a flood", "gaps"])
def test_a_plan_never_looks_past_its_now(poison: float) -> None:
    """Half an interval after a border, so that the running interval is unknown too."""
    now = WEEKS.end - 2 * DAY + 7 * MINUTE
    series = WEEKS.series.copy()
    series.loc[series.index > now - 15 * MINUTE] = poison
    series.iloc[-1] = 1.0
    assert plan(now=now) == plan(replace(WEEKS, series=series), now=now)


def test_a_plan_made_within_a_minute_is_made_for_its_beginning() -> None:
    now = WEEKS.end
    assert plan(now=now + timedelta(seconds=59)) == plan(now=now)


@pytest.mark.parametrize("hours", [1, 3, 24, 72, 168])
def test_a_plan_is_sound_for_any_horizon(hours: int) -> None:
    made = plan(horizon=timedelta(hours=hours))
    assert made.schedule.end - made.schedule.start == timedelta(hours=hours)
    assert_sound(made, a_function())


HISTORIES = {
    "an hour": a_history([3.0, 5.0, 4.0, 9.0]),
    "25 hours": a_history(a_tide(25 / 24)),
    "two days": a_history(a_tide(2)),
    "all zero": a_history(np.zeros(10 * 96)),
    "constant": a_history(np.full(10 * 96, 17.0)),
    "a launch": a_history(np.concatenate((a_tide(9), 20 * a_tide(1)))),
    "mostly nothing": a_history(np.where(np.arange(10 * 96) % 96 == 40, 25.0, 0.0)),
    "a gap at the end": a_history(np.concatenate((a_tide(9), np.full(95, np.nan), [12.0])), statistic=Statistic.MEAN),
    "an hour's step": a_history(a_tide(9, step=60), step=60, statistic=Statistic.MEAN),
    "a minute's step": a_history(a_tide(3, step=1), step=1),
}
PINNED = ("an hour", "25 hours")


@pytest.mark.parametrize("name", HISTORIES)
def test_a_plan_is_sound_for_any_history(name: str) -> None:
    function = a_function("auto" if name in PINNED else "seasonal")
    made = plan(HISTORIES[name], function=function)
    assert_sound(made, function)
    assert made.evidence is not None


def test_an_hour_of_history_never_asks_for_less_than_what_ran() -> None:
    made = plan(HISTORIES["an hour"], function=a_function("auto"))
    assert made.schedule.per_minute().min() >= 3  # 9 at once, four an instance
    assert "it never asks for less than what ran last" in made.evidence.forecaster_reason  # type: ignore[union-attr]


def test_no_load_at_all_keeps_the_floor_and_a_floor_of_nothing_keeps_the_fallback_alive() -> None:
    function = a_function(capacity={"min_instances": 0})
    made = plan(HISTORIES["all zero"], function=function)
    assert_sound(made, function)
    assert made.schedule.per_minute().min() == 0
    terminal = next(a for a in made.wanted.scheduled_actions if a.name.startswith(END))
    assert terminal.target >= 1


def test_the_configured_bounds_hold() -> None:
    function = a_function(capacity={"min_instances": 3, "max_instances": 5})
    assert set(plan(function=function).schedule.per_minute()) <= {3, 4, 5}


def test_an_instance_that_serves_more_at_once_needs_fewer_instances() -> None:
    question = Question(now=WEEKS.end, horizon=DAY, history=WEEKS, live=LiveDocument(), instance_concurrency=1)
    function = a_function(guardrails={"live": "off"})
    totals = [
        make_plan(function, replace(question, instance_concurrency=at_once)).schedule.per_minute().sum()
        for at_once in (1, 4, 16)
    ]
    assert totals == sorted(totals, reverse=True)


def test_more_load_never_gives_a_lower_peak() -> None:
    busier = replace(WEEKS, series=WEEKS.series * 3)
    assert plan(busier).schedule.per_minute().max() >= plan().schedule.per_minute().max()


def test_a_history_that_ended_long_ago_is_stale_or_refused() -> None:
    stale = plan(now=WEEKS.end + 7 * HOUR)
    assert [breach.rule for breach in stale.breaches] == [Rule.STALE]
    with pytest.raises(HistoryError, match=r"ends 9\.0 days before now"):
        plan(now=WEEKS.end + 9 * DAY)


def test_taking_away_what_the_last_hour_needed_is_a_drop_too_deep() -> None:
    closing = a_history(np.tile(np.repeat([0.0, 100.0], 48), 10))  # busy until midnight, and now it is midnight
    half, tenth = (a_function(capacity={"hold": "0s"}, safety={"max_drop": share}) for share in (0.5, 0.1))
    live = ProvisionConfig(default_target=60)
    assert [breach.rule for breach in plan(closing, function=tenth, target=60, live=live).breaches] == [Rule.DROP]
    assert plan(closing, function=half, target=60, live=live).safe, "20 of the 25 that were needed stay"
    assert plan(closing, function=tenth, target=1, live=ProvisionConfig(default_target=1)).safe


def test_a_peak_over_the_quota_is_a_breach() -> None:
    assert [b.rule for b in plan(function=a_function(safety={"quota": 1})).breaches] == [Rule.QUOTA]


def test_demand_above_the_owners_ceiling_is_clipped_and_said() -> None:
    usual = plan().schedule.per_minute().max()
    low = plan(function=a_function(capacity={"max_instances": 2}))
    assert usual > low.schedule.per_minute().max() == 2
    assert [note.split(" needs ")[0] for note in low.notes if "clipped" in note] == ["clipped: P90 of the peak"]
    assert not any("clipped" in note for note in plan().notes)


def test_a_foreign_schedule_in_the_horizon_is_unsafe_until_it_is_adopted() -> None:
    sale = an_action(WEEKS.end + HOUR, 30, name="sale")
    live = ProvisionConfig(default_target=6, scheduled_actions=(sale,), tracking_policies=(a_tracker("busy"),))
    unsafe = plan(live=live)
    assert [breach.rule for breach in unsafe.breaches] == [Rule.FOREIGN]
    assert sale in unsafe.wanted.scheduled_actions
    adopted = plan(live=live, adopt=True)
    assert adopted.safe
    assert sale not in adopted.wanted.scheduled_actions
    assert any("'sale'" in note for note in adopted.notes)
    assert any(change.name == "sale" and change.kind == "remove" for change in adopted.changes)
    assert a_tracker("busy") in adopted.wanted.tracking_policies
    assert adopted.live == live


def test_a_foreign_schedule_outside_the_horizon_stays_and_is_safe() -> None:
    over = an_action(WEEKS.end - 2 * DAY, 30, name="sale")
    made = plan(live=ProvisionConfig(scheduled_actions=(over,)))
    assert made.safe
    assert over in made.wanted.scheduled_actions


@pytest.mark.parametrize("trackers", [96, 100], ids=["room for ours", "no room"])
def test_foreign_trackers_count_towards_the_limit(trackers: int) -> None:
    live = ProvisionConfig(tracking_policies=tuple(a_tracker(f"t{n}", ceiling=1) for n in range(trackers)))
    made = plan(live=live, function=a_function(guardrails={"live": "off"}), horizon=HOUR)
    assert [breach.rule for breach in made.breaches] == ([] if trackers == 96 else [Rule.LIMIT])
    assert set(live.tracking_policies) <= set(made.wanted.tracking_policies)


def test_foreign_actions_take_from_the_budget_of_steps() -> None:
    past = tuple(an_action(WEEKS.end - 3 * DAY, 1, name=f"sale-{n}") for n in range(75))
    made = plan(live=ProvisionConfig(scheduled_actions=past))
    assert len(made.schedule.steps) <= 8
    assert len(made.wanted.scheduled_actions) <= MAX_ACTIONS
    assert_sound(made, a_function())


def test_the_number_of_steps_is_counted_within_the_horizon_and_not_within_the_week_behind_it() -> None:
    """A tide that goes up and down every half an hour has 48 steps a day."""
    restless = a_history(np.tile([4.0, 4.0, 40.0, 40.0], 24 * 16))
    made = plan(restless)
    assert 40 < len(made.schedule.steps) <= MAX_ACTIONS
    assert_sound(made, a_function())


def test_a_plan_is_sized_and_guarded_by_its_two_policies() -> None:
    found = plan().evidence
    assert found is not None
    assert found.near_end.minute == 0
    assert timedelta(minutes=30) <= found.near_end - WEEKS.end <= timedelta(minutes=90)
    assert "replayed days" in found.policy_reason
    assert "replayed days" in found.near_reason


@pytest.mark.parametrize("choice", [True, False, "keep"])
def test_always_allocate_is_sent_as_configured_or_as_found(*, choice: bool | str) -> None:
    live = ProvisionConfig(always_allocate_cpu=False, always_allocate_gpu=True)
    made = plan(live=live, function=a_function(always_allocate={"cpu": choice, "gpu": choice})).wanted.wire()
    expected = (False, True) if choice == "keep" else (choice, choice)
    assert (made["alwaysAllocateCPU"], made["alwaysAllocateGPU"]) == expected


def test_without_trackers_the_document_has_none() -> None:
    made = plan(function=a_function(guardrails={"enabled": False}))
    assert made.wanted.tracking_policies == ()
    assert made.evidence is not None
    assert made.evidence.guard == ()


def test_a_plan_made_a_minute_later_keeps_the_names_of_the_steps_that_it_still_wants() -> None:
    first = plan()
    again = plan(now=WEEKS.end + MINUTE, live=first.wanted)
    names = {action.name for action in first.wanted.scheduled_actions}
    before = {(step.at, step.instances) for step in first.schedule.steps[1:]}
    dated = [action for action in again.wanted.scheduled_actions if action.name.startswith(STEP)]
    for step, action in zip(again.schedule.steps[1:], dated[1:], strict=True):
        assert (step.at, step.instances) not in before or action.name in names
    assert dated[0].name == first.wanted.scheduled_actions[0].name


def test_a_plan_is_void_by_the_middle_of_its_horizon_however_long_the_owner_lets_plans_live() -> None:
    made = plan(function=a_function(plan={"valid_for": DAY}), horizon=HOUR)
    assert made.valid_until == made.created_at + timedelta(minutes=30)
