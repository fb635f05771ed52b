"""The plan as a value: its verdict and its digest."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import fields, replace
from datetime import timedelta, timezone
from zoneinfo import ZoneInfo

import pytest

from planner.plan import Plan, plain
from planner.provision import ProvisionConfig
from tests.builders import NOON, a_breach, a_config, a_plan, an_action

PINNED = "import sys; from tests.builders import a_plan; sys.stdout.write(a_plan().digest)"


def test_a_plan_is_safe_unless_a_rule_is_broken() -> None:
    assert a_plan().safe
    assert not a_plan(breaches=(a_breach(),)).safe


@pytest.mark.parametrize("seed", ["0", "1", "random"])
def test_the_digest_is_the_same_in_every_process(seed: str) -> None:
    environment = {"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(path for path in sys.path if path)}
    other = subprocess.run([sys.executable, "-c", PINNED], env=environment, capture_output=True, text=True, check=True)
    assert other.stdout == a_plan().digest


def test_the_digest_is_of_instants_not_of_their_zones() -> None:
    shanghai = NOON.astimezone(ZoneInfo("Asia/Shanghai"))
    fixed = NOON.astimezone(timezone(timedelta(hours=-3)))
    assert a_plan(created_at=shanghai).digest == a_plan(created_at=fixed).digest == a_plan().digest


@pytest.mark.parametrize("field", [f.name for f in fields(Plan) if f.name not in ("estimate", "evidence")])
def test_every_field_of_a_plan_counts_in_its_digest(field: str) -> None:
    plan = a_plan()
    value = getattr(plan, field)
    other: object
    match value:
        case bool():
            other = not value
        case int():
            other = value + 1
        case str():
            other = value + "x"
        case tuple():
            other = () if value else ("x",)
        case ProvisionConfig():
            other = replace(value, default_target=value.default_target + 1)
        case _:
            other = _moved(value)
    assert replace(plan, **{field: other}).digest != plan.digest


def _moved(value: object) -> object:
    if isinstance(value, type(NOON)):
        return value + timedelta(seconds=1)
    first = next(iter(fields(value)))  # type: ignore[arg-type]  # a frozen value of ours
    inner = getattr(value, first.name)
    return replace(value, **{first.name: inner + (timedelta(1) if isinstance(inner, type(NOON)) else "x")})  # type: ignore[type-var]


@pytest.mark.parametrize("part", ["estimate", "evidence"])
def test_what_a_plan_was_concluded_from_counts_too(part: str) -> None:
    assert a_plan(**{part: None}).digest != a_plan().digest  # type: ignore[arg-type]


def test_the_data_of_a_plan_is_plain_json_in_the_words_of_the_wire() -> None:
    data = json.loads(json.dumps(a_plan().data))
    assert data == a_plan().data
    assert data["wanted"] == a_plan().wanted.wire()
    assert data["valid_until"] == "2026-11-23T12:15:00Z"
    assert data["changes"][0]["kind"] == "change"


def test_plain_says_spans_in_seconds_and_sequences_as_lists() -> None:
    assert plain({"a": (timedelta(minutes=2), NOON)}) == {"a": [120, "2026-11-23T12:00:00Z"]}


def test_the_digest_of_a_document_does_not_count_the_order_of_its_policies_but_all_else() -> None:
    document = a_config(1, 2, 3)
    turned = replace(document, scheduled_actions=document.scheduled_actions[::-1])
    assert turned.digest == document.digest
    for other in (
        replace(document, default_target=9),
        replace(document, always_allocate_cpu=False),
        replace(document, always_allocate_gpu=False),
        replace(document, scheduled_actions=(*document.scheduled_actions, an_action(name="more"))),
    ):
        assert other.digest != document.digest
