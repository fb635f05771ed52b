"""A put in the middle of a function's life, as the planner replays it and as the emulator lives it: no code is shared.

A document runs for some minutes, then another is put at a whole minute, or right before it where the lag is 0. Held
equal in every minute before and after: the target, and the instances that are warm. The documents have scheduled
actions (at and cron, in zones, with and without windows) and trackers (with floors, ceilings and ends), under

- evaluation 0, 1 and 2 minutes after the put, the default being in force until then and the surplus destroyed;
- the last trigger or the maximum among schedules;
- a past at() that fires, or not: to the replay a document without it, since its reading always lets it fire;
- any load where an instance is warm when asked for, and loads that no tracker scales out for where it is warm minutes
  later (why: `test_two_replays`).

Where they differ, and what is left out: that of `test_two_replays`, and

- a tracker that begins within its life: the emulator's minutes are the function's and count from before its window,
  the replay's are the tracker's. The last test shows both, and that they agree where those minutes spoke for nothing;
- a default above what the first document steps down to in the very minute of the put: the emulator has destroyed
  before it is put, and starts anew;
- evaluation within the put (lag 0 there, no put here): held by `test_two_replays`, where nothing ran before.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from itertools import product
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from planner.base import MINUTE, iso
from planner.emulator import Emulator, Load, ManualClock, Settings, World
from planner.emulator.models.operations import Call
from planner.provision import MetricType, ProvisionConfig, ScheduledAction, TrackingPolicy
from planner.reading import Among, trigger
from planner.replay import Put, State, replay_document
from tests.builders import FUNCTION, NOON
from tests.documents.given import ZONES
from tests.documents.test_two_replays import AT_ONCE, MINUTES, SPEC, loads

PAST = 20
"""Minutes for which the first document has been running."""
BEGAN = NOON - PAST * MINUTE
LAGS = {0: 1, 1: 60, 2: 120}
"""Minutes of the replay: seconds of the emulator."""
CRONS = ("0 */20 * * * *", "0 7,22 * ? * *", "0 30 */2 * * MON-FRI", "0 10/25 * ? * MON", "0 0 20 * * *")


def _text(moment: datetime, zone: str | None) -> str:
    return moment.astimezone(ZoneInfo(zone)).strftime("%Y-%m-%dT%H:%M:%S") if zone else iso(moment)


@st.composite
def actions(draw: DrawFn) -> ScheduledAction:
    zone = draw(st.sampled_from((None, *ZONES)))
    at = NOON + draw(st.integers(-90, MINUTES)) * MINUTE
    opens = draw(st.one_of(st.none(), st.integers(-300, MINUTES)))
    lasts = draw(st.one_of(st.none(), st.integers(1, 400)))
    return ScheduledAction(
        name=f"a{draw(st.integers(0, 10**9))}",
        schedule_expression=draw(st.sampled_from((f"at({_text(at, zone)})", *(f"cron({text})" for text in CRONS)))),
        target=draw(st.integers(1, 12)),
        start_time=None if opens is None else _text(NOON + opens * MINUTE, zone),
        end_time=None if lasts is None else _text(NOON + ((opens or 0) + lasts) * MINUTE, zone),
        time_zone=zone,
    )


@st.composite
def trackers(draw: DrawFn, number: int) -> TrackingPolicy:
    zone = draw(st.sampled_from((None, *ZONES)))
    ends = draw(st.one_of(st.none(), st.integers(1, MINUTES)))
    floor = draw(st.integers(1, 5))
    return TrackingPolicy(
        name=f"t{number}",
        metric_type=MetricType.CONCURRENCY,
        metric_target=draw(st.sampled_from((0.625, 0.75))),
        min_capacity=floor,
        max_capacity=floor + draw(st.integers(0, 25)),
        end_time=None if ends is None else _text(NOON + ends * MINUTE, zone),
        time_zone=zone,
    )


@dataclass(frozen=True, kw_only=True)
class Life:
    """Two documents with the same trackers, one after the other; with the second, `lead` minutes of start-up."""

    first: ProvisionConfig
    second: ProvisionConfig
    load: list[int]
    lead: int


@st.composite
def lives(draw: DrawFn, lead: int, most: int) -> Life:
    policies = tuple(draw(trackers(number)) for number in range(draw(st.integers(0, 2))))
    first, second = (
        ProvisionConfig(
            # 1 is never above what the first document leaves, see the last of the differences.
            default_target=draw(st.integers(1, 1 if lead else 9)),
            scheduled_actions=tuple(draw(st.lists(actions(), max_size=4, unique_by=lambda action: action.name))),
            tracking_policies=policies,
        )
        for _ in range(2)
    )
    load = draw(loads(most))
    return Life(first=first, second=second, load=[*load[:PAST], *load], lead=lead)


def lived(life: Life, lag: int, among: Among, past_at: str) -> tuple[list[int], list[int]]:
    """Minute by minute the target, and the warm instances."""
    switches = Settings(
        evaluation_lag_seconds=LAGS[lag], among=among.value, past_at=past_at,  # type: ignore[arg-type]  # a str
        missing_local_time="skipped", repeated_local_time="both", growth_burst=3000, growth_per_minute=3000,
    )  # fmt: skip
    instant = replace(SPEC, startup_seconds=(0.0,))
    before = timedelta(microseconds=0 if lag else 1)
    emulator = Emulator(World(functions=(instant,), settings=switches), clock=ManualClock(BEGAN - before))
    emulator.offer(FUNCTION.name, Load(values=tuple(life.load), start=BEGAN), qualifier=FUNCTION.qualifier)
    targets, warm = [], []
    for minute in range(len(life.load)):
        if minute in {0, PAST}:
            document = life.second if minute else life.first
            if minute:
                emulator.put_function(replace(SPEC, startup_seconds=(60.0 * life.lead,)))
            query = {"qualifier": FUNCTION.qualifier}
            emulator.call("PutProvisionConfig", Call(function_name=FUNCTION.name, query=query, body=document.wire()))
        emulator.advance(MINUTE / 2)
        config = emulator.config(FUNCTION.name, FUNCTION.qualifier)
        assert config is not None
        targets.append(int(config["target"]))
        warm.append(int(config["current"]))
        emulator.advance(MINUTE / 2)
    return targets, warm


def replayed(life: Life, lag: int, among: Among, past_at: str, *, cut: int) -> tuple[list[int], tuple[int, int]]:
    """Minute by minute the target; the warm instances `cut` minutes after the second put, and in the end."""
    if past_at == "ignored":
        life = replace(life, first=without_past(life.first, BEGAN), second=without_past(life.second, NOON))
    load = np.array([life.load], dtype=float)
    rules = partial(
        replay_document, instance_concurrency=AT_ONCE, among=among, put=Put(evaluation_lag=lag), keep_target=True
    )
    first = rules(life.first, BEGAN, load[:, :PAST], lead=0, begin=State(warm=np.array([0])))
    short, long = (
        rules(life.second, NOON, load[:, PAST:until], lead=life.lead, begin=first.end) for until in (PAST + cut, None)
    )
    targets = [int(target) for target in (*first.target[0], *long.target[0])]
    return targets, (int(short.end.warm[0]), int(long.end.warm[0]))


def without_past(document: ProvisionConfig, put_at: datetime) -> ProvisionConfig:
    """The document as an FC reads it that lets no at() fire which lies before the put."""
    kept = []
    for action in document.scheduled_actions:
        at = trigger(action).at
        if at is None or at >= put_at:
            kept.append(action)
    return replace(document, scheduled_actions=tuple(kept))


def compare(life: Life, cut: int, lag: int, among: Among, past_at: str) -> None:
    targets, warm = lived(life, lag, among, past_at)
    assert replayed(life, lag, among, past_at, cut=cut) == (targets, (warm[PAST + cut - 1], warm[-1]))


SWITCHES = pytest.mark.parametrize(
    ("lag", "among", "past_at"), list(product(LAGS, Among, ("fires", "ignored"))), ids=lambda value: f"{value}"
)


@SWITCHES
@given(life=lives(0, 60), cut=st.integers(1, MINUTES))
@settings(max_examples=15)
def test_a_put_is_the_same_under_any_load_where_instances_are_warm_at_once(
    lag: int, among: Among, past_at: str, life: Life, cut: int
) -> None:
    compare(life, cut, lag, among, past_at)


@SWITCHES
@given(life=st.one_of(lives(1, AT_ONCE // 2), lives(3, AT_ONCE // 2)), cut=st.integers(1, MINUTES))
@settings(max_examples=15)
def test_a_put_is_the_same_with_a_start_up_of_minutes_where_nothing_scales_out(
    lag: int, among: Among, past_at: str, life: Life, cut: int
) -> None:
    compare(life, cut, lag, among, past_at)


@given(opens=st.integers(1, MINUTES - 1), load=loads(60), warm=st.sampled_from((4, 8)), cut=st.integers(1, MINUTES))
@settings(max_examples=25)
def test_a_tracker_that_begins_later_is_the_same_where_the_minutes_before_stood_at_its_target(
    opens: int, load: list[int], warm: int, cut: int
) -> None:
    policy = TrackingPolicy(
        name="later",
        metric_type=MetricType.CONCURRENCY,
        metric_target=0.75,
        min_capacity=1,
        max_capacity=40,
        start_time=iso(NOON + opens * MINUTE),
    )
    document = ProvisionConfig(default_target=warm, tracking_policies=(policy,))
    even = [3 * warm] * (PAST + opens)
    life = Life(first=document, second=document, load=[*even, *load[opens:]], lead=0)
    compare(life, cut, 1, Among.LAST, "fires")


def test_a_tracker_that_begins_later_counts_its_own_minutes_in_the_replay_and_all_in_the_emulator() -> None:
    policy = TrackingPolicy(
        name="later",
        metric_type=MetricType.CONCURRENCY,
        metric_target=0.5,
        min_capacity=1,
        max_capacity=4,
        start_time=iso(NOON + 10 * MINUTE),
    )
    document = ProvisionConfig(default_target=1, tracking_policies=(policy,))
    life = Life(first=document, second=document, load=[99] * (PAST + 20), lead=0)
    targets, _ = lived(life, 1, Among.LAST, "fires")
    assert targets[PAST + 9 : PAST + 15] == [1, 2, 4, 4, 4, 4]
    targets, _ = replayed(life, 1, Among.LAST, "fires", cut=20)
    assert targets[PAST + 9 : PAST + 15] == [1, 1, 1, 2, 4, 4]
