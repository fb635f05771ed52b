"""The planner's replay against FC's published examples and live tests; its reading is held to them in `core`."""

from __future__ import annotations

import numpy as np
import pytest

from planner.base import MINUTE, minutes_between
from planner.errors import DocumentError
from planner.provision import ProvisionConfig, ScheduledAction, config_from_wire
from planner.reading import Among, least_values, trigger
from planner.replay import Put, Replay, State, replay_document
from tests.published import AT_ONCE, CASES, LAGS, Case, utc


def replayed(case: Case, lag: int) -> Replay:
    """The case from its put to the last moment at which something is expected, two minutes at least."""
    start = utc(case.put_at)
    minutes = max([minutes_between(start, moment) for moment in case.moments()], default=1) + 1
    return replay_document(
        config_from_wire(case.document),
        start,
        np.full((1, max(minutes, 2)), case.load),
        instance_concurrency=AT_ONCE,
        lead=0,
        begin=State(warm=np.array([0])),
        put=Put(evaluation_lag=lag),
        keep_target=True,
    )


@pytest.mark.parametrize("lag", LAGS)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_replay_does_what_the_source_shows(case: Case, lag: int) -> None:
    targets = replayed(case, lag).target[0]
    assert set(targets[:lag]) == {case.document["defaultTarget"]}, "a put answers with the default"
    found = [int(targets[minutes_between(utc(case.put_at), moment)]) for moment in case.moments()]
    assert found == list(case.expected.values()), case.source


def test_the_evening_pair_never_comes_down_under_the_other_reading_among_schedules() -> None:
    pair = next(case for case in CASES if case.name.startswith("the evening pair"))
    document = config_from_wire(pair.document)
    assert least_values(document, utc("2024-08-02 12:00"), 1, Among.MAX)[0] == 50
    assert least_values(document, utc("2024-08-02 14:00"), 1, Among.MAX)[0] == 50


@pytest.mark.parametrize(
    ("before", "default", "warm"),
    [(5, 2, 2), (0, 3, 0)],
    ids=["a surplus goes at once", "what is missing has to start"],
)
def test_a_put_destroys_at_once_and_builds_at_once(before: int, default: int, warm: int) -> None:
    """Source: help, instance-level-events: instances are built at once, and lowering destroys the surplus at once."""
    found = replay_document(
        ProvisionConfig(default_target=default),
        utc("2026-11-23 12:00"),
        np.zeros((1, 1)),
        instance_concurrency=AT_ONCE,
        lead=2,
        begin=State(warm=np.array([before])),
        put=Put(evaluation_lag=1),
    )
    assert (int(found.provisioned[0]), int(found.end.warm[0])) == (default, warm)


@pytest.mark.parametrize(
    "expression",
    ["cron(0s */30 * * * *)", "cron(0/30 * * * *)"],
    ids=["fc-java-sdk: refused by live FC 2.0", "five fields, which the table of the product's page rules out"],
)
def test_what_function_compute_refuses_is_no_expression(expression: str) -> None:
    with pytest.raises(DocumentError):
        trigger(ScheduledAction(name="action1", schedule_expression=expression, target=1))


def test_the_minute_of_an_at_with_seconds_counts_from_its_beginning() -> None:
    """Of the live test's `at(2020-10-20T10:10:10Z)`: whether seconds count is unpublished, and minutes suffice."""
    action = ScheduledAction(name="action1", schedule_expression="at(2020-10-20T10:10:10Z)", target=3)
    document = ProvisionConfig(default_target=1, scheduled_actions=(action,))
    at = utc("2020-10-20 10:10")
    assert [int(value) for value in least_values(document, at - MINUTE, 2)] == [1, 3]
