"""The parts of one minute: they add up, and each is told where it acts and nowhere else."""

from __future__ import annotations

import math
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from planner.base import MINUTE
from planner.calendar.acting import Acting, Effect
from planner.calendar.campaigns import Campaign
from planner.explain import Kind, course, parts
from tests.builders import NOON
from tests.explain.given import SLOT, ZONE, Given, told, why

BUMP = (10.0,) * 4 + (20.0,) + (10.0,) * 4
DIP = (20.0,) * 4 + (10.0,) + (20.0,) * 4
NOW = timedelta(0)
STAIRS = (5.0, 5.0, 30.0, 30.0, 5.0, 5.0)


def campaign(uplift: float | None = None, at_least: float | None = None) -> Acting:
    """One in the second hour after NOON."""
    begin = NOON + timedelta(hours=1)
    held = Campaign(
        name="Launch",
        source="test",
        start=begin,
        end=begin + timedelta(hours=1),
        uplift=uplift,
        at_least=at_least,
    )
    factors = np.array([uplift or 1.0])
    return Acting(until=NOON + timedelta(days=1), zone=ZONE, effects=(Effect(campaign=held, factors=factors),))


@st.composite
def cases(draw: DrawFn) -> Given:
    """Tides, risks and limits of every kind."""
    tide = st.sampled_from((0.0, 0.3, 2.0, 9.0, 10.0, 31.0, 150.0, 260.0))
    floor = draw(st.sampled_from((0, 1, 6)))
    return Given(
        tide=draw(st.lists(tide, min_size=4, max_size=12)),
        spread=draw(st.sampled_from((0.0, 0.3))),
        worth=draw(st.sampled_from((0.6, 0.11, 0.003))),
        errors=draw(st.booleans()),
        each=draw(st.sampled_from((1, 4))),
        floor=floor,
        ceiling=draw(st.sampled_from((floor + 1, 20, 100_000))),
        lead=draw(st.sampled_from((0, 3, 22))) * MINUTE,
        dwell=draw(st.sampled_from((0, 10, 45))) * MINUTE,
        growth=draw(st.sampled_from((1, 3, 1000))),
        max_steps=draw(st.sampled_from((1, 3, 80))),
        acting=draw(st.sampled_from((campaign(1.5), campaign(0.2, 40.0), Acting(until=NOON, zone=ZONE)))),
        late=draw(st.sampled_from((0, 7))) * MINUTE,
    )


@given(case=cases())
@settings(max_examples=40)
def test_they_add_up_to_the_schedule_in_every_minute(case: Given) -> None:
    decision = case.decision()
    stages, scheduled = course(decision), decision.schedule.per_minute()

    sums = [
        sum(line.instances or 0 for line in parts(decision, stages, decision.schedule.start + minute * MINUTE))
        for minute in range(len(scheduled))
    ]

    assert sums == scheduled.tolist()


@given(case=cases())
@settings(max_examples=20)
def test_each_is_told_once_and_in_order_and_what_is_asked_ahead_never_lowers(case: Given) -> None:
    order, decision = list(Kind), case.decision()
    stages = course(decision)

    for minute in range(0, len(stages.steps), 5):
        found = parts(decision, stages, decision.schedule.start + minute * MINUTE)
        places = [order.index(line.kind) for line in found]
        assert places == sorted(set(places))
        assert all(
            (line.instances or 0) > 0 for line in found if line.kind in (Kind.LEAD, Kind.GROWTH, Kind.STEPS, Kind.FLOOR)
        )
        assert all((line.instances or 0) < 0 for line in found if line.kind is Kind.CEILING)


def test_a_plain_slot_is_its_tide_and_its_arrivals() -> None:
    assert list(told(Given(tide=(10.0,) * 8), timedelta(hours=1))) == [Kind.TIDE, Kind.ARRIVALS]


class TestTide:
    def test_it_is_the_median_at_full_use(self) -> None:
        case = Given(tide=(10.0,) * 8, each=4)

        assert told(case, NOW)[Kind.TIDE] == 3
        assert why(case, Kind.TIDE).endswith("10.0 in flight at the median by the nowcast: 3 at full use, 4 each")

    def test_after_the_nowcast_the_champion_speaks(self) -> None:
        case = Given(tide=(10.0,) * 8)

        assert " by the nowcast: " in why(case, Kind.TIDE, 2 * SLOT - MINUTE)
        assert " by seasonal: " in why(case, Kind.TIDE, 2 * SLOT)

    @pytest.mark.parametrize(("days", "kind"), [(0, "workday, "), (5, "weekend day, ")])
    def test_it_names_the_day_of_the_function_s_zone(self, days: int, kind: str) -> None:
        # NOON is a Monday, 20:00 in Shanghai: the Saturday there begins at 16:00 UTC of Friday.
        case = Given(tide=(10.0,) * 24 * 4 * 6)

        assert why(case, Kind.TIDE, timedelta(days=days, hours=-20 if days else 0)).startswith(kind)


