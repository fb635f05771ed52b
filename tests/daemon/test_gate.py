"""Whether a fresh plan is pushed, proposed or left alone."""

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planner.budget import Budget
from planner.freeze import Freeze
from planner.gate import Difference, Drift, GateRules, Mode, Ruling, Standing, Verdict, most_at_once, rule
from planner.plan import Plan
from planner.provision import ProvisionConfig
from tests.builders import NOON, a_breach, a_config, a_cost, a_plan, a_schedule, an_estimate

HOUR = timedelta(hours=1)
RULES = GateRules(
    mode=Mode.AUTO,
    drift=Drift.LEAVE,
    min_interval=timedelta(minutes=30),
    worth_hours=1.0,
    max_rise=None,
    max_drop=None,
    budget=Budget(),
    auto_hours=None,
    auto_money=None,
)
LONG = (4,) * 24


def fresh(*instances: int, live: ProvisionConfig) -> Plan:
    """A plan made at NOON for as many hours as there are figures."""
    wanted = a_config(*instances, default=instances[0])
    return a_plan(live=live, wanted=wanted, schedule=a_schedule(*instances))


def standing(applied: Plan | None, *, pushed: timedelta = 5 * HOUR, held: str = "", fresh: bool = True) -> Standing:
    return Standing(now=NOON, applied=applied, pushed_at=NOON - pushed if applied else None, held=held, fresh=fresh)


def judged(*instances: int, rules: GateRules = RULES, live: tuple[int, ...] = LONG, **known: object) -> Ruling:
    """A plan of these steps where the applied one, of 24 h from NOON, asks for `live`."""
    applied = fresh(*live, live=ProvisionConfig(default_target=1))
    return rule(fresh(*instances, live=applied.wanted), standing(applied, **known), rules)  # type: ignore[arg-type]


def test_a_first_plan_is_pushed() -> None:
    assert rule(a_plan(), standing(None), RULES).verdict is Verdict.PUSH


def test_without_changes_there_is_nothing_to_do() -> None:
    ruling = rule(replace(a_plan(), changes=()), standing(None), RULES)
    assert ruling == Ruling(verdict=Verdict.HOLD, sentence="Function Compute holds the wanted document")


@pytest.mark.parametrize("mode", list(Mode))
def test_what_is_held_is_held_in_every_mode(mode: Mode) -> None:
    ruling = judged(9, *LONG[1:], rules=replace(RULES, mode=mode), held="paused by ann since noon")
    assert ruling == Ruling(verdict=Verdict.HOLD, sentence="paused by ann since noon")


def test_a_new_function_is_only_observed() -> None:
    ruling = judged(9, *LONG[1:], rules=replace(RULES, mode=Mode.OBSERVE))
    assert ruling == Ruling(verdict=Verdict.HOLD, sentence="observed only: 5 more instances are needed within the hour")


def test_a_rise_that_is_needed_soon_waits_for_no_interval() -> None:
    assert judged(9, *LONG[1:], pushed=timedelta(minutes=1)).verdict is Verdict.PUSH


def test_what_only_saves_waits_for_the_interval() -> None:
    cheaper = (2,) * 24
    soon, later = (judged(*cheaper, pushed=timedelta(minutes=ago)) for ago in (29, 31))
    assert (soon.verdict, later.verdict) == (Verdict.HOLD, Verdict.PUSH)
    assert "the next may be 30 min later" in soon.sentence
    assert later.sentence == "48.0 instance-hours are saved, 0.0 added"


def test_what_lies_further_ahead_waits_for_a_later_plan_but_not_for_ever() -> None:
    cheaper = (4, 4, *(2,) * 22)
    soon, later = (judged(*cheaper, pushed=timedelta(hours=ago)) for ago in (2, 3))
    assert soon == Ruling(
        verdict=Verdict.HOLD, sentence="can wait for a later plan: 44.0 instance-hours are saved, 0.0 added"
    )
    assert later.verdict is Verdict.PUSH


@pytest.mark.parametrize(("wanted", "verdict"), [(42, Verdict.HOLD), (43, Verdict.PUSH)])
def test_a_twentieth_of_what_is_there_is_no_need(wanted: int, verdict: Verdict) -> None:
    live = (40,) * 24
    assert judged(wanted, *live[1:], live=live, pushed=timedelta(minutes=1)).verdict is verdict


