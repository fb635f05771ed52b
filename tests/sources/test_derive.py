"""From metrics to concurrency: which way is taken, and what a silence says."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planner.sources.derive import (
    AT_ONCE,
    CALLS,
    DURATION,
    LONG,
    NIGHT,
    ON_DEMAND,
    PROVISIONED,
    QUIET,
    REGION,
    THROTTLES,
    Derived,
    derive,
)

Metrics = Mapping[str, Mapping[int, float]]
LATER = 10**9
"""A `settled` after everything."""


def derived(
    metrics: Metrics, *, minutes: int = 10, step: int = 60, settled: int = LATER, mean: timedelta | None = None
) -> Derived:
    """Of minutes from the epoch on; a metric's points are given by the number of their period."""
    points = {name: {n * step: value for n, value in series.items()} for name, series in metrics.items()}
    return derive(
        lambda name: points.get(name, {}), range(0, minutes * step, step), settled=settled, mean_duration=mean
    )


def idle(metrics: Metrics, *, step: int = 60, **options: int) -> list[int]:
    return sorted(t // step for t in derived(metrics, step=step, **options).idle)


def test_instances_come_before_calls() -> None:
    found = derived(
        {AT_ONCE: {0: 3.33}, PROVISIONED: {0: 2}, ON_DEMAND: {0: 1}, CALLS: {0: 300}, DURATION: {0: 2000}}, minutes=1
    )
    assert found.by_instances == pytest.approx({0: 9.99})
    assert found.by_calls == {}


def test_of_five_minutes_calls_come_first() -> None:
    found = derived(
        {AT_ONCE: {0: 3.33}, PROVISIONED: {0: 2}, ON_DEMAND: {0: 1}, CALLS: {0: 1500}, DURATION: {0: 2000}},
        minutes=1,
        step=300,
    )
    assert found.by_calls == {0: 10.0}
    assert found.by_instances == {}


@pytest.mark.parametrize("lacking", [AT_ONCE, PROVISIONED, ON_DEMAND])
def test_a_product_wants_all_three(lacking: str) -> None:
    metrics = {AT_ONCE: {0: 3.0}, PROVISIONED: {0: 2}, ON_DEMAND: {0: 1}, CALLS: {0: 300}, DURATION: {0: 2000}}
    found = derived({name: series for name, series in metrics.items() if name != lacking}, minutes=1)
    assert (found.by_instances, found.by_calls) == ({}, {0: 10.0})


def test_what_is_not_needed_is_not_asked_for() -> None:
    asked: list[str] = []
    metrics = {AT_ONCE: {0: 1.0, 60: 1.0}, PROVISIONED: {0: 1.0, 60: 1.0}, ON_DEMAND: {0: 0.0, 60: 0.0}}

    def read(name: str) -> Mapping[int, float]:
        asked.append(name)
        return metrics.get(name, {})

    # The third minute has no point yet, and is too young for its silence to say anything.
    derive(read, range(0, 180, 60), settled=120, mean_duration=None)
    assert set(asked) == {AT_ONCE, PROVISIONED, ON_DEMAND, *THROTTLES}


@pytest.mark.parametrize(
    ("minutes", "at_once", "remarks"),
    [
        (LONG, 6.0, ("concurrent requests x instances are 1.20 times calls x duration over 1,440 periods",)),
        (LONG, 5.4, ()),
        (LONG - 1, 6.0, ()),
    ],
    ids=["far apart", "near", "short"],
)
def test_a_first_read_tells_where_the_two_ways_disagree(minutes: int, at_once: float, remarks: tuple[str, ...]) -> None:
    metrics = {AT_ONCE: at_once, PROVISIONED: 1.0, ON_DEMAND: 0.0, CALLS: 300.0, DURATION: 1000.0}
    found = derived({name: dict.fromkeys(range(minutes), value) for name, value in metrics.items()}, minutes=minutes)
    assert (len(found.by_instances), found.remarks) == (minutes, remarks)


class TestTurnedAway:
    SERVED: ClassVar[Metrics] = {AT_ONCE: {0: 2.5}, PROVISIONED: {0: 1}, ON_DEMAND: {0: 0}}

    def test_it_is_added_to_what_was_in_the_instances_as_if_it_had_taken_as_long(self) -> None:
        away = {DURATION: {0: 500}, THROTTLES[0]: {0: 100}, THROTTLES[1]: {0: 20}}
        found = derived({**self.SERVED, **away}, minutes=1)
        # 120 / 60 x 0.5
        assert found.by_instances == {0: 2.5 + 1.0}
        (remark,) = found.remarks
        assert remark.endswith(
            "added back 1 requests in flight on average (1 at most) where requests were turned away (1 interval)"
        )

    @pytest.mark.parametrize("step", [60, 300])
    def test_calls_count_it_already(self, step: int) -> None:
        found = derived({CALLS: {0: 6 * step}, DURATION: {0: 500}, THROTTLES[0]: {0: step}}, minutes=1, step=step)
        assert (found.by_calls, found.remarks) == ({0: 3.0}, ())

    def test_where_everything_was_turned_away_a_request_takes_what_it_usually_does(self) -> None:
        metrics = {CALLS: {0: 60, 1: 60, 2: 120}, DURATION: {0: 400, 1: 600}, THROTTLES[1]: {2: 120}}
        assert derived(metrics, minutes=3).by_calls == {0: 0.4, 60: 0.6, 120: 1.0}
        assert derived(metrics, minutes=3, mean=timedelta(seconds=2)).by_calls == {0: 0.4, 60: 0.6, 120: 4.0}

    def test_but_not_where_some_were_served_and_their_duration_is_missing(self) -> None:
        metrics = {CALLS: {0: 60, 1: 60, 2: 120}, DURATION: {0: 400, 1: 600}, THROTTLES[1]: {2: 119}}
        assert set(derived(metrics, minutes=3).by_calls) == {0, 60}

    def test_the_configured_duration_serves_where_no_other_is_known(self) -> None:
        metrics = {**self.SERVED, THROTTLES[0]: {0: 60}}
        known, unknown = derived(metrics, minutes=1, mean=timedelta(seconds=2)), derived(metrics, minutes=1)
        assert known.by_instances == {0: 4.5}
        assert unknown.by_instances == {}
        assert unknown.remarks[0].startswith("requests were turned away in 1 periods, left out")


class TestSilence:
    def test_it_is_zero_where_the_instances_reported(self) -> None:
        assert idle({PROVISIONED: {2: 1, 3: 1}}, minutes=5) == [2, 3]

    @pytest.mark.parametrize("name", REGION)
    def test_it_is_zero_where_the_region_reported(self, name: str) -> None:
        assert idle({name: {1: 4}}, minutes=3) == [1]

    @pytest.mark.parametrize("name", [CALLS, DURATION, *THROTTLES, ON_DEMAND, AT_ONCE])
    def test_it_is_a_gap_where_anything_tells_of_calls(self, name: str) -> None:
        assert idle({PROVISIONED: {0: 1, 1: 1}, name: {0: 5}}, minutes=2) == [1]

    def test_it_is_a_gap_while_its_calls_may_be_late(self) -> None:
        assert idle({PROVISIONED: dict.fromkeys(range(10), 1)}, settled=300) == [0, 1, 2, 3, 4]

    def test_nothing_is_said_beyond_what_was_heard(self) -> None:
        found = derived({CALLS: {3: 1, 5: 1}, DURATION: {3: 100, 5: 100}}, minutes=9)
        assert sorted(t // 60 for t in {**found.by_calls, **found.idle}) == [3, 4, 5]

    def test_a_hole_between_quiet_minutes_is_no_call(self) -> None:
        assert idle({CALLS: {0: QUIET, 4: 1}, DURATION: {0: 100, 4: 100}}, minutes=5) == [1, 2, 3]

    @pytest.mark.parametrize("busy", [0, 4])
    def test_a_hole_beside_a_busy_minute_is_a_gap(self, busy: int) -> None:
        calls = {0: 1.0, 4: 1.0} | {busy: QUIET + 1.0}
        assert idle({CALLS: calls, DURATION: {0: 100, 4: 100}}, minutes=5) == []

    def test_a_hole_in_the_life_of_provisioned_instances_is_a_gap(self) -> None:
        assert idle({PROVISIONED: {0: 1, 4: 1}}, minutes=5) == [0, 4]

    def test_a_hole_is_no_longer_than_a_night(self) -> None:
        night = int(NIGHT.total_seconds()) // 60
        for length, expected in ((night, night), (night + 1, 0)):
            edges = {0: 1.0, length + 1: 1.0}
            assert len(idle({CALLS: edges, DURATION: edges}, minutes=length + 2)) == expected


NUMBERS = st.dictionaries(st.integers(0, 20), st.floats(0, 1e6))


@given(st.fixed_dictionaries(dict.fromkeys((AT_ONCE, PROVISIONED, ON_DEMAND, CALLS, DURATION, *THROTTLES), NUMBERS)))
def test_each_period_is_told_once_and_none_is_invented(metrics: Metrics) -> None:
    found = derived(metrics, minutes=21)
    told = [*found.by_instances, *found.by_calls, *found.idle]
    heard = {n * 60 for series in metrics.values() for n in series}

    assert len(told) == len(set(told))
    assert all(value >= 0 for series in (found.by_instances, found.by_calls) for value in series.values())
    assert not told or (heard and min(heard) <= min(told) and max(told) <= max(heard))
    assert not set(found.idle) & {n * 60 for name in (CALLS, DURATION) for n in metrics[name]}
