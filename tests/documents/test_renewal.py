"""A renewal at any minute leaves no hole.

Said exactly, for an old document compiled from S1 and put, and a new one compiled from S2 at any later minute t
against the old one, and put at p with t <= p <= its valid_until: at every moment before p FC gives at least S1, at
every moment from p on at least S2, in the lag of 0 to 120 s after p too, under every reading. So no moment is below
what both plans want for it, which is min(S1, S2). And what did not change in the plan did not change in the document.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from planner.base import MINUTE
from planner.capacity import CapacitySchedule, Step
from planner.compiler import STEP, Wanted
from planner.guardrails import HOLD, GuardPolicy
from planner.provision import ProvisionConfig
from tests.builders import NOON
from tests.documents.given import Case, cases, printed, schedules, wanted
from tests.documents.moments import turning_points
from tests.documents.reader import READINGS, Reader
from tests.documents.test_handover import lags, moments

SECOND = timedelta(seconds=1)


@dataclass(frozen=True, kw_only=True)
class Renewal:
    """An old plan that was put, and the new one made against its document."""

    old: Case
    new: Case


def renewed(schedule: CapacitySchedule, minute: int, later: timedelta = timedelta(0)) -> CapacitySchedule:
    """The same steps seen from a later minute, with an end that may be later."""
    at = schedule.start + minute * MINUTE
    now = Step(at=at, instances=printed(schedule, at), reason="in effect")
    coming = (step for step in schedule.steps if step.at > at)
    return CapacitySchedule(start=at, end=schedule.end + later, steps=(now, *coming))


def _minutes(schedule: CapacitySchedule) -> int:
    return int((schedule.end - schedule.start) / MINUTE)


@st.composite
def renewals(draw: DrawFn, *, unchanged: bool = False) -> Renewal:
    old = draw(cases())
    minute = draw(st.integers(1, _minutes(old.schedule) - 5))
    if unchanged:
        plan = renewed(old.schedule, minute)
        late = draw(st.integers(1, min(_minutes(plan) - 3, 60)))
        want = replace(old.wanted, schedule=plan, valid_until=plan.start + late * MINUTE)
    elif draw(st.booleans()):
        plan = renewed(old.schedule, minute, draw(st.integers(60, 600)) * MINUTE)
        want = draw(wanted(plan, old.wanted.time_zone))
    else:
        # Another plan altogether, perhaps made after the old horizon.
        start = old.schedule.start + draw(st.integers(1, _minutes(old.schedule) + 600)) * MINUTE
        want = draw(wanted(draw(schedules(start)), old.wanted.time_zone))
    return Renewal(old=old, new=Case(wanted=want, live=old.document))


@pytest.mark.parametrize(("among", "past_at"), READINGS)
@given(case=renewals(), late=moments, lag=lags)
@settings(max_examples=30)
def test_a_renewal_at_any_minute_leaves_no_moment_below_the_plan_that_holds_then(
    case: Renewal, among: str, past_at: str, late: float, lag: int
) -> None:
    old, new, span = case.old, case.new, timedelta(seconds=lag)
    put_at = new.schedule.start + int(late * ((new.wanted.valid_until - new.schedule.start) / SECOND)) * SECOND
    before = Reader(config=old.document, put_at=old.schedule.start, among=among, past_at=past_at, lag=span)
    after = Reader(config=new.document, put_at=put_at, among=among, past_at=past_at, lag=span)
    start, end = old.schedule.start, max(old.schedule.end, new.schedule.end)
    points = {put_at - SECOND, put_at, put_at + span - SECOND, put_at + span}
    points.update(turning_points(old.document, start, end), turning_points(new.document, start, end))
    for at in sorted(points):
        if at < put_at and at < old.schedule.end:
            assert before.serves(at) >= old.printed(at), at
        if at < put_at and at >= old.schedule.end:
            assert before.serves(at) >= 1, at
        if put_at <= at < new.schedule.end:
            assert after.serves(at) >= new.printed(at), at


@given(renewals(unchanged=True))
@settings(max_examples=50)
def test_a_renewal_with_the_same_steps_and_horizon_sends_the_same_scheduled_actions(case: Renewal) -> None:
    """But for the steps that are over; and trackers that hold steps change only by those that come and go."""
    old, new = case.old.document, case.new.document
    start = case.new.schedule.start
    assert set(new.scheduled_actions) <= set(old.scheduled_actions)
    gone = set(old.scheduled_actions) - set(new.scheduled_actions)
    assert len(gone) == sum(after.at <= start for after in case.old.schedule.steps[1:])
    assert all(action.name.startswith(STEP) for action in gone)
    kept = {policy.name: policy for policy in old.tracking_policies}
    assert all(kept.get(policy.name, policy) == policy for policy in new.tracking_policies)
    changed = set(old.tracking_policies) ^ set(new.tracking_policies)
    assert all(policy.name.startswith(HOLD) for policy in changed)


@given(renewals())
@settings(max_examples=30)
def test_a_step_that_both_plans_have_has_the_same_name_and_trigger_in_both_documents(case: Renewal) -> None:
    old = {action.name: action for action in case.old.document.scheduled_actions if action.name.startswith(STEP)}
    for action in case.new.document.scheduled_actions:
        if action.name in old:
            before = old[action.name]
            assert (action.schedule_expression, action.start_time) == (before.schedule_expression, before.start_time)


@given(cases())
@settings(max_examples=30)
def test_compiling_against_ones_own_document_changes_nothing(case: Case) -> None:
    assert Case(wanted=case.wanted, live=case.document).document == case.document


def test_a_step_keeps_its_first_instant_over_any_number_of_renewals() -> None:
    case = _constant(days=30)
    first = case.document.scheduled_actions[0]
    document = case.document
    for day in range(1, 30):
        plan = renewed(case.schedule, day * 1440)
        want = replace(case.wanted, schedule=plan, valid_until=plan.start + 15 * MINUTE)
        document = Case(wanted=want, live=document).document
    assert document.scheduled_actions[0] == first


def _constant(days: int) -> Case:
    plan = CapacitySchedule(
        start=NOON, end=NOON + timedelta(days=days), steps=(Step(at=NOON, instances=3, reason="always"),)
    )
    want = Wanted(
        schedule=plan,
        patterns=(),
        time_zone="UTC",
        guards=GuardPolicy(enabled=True, fallback_target=0.6, floor=1, ceiling=9),
        guard=(),
        always_allocate_cpu=True,
        always_allocate_gpu=True,
        valid_until=NOON + 15 * MINUTE,
    )
    return Case(wanted=want, live=ProvisionConfig())