def test_of_nothing_one_instance_is_needed() -> None:
    assert judged(1, *LONG[1:], live=(0, *LONG[1:]), pushed=timedelta(minutes=1)).verdict is Verdict.PUSH


@given(live=st.lists(st.integers(0, 60), min_size=24, max_size=24), more=st.integers(1, 60), at=st.integers(0, 59))
@settings(max_examples=100)
def test_a_rise_of_more_than_a_trifle_within_the_hour_is_never_held(live: list[int], more: int, at: int) -> None:
    wanted = [live[0] + more, *live[1:]]
    ruling = judged(*wanted, live=tuple(live), pushed=timedelta(minutes=at))
    assert ruling.verdict is Verdict.PUSH or more <= 0.05 * live[0]


def test_a_trifle_is_not_worth_a_push() -> None:
    ruling = judged(4, 4, *(4,) * 21, 4, rules=replace(RULES, worth_hours=2.0), live=(4, 4, *(4,) * 21, 5))
    assert ruling.verdict is Verdict.HOLD
    assert ruling.sentence.startswith("not worth a push: 1.0 instance-hours are saved")


def test_a_schedule_that_is_half_gone_is_renewed_though_nothing_differs() -> None:
    applied = a_plan(NOON - 13 * HOUR, schedule=a_schedule(*LONG, start=NOON - 13 * HOUR), wanted=a_config(*LONG))
    plan = fresh(*LONG, live=applied.wanted)
    assert rule(plan, standing(applied), RULES).sentence == "less than half of the schedule that runs is left"


@pytest.mark.parametrize(
    ("until", "verdict"),
    [(23, Verdict.HOLD), (25, Verdict.PUSH), (None, Verdict.PUSH)],
    ids=["within", "after", "no end"],
)
def test_a_schedule_that_would_end_in_a_freeze_is_renewed_before_it(until: int | None, verdict: Verdict) -> None:
    closing = Freeze(why="a sale", until=None if until is None else NOON + until * HOUR)
    applied = fresh(*LONG, live=ProvisionConfig(default_target=1))
    ruling = rule(fresh(*LONG, live=applied.wanted), replace(standing(applied), closing=closing), RULES)
    assert ruling.verdict is verdict
    if verdict is Verdict.PUSH:
        assert ruling.sentence == "the schedule that runs would end in a freeze"


@pytest.mark.parametrize(("drift", "verdict"), [(Drift.LEAVE, Verdict.HOLD), (Drift.REVERT, Verdict.PUSH)])
def test_a_persons_edit_is_left_unless_the_owner_says_otherwise(drift: Drift, verdict: Verdict) -> None:
    applied = fresh(*LONG, live=ProvisionConfig())
    by_hand = replace(applied.wanted, default_target=7)
    plan = fresh(9, *LONG[1:], live=by_hand)
    assert rule(plan, standing(applied), replace(RULES, drift=drift)).verdict is verdict


def test_an_unsafe_plan_is_never_pushed_by_itself() -> None:
    plan = replace(fresh(9, *LONG[1:], live=ProvisionConfig()), breaches=(a_breach(),))
    ruling = rule(plan, standing(None), RULES)
    assert (ruling.verdict, ruling.sentence) == (
        Verdict.HOLD,
        "the plan is unsafe: 20 instances fall to 2 within an hour",
    )


hours = st.lists(st.integers(1, 30), min_size=24, max_size=24)


@given(wanted=hours, live=hours, mode=st.sampled_from(Mode), drift=st.sampled_from(Drift))
@settings(max_examples=150)
def test_blind_nothing_is_pushed_that_lowers_capacity_at_any_minute(
    wanted: list[int], live: list[int], mode: Mode, drift: Drift
) -> None:
    ruling = judged(*wanted, live=tuple(live), rules=replace(RULES, mode=mode, drift=drift), fresh=False)
    if ruling.verdict is not Verdict.HOLD:
        assert all(new >= old for new, old in zip(wanted, live, strict=True))


@given(wanted=hours, live=hours)
@settings(max_examples=100)
def test_in_observe_nothing_is_pushed_or_proposed(wanted: list[int], live: list[int]) -> None:
    assert judged(*wanted, live=tuple(live), rules=replace(RULES, mode=Mode.OBSERVE)).verdict is Verdict.HOLD


