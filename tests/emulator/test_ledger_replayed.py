"""The ledger against the planner's replay of the same document and load: they share no code.

Held equal where the targets are (see tests/documents/test_two_replays.py, from where documents and loads come): what
was offered, what was cold, and the instance-hours that are billed as provisioned, warm and starting ones.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings

from planner.base import MINUTE
from planner.emulator import Emulator, Load, ManualClock, Settings, World
from planner.emulator.models.operations import Call
from planner.emulator.models.report import Totals
from planner.provision import ProvisionConfig
from planner.replay import Replay, replay_document
from tests.builders import FUNCTION, NOON
from tests.documents.test_two_replays import AT_ONCE, SPEC, documents, loads


def reported(document: ProvisionConfig, load: list[int], lead: int) -> Totals:
    """The document put as if it had long been there, then start-up of `lead` minutes."""
    switches = Settings(evaluation_lag_seconds=0, growth_burst=3000, growth_per_minute=3000)
    world = World(functions=(replace(SPEC, startup_seconds=(0.0,)),), settings=switches)
    fc = Emulator(world, clock=ManualClock(NOON))
    fc.offer(FUNCTION.name, Load(values=tuple(load), start=NOON), qualifier=FUNCTION.qualifier)
    query = {"qualifier": FUNCTION.qualifier}
    fc.call("PutProvisionConfig", Call(function_name=FUNCTION.name, query=query, body=document.wire()))
    fc.put_function(replace(SPEC, startup_seconds=(60.0 * lead,)))
    fc.advance(len(load) * MINUTE)
    return fc.report(FUNCTION.name, FUNCTION.qualifier, NOON, NOON + len(load) * MINUTE).totals


def replayed(document: ProvisionConfig, load: list[int], lead: int) -> Replay:
    values = np.array([load], dtype=float)
    return replay_document(document, NOON, values, instance_concurrency=AT_ONCE, lead=lead)


def held_equal(ours: Totals, theirs: Replay) -> None:
    assert ours.offered == pytest.approx(theirs.offered[0])
    assert ours.cold == pytest.approx(theirs.cold[0])
    assert ours.cold_share == pytest.approx(theirs.cold_share[0])
    assert ours.warm_hours + ours.starting_hours == pytest.approx(theirs.provisioned[0] / 60)


@given(document=documents(), load=loads(60))
@settings(max_examples=60)
def test_cold_share_and_hours_are_equal_under_any_load_where_instances_are_warm_at_once(
    document: ProvisionConfig, load: list[int]
) -> None:
    held_equal(reported(document, load, 0), replayed(document, load, 0))


@pytest.mark.parametrize("lead", [1, 3])
@given(document=documents(least=1), load=loads(AT_ONCE // 2))
@settings(max_examples=40)
def test_they_are_equal_with_a_start_up_of_minutes_where_nothing_scales_out(
    lead: int, document: ProvisionConfig, load: list[int]
) -> None:
    held_equal(reported(document, load, lead), replayed(document, load, lead))
