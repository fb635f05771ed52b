"""What a put would change."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings

from planner.diff import changes, describe
from planner.plan import ChangeKind
from planner.provision import ProvisionConfig
from tests.builders import NOON, a_config, a_tracker, an_action
from tests.documents.given import Case, cases


def test_documents_that_are_equal_differ_in_nothing() -> None:
    assert changes(a_config(2, 3), a_config(2, 3), {}) == ()


def test_the_order_of_policies_is_no_difference() -> None:
    there = a_config(2, 3, trackers=(a_tracker("a"), a_tracker("b")))
    here = replace(
        there,
        scheduled_actions=there.scheduled_actions[::-1],
        tracking_policies=there.tracking_policies[::-1],
    )
    assert changes(there, here, {}) == ()
    assert there.digest == here.digest


def test_scalars_come_first_then_what_is_added_or_changed_then_what_goes() -> None:
    live = ProvisionConfig(
        default_target=4, scheduled_actions=(an_action(name="gone"), an_action(name="moved", target=2))
    )
    wanted = ProvisionConfig(
        default_target=1,
        always_allocate_gpu=False,
        scheduled_actions=(an_action(name="new"), an_action(name="moved", target=5)),
        tracking_policies=(a_tracker(),),
    )
    found = changes(live, wanted, {"new": "because"})
    assert [(c.kind, c.part, c.name, c.reason) for c in found] == [
        (ChangeKind.CHANGE, "defaultTarget", "", "counts only while FC takes the document in; later the policies do"),
        (ChangeKind.CHANGE, "alwaysAllocateGPU", "", "as configured"),
        (ChangeKind.ADD, "scheduledActions", "new", "because"),
        (ChangeKind.CHANGE, "scheduledActions", "moved", "kept up to date"),
        (ChangeKind.REMOVE, "scheduledActions", "gone", "no longer wanted"),
        (ChangeKind.ADD, "targetTrackingPolicies", "planner-guard", "kept up to date"),
    ]
    assert (found[0].before, found[0].after) == ("4", "1")
    assert found[2].before == ""
    assert found[4].after == ""


def test_a_description_holds_all_that_a_policy_says_but_its_name() -> None:
    assert describe(an_action(NOON, 3)) == (
        "scheduleExpression=at(2026-11-23T12:00:00Z) target=3 "
        "startTime=2026-11-23T11:59:00Z endTime=2026-11-23T13:05:00Z"
    )
    assert describe(a_tracker()).startswith("metricType=ProvisionedConcurrencyUtilization metricTarget=0.8 ")


@given(cases())
@settings(max_examples=40)
def test_there_are_changes_exactly_where_the_digests_differ(case: Case) -> None:
    found = changes(case.live, case.document, {})
    assert bool(found) == (case.live.digest != case.document.digest)
    assert len({(change.part, change.name) for change in found}) == len(found)
    assert all(change.before != change.after for change in found)
    back = changes(case.document, case.live, {})
    assert {(c.part, c.name, c.before, c.after) for c in found} == {(c.part, c.name, c.after, c.before) for c in back}