def test_the_largest_rise_of_a_push_is_the_owners() -> None:
    ruling = judged(9, *LONG[1:], rules=replace(RULES, max_rise=4))
    assert ruling.sentence == "the plan asks for 5 instances more at once; 4 are allowed"
    assert judged(9, *LONG[1:], rules=replace(RULES, max_rise=5)).verdict is Verdict.PUSH


def test_the_largest_drop_of_a_push_is_the_owners() -> None:
    lower = (2,) * 24
    ruling = judged(*lower, rules=replace(RULES, max_drop=1))
    assert ruling.sentence == "the plan takes 2 instances away at once; 1 are allowed"
    assert judged(*lower, rules=replace(RULES, max_drop=2)).verdict is Verdict.PUSH


def test_what_one_push_may_add_is_counted_from_the_highest_step_that_is_live() -> None:
    plan = fresh(9, *LONG[1:], live=a_config(*LONG, default=4))
    rises = {rise: most_at_once(plan, replace(RULES, max_rise=rise)) for rise in (None, 4, 5)}
    assert rises == {None: None, 4: 8, 5: None}


def of_noon(hours: int, *, live: int, rules: GateRules, spent: float) -> Ruling:
    """A plan of 4 instances from NOON, where so many are live, for so many hours; NOON is 12:00 in its zone."""
    wanted, before = a_config(*(4,) * hours), a_config(*(live,) * hours, default=live)
    plan = a_plan(live=before, wanted=wanted, schedule=a_schedule(*(4,) * hours))
    plan = replace(plan, time_zone="UTC", estimate=replace(an_estimate(), wanted=a_cost(11.0)))
    return rule(plan, replace(standing(None), spent_hours=spent), rules)


@pytest.mark.parametrize(
    ("hours", "spent", "live", "verdict"),
    [
        (12, 40.0, 1, Verdict.PUSH),
        (12, 42.0, 1, Verdict.PUSH),
        (12, 43.0, 1, Verdict.HOLD),
        (24, 42.0, 1, Verdict.PUSH),
        (12, 90.0, 4, Verdict.PUSH),
        (12, 90.0, 6, Verdict.PUSH),
    ],
    ids=[
        "within",
        "exactly",
        "what was promised before counts",
        "the next day has a budget of its own",
        "a plan that adds nothing is never held",
        "nor one that saves",
    ],
)
def test_a_local_day_is_never_promised_more_than_its_budget(
    hours: int, spent: float, live: int, verdict: Verdict
) -> None:
    """12 hours of 4 instances are 48 instance-hours."""
    rules = replace(RULES, budget=Budget(hours=90.0))
    assert of_noon(hours, live=live, rules=rules, spent=spent).verdict is verdict


@pytest.mark.parametrize(("now", "verdict"), [(4, Verdict.HOLD), (9, Verdict.PUSH)], ids=["can wait", "is needed"])
def test_the_next_days_budget_holds_nothing_that_is_needed_today(now: int, verdict: Verdict) -> None:
    """From noon on twelve hours of today, and twelve of tomorrow with 5 instances: 60 instance-hours."""
    live = a_config(*LONG, default=4)
    plan = replace(fresh(now, *LONG[1:12], *(5,) * 12, live=live), time_zone="UTC")
    tomorrow = "2026-11-24 would take 60 instance-hours; 59 are allowed"
    ruling = rule(plan, standing(None), replace(RULES, budget=Budget(hours=59.0)))
    needed = f"5 more instances are needed within the hour; {tomorrow}"
    assert ruling == Ruling(verdict=verdict, sentence=needed if verdict is Verdict.PUSH else tomorrow)


@pytest.mark.parametrize(
    ("rules", "sentence"),
    [
        (replace(RULES, budget=Budget(hours=87.0)), "2026-11-23 would take 88 instance-hours; 87 are allowed"),
        (replace(RULES, budget=Budget(money=1600.0)), "2026-11-23 would cost CNY 1619; 1600 are allowed"),
    ],
    ids=["hours", "money"],
)
def test_the_sentence_names_the_day_and_the_budget(rules: GateRules, sentence: str) -> None:
    assert of_noon(12, live=1, rules=rules, spent=40.0).sentence == sentence


