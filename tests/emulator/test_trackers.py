"""Trackers on the load that a test offers: how they step, hold, clamp and combine."""

from dataclasses import astuple, replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planner.emulator import Emulator, FunctionSpec, Load, ManualClock, Settings, World
from planner.emulator.models.document import Json, TrackingPolicy
from planner.emulator.models.operations import Call
from planner.emulator.rules import Moment, tracked
from tests.emulator.fc import ASR, NOON, Fc, emulated
from tests.published import action, policy, utc

_UTILISATION = "ProvisionedConcurrencyUtilization"
_BUSY = TrackingPolicy(name="busy", metric_type=_UTILISATION, metric_target=0.6, min_capacity=1, max_capacity=50)


def _value(minutes: list[float | None], warm: int = 10, starting: int = 0, **more: object) -> int:
    moment = Moment(
        at=NOON,
        put_at=NOON,
        warm=warm,
        current=warm + starting,
        utilisations={_UTILISATION: minutes},
        steps=bool(more.pop("steps", True)),
    )
    return tracked(replace(_BUSY, **more), moment, Settings())  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("minutes", "expected"),
    [
        pytest.param([0.9] * 3, 15, id="out: ceil(10 x 0.9 / 0.6), the vendor's formula"),
        pytest.param([0.7, 0.7, 0.9], 15, id="out by the last full minute"),
        pytest.param([0.6, 0.9, 0.9], 10, id="a minute at the target itself is not above it"),
        pytest.param([0.9, 0.9], 10, id="two minutes are too few"),
        pytest.param([None, 0.9, 0.9], 10, id="a minute without a metric is none above"),
        pytest.param([0.3] * 15, 8, id="in: 10 - floor(10 x 0.5 x (1 - 0.3 / 0.6))"),
        pytest.param([0.3] * 14, 10, id="fourteen minutes below are too few"),
        pytest.param([0.0] * 15, 5, id="idle: half of them go"),
        pytest.param([0.9] + [0.3] * 14, 10, id="one minute above breaks the series"),
        pytest.param([0.55] * 15, 10, id="just below the target nothing is removed"),
    ],
)
def test_a_tracker_steps_by_the_formula(minutes: list[float | None], expected: int) -> None:
    assert _value(minutes) == expected


def test_a_value_is_kept_in_the_capacities() -> None:
    assert _value([0.9] * 3, max_capacity=12) == 12
    assert _value([0.0] * 15, min_capacity=9) == 9
    assert _value([], warm=0, min_capacity=2) == 2


def test_scaling_out_never_asks_for_fewer_than_are_on_their_way() -> None:
    assert _value([0.9] * 3, warm=10, starting=20) == 30


def test_between_whole_minutes_a_tracker_only_holds() -> None:
    assert _value([0.9] * 3, steps=False) == 10


def test_an_exact_quotient_is_not_rounded_up() -> None:
    assert _value([0.9] * 3, warm=3, metric_target=0.3) == 9


def _currents(fc: Fc, minutes: int) -> list[int]:
    found = []
    for _ in range(minutes):
        fc.wait(minutes=1)
        found.append(fc.get()["current"])
    return found


def test_a_surge_raises_the_instances_after_three_full_minutes() -> None:
    with emulated() as fc:
        fc.put({"defaultTarget": 2, "targetTrackingPolicies": [policy(minCapacity=2)]})
        fc.wait(minutes=5)
        # 2 instances serve 8; 12 are offered, and only 8 can be seen: utilisation 1.
        fc.emulator.offer("asr", Load.constant(12), qualifier="prod")
        assert fc.target() == 2
        fc.wait(minutes=2)
        assert fc.target() == 2
        fc.wait(minutes=1)
        assert fc.target() == 4  # ceil(2 x 1 / 0.6)
        fc.wait(minutes=1)
        # The minute had 20 s of 2 and 40 s of 4: all of 8 and 12 of 16 served.
        # (20 x 8 + 40 x 12) / (20 x 8 + 40 x 16) = 0.8, and ceil(4 x 0.8 / 0.6) = 6.
        assert fc.target() == 6


def test_a_saturated_tracker_grows_by_one_over_its_target_a_minute_at_most() -> None:
    quick = replace(ASR, startup_seconds=(0.0,))
    with emulated(quick) as fc:
        fc.emulator.offer("asr", Load.constant(400), qualifier="prod")
        fc.put({"defaultTarget": 1, "targetTrackingPolicies": [policy(metricTarget=0.5)]})
        assert _currents(fc, 8) == [1, 1, 2, 4, 8, 16, 32, 50]


def test_a_tracker_with_no_instance_has_no_utilisation_and_never_rises() -> None:
    with emulated() as fc:
        fc.emulator.offer("asr", Load.constant(100), qualifier="prod")
        fc.put({"defaultTarget": 0, "targetTrackingPolicies": [policy(minCapacity=0)]})
        assert set(_currents(fc, 30)) == {0}


