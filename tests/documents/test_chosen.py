"""A plan by what was chosen before: the one that choosing gives, wherever the choice holds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planner.base import MINUTE
from planner.calendar.campaigns import Dates, Ignored
from planner.config import FunctionConfig
from planner.deciding import ground_of
from planner.decision import Chosen
from planner.pipeline import Question, choose, make_plan, reasoned
from planner.plancodec import plan_from_json, plan_to_json
from planner.provision import LiveDocument
from tests.documents.test_pipeline import DAY, WEEKS, a_function
from tests.forecast.given import a_history, a_tide


def a_question(chosen: Chosen | None = None, *, late: timedelta = timedelta(0)) -> Question:
    return Question(
        now=WEEKS.end + late,
        horizon=DAY,
        history=WEEKS,
        live=LiveDocument(),
        instance_concurrency=4,
        chosen=chosen,
    )


@pytest.mark.parametrize(("forecaster", "late"), [("auto", 7), ("seasonal", 0), ("lastweek", 64), ("mean", 7)])
def test_the_same_choice_gives_the_plan_that_choosing_gives(forecaster: str, late: int) -> None:
    function, question = a_function(forecaster), a_question(late=late * MINUTE)
    kept = make_plan(function, replace(question, chosen=choose(function, question)))
    assert plan_to_json(kept) == plan_to_json(make_plan(function, question))


THE_CHOICE = choose(a_function(), a_question())


@given(late=st.integers(0, 24 * 60))
@settings(max_examples=5, deadline=None)
def test_a_choice_is_followed_at_any_later_time_and_says_when_it_was_made(late: int) -> None:
    function, chosen = a_function(), THE_CHOICE
    question = a_question(chosen, late=late * MINUTE)
    first, again = (reasoned(function, question) for _ in range(2))
    assert first.plan.digest == again.plan.digest
    assert first.decision.chosen is chosen
    assert first.plan.evidence is not None
    assert first.plan.evidence.chosen_at == WEEKS.end
    assert first.plan.evidence.policy == str(chosen.day.policy)


def other_objective(question: Question) -> tuple[FunctionConfig, Question]:
    return a_function(objective={"cold_share": 0.02}), question


def other_forecaster(question: Question) -> tuple[FunctionConfig, Question]:
    return a_function("lastweek"), question


def other_concurrency(question: Question) -> tuple[FunctionConfig, Question]:
    return a_function(), replace(question, instance_concurrency=8)


def other_dates(question: Question) -> tuple[FunctionConfig, Question]:
    start = WEEKS.end - 3 * DAY
    ignored = Ignored(start=start, end=start + DAY, why="a test of load", source="the calendar")
    return a_function(), replace(question, company=Dates(ignored=(ignored,)))


def a_younger_history(question: Question) -> tuple[FunctionConfig, Question]:
    """Prophet was chosen, and no fit can be made of what is known."""
    chosen, young = choose(a_function("auto"), question), a_history(a_tide(1.2))
    elected = replace(chosen.elected, forecaster="prophet")
    return a_function("auto"), replace(question, history=young, now=young.end, chosen=replace(chosen, elected=elected))


Change = Callable[[Question], tuple[FunctionConfig, Question]]


@pytest.mark.parametrize(
    "change", [other_objective, other_forecaster, other_concurrency, other_dates, a_younger_history]
)
def test_what_was_chosen_for_something_else_is_not_followed(change: Change) -> None:
    function, question = change(a_question(choose(a_function(), a_question())))
    made = reasoned(function, question)
    assert made.decision.chosen is not question.chosen
    assert made.plan.digest == make_plan(function, replace(question, chosen=None)).digest


def test_a_history_without_a_day_to_judge_by_gives_a_plan_that_can_be_read_back() -> None:
    young = a_history(a_tide(2.1))
    made = make_plan(a_function(), replace(a_question(), history=young, now=young.end))
    assert plan_from_json(plan_to_json(made), source="memory") == made
    assert made.evidence is not None
    assert made.evidence.scores == (("seasonal", 0.0, "no past day could be judged"),)


def test_what_only_the_daemon_goes_by_changes_no_choice() -> None:
    function = a_function(daemon={"mode": "auto", "worth_hours": 7})
    assert reasoned(function, a_question(THE_CHOICE)).decision.chosen is THE_CHOICE


@pytest.mark.parametrize(
    "more",
    [
        {
            "guardrails": {
                "trackers": (
                    {
                        "name": "busy",
                        "metric": "CPUUtilization",
                        "target": 0.7,
                        "min_instances": 3,
                        "max_instances": 30,
                        "from": WEEKS.end,
                    },
                )
            }
        },
        {"calendar": {"ignore": ({"start": WEEKS.start, "end": WEEKS.start + DAY, "why": "an outage"},)}},
        {"capacity": {"lead": timedelta(minutes=4)}},
    ],
    ids=["a tracker of the owner", "a span to ignore", "another lead"],
)
def test_every_kind_of_setting_counts(more: dict[str, object]) -> None:
    plain, other = a_function("seasonal"), a_function("seasonal", **more)
    grounds = [ground_of(each, a_question()).under for each in (plain, other, a_function("seasonal", **more))]
    assert grounds[0] != grounds[1] == grounds[2]
