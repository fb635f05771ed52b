"""The planner's replay against the emulator's life of the same document under the same load: they share no code.

Held equal, every minute's target: documents of scheduled steps and trackers of concurrency utilisation without
windows, under whole loads a minute, with the emulator's defaults (out after 3 minutes, in after 15, k = 0.5),
evaluation at once, and

- any load (none a multiple of 3 or 5, see below) where an instance is warm when asked for (start-up 0);
- loads that no tracker scales out for, where it is warm whole minutes later.

Where they differ, and why the rest is left out:

- an instance that becomes warm at the very minute of a scale-out: the emulator multiplies the last minute's metric
  by the instances that are warm now, the replay by those that were measured, which is prudent;
- a minute in which nothing was warm while instances start: the emulator has no metric, the replay a saturated one;
- minutes from before a tracker's window: the emulator's metrics are the function's and count, the replay starts anew;
- a surplus that is a whole number but for the last binary digit: the emulator rounds, the replay cuts off;
- trackers on CPU or GPU memory: the replay has no such metric and takes the floor, the emulator holds what is there.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from planner.base import MINUTE, iso
from planner.emulator import Emulator, FunctionSpec, Load, ManualClock, Settings, World
from planner.emulator.models.operations import Call
from planner.provision import MetricType, ProvisionConfig, ScheduledAction, TrackingPolicy
from planner.reading import Among
from planner.replay import replay_document
from tests.builders import FUNCTION, NOON

MINUTES = 90
AT_ONCE = 4
SPEC = FunctionSpec(
    name=FUNCTION.name, aliases=(FUNCTION.qualifier,), instance_concurrency=AT_ONCE, instance_metrics=True
)


@st.composite
def documents(draw: DrawFn, *, least: int = 0) -> ProvisionConfig:
    """Up to four steps, up to two trackers, and a default."""
    marks = sorted(draw(st.sets(st.integers(1, MINUTES), max_size=3)))
    steps = tuple(
        ScheduledAction(
            name=f"s{mark}",
            schedule_expression=f"at({iso(NOON + mark * MINUTE)})",
            target=draw(st.integers(least, 12)),
            start_time=iso(NOON - timedelta(hours=1)),
            end_time=iso(NOON + draw(st.integers(mark + 1, 2 * MINUTES)) * MINUTE),
        )
        for mark in (0, *marks)
    )
    trackers = tuple(
        TrackingPolicy(
            name=f"t{number}",
            metric_type=MetricType.CONCURRENCY,
            metric_target=draw(st.sampled_from((0.625, 0.75))),
            min_capacity=max(draw(st.integers(0, 5)), least),
            max_capacity=draw(st.integers(5, 30)),
        )
        for number in range(draw(st.integers(0, 2)))
    )
    return ProvisionConfig(
        default_target=draw(st.integers(least, 9)), scheduled_actions=steps, tracking_policies=trackers
    )


@st.composite
def loads(draw: DrawFn, most: int) -> list[int]:
    """Runs of equal load, as long as a tracker needs to answer."""
    # Load over (instance concurrency x target) is whole for no other load than 0, and so is no surplus or shortage.
    values = [value for value in range(most + 1) if value == 0 or (value % 3 and value % 5)]
    runs = draw(st.lists(st.tuples(st.sampled_from(values), st.integers(1, 30)), min_size=3, max_size=8))
    spread = [value for value, length in runs for _ in range(length)]
    return (spread * MINUTES)[:MINUTES]


def lived(document: ProvisionConfig, load: list[int], among: Among, lead: int) -> list[int]:
    """The emulator's targets: the document put as if it had long been there, then start-up of `lead` minutes."""
    switches = Settings(evaluation_lag_seconds=0, among=among.value, growth_burst=3000, growth_per_minute=3000)
    emulator = Emulator(
        World(functions=(replace(SPEC, startup_seconds=(0.0,)),), settings=switches), clock=ManualClock(NOON)
    )
    emulator.offer(FUNCTION.name, Load(values=tuple(load), start=NOON), qualifier=FUNCTION.qualifier)
    query = {"qualifier": FUNCTION.qualifier}
    emulator.call("PutProvisionConfig", Call(function_name=FUNCTION.name, query=query, body=document.wire()))
    emulator.put_function(replace(SPEC, startup_seconds=(60.0 * lead,)))
    found = []
    for _ in load:
        config = emulator.config(FUNCTION.name, FUNCTION.qualifier)
        assert config is not None
        found.append(int(config["target"]))
        emulator.advance(MINUTE)
    return found


def replayed(document: ProvisionConfig, load: list[int], among: Among, lead: int) -> list[int]:
    found = replay_document(
        document,
        NOON,
        np.array([load], dtype=float),
        instance_concurrency=AT_ONCE,
        lead=lead,
        among=among,
        keep_target=True,
    )
    return [int(target) for target in found.target[0]]


@pytest.mark.parametrize("among", list(Among))
@given(document=documents(), load=loads(60))
@settings(max_examples=60)
def test_the_targets_are_equal_under_any_load_where_instances_are_warm_at_once(
    among: Among, document: ProvisionConfig, load: list[int]
) -> None:
    assert replayed(document, load, among, 0) == lived(document, load, among, 0)


@pytest.mark.parametrize("lead", [1, 3])
@given(document=documents(least=1), load=loads(AT_ONCE // 2))
@settings(max_examples=40)
def test_the_targets_are_equal_with_a_start_up_of_minutes_where_nothing_scales_out(
    lead: int, document: ProvisionConfig, load: list[int]
) -> None:
    assert replayed(document, load, Among.LAST, lead) == lived(document, load, Among.LAST, lead)
