"""After the put: whether the instances of the step in effect came."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from planner.clock import ManualClock
from planner.errors import FCRefused, FCUnreachable
from planner.fc.memory import MemoryFunctionCompute
from planner.outcome import Arrival, OutcomeKind
from tests.apply.conftest import Applying, Meddled
from tests.builders import FUNCTION, NOON, a_plan

CUT = FCUnreachable("the connection was cut")


def test_the_instances_of_the_step_in_effect_are_counted(applying: Applying) -> None:
    outcome = applying()

    assert (outcome.arrival, outcome.wanted_instances, outcome.current) == (Arrival.ARRIVED, 2, 4)


def test_instances_that_come_late_are_waited_for(
    applying: Applying, fc: MemoryFunctionCompute, clock: ManualClock
) -> None:
    fc.set_instances(FUNCTION, current=0)
    port = Meddled(fc, {6: lambda port: port.set_instances(FUNCTION, current=2)})

    outcome = replace(applying, fc=port)()

    assert outcome.arrival is Arrival.ARRIVED
    assert clock.monotonic() == 15


def test_the_reason_that_fc_gives_ends_the_wait(applying: Applying, fc: MemoryFunctionCompute) -> None:
    fc.set_instances(FUNCTION, current=0)
    port = Meddled(fc, {4: lambda port: port.set_instances(FUNCTION, current=0, error="image not found")})

    outcome = replace(applying, fc=port)()

    assert (outcome.kind, outcome.arrival) == (OutcomeKind.APPLIED, Arrival.BLOCKED)
    assert outcome.current_error == "image not found"
    assert outcome.message.endswith("Only 0 of 2 instances are there; FC says: image not found")


def test_a_passing_error_text_does_not_end_it(
    applying: Applying, fc: MemoryFunctionCompute, clock: ManualClock
) -> None:
    fc.set_instances(FUNCTION, current=0, error="Resources are being replenished")
    port = Meddled(fc, {60: lambda port: port.set_instances(FUNCTION, current=2)})

    assert replace(applying, fc=port)().arrival is Arrival.ARRIVED


def test_a_text_from_before_the_put_counts_only_once_fc_has_evaluated_the_new_document(
    applying: Applying, fc: MemoryFunctionCompute, clock: ManualClock
) -> None:
    fc.set_instances(FUNCTION, current=0, error="quota exceeded")

    assert applying().arrival is Arrival.BLOCKED
    assert clock.monotonic() == 120


def test_without_reason_and_instances_the_deadline_ends_it(
    applying: Applying, fc: MemoryFunctionCompute, clock: ManualClock
) -> None:
    fc.set_instances(FUNCTION, current=1)

    outcome = applying(follow=timedelta(seconds=60))

    assert (outcome.arrival, clock.monotonic()) == (Arrival.STARTING, 60)
    assert "Only 1 of 2 instances are there after 60 s" in outcome.message


def test_a_step_that_begins_meanwhile_and_asks_for_less_is_what_counts(
    applying: Applying, fc: MemoryFunctionCompute, clock: ManualClock
) -> None:
    plan = a_plan(NOON - timedelta(minutes=119), valid_until=NOON + timedelta(minutes=15))
    fc.set_instances(FUNCTION, current=3)

    outcome = applying(plan)

    assert (outcome.arrival, outcome.wanted_instances) == (Arrival.ARRIVED, 3)
    assert clock.monotonic() == 60


def test_a_moment_without_fc_does_not_end_it(applying: Applying, fc: MemoryFunctionCompute) -> None:
    fc.set_instances(FUNCTION, current=0)
    port = Meddled(fc, {4: lambda port: port.fail_next(CUT), 5: lambda port: port.set_instances(FUNCTION, current=2)})

    assert replace(applying, fc=port)().arrival is Arrival.ARRIVED


def test_a_refusal_ends_it_and_the_document_is_applied_all_the_same(
    applying: Applying, fc: MemoryFunctionCompute
) -> None:
    fc.set_instances(FUNCTION, current=0)

    outcome = replace(applying, fc=Meddled(fc, {4: lambda port: port.fail_next(FCRefused("denied"))}))()

    assert (outcome.kind, outcome.arrival) == (OutcomeKind.APPLIED, Arrival.NOT_FOLLOWED)


def test_without_patience_nothing_is_waited_for(applying: Applying, fc: MemoryFunctionCompute) -> None:
    fc.set_instances(FUNCTION, current=0)

    assert applying(follow=timedelta()).arrival is Arrival.NOT_FOLLOWED
