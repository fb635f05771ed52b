"""What became of requests, in figures."""

from __future__ import annotations

import pytest

from planner.rehearsal.measured import OURS, Row, figures
from tests.rehearsal.given import a_rehearsal, a_row, a_run


def test_percentiles_are_of_nearest_rank() -> None:
    found = figures([a_row(0, latency=float(number)) for number in range(1, 101)])
    assert found.quantiles == (50.0, 95.0, 99.0)
    assert (found.p99, found.longest) == (99.0, 100.0)


def test_a_request_without_an_answer_of_200_has_no_latency_but_is_counted() -> None:
    rows = [
        a_row(0, 1.0),
        a_row(1, 0.01, status=429, start=""),
        a_row(2, 9.0, status=0, start=""),
        a_row(3, 2.0, start="cold"),
    ]
    found = figures(rows)
    assert (found.requests, found.refused, found.failed, found.cold) == (4, 1, 1, 1)
    assert found.quantiles == (1.0, 2.0, 2.0)


def test_of_nothing_there_are_zeros() -> None:
    assert figures([]).quantiles == (0.0, 0.0, 0.0)
    assert figures([]).longest == 0.0


def test_instances_that_several_requests_waited_for_are_one_cold_start() -> None:
    run = a_run(
        OURS, a_row(0, start="cold", instance="a"), a_row(1, start="cold", instance="a"), a_row(2, instance="b")
    )
    assert run.cold_starts == 1
    assert run.hours == 1.5


def test_the_figures_of_the_ramp_are_of_requests_due_in_it() -> None:
    found = a_rehearsal()
    first, last = found.scene.ramp
    slow = a_run(OURS, a_row(first - 0.5, 7.0), a_row(first, 1.0), a_row(last - 0.1, 2.0), a_row(last, 8.0))
    rising = a_rehearsal(slow).rising(slow)
    assert (rising.requests, rising.longest) == (2, 2.0)
    assert a_rehearsal(slow).whole(slow).longest == 8.0


@pytest.mark.parametrize(("late", "saturated"), [(0.004, False), (0.2, True)])
def test_a_generator_that_is_late_says_that_the_machine_did_not_keep_up(late: float, saturated: bool) -> None:
    run = a_run(OURS, *(Row(float(at), late, 0.5, 200, "warm", "i") for at in range(60)))
    assert a_rehearsal(run).saturated is saturated