class TestCampaign:
    def test_it_is_what_the_campaign_adds_at_full_use(self) -> None:
        case = Given(tide=(10.0,) * 16, acting=campaign(uplift=1.5))

        found = told(case, timedelta(hours=1))
        assert (found[Kind.TIDE], found[Kind.CAMPAIGN]) == (10, 5)
        assert why(case, Kind.CAMPAIGN, timedelta(hours=1)) == "Launch: 10.0 becomes 15.0 in flight"

    def test_a_floor_of_concurrency_counts(self) -> None:
        assert told(Given(tide=(10.0,) * 16, acting=campaign(at_least=40)), timedelta(hours=1))[Kind.CAMPAIGN] == 30

    def test_it_is_told_although_it_changes_no_whole_instance(self) -> None:
        case = Given(tide=(10.5,) * 16, each=10, acting=campaign(uplift=1.1))

        assert told(case, timedelta(hours=1))[Kind.CAMPAIGN] == 0

    def test_there_is_none_outside_of_it(self) -> None:
        case = Given(tide=(10.0,) * 16, acting=campaign(uplift=1.5))

        assert [Kind.CAMPAIGN in told(case, timedelta(minutes=at)) for at in (59, 60, 119, 120)] == [
            False,
            True,
            True,
            False,
        ]


class TestErrors:
    def test_a_tide_that_may_be_higher_takes_more(self) -> None:
        case = Given(tide=(100.0,) * 8, spread=0.3, errors=True)

        assert told(case, NOW)[Kind.ERRORS] > 20
        assert why(case, Kind.ERRORS).endswith(": 61.1 to 163.8 in 9 of 10 cases")

    def test_arrivals_are_no_part_of_them(self) -> None:
        sure, counted = (told(Given(tide=(10.0,) * 8, errors=errors), NOW) for errors in (False, True))

        assert counted == sure | {Kind.ERRORS: 0}

    def test_a_policy_that_doesn_t_count_them_has_none(self) -> None:
        assert Kind.ERRORS not in told(Given(tide=(100.0,) * 8, spread=0.3), NOW)


class TestArrivals:
    def test_the_last_instance_is_worth_it_and_one_more_is_not(self) -> None:
        case = Given(tide=(10.0,) * 8, worth=0.02)

        def at_least(count: int) -> float:
            return 1.0 - math.fsum(math.exp(-10) * 10**k / math.factorial(k) for k in range(count))

        wanted = next(count for count in range(1, 100) if at_least(count + 1) < 0.02)
        found = told(case, NOW)
        assert found[Kind.TIDE] + found[Kind.ARRIVALS] == wanted
        assert why(case, Kind.ARRIVALS) == (
            f"requests come by chance: the {wanted}th instance is busy {100 * at_least(wanted):.2f} % of the time, "
            f"the {wanted + 1}th would be busy {100 * at_least(wanted + 1):.2f} %, "
            "below the 2.00 % that it must be worth"
        )

    def test_where_not_one_is_worth_it_that_is_said(self) -> None:
        case = Given(tide=(0.1,) * 8, worth=0.5)

        assert told(case, NOW) == {Kind.TIDE: 1, Kind.ARRIVALS: -1}
        assert ": the 1st would be busy 9.52 % of the time, below the 50.00 % " in why(case, Kind.ARRIVALS)


