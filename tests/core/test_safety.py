"""Every safety rule at its boundary."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TypedDict, Unpack

import pytest

from planner.base import MINUTE
from planner.capacity import CapacitySchedule
from planner.plan import Estimate, Rule
from planner.provision import ProvisionConfig, ScheduledAction
from planner.safety import SafetyRules, Situation, breaches
from tests.builders import NOON, a_cost, a_schedule, a_tracker, an_action, an_estimate

RULES = SafetyRules(max_drop=0.5, max_cost_ratio=1.5, history_max_age=timedelta(hours=6), quota=20)


class Facts(TypedDict, total=False):
    """What a test may say of a situation."""

    schedule: CapacitySchedule
    wanted: ProvisionConfig
    estimate: Estimate
    running: int
    observed: int
    week_peak: int
    age: timedelta
    foreign: tuple[ScheduledAction, ...]


def broken(rules: SafetyRules = RULES, **facts: Unpack[Facts]) -> list[Rule]:
    """The rules that this situation breaks; without a word it breaks none."""
    case = Situation(
        now=NOON,
        schedule=facts.get("schedule", a_schedule(10)),
        wanted=facts.get("wanted", ProvisionConfig()),
        estimate=facts.get("estimate", replace(an_estimate(), static_instances=10)),
        running=facts.get("running", 10),
        observed=facts.get("observed", 10),
        week_peak=facts.get("week_peak", 10),
        history_end=NOON - facts.get("age", timedelta(0)),
        foreign=facts.get("foreign", ()),
    )
    return [breach.rule for breach in breaches(case, rules)]


def test_a_quiet_plan_breaks_nothing() -> None:
    assert broken() == []


@pytest.mark.parametrize(
    ("kept", "running", "observed", "week_peak", "unsafe"),
    [
        (5, 10, 10, 10, False),
        (4, 10, 10, 10, True),
        (4, 10, 4, 10, False),
        (2, 10, 5, 10, False),
        (1, 10, 5, 10, True),
        (4, 10, 4, 5, False),
        (4, 10, 4, 4, True),
        (0, 50, 0, 0, True),
        (0, 0, 9, 9, False),
        (0, 1, 0, 1, False),
        (0, 1, 1, 1, True),
    ],
    ids=[
        "half stays",
        "more than half goes",
        "more than half goes, the rest is enough, and the week knew the peak that runs",
        "the rest is half of what the last hour needed",
        "the rest is less than half of it",
        "the week's peak explains what runs within the tolerance",
        "the week never saw anything like what runs: another function's history",
        "a dead exporter says that nobody needs anything",
        "nothing runs",
        "the last goes and nobody needs it now",
        "the last goes and is needed",
    ],
)
def test_a_drop_is_too_deep_if_more_goes_than_is_tolerated_and_the_history_does_not_explain_it(
    kept: int, running: int, observed: int, week_peak: int, *, unsafe: bool
) -> None:
    found = broken(schedule=a_schedule(kept), running=running, observed=observed, week_peak=week_peak)
    assert found == ([Rule.DROP] if unsafe else [])


@pytest.mark.parametrize(("after", "unsafe"), [(9, True), (10, False)])
def test_only_the_ten_minutes_after_the_put_are_judged_for_a_drop(after: int, *, unsafe: bool) -> None:
    assert broken(schedule=a_schedule(10, 1, each=after * MINUTE)) == ([Rule.DROP] if unsafe else [])


@pytest.mark.parametrize(("static", "unsafe"), [(10, False), (9, True)])
def test_a_rise_is_too_dear_beyond_the_ratio_to_a_static_peak(static: int, *, unsafe: bool) -> None:
    found = broken(schedule=a_schedule(15), estimate=replace(an_estimate(), static_instances=static))
    assert found == ([Rule.RISE] if unsafe else [])


def test_what_a_guard_may_add_does_not_make_steps_below_the_static_peak_dear() -> None:
    guarded = replace(an_estimate(), static_instances=10, wanted=a_cost(90.0))
    assert broken(schedule=a_schedule(10), estimate=guarded) == []


def test_any_instance_is_dear_where_the_last_week_needed_none() -> None:
    nothing = replace(an_estimate(), static_instances=0)
    assert broken(estimate=nothing) == [Rule.RISE]
    assert broken(estimate=nothing, schedule=a_schedule(0), running=0) == []


@pytest.mark.parametrize(("age", "unsafe"), [(timedelta(hours=6), False), (timedelta(hours=6, seconds=1), True)])
def test_a_history_older_than_its_limit_is_stale(age: timedelta, *, unsafe: bool) -> None:
    assert broken(age=age) == ([Rule.STALE] if unsafe else [])


@pytest.mark.parametrize(("peak", "quota", "unsafe"), [(20, 20, False), (21, 20, True), (9000, None, False)])
def test_a_peak_above_the_quota_is_refused_where_one_is_known(peak: int, quota: int | None, *, unsafe: bool) -> None:
    night, day = an_action(name="planner-night", target=1), an_action(name="planner-daily-0800", target=peak)
    found = broken(replace(RULES, quota=quota), wanted=ProvisionConfig(scheduled_actions=(night, day)))
    assert found == ([Rule.QUOTA] if unsafe else [])


def test_every_foreign_schedule_in_the_horizon_is_a_breach_that_names_it() -> None:
    two = (an_action(name="sale"), an_action(name="night"))
    assert broken(foreign=two) == [Rule.FOREIGN, Rule.FOREIGN]


@pytest.mark.parametrize(("actions", "trackers", "unsafe"), [(100, 100, False), (101, 0, True), (0, 101, True)])
def test_more_policies_than_fc_takes_are_a_breach(actions: int, trackers: int, *, unsafe: bool) -> None:
    wanted = ProvisionConfig(
        scheduled_actions=tuple(an_action(name=f"a{n}") for n in range(actions)),
        tracking_policies=tuple(a_tracker(f"t{n}") for n in range(trackers)),
    )
    assert broken(wanted=wanted) == ([Rule.LIMIT] if unsafe else [])


def test_all_broken_rules_are_told_at_once_each_with_figures_and_a_remedy() -> None:
    case = Situation(
        now=NOON,
        schedule=a_schedule(1, 30),
        wanted=ProvisionConfig(
            scheduled_actions=(an_action(target=30),),
            tracking_policies=tuple(a_tracker(f"t{n}") for n in range(101)),
        ),
        estimate=replace(an_estimate(), static_instances=4),
        running=10,
        observed=10,
        week_peak=10,
        history_end=NOON - timedelta(days=2),
        foreign=(an_action(name="sale"),),
    )
    found = breaches(case, RULES)
    assert [breach.rule for breach in found] == [
        Rule.DROP, Rule.RISE, Rule.STALE, Rule.QUOTA, Rule.FOREIGN, Rule.LIMIT,
    ]  # fmt: skip
    assert all(breach.remedy for breach in found)
    figures = ("keeps 1", "3.9 times", "48.0 h", "30 instances", "'sale'", "101 trackers")
    assert all(figure in breach.detail for figure, breach in zip(figures, found, strict=True))
