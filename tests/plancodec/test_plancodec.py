"""Plan files: what goes out comes back, and nothing else does."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planner.errors import PlanFileError
from planner.plan import Plan
from planner.plancodec import plan_from_json, plan_to_json
from tests.builders import a_breach, a_plan, an_evidence
from tests.plancodec.strategies import plans

Body = dict[str, Any]


def edited(edit: Callable[[Body], object], plan: Plan | None = None) -> str:
    """The file of a plan after an edit by hand."""
    body = json.loads(plan_to_json(plan or a_plan()))
    edit(body)
    return json.dumps(body)


def refusal(text: str) -> str:
    """What the reader says against `text`."""
    with pytest.raises(PlanFileError) as caught:
        plan_from_json(text, source="plan.json")
    assert caught.value.remedy
    return caught.value.message


@settings(max_examples=150, deadline=None)
@given(plans)
def test_a_plan_comes_back_as_it_went_out(plan: Plan) -> None:
    text = plan_to_json(plan)
    back = plan_from_json(text, source="plan.json")
    assert back == plan
    assert back.digest == plan.digest
    assert plan_to_json(back) == text


def test_the_file_is_indented_sorted_and_ends_with_a_newline() -> None:
    text = plan_to_json(a_plan(notes=("早高峰",)))
    assert text.endswith("}\n")
    assert text.startswith('{\n  "breaches"')
    assert "早高峰" in text
    assert json.loads(text) == a_plan(notes=("早高峰",)).data | {"digest": a_plan(notes=("早高峰",)).digest}


def test_times_come_back_in_the_standard_utc() -> None:
    assert plan_from_json(plan_to_json(a_plan()), source="plan.json").created_at.tzinfo is UTC


def test_documents_are_in_the_words_of_the_wire() -> None:
    assert json.loads(plan_to_json(a_plan()))["wanted"] == a_plan().wanted.wire()


def test_a_number_that_json_does_not_know_is_never_written() -> None:
    broken = a_plan(evidence=replace(an_evidence(), guard=(replace(an_evidence().guard[0], target=float("nan")),)))
    with pytest.raises(ValueError, match="JSON compliant"):
        plan_to_json(broken)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param("", "can't be read as JSON", id="nothing"),
        pytest.param("starts: 3", "can't be read as JSON", id="yaml"),
        pytest.param("[1]", "holds no JSON object", id="a list"),
        pytest.param('{"format": 1, "format": 1}', "a key occurs twice", id="a key twice"),
        pytest.param('{"format": NaN}', "NaN is no number of JSON", id="not a number"),
        pytest.param("[" * 100_000, "can't be read as JSON", id="too deep"),
        pytest.param("9" * 5_000, "can't be read as JSON", id="an endless number"),
        pytest.param('{"format": 1, "who": "\\ud800"}', "can't be read as JSON", id="half a character"),
    ],
)
def test_a_text_that_is_no_json_object_is_refused(text: str, said: str) -> None:
    assert said in refusal(text)


@pytest.mark.parametrize("number", [2, 0, "1", None])
def test_another_format_is_refused_before_anything_else_is_looked_at(number: object) -> None:
    assert refusal(json.dumps({"format": number})) == (
        f"plan.json has plan format {json.dumps(number)}; this planner reads format 1."
    )


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        pytest.param(lambda b: b.pop("notes"), "notes: missing", id="a key missing"),
        pytest.param(lambda b: b["function"].pop("qualifier"), "function.qualifier: missing", id="one with a default"),
        pytest.param(lambda b: b.update(mood=1), "mood: unknown key", id="a key too many"),
        pytest.param(lambda b: b.pop("digest"), "digest: a text is wanted, null is there", id="no digest"),
        pytest.param(
            lambda b: b["schedule"]["steps"][1].update(instances="6"),
            'schedule.steps[1].instances: a whole number is wanted, "6" is there',
            id="a number as text",
        ),
        pytest.param(
            lambda b: b["schedule"]["steps"][0].update(instances=True),
            "schedule.steps[0].instances: a whole number is wanted, true is there",
            id="a truth as number",
        ),
        pytest.param(
            lambda b: b["estimate"]["wanted"].update(money="12"),
            'estimate.wanted.money: a number is wanted, "12" is there',
            id="money as text",
        ),
        pytest.param(
            lambda b: b.update(created_at="2026-11-23T20:00:00+08:00"),
            'created_at: a UTC time like 2026-11-22T00:05:00Z is wanted, "2026-11-23T20:00:00+08:00" is there',
            id="a local time",
        ),
        pytest.param(lambda b: b.update(created_at="2026-11-23T12:00:00"), "created_at: a UTC time", id="a naive time"),
        pytest.param(
            lambda b: b["evidence"].update(lead=10**18), "evidence.lead: a whole number of seconds", id="an age"
        ),
        pytest.param(
            lambda b: b["changes"][0].update(kind="swap"),
            'changes[0].kind: one of add, change, remove is wanted, "swap" is there',
            id="an unknown word",
        ),
        pytest.param(lambda b: b.update(notes="none"), 'notes: a list is wanted, "none" is there', id="no list"),
        pytest.param(lambda b: b.update(schedule=[]), "schedule: an object is wanted, [] is there", id="no object"),
        pytest.param(
            lambda b: b["evidence"]["scores"][0].pop(),
            "evidence.scores[0]: 3 values are wanted, 2 are there",
            id="short",
        ),
        pytest.param(
            lambda b: b["wanted"]["scheduledActions"][0].pop("target"),
            "wanted.scheduledActions[0].target: missing",
            id="an action without target",
        ),
        pytest.param(
            lambda b: b["wanted"]["scheduledActions"][0].update(stratTime="x"),
            "wanted.scheduledActions[0].stratTime: unknown key",
            id="a typing error in the document",
        ),
        pytest.param(lambda b: b.update(live=None), "live: an object is wanted, null is there", id="no live document"),
    ],
)
def test_a_fault_is_named_with_its_path(edit: Callable[[Body], object], said: str) -> None:
    assert said in refusal(edited(edit))


def test_of_many_faults_the_first_three_are_shown_and_the_rest_counted() -> None:
    message = refusal(edited(lambda body: body.update(dict.fromkeys(body.keys() - {"format"}, 7))))
    assert message.count("is there") == 3
    assert message.endswith("; and 15 more.")


def test_an_endless_value_is_not_repeated_in_full() -> None:
    assert len(refusal(edited(lambda body: body.update(format="x" * 10_000)))) < 200


@pytest.mark.parametrize(
    "edit",
    [
        pytest.param(lambda b: b["wanted"].update(defaultTarget=99), id="more instances"),
        pytest.param(lambda b: b["breaches"].clear(), id="the verdict"),
        pytest.param(lambda b: b.update(valid_until="2030-01-01T00:00:00Z"), id="a longer life"),
        pytest.param(lambda b: b.update(digest="0" * 64), id="the digest"),
        pytest.param(lambda b: b["wanted"]["scheduledActions"].reverse(), id="the order"),
    ],
)
def test_an_edit_by_hand_is_noticed(edit: Callable[[Body], object]) -> None:
    message = refusal(edited(edit, a_plan(breaches=(a_breach(),))))
    assert message == "The content of plan.json does not match its digest: edited by hand?"


def test_a_number_past_the_largest_float_is_refused() -> None:
    text = plan_to_json(a_plan()).replace('"target": 0.8', '"target": 1e999')
    assert "evidence.guard[0].target: a number is wanted" in refusal(text)


def test_the_order_of_the_keys_and_the_spaces_do_not_count() -> None:
    body = json.loads(plan_to_json(a_plan()))
    compact = json.dumps(dict(reversed(body.items())), separators=(",", ":"))
    assert plan_from_json(compact, source="plan.json") == a_plan()


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_a_damaged_file_gives_a_sentence_and_never_a_crash(data: st.DataObject) -> None:
    text = plan_to_json(a_plan())
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, min(len(text), start + 200)))
    damaged = text[:start] + data.draw(st.text(max_size=10)) + text[end:]
    try:
        back = plan_from_json(damaged, source="plan.json")
    except PlanFileError as error:
        said = error.message
    else:
        assert back == a_plan()
        return
    assert said.startswith(("plan.json", "The content of plan.json"))
