"""Documents replayed on the load that came: what they left cold, and when a push should be taken back."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planner.base import MINUTE
from planner.hindsight import LEAST, MOST, Came, cold_share, regretted, still_cold
from planner.provision import ProvisionConfig
from tests.builders import NOON

LOW, HIGH = ProvisionConfig(default_target=4), ProvisionConfig(default_target=10)


def a_load(value: float, minutes: int = 30) -> Came:
    return Came(start=NOON, load=np.full(minutes, value), instance_concurrency=1, start_up=2 * MINUTE)


def test_each_document_counts_from_when_it_was_put() -> None:
    """Worked: of ten in flight four are served, from the fifteenth minute on ten, some minutes after the put."""
    found = cold_share([(NOON - MINUTE, LOW), (NOON + 15 * MINUTE, HIGH)], a_load(10.0))
    only, late = cold_share([(NOON, LOW)], a_load(10.0)), cold_share([(NOON, HIGH)], a_load(10.0))
    assert (late, only) == (0, 0.6)
    assert 0.3 < found < 0.45


def test_what_is_cold_no_more_counts_as_little_as_the_newest_half_hour() -> None:
    """Worked: a load of ten finds four instances; after an hour there are ten, or the load is a fifth of it."""
    hours = a_load(10.0, 120)
    assert still_cold([(NOON, LOW)], hours) == cold_share([(NOON, LOW)], hours) == 0.6
    caught_up = [(NOON, LOW), (NOON + 60 * MINUTE, HIGH)]
    assert cold_share(caught_up, hours) > 0.3
    assert still_cold(caught_up, hours) == 0
    fallen = Came(start=NOON, load=np.repeat([10.0, 2.0], 60), instance_concurrency=1, start_up=2 * MINUTE)
    assert still_cold([(NOON, LOW)], fallen) == 0


def test_what_is_cold_only_now_counts_by_all_of_the_hours() -> None:
    risen = Came(start=NOON, load=np.repeat([2.0, 10.0], [110, 10]), instance_concurrency=1, start_up=2 * MINUTE)
    assert still_cold([(NOON, LOW)], risen) == cold_share([(NOON, LOW)], risen) == 60 / 320


def test_what_a_document_has_when_the_load_begins_is_not_held_against_it() -> None:
    assert cold_share([(NOON, ProvisionConfig(default_target=10))], a_load(10.0)) == 0


def test_a_push_is_taken_back_where_the_one_before_would_have_done_much_better() -> None:
    why = regretted([(NOON, LOW)], HIGH, a_load(10.0), objective=0.001)
    assert why.endswith(
        " of the load found no warm instance in the 30 min since a push (bound 2.0%), "
        "and 0.0% would have under the document from before it"
    )


@pytest.mark.parametrize(
    ("stood", "before", "came", "objective"),
    [
        (LOW, ProvisionConfig(default_target=5), a_load(10.0), 0.001),
        (LOW, HIGH, a_load(10.0, LEAST // MINUTE - 2), 0.001),
        (LOW, HIGH, a_load(10.0, MOST // MINUTE + 1), 0.001),
        (LOW, HIGH, a_load(0.0), 0.001),
        (LOW, HIGH, a_load(10.0), 0.1),
        (HIGH, LOW, a_load(10.0), 0.001),
    ],
    ids=["hardly better", "too soon", "too late", "no load", "the owner accepts more", "worse"],
)
def test_else_it_stands(stood: ProvisionConfig, before: ProvisionConfig, came: Came, objective: float) -> None:
    assert regretted([(NOON, stood)], before, came, objective=objective) == ""


@given(low=st.integers(0, 20), more=st.integers(0, 20), load=st.lists(st.floats(0, 40), min_size=20, max_size=90))
@settings(max_examples=40)
def test_a_push_that_gave_no_less_is_never_regretted(low: int, more: int, load: list[float]) -> None:
    came = Came(start=NOON, load=np.array(load), instance_concurrency=1, start_up=timedelta(minutes=2))
    documents = [ProvisionConfig(default_target=each) for each in (low + more, low)]
    assert regretted([(NOON, documents[0])], documents[1], came, objective=0.001) == ""
