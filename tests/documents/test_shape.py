"""The form of every document: names, limits, dates, what is a person's, and what is always sent."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given, settings

from planner.base import OWNER
from planner.compiler import END, STEP, foreign_in_horizon, step_budget
from planner.provision import MAX_ACTIONS, MAX_TARGET, MAX_TRACKERS, ProvisionConfig, config_from_wire
from tests.builders import an_action
from tests.documents.given import Case, cases

_UTC = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:00Z")
_LOCAL = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:00")
_EXPRESSION = re.compile(r"at\(\d{4}-\d\d-\d\dT\d\d:\d\d:00Z\)|cron\(0 \d{1,2} \d{1,2} \* \* (\*|MON-FRI|SAT,SUN)\)")
many = settings(max_examples=30)


@given(cases())
@many
def test_names_are_unique_and_ours_by_their_prefix(case: Case) -> None:
    for made, found in (
        (case.document.scheduled_actions, case.live.scheduled_actions),
        (case.document.tracking_policies, case.live.tracking_policies),
    ):
        names = [policy.name for policy in made]
        assert len(names) == len(set(names))
        foreign = {policy.name for policy in found if not policy.name.startswith(OWNER)}
        assert {name for name in names if not name.startswith(OWNER)} == foreign


@given(cases())
@many
def test_a_document_keeps_within_the_limits_of_fc(case: Case) -> None:
    document = case.document
    assert len(document.scheduled_actions) <= MAX_ACTIONS
    assert len(document.tracking_policies) <= MAX_TRACKERS
    assert 0 <= document.default_target <= MAX_TARGET
    for policy in document.tracking_policies:
        assert 0 <= policy.min_capacity <= policy.max_capacity
        assert 0 < policy.metric_target <= 1


@given(cases())
@many
def test_what_a_person_made_goes_back_byte_for_byte_and_in_its_order(case: Case) -> None:
    made, found = case.document.wire(), case.live.wire()
    for part in ("scheduledActions", "targetTrackingPolicies"):
        assert json.dumps(_foreign(made, part)) == json.dumps(_foreign(found, part))


def _foreign(wire: dict[str, object], part: str) -> list[dict[str, object]]:
    entries = wire[part]
    assert isinstance(entries, list)
    return [entry for entry in entries if not entry["name"].startswith(OWNER)]


@given(cases())
@many
def test_no_policy_of_an_earlier_plan_of_ours_is_left_unless_the_plan_wants_it(case: Case) -> None:
    alone = Case(wanted=case.wanted, live=ProvisionConfig()).document
    ours = {action.name for action in case.document.scheduled_actions if action.ours}
    dated = {name for name in ours if name.startswith(STEP)}
    assert len(dated) == len(case.schedule.steps)
    assert ours - dated == {a.name for a in alone.scheduled_actions if not a.name.startswith(STEP)}


@given(cases())
@many
def test_always_allocate_is_always_sent_as_wanted(case: Case) -> None:
    wire = case.document.wire()
    assert wire["alwaysAllocateCPU"] is case.wanted.always_allocate_cpu
    assert wire["alwaysAllocateGPU"] is case.wanted.always_allocate_gpu


@given(cases())
@many
def test_dates_have_a_z_or_a_zone_and_never_both_and_lie_on_whole_minutes(case: Case) -> None:
    for policy in (*case.document.scheduled_actions, *case.document.tracking_policies):
        if not policy.ours:
            continue
        shape = _LOCAL if policy.time_zone else _UTC
        assert all(shape.fullmatch(text) for text in (policy.start_time, policy.end_time) if text)
    for action in case.document.scheduled_actions:
        assert not action.ours or _EXPRESSION.fullmatch(action.schedule_expression)


@given(cases())
@many
def test_what_takes_over_at_the_horizon_starts_there_and_has_no_end(case: Case) -> None:
    document = case.document
    [terminal] = [action for action in document.scheduled_actions if action.name.startswith(END)]
    lasting = [a for a in document.scheduled_actions if a.ours and not a.name.startswith(STEP)]
    fallback = [policy for policy in document.tracking_policies if policy.name == "planner-fallback"]
    assert terminal.start_time == f"{case.schedule.end:%Y-%m-%dT%H:%M:%SZ}"
    assert all(policy.end_time is None and policy.start_time for policy in (*lasting, *fallback))
    assert len(fallback) == 1
    assert fallback[0].start_time == terminal.start_time
    assert min(fallback[0].min_capacity, *(action.target for action in lasting)) >= 1


@given(cases())
@many
def test_a_document_survives_the_wire(case: Case) -> None:
    assert config_from_wire(json.loads(json.dumps(case.document.wire()))) == case.document


@given(cases())
@many
def test_random_live_documents_hold_no_foreign_schedule_in_the_horizon(case: Case) -> None:
    """The other properties rest on it; a foreign one there makes the plan unsafe."""
    assert foreign_in_horizon(case.live, case.schedule.start, case.schedule.end) == ()


@pytest.mark.parametrize(("foreign", "recurring", "left"), [(0, 16, 83), (5, 16, 78), (83, 16, 0), (99, 16, -16)])
def test_the_budget_of_dated_steps_is_what_a_persons_and_the_fallbacks_actions_leave(
    foreign: int, recurring: int, left: int
) -> None:
    live = ProvisionConfig(scheduled_actions=tuple(an_action(name=f"own-{n}") for n in range(foreign)))
    assert step_budget(live, recurring) == left
