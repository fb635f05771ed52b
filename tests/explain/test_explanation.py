"""A minute of a whole plan: the number, and what Function Compute is given for it."""

from __future__ import annotations

import json
from datetime import timedelta
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from planner.base import MINUTE
from planner.config import FunctionConfig
from planner.errors import InputError
from planner.explain import Explanation, Kind, Line, explain
from planner.history import History, Statistic
from planner.pipeline import Question, Reasoned, make_plan, reasoned
from planner.provision import LiveDocument, ProvisionConfig
from tests.builders import NOON, a_tracker

HOURS = timedelta(hours=1)


def the_settings(**more: object) -> FunctionConfig:
    """A function with a guard by hand, so that few policies are replayed."""
    return FunctionConfig.model_validate(
        {
            "name": "asr-gpu",
            "time_zone": "Asia/Shanghai",
            "history": {"file": "history.csv", "minimum": "1h"},
            "forecast": {"forecaster": "seasonal", "backtest_days": 2},
            "guardrails": {"live": 0.9},
        }
        | more
    )


def the_question(*, live: ProvisionConfig | None = None) -> Question:
    """Six days of a tide between 4 and 40, known every five minutes up to NOON."""
    index = pd.date_range(NOON - timedelta(days=6), NOON - 5 * MINUTE, freq="5min")
    day = np.asarray(index.hour * 60 + index.minute) / 1440
    rng = np.random.default_rng(3)
    values = rng.poisson(22 - 18 * np.cos(2 * np.pi * day)).astype(np.float64)
    history = History(
        series=pd.Series(values, index=index), step=5 * MINUTE, statistic=Statistic.MAX, repairs=(), source="drawn"
    )
    return Question(
        now=NOON,
        horizon=6 * HOURS,
        history=history,
        live=LiveDocument(config=live or ProvisionConfig()),
        instance_concurrency=4,
    )


@pytest.fixture(scope="module")
def made() -> Reasoned:
    return reasoned(the_settings(), the_question())


@pytest.fixture(scope="module")
def told(made: Reasoned) -> list[Explanation]:
    """One for every seventh minute: at the start, within steps and across their edges."""
    return [explain(made, NOON + minute * MINUTE) for minute in range(0, 360, 7)]


def beside(found: Explanation, kind: Kind) -> Line:
    (line,) = (line for line in found.beside if line.kind is kind)
    return line


def test_the_number_is_the_plan_s_in_every_minute(made: Reasoned, told: list[Explanation]) -> None:
    scheduled = made.plan.schedule.per_minute()

    assert len(set(scheduled)) > 3
    assert [found.instances for found in told] == scheduled[::7].tolist()
    assert all(found.instances == sum(line.instances or 0 for line in found.parts) for found in told)


def test_the_plan_is_the_one_that_planning_gives(made: Reasoned, told: list[Explanation]) -> None:
    digest = make_plan(the_settings(), the_question()).digest

    assert made.plan.digest == digest
    assert {found.plan for found in told} == {digest}


def test_function_compute_gives_no_less_under_both_readings(told: list[Explanation]) -> None:
    for found in told:
        for kind in (Kind.LAST, Kind.MAX):
            assert (beside(found, kind).instances or 0) >= found.instances


def test_right_after_a_step_down_the_maximum_gives_what_was_before(made: Reasoned) -> None:
    steps = made.plan.schedule.steps
    before, after = next((a, b) for a, b in pairwise(steps) if b.instances < a.instances)

    found = explain(made, after.at + 3 * MINUTE)

    assert (beside(found, Kind.LAST).instances, beside(found, Kind.MAX).instances) == (
        after.instances,
        before.instances,
    )
    assert beside(found, Kind.MAX).why == (
        f"at least, where the maximum wins among scheduled actions: they give {before.instances}"
    )


def test_a_floor_that_somebody_s_tracker_holds_is_told() -> None:
    live = ProvisionConfig(tracking_policies=(a_tracker("night-watch", floor=31, ceiling=40),))

    found = explain(reasoned(the_settings(), the_question(live=live)), NOON + HOURS)

    line = beside(found, Kind.LAST)
    assert line.instances == 31
    assert line.why.endswith(f": they give {found.instances}, a tracker's floor holds 31")


def test_the_guard_says_where_it_acts(told: list[Explanation]) -> None:
    found = told[1]

    held = 4 * found.instances
    assert beside(found, Kind.GUARD).why == (
        f"acts above {0.9 * held:.1f} in flight, 90 % of the {held} that these serve; so until Mon 21:00"
    )


def test_without_a_guard_that_is_said() -> None:
    found = explain(reasoned(the_settings(guardrails={"live": "off"}), the_question()), NOON)

    assert beside(found, Kind.GUARD) == Line(kind=Kind.GUARD, instances=None, why="none at this minute")


def test_the_handover_default_is_the_document_s(made: Reasoned, told: list[Explanation]) -> None:
    line = beside(told[0], Kind.DEFAULT)

    assert line.instances == made.plan.wanted.default_target
    assert line.why == "what FC may give while it takes the document in, by Mon 20:15; later only without any policy"


def test_the_risk_is_that_of_the_next_renewal_and_then_of_the_rest(made: Reasoned) -> None:
    policies = made.decision.policies
    near, rest = (beside(explain(made, policies.near_end + by * MINUTE), Kind.RISK).why for by in (-1, 0))

    assert near == f"until the next renewal, {policies.hour.reason}"
    assert rest == f"for the rest of the plan, {policies.day.reason}"


def test_every_explanation_is_plain_json(told: list[Explanation]) -> None:
    data = json.loads(json.dumps(told[0].data))

    assert (data["function"], data["minute"]) == ("asr-gpu:LATEST", "2026-11-23T12:00:00Z")
    assert data["instances"] == sum(part["instances"] for part in data["parts"])
    assert [line["kind"] for line in data["beside"]] == [
        "risk",
        "live guard",
        "handover default",
        "given, if last wins",
        "given, if maximum wins",
    ]


@pytest.mark.parametrize("after", [-MINUTE, 6 * HOURS])
def test_a_minute_outside_the_plan_is_refused(made: Reasoned, after: timedelta) -> None:
    with pytest.raises(InputError, match="outside the plan, which reaches from 2026-11-23T12:00:00Z to 2026-11-23T18"):
        explain(made, NOON + after)