@pytest.mark.parametrize(
    ("beside", "live", "verdict"), [(11, 1, Verdict.PUSH), (12, 1, Verdict.HOLD), (12, 4, Verdict.PUSH)]
)
def test_functions_under_one_quota_are_counted_together_where_a_plan_adds(
    beside: int, live: int, verdict: Verdict
) -> None:
    plan = a_plan(live=a_config(*(live,) * 4), wanted=a_config(4, 4, 4, 4, default=4), schedule=a_schedule(4, 4, 4, 4))
    known = replace(standing(None), beside=np.full(240, beside))
    ruling = rule(plan, known, replace(RULES, shared_quota=15))
    assert ruling.verdict is verdict
    if verdict is Verdict.HOLD:
        asked = "the plan asks for 4 instances beside 12 of other functions; the quota is 15"
        assert ruling.sentence == f"at 2026-11-23T12:00:00Z {asked}"


@pytest.mark.parametrize(
    ("hours", "money", "verdict"),
    [
        (5.0, None, Verdict.PUSH),
        (None, 92.5, Verdict.PUSH),
        (None, 91.0, Verdict.PROPOSE),
        (5.0, 92.5, Verdict.PUSH),
        (5.0, 91.0, Verdict.PROPOSE),
        (4.0, 92.5, Verdict.PROPOSE),
    ],
)
def test_what_is_small_in_hours_and_in_money_is_pushed_unasked(
    hours: float | None, money: float | None, verdict: Verdict
) -> None:
    """Five instances for an hour are added; an hour of one costs CNY 18.4."""
    asks = replace(RULES, mode=Mode.PROPOSE, auto_hours=hours, auto_money=money)
    live = a_config(*LONG, default=4)
    plan = replace(fresh(9, *LONG[1:], live=live), estimate=replace(an_estimate(), wanted=a_cost(11.0)))
    assert rule(plan, standing(None), asks).verdict is verdict


@pytest.mark.parametrize(
    ("added", "saved", "verdict"),
    [(5.0, 2.0, Verdict.PUSH), (4.9, 2.0, Verdict.PROPOSE), (5.0, 1.9, Verdict.PROPOSE)],
)
def test_what_was_approved_lets_no_more_pass_in_either_direction(added: float, saved: float, verdict: Verdict) -> None:
    """Five instances for an hour are added, and two for an hour saved."""
    asks = replace(RULES, mode=Mode.PROPOSE, auto_hours=100.0, auto_money=1.0)
    live = a_config(*LONG, default=4)
    plan = replace(fresh(9, 2, *LONG[2:], live=live), estimate=replace(an_estimate(), wanted=a_cost(11.0)))
    approved = Difference(added=added, saved=saved)
    assert rule(plan, standing(None), replace(asks, approved=approved)).verdict is verdict


@pytest.mark.parametrize(
    ("again", "closing", "verdict"),
    [
        (15, None, Verdict.HOLD),
        (90, None, Verdict.HOLD),
        (91, None, Verdict.PUSH),
        (15, Freeze(why="sale", until=NOON + timedelta(minutes=90)), Verdict.HOLD),
        (15, Freeze(why="sale", until=NOON + timedelta(minutes=91)), Verdict.PUSH),
        (15, Freeze(why="sale", until=None), Verdict.PUSH),
    ],
)
def test_a_rise_that_no_later_plan_can_bring_in_time_is_pushed_now(
    again: int, closing: Freeze | None, verdict: Verdict
) -> None:
    """Two hours ahead five instances for an hour lack; the document that runs goes on for two days."""
    applied = fresh(*LONG, *LONG, live=ProvisionConfig(default_target=1))
    plan = fresh(4, 4, 9, *LONG[3:], live=applied.wanted)
    known = replace(standing(applied, pushed=HOUR), again=timedelta(minutes=again), closing=closing)
    assert rule(plan, known, RULES).verdict is verdict


def test_a_proposal_waits_for_a_person_unless_it_is_small() -> None:
    asks = replace(RULES, mode=Mode.PROPOSE)
    assert judged(9, *LONG[1:], rules=asks).verdict is Verdict.PROPOSE
    small, large = (judged(9, *LONG[1:], rules=replace(asks, auto_hours=hours)).verdict for hours in (5.0, 4.9))
    assert (small, large) == (Verdict.PUSH, Verdict.PROPOSE)
