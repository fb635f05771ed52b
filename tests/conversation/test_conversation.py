"""Every official SDK holds the same conversation with the emulator, and hears the same, which is what is expected."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from planner.emulator import ManualClock, World, running
from planner.emulator.models.journal import Entry
from tests.conversation import clients
from tests.conversation.clients import NEXT_TOKEN, Json, Speaker

CONVERSATION: Json = yaml.safe_load(Path(__file__).with_name("conversation.yaml").read_text(encoding="utf-8"))
STEPS: list[Json] = CONVERSATION["steps"]
OPAQUE = (NEXT_TOKEN, "<functionId>")
SPEAKERS = (clients.python, clients.python_async, clients.typescript)


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A conversation held: what the client heard, and what the emulator noted."""

    heard: tuple[Json, ...]
    journal: tuple[Entry, ...]


@cache
def held(speaker: Speaker) -> Held:
    return hold(speaker, [{key: step[key] for key in step if key not in ("answer", "error")} for step in STEPS])


def hold(speaker: Speaker, steps: Sequence[Json]) -> Held:
    """Let a client say the steps to a new emulator."""
    clock = ManualClock(datetime.fromisoformat(CONVERSATION["start"]))
    with running(World.from_mapping(CONVERSATION["world"]), clock=clock) as fc:
        heard = speaker(fc.endpoint, json.loads(json.dumps(steps)))
        return Held(heard=tuple(heard), journal=fc.emulator.journal.entries())


def speakers() -> Any:
    return pytest.mark.parametrize("speaker", SPEAKERS, ids=lambda speaker: speaker.__name__)


@speakers()
def test_a_client_hears_what_is_expected(speaker: Speaker) -> None:
    heard = held(speaker).heard
    assert len(heard) == len(STEPS)
    for number, (step, came) in enumerate(zip(STEPS, heard, strict=True), start=1):
        expected = step.get("error") or step.get("answer") or {"status": 200}
        said = [step[key] for key in ("call", "raw", "admin") if key in step]
        assert _shown(came, expected) == expected, f"step {number}: {said}"


def _shown(came: Json, expected: Json) -> Json:
    """What came, without what a step cannot foretell: ids and dates, what is opaque, a text that it leaves open."""
    known = {key: value for key, value in came.items() if key in expected or key in ("kind", "status", "code")}
    shown: Json = _beside(known, expected)
    return shown


def _beside(came: Any, reference: Any) -> Any:
    """What came, with `<opaque>` where the reference says so, without the empty lists that the Python SDK makes up."""
    match came, reference:
        case dict(), dict():
            kept = {key: value for key, value in came.items() if key in reference or value != []}
            return {key: _beside(value, reference.get(key)) for key, value in kept.items()}
        case list(), list() if len(came) == len(reference):
            return [_beside(one, other) for one, other in zip(came, reference, strict=True)]
        case str(), str() if came and reference in OPAQUE:
            return reference
    return came


def test_all_clients_hear_the_same_to_the_letter() -> None:
    """Request ids count the requests: no client asks more often than another."""
    *others, reference = (held(speaker).heard for speaker in SPEAKERS)
    for other in others:
        for number, (came, expected) in enumerate(zip(other, reference, strict=True), start=1):
            assert _beside(came, expected) == expected, f"step {number}"


def test_all_clients_ask_the_same_of_the_emulator() -> None:
    """Method, path, query, body, and what came of it: equal on the wire."""
    first, *others = (held(speaker).journal for speaker in SPEAKERS)
    assert len(first) == sum("admin" not in step for step in STEPS)
    for other in others:
        assert other == first


@speakers()
def test_every_answer_carries_the_id_of_its_request_and_the_date_of_the_clock(speaker: Speaker) -> None:
    conversation = held(speaker)
    answers = [came for step, came in zip(STEPS, conversation.heard, strict=True) if "admin" not in step]
    for came, entry in zip(answers, conversation.journal, strict=True):
        date = format_datetime(entry.at, usegmt=True)
        assert (came["requestId"], came.get("date", date)) == (entry.request_id, date)
        assert "date" in came or entry.code


def test_only_the_python_sdk_sends_lists_that_were_not_set_and_so_clears_them() -> None:
    """Why the conversation's puts name both lists: typed puts of the two SDKs are not the same put."""
    put = {"call": "PutProvisionConfig", "path": ["asr"]}
    kept = {"name": "up", "scheduleExpression": "cron(0 0 20 * * *)", "target": 5}
    steps = [
        {**put, "request": {"body": {"scheduledActions": [kept], "targetTrackingPolicies": []}}},
        {**put, "request": {"body": {"defaultTarget": 1}}},
    ]
    stored = [hold(speaker, steps).heard[-1]["body"]["scheduledActions"] for speaker in SPEAKERS]
    assert stored == [[], [], [kept]]


def test_only_the_python_sdk_reads_a_time_to_wait_into_a_throttling_error() -> None:
    steps = [
        {"admin": ["POST", "/_emulator/faults", {"status": 503, "code": "ResourceThrottled", "retry_after_ms": 500}]},
        {"call": "GetProvisionConfig", "path": ["asr"], "request": {}},
    ]
    kinds = [hold(speaker, steps).heard[-1]["kind"] for speaker in SPEAKERS]
    assert kinds == ["throttling", "throttling", "server"]


@pytest.mark.parametrize("cut", ["before", "after"])
def test_only_the_asynchronous_python_sdk_says_a_put_again_whose_connection_was_cut(cut: str) -> None:
    """Its HTTP library repeats what is idempotent; whether a cut put took effect is seen by reading."""
    steps = [
        {"admin": ["POST", "/_emulator/faults", {"action": "PutProvisionConfig", "cut": cut}]},
        {"call": "PutProvisionConfig", "path": ["asr"], "request": {"body": {"defaultTarget": 5}}},
        {"call": "GetProvisionConfig", "path": ["asr"], "request": {}},
    ]
    conversations = [hold(speaker, steps) for speaker in SPEAKERS]
    took_effect = 5 if cut == "after" else 0
    assert [said.heard[1].get("kind", "answered") for said in conversations] == ["cut", "answered", "cut"]
    assert [said.heard[2]["body"]["defaultTarget"] for said in conversations] == [took_effect, 5, took_effect]
    puts = [[entry.fault for entry in said.journal if entry.body] for said in conversations]
    assert puts == [[f"cut {cut}"], [f"cut {cut}", ""], [f"cut {cut}"]]