def test_a_tracker_holds_up_a_scheduled_step_down_until_fifteen_quiet_minutes() -> None:
    with emulated() as fc:
        up = action("up", "at(2026-11-23T11:00:00Z)", 10)
        down = action("down", "at(2026-11-23T12:10:00Z)", 2)
        tracker = policy(minCapacity=0)
        body = {"scheduledActions": [up, down], "targetTrackingPolicies": [tracker]}
        fc.put({"defaultTarget": 10, **body})
        # 12 of 10 x 4 slots are 0.3: 10 - floor(10 x 0.5 x 0.5) = 8, after 15 full minutes;
        # a minute later 12 of 8 x 4 are 0.375: 8 - floor(8 x 0.5 x 0.375) = 7.
        fc.emulator.offer("asr", Load.constant(12), qualifier="prod")
        moments = [utc(f"2026-11-23 12:{m}") for m in (10, 14, 15, 16)]
        assert fc.targets(moments) == [10, 10, 8, 7]


def test_a_tracker_outside_its_window_does_nothing() -> None:
    with emulated() as fc:
        later = policy(minCapacity=7, startTime="2026-11-23T12:10:00Z")
        fc.put({"defaultTarget": 1, "targetTrackingPolicies": [later]})
        assert fc.targets([utc("2026-11-23 12:09"), utc("2026-11-23 12:10")]) == [1, 7]


@pytest.mark.parametrize("metric", ["CPUUtilization", "GPUMemUtilization"])
def test_the_other_metrics_are_offered_as_utilisations(metric: str) -> None:
    with emulated() as fc:
        tracker = policy(metricType=metric, metricTarget=0.5, minCapacity=2)
        fc.put({"defaultTarget": 2, "targetTrackingPolicies": [tracker]})
        fc.wait(minutes=1)
        fc.emulator.offer("asr", Load.constant(0.8), qualifier="prod", metric=metric)
        fc.wait(minutes=3)
        assert fc.target() == 4  # ceil(2 x 0.8 / 0.5)


def test_load_is_per_alias_and_follows_its_series() -> None:
    series = Load(values=(1, 5), start=NOON)
    assert [series.at(utc(f"2026-11-23 {m}")) for m in ("11:59", "12:00", "12:01", "13:00")] == [
        0, 1, 5, 5,
    ]  # fmt: skip
    again = Load(values=(1, 5), start=NOON, repeat=True)
    assert [again.at(utc(f"2026-11-23 12:0{m}:30")) for m in range(4)] == [1, 5, 1, 5]
    quick = FunctionSpec(name="asr", aliases=("prod", "canary"), instance_metrics=True, startup_seconds=(0.0,))
    with emulated(quick) as fc:
        for alias in ("prod", "canary"):
            fc.put({"defaultTarget": 1, "targetTrackingPolicies": [policy()]}, alias)
        fc.emulator.offer("asr", Load.constant(9), qualifier="canary")
        fc.wait(minutes=3)
        assert (fc.get("prod")["target"], fc.get("canary")["target"]) == (1, 2)


def _account() -> tuple[Emulator, ManualClock]:
    clock = ManualClock(NOON)
    emulator = Emulator(World(functions=(ASR,)), clock=clock)
    emulator.offer("asr", Load(values=(3, 40, 11, 25), start=NOON, repeat=True), qualifier="prod")
    body = {"defaultTarget": 2, "targetTrackingPolicies": [policy(minCapacity=1)]}
    emulator.call("PutProvisionConfig", _call(body))
    return emulator, clock


def _call(body: object = None) -> Call:
    return Call(function_name="asr", query={"qualifier": "prod"}, body=body)


@given(st.lists(st.one_of(st.integers(1, 90), st.just(None)), min_size=5, max_size=40))
def test_who_looks_between_two_minutes_sees_the_present_and_changes_nothing(steps: list[int | None]) -> None:
    looked, looking = _account()
    lived, living = _account()
    seen: list[Json | None] = []
    for number, step in enumerate(steps):
        if step is None:
            for emulator in (looked, lived):
                emulator.call("PutProvisionConfig", _call({"defaultTarget": number % 4}))
        else:
            looking.move(looking.now() + timedelta(seconds=step))
            living.move(living.now() + timedelta(seconds=step))
        seen.append(looked.call("GetProvisionConfig", _call()))
        # This one is measured up to the present each time.
        assert seen[-1] == lived.config("asr", "prod")
    with looked.account() as one, lived.account() as other:
        minutes = [account.ledger.between(("asr", "prod"), NOON, account.at) for account in (one, other)]
    assert [m.start for m in minutes[0]] == [m.start for m in minutes[1]]
    for left, right in zip(*minutes, strict=True):
        assert astuple(left)[1:] == pytest.approx(astuple(right)[1:])
