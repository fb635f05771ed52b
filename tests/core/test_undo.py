"""Plans that take something back."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planner.base import MINUTE
from planner.billing import Prices
from planner.capacity import DayPattern
from planner.cost import Scene
from planner.guardrails import GuardPolicy
from planner.lately import hour_floor
from planner.plan import Plan, Rule
from planner.provision import LiveDocument, ProvisionConfig, ScheduledAction, holds_ours
from planner.safety import SafetyRules
from planner.undo import Present, release, release_to_zero, replayed, rollback, steps_of
from tests.builders import FUNCTION, NOON, a_config, a_plan, a_schedule, a_tracker, an_action
from tests.documents.given import Case, cases, printed, schedules
from tests.documents.moments import turning_points
from tests.documents.reader import Reader

DAY, WEEK = timedelta(days=1), timedelta(days=7)
RULES = SafetyRules(max_drop=0.5, max_cost_ratio=1.5, history_max_age=timedelta(hours=6), quota=None)
GUARDS = GuardPolicy(enabled=True, fallback_target=0.6, floor=1, ceiling=20)
DAILY = (DayPattern(name="daily", weekdays="*", steps=((0, 2), (480, 5))),)
PERSONS = an_action(NOON - DAY, 9, name="sale", minutes=60)


def a_present(live: ProvisionConfig, *, now: datetime = NOON + WEEK, target: int = 4) -> Present:
    return Present(
        function=FUNCTION,
        time_zone="Asia/Shanghai",
        now=now,
        valid_for=timedelta(minutes=15),
        live=LiveDocument(config=live, exists=True, target=target, current=target),
    )


def a_scene(start: datetime, end: datetime) -> Scene:
    prices = Prices(currency="CNY", unit=1.0, active=1.0, idle=1.0)
    return Scene(start=start, end=end, instance_concurrency=1, start_up=MINUTE, prices=prices)


def rolled_back(earlier: Plan, live: ProvisionConfig = a_config(1), **more: int) -> Plan:  # noqa: B008 - a value
    return rollback(earlier, a_present(live, **more), guards=GUARDS, safety=RULES)


@pytest.mark.parametrize(
    ("after", "steps"),
    [
        (WEEK, [(80, 6), (120, 3), (180, 1)]),
        # On a Wednesday the schedule of a Monday says nothing: the recurring form of 1 from Monday 15:00, 4 after 56 h.
        (2 * DAY, [(80, 1), (11 * 60, 4)]),
    ],
    ids=["a week later", "on another day of the week"],
)
def test_a_rollback_dates_the_steps_anew_by_time_of_the_week_and_starts_within_them(
    after: timedelta, steps: list[tuple[int, int]]
) -> None:
    """Steps of Monday 12:00, 13:00 and 14:00, taken up again at 13:20."""
    earlier = replace(a_plan(), patterns=DAILY, schedule=a_schedule(2, 6, 3))
    now = NOON + after + 80 * MINUTE
    plan = rollback(earlier, a_present(a_config(1), now=now), guards=GUARDS, safety=RULES)
    assert plan.schedule.start == plan.created_at == now
    assert [((step.at - NOON - after) // MINUTE, step.instances) for step in plan.schedule.steps] == steps
    assert plan.patterns == DAILY
    assert plan.valid_until == now + timedelta(minutes=15)
    assert plan.estimate is None
    dated = "its steps dated anew by local time of the week"
    assert plan.notes[0] == f"rollback: as in the plan of 2026-11-23 12:00 UTC, {dated}"


@given(schedule=schedules(NOON), minutes=st.integers(0, 1000))
@settings(max_examples=30)
def test_a_rollback_gives_at_every_time_of_the_week_at_least_what_the_earlier_plan_gave_then(
    schedule: object, minutes: int
) -> None:
    earlier = replace(a_plan(), patterns=DAILY, schedule=schedule)  # type: ignore[arg-type]
    now = NOON + WEEK + minutes * MINUTE
    plan = rollback(earlier, a_present(a_config(1), now=now), guards=GUARDS, safety=RULES)
    before = earlier.schedule.per_minute()[minutes:]
    again = plan.schedule.per_minute()
    assert len(again) == 1440
    assert (again[: len(before)] >= before[:1440]).all()
    reader = Reader(config=plan.wanted, put_at=now)
    for at in turning_points(plan.wanted, now, now + DAY):
        assert reader.least(at) >= printed(plan.schedule, at)


@given(schedule=schedules(NOON), minutes=st.integers(0, 2000), floor=st.integers(0, 40))
@settings(max_examples=20)
def test_a_rollback_is_nowhere_below_its_floor_and_nowhere_else_above_what_it_restores(
    schedule: object, minutes: int, floor: int
) -> None:
    earlier = replace(a_plan(), patterns=DAILY, schedule=schedule)  # type: ignore[arg-type]
    present = a_present(a_config(1), now=NOON + minutes * MINUTE)
    plain = rollback(earlier, present, guards=GUARDS, safety=RULES).schedule.per_minute()
    kept = rollback(earlier, present, guards=GUARDS, safety=RULES, floor=hour_floor(floor)).schedule.per_minute()
    assert (kept == np.maximum(plain, hour_floor(floor))).all()


def test_a_rollback_is_replayed_on_the_load_of_the_last_day() -> None:
    """Worked: three instances against eight requests in flight, one an instance: five of eight are cold."""
    earlier = replace(a_plan(), schedule=a_schedule(3, each=DAY))
    plan = rolled_back(replace(earlier, evidence=None))
    scene = a_scene(plan.schedule.start, plan.schedule.end)
    made = replayed(plan, np.full((1, 1440), 8.0), static_instances=9, scene=scene)
    assert made.estimate is not None
    assert (made.estimate.wanted.cold_share, made.estimate.static_instances) == (0.625, 9)
    assert made.estimate.wanted.instance_hours == 72.0


def test_a_rollback_keeps_what_a_person_made_since() -> None:
    live = replace(a_config(1, trackers=(a_tracker("busy"),)), scheduled_actions=(PERSONS,))
    plan = rolled_back(a_plan(), live)
    assert PERSONS in plan.wanted.scheduled_actions
    assert a_tracker("busy") in plan.wanted.tracking_policies
    assert plan.live == live
    assert plan.safe


def test_a_rollback_in_the_way_of_a_persons_schedule_or_far_below_what_runs_is_unsafe() -> None:
    live = ProvisionConfig(scheduled_actions=(replace(PERSONS, end_time=None),))
    plan = rolled_back(replace(a_plan(), schedule=a_schedule(1)), live, target=40)
    assert [breach.rule for breach in plan.breaches] == [Rule.DROP, Rule.FOREIGN]


def test_a_rollback_has_no_more_steps_than_fit_beside_what_a_person_made_since() -> None:
    zigzag = a_schedule(*[3, 1, 4, 2] * 40, each=9 * MINUTE)
    live = ProvisionConfig(scheduled_actions=tuple(replace(PERSONS, name=f"sale-{n}") for n in range(30)))
    plan = rolled_back(replace(a_plan(), schedule=zigzag, patterns=DAILY), live, target=1)
    assert len(plan.wanted.scheduled_actions) == 100
    assert plan.safe
    plenty = ProvisionConfig(scheduled_actions=tuple(replace(PERSONS, name=f"sale-{n}") for n in range(99)))
    plan = rolled_back(replace(a_plan(), schedule=zigzag, patterns=DAILY), plenty, target=1)
    assert [breach.rule for breach in plan.breaches] == [Rule.LIMIT]


def test_a_release_takes_ours_away_and_brings_back_what_was_found() -> None:
    found = ProvisionConfig(
        default_target=7,
        always_allocate_cpu=False,
        always_allocate_gpu=False,
        scheduled_actions=(PERSONS, an_action(name="planner-step-old")),
    )
    busy = a_tracker("busy")
    live = replace(
        a_config(1, 2, trackers=(a_tracker(), busy)),
        scheduled_actions=(*a_config(1).scheduled_actions, an_action(name="since")),
    )
    plan = release(found, a_present(live))
    assert plan.wanted == ProvisionConfig(
        default_target=7,
        always_allocate_cpu=False,
        always_allocate_gpu=False,
        scheduled_actions=(an_action(name="since"), PERSONS),
        tracking_policies=(busy,),
    )
    assert not holds_ours(plan.wanted)
    assert plan.safe
    assert plan.notes == ("release: what was found at adoption comes back",)


def test_a_release_leaves_an_action_that_a_person_has_changed_since() -> None:
    found = ProvisionConfig(scheduled_actions=(PERSONS,))
    changed = replace(PERSONS, target=2)
    plan = release(found, a_present(ProvisionConfig(scheduled_actions=(changed,))))
    assert plan.wanted.scheduled_actions == (changed,)


def test_a_release_to_zero_leaves_nothing_of_anybody() -> None:
    live = replace(a_config(1, 2, trackers=(a_tracker("busy"),)), always_allocate_gpu=False)
    plan = release_to_zero(a_present(live))
    assert plan.wanted == ProvisionConfig(default_target=0, always_allocate_gpu=False)
    assert plan.schedule.per_minute().max() == 0
    assert {change.name for change in plan.changes if change.name} == {
        policy.name for policy in (*live.scheduled_actions, *live.tracking_policies)
    }


@given(cases())
@settings(max_examples=40)
def test_a_release_of_a_planned_function_leaves_no_policy_of_ours(case: Case) -> None:
    plan = release(case.live, a_present(case.document, now=case.schedule.start))
    foreign = {policy.name for policy in case.live.scheduled_actions if not policy.ours}
    assert not holds_ours(plan.wanted)
    assert {action.name for action in plan.wanted.scheduled_actions} == foreign
    assert plan.wanted.default_target == case.live.default_target


@given(cases())
@settings(max_examples=20)
def test_steps_of_a_document_are_what_it_gives_at_least(case: Case) -> None:
    start = case.schedule.start
    steps = steps_of(case.document, start, timedelta(hours=6), "read")
    reader = Reader(config=case.document, put_at=start, missing_local_time="skipped", repeated_local_time="both")
    expected = [reader.least(start + minute * MINUTE) for minute in range(360)]
    np.testing.assert_array_equal(steps.per_minute(), expected)
    assert all(a.instances != b.instances for a, b in zip(steps.steps, steps.steps[1:], strict=False))


@pytest.mark.parametrize(
    ("document", "ours"),
    [
        (ProvisionConfig(default_target=3), False),
        (ProvisionConfig(scheduled_actions=(ScheduledAction(name="x", schedule_expression="", target=1),)), False),
        (ProvisionConfig(scheduled_actions=(an_action(),)), True),
        (ProvisionConfig(tracking_policies=(a_tracker(),)), True),
        (ProvisionConfig(tracking_policies=(a_tracker("busy"),)), False),
    ],
    ids=["nothing", "a person's action", "our action", "our tracker", "a person's tracker"],
)
def test_a_document_is_ours_by_any_policy_of_ours(document: ProvisionConfig, *, ours: bool) -> None:
    assert holds_ours(document) is ours
