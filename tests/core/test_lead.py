"""What rises teach of the lead."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planner.base import MINUTE
from planner.lead import ENOUGH, LONGEST, SHORTEST, WINDOW, Kind, Rise, Start, choose, learn, percentile
from tests.builders import NOON

RISE = Rise(asked_at=NOON, wanted=3, before=1)
LAG, ASSUMED = 2 * MINUTE, MINUTE


def starts(*seconds: float, arrived: bool = True, rise: Rise = RISE) -> list[Start]:
    return [Start(rise=rise, took=timedelta(seconds=each), arrived=arrived) for each in seconds]


def test_p90_is_the_time_in_which_nine_of_ten_arrived() -> None:
    assert percentile(starts(*range(10, 101, 10))) == timedelta(seconds=90)
    assert percentile(starts(*range(1, 31))) == timedelta(seconds=27)
    assert percentile(starts(7)) == timedelta(seconds=7)


def test_a_rise_that_was_cut_hands_its_weight_to_the_longer_ones() -> None:
    # Kaplan and Meier by hand: 1/4 falls at 10; of the three left one is cut at 15; the two left fall at 20 and 30.
    seen = [*starts(10, 20, 30), *starts(15, arrived=False)]
    assert percentile(seen) == timedelta(seconds=30)
    # Nothing arrived: the longest that was watched.
    assert percentile(starts(50, 40, arrived=False)) == timedelta(seconds=50)


@given(
    arrived=st.lists(st.integers(1, 900), min_size=1, max_size=30),
    cut=st.lists(st.integers(0, 900), max_size=30),
)
def test_a_cut_never_lowers_the_figure(arrived: list[int], cut: list[int]) -> None:
    assert percentile(starts(*arrived) + starts(*cut, arrived=False)) >= percentile(starts(*arrived))


@pytest.mark.parametrize(
    ("wanted", "by_put", "kind"),
    [
        (2, False, Kind.SMALL),
        (3, False, Kind.SMALL),
        (4, False, Kind.MEDIUM),
        (10, False, Kind.MEDIUM),
        (11, False, Kind.LARGE),
        (99, True, Kind.PUT),
    ],
)
def test_rises_are_compared_with_their_like(wanted: int, kind: Kind, *, by_put: bool) -> None:
    assert replace(RISE, wanted=wanted, by_put=by_put).kind is kind


def test_few_rises_change_nothing() -> None:
    found = choose(None, ASSUMED, LAG, learn(starts(*[300] * (ENOUGH - 1))))
    assert (found.span, found.source) == (ASSUMED, "assumed")
    assert found.sentence == "60 s after Function Compute's 120 s, assumed; 9 of kind step of 1 or 2: P90 300 s"


def test_what_fc_takes_to_evaluate_is_counted_once() -> None:
    found = choose(None, ASSUMED, LAG, learn(starts(*[300] * ENOUGH)))
    assert (found.span, found.whole, found.source) == (3 * MINUTE, 5 * MINUTE, "learnt")


def test_the_slowest_kind_of_which_enough_was_seen_decides() -> None:
    large = replace(RISE, wanted=50)
    few = learn(starts(*[200] * ENOUGH) + starts(*[600] * (ENOUGH - 1), rise=large))
    many = learn(starts(*[200] * ENOUGH) + starts(*[600] * ENOUGH, rise=large))
    assert [choose(None, ASSUMED, LAG, each).whole.total_seconds() for each in (few, many)] == [200, 600]


@pytest.mark.parametrize(("seconds", "span"), [(5, SHORTEST), (3000, LONGEST)])
def test_what_is_believed_has_bounds(seconds: float, span: timedelta) -> None:
    assert choose(None, ASSUMED, LAG, learn(starts(*[seconds] * ENOUGH))).span == span


def test_cuts_alone_shorten_nothing() -> None:
    assert choose(None, ASSUMED, LAG, learn(starts(*[5] * 20, arrived=False))).span == ASSUMED
    # That none came in ten minutes says much.
    assert choose(None, ASSUMED, LAG, learn(starts(*[600] * 20, arrived=False))).whole == 10 * MINUTE


def test_the_owner_has_the_last_word() -> None:
    found = choose(timedelta(0), ASSUMED, LAG, learn(starts(*[300] * 20)))
    assert (found.span, found.source) == (timedelta(0), "configured")
    assert "P90 300 s" in found.sentence


def test_a_slower_start_counts_after_four_rises_and_a_faster_one_after_27() -> None:
    usual, slow = starts(*[200] * WINDOW), starts(*[500] * WINDOW)

    def after(newest: list[Start], count: int, before: list[Start]) -> float:
        return learn(newest[:count] + before)[0].whole.total_seconds()

    assert [after(slow, n, usual) for n in (0, 3, 4)] == [200, 200, 500]
    assert [after(usual, n, slow) for n in (26, 27)] == [500, 200]