class TestClamps:
    def test_the_floor_adds_what_is_missing_to_it(self) -> None:
        free = sum(told(Given(tide=(10.0,) * 8), NOW).values())

        assert told(Given(tide=(10.0,) * 8, floor=25), NOW)[Kind.FLOOR] == 25 - free
        assert Kind.FLOOR not in told(Given(tide=(10.0,) * 8, floor=free), NOW)

    def test_the_ceiling_takes_what_is_above_it(self) -> None:
        free = sum(told(Given(tide=(10.0,) * 8), NOW).values())

        assert told(Given(tide=(10.0,) * 8, ceiling=12), NOW)[Kind.CEILING] == 12 - free
        assert Kind.CEILING not in told(Given(tide=(10.0,) * 8, ceiling=free), NOW)

    def test_a_large_service_is_weighed_in_coarse_steps(self) -> None:
        coarse = [case for case in (Given(tide=(1000.0 + at,) * 8) for at in range(3)) if Kind.GRAIN in told(case, NOW)]

        assert coarse
        assert why(coarse[0], Kind.GRAIN) == "a service of this size is weighed in steps of 3 instances"
        assert all(abs(told(case, NOW)[Kind.GRAIN]) < 3 for case in coarse)
        assert Kind.GRAIN not in told(Given(tide=(200.0,) * 8), NOW)


class TestPriceOfAChange:
    def test_a_rise_too_short_for_its_lead_is_not_made_in_full(self) -> None:
        case = Given(tide=BUMP, lead=2 * SLOT)

        assert told(case, 4 * SLOT)[Kind.CHANGE] < 0
        assert why(case, Kind.CHANGE, 4 * SLOT).startswith("a rise is paid 30 min ahead of need, ")

    def test_a_short_dip_is_held_through(self) -> None:
        case = Given(tide=DIP, lead=2 * SLOT)

        assert told(case, 4 * SLOT)[Kind.CHANGE] > 0
        assert why(case, Kind.CHANGE, 4 * SLOT).startswith("kept for busier times nearby: ")

    def test_it_is_free_without_a_lead(self) -> None:
        assert Kind.CHANGE not in told(Given(tide=BUMP), 4 * SLOT)


class TestDwellAndSteps:
    def test_a_slot_follows_its_neighbours_for_the_dwell(self) -> None:
        assert Kind.DWELL in told(Given(tide=BUMP, dwell=4 * SLOT), 4 * SLOT)
        assert Kind.DWELL not in told(Given(tide=BUMP, dwell=SLOT), 4 * SLOT)

    def test_a_document_with_room_for_few_steps_merges_levels(self) -> None:
        few, enough = ([told(Given(tide=STAIRS, max_steps=most), at * SLOT) for at in (0, 4)] for most in (2, 3))

        rise = sum(told(Given(tide=STAIRS, max_steps=2), 2 * SLOT).values()) - sum(enough[0].values())
        # The first or the last hour is as dear as the other to join with the peak.
        assert sorted(each.get(Kind.LIMIT, 0) for each in few) == [0, rise]
        assert not any(Kind.LIMIT in each for each in enough)
        assert all(set(each) <= {Kind.TIDE, Kind.ARRIVALS, Kind.LIMIT} for each in few)

    def test_steps_cover_what_a_slow_growth_asks_for(self) -> None:
        case = Given(tide=STAIRS, growth=1, dwell=6 * MINUTE)

        found = [told(case, 2 * SLOT - minute * MINUTE) for minute in range(1, 12)]
        assert any(Kind.STEPS in each for each in found)
        assert not any(Kind.STEPS in told(Given(tide=STAIRS, growth=1), 2 * SLOT - at * MINUTE) for at in range(1, 12))


class TestLeadAndGrowth:
    def test_a_later_rise_is_asked_for_ahead(self) -> None:
        case = Given(tide=STAIRS, lead=3 * MINUTE)

        assert [Kind.LEAD in told(case, 2 * SLOT - at * MINUTE) for at in (4, 3, 1, 0)] == [False, True, True, False]
        assert why(case, Kind.LEAD, 2 * SLOT - MINUTE) == "42 are needed from Mon 20:30, and asked for 3 min ahead"

    def test_growth_is_spread_over_the_minutes_before(self) -> None:
        case = Given(tide=STAIRS, growth=10)

        rise = sum(told(case, 2 * SLOT).values()) - sum(told(case, NOW).values())
        assert [told(case, 2 * SLOT - at * MINUTE).get(Kind.GROWTH, 0) for at in range(5)] == [
            0,
            rise - 10,
            rise - 20,
            max(rise - 30, 0),
            0,
        ]
        assert why(case, Kind.GROWTH, 2 * SLOT - MINUTE) == (
            "42 are asked for at Mon 20:30, and 10 a minute at most can be had"
        )


def test_minutes_of_a_slot_that_began_before_the_plan_are_explained_too() -> None:
    case = Given(tide=STAIRS, late=7 * MINUTE)

    assert told(case, 7 * MINUTE) == told(Given(tide=STAIRS), 7 * MINUTE)
