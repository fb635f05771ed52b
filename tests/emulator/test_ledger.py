"""The ledger: every minute of whoever has a config or a load, as it was lived."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from planner.emulator import Emulator, Load, ManualClock, Settings, World
from planner.emulator.models.ledger import Ledger, Minute
from planner.emulator.models.meter import Serving
from planner.emulator.models.operations import Call
from tests.emulator.fc import ASR, NOON
from tests.published import action, policy

MINUTE = timedelta(minutes=1)
PROD = ("asr", "prod")


def emulator(**switches: object) -> Emulator:
    """ASR, whose instances take 4 requests at once and are warm after 20 s."""
    settings = Settings.from_mapping({"evaluation_lag_seconds": 0, **switches})
    return Emulator(World(functions=(ASR,), settings=settings), clock=ManualClock(NOON))


def put(emulator: Emulator, body: object, qualifier: str = "prod") -> None:
    emulator.call("PutProvisionConfig", Call(function_name="asr", query={"qualifier": qualifier}, body=body))


def delete(emulator: Emulator, qualifier: str = "prod") -> None:
    emulator.call("DeleteProvisionConfig", Call(function_name="asr", query={"qualifier": qualifier}))


def minutes(emulator: Emulator, key: tuple[str, str] = PROD) -> Sequence[Minute]:
    with emulator.account() as account:
        return account.ledger.between(key, NOON - timedelta(days=99), NOON + timedelta(days=99))


def test_a_minute_is_the_mean_of_what_was_warm_starting_and_asked_for() -> None:
    fc = emulator()
    fc.offer("asr", Load(values=(10.0,), duration_seconds=2.0), qualifier="prod")
    put(fc, {"defaultTarget": 2, "alwaysAllocateGPU": False})
    fc.advance(MINUTE)
    (first,) = minutes(fc)
    # 20 s of nothing warm: 10 at once on 4 keep 2 + 1 instances busy, which start meanwhile; then 8 of
    # 10 are served by provisioned ones, and the rest by an on-demand one that is warm by now.
    assert first == Minute(
        start=NOON,
        offered=10.0,
        served=pytest.approx(8 * 40 / 60),
        kept=pytest.approx(2 * 40 / 60),
        throttled=0.0,
        throttles=0.0,
        warm=pytest.approx(2 * 40 / 60),
        busy=pytest.approx(2 * 40 / 60),
        starting=pytest.approx(2 * 20 / 60),
        on_demand=pytest.approx((3 * 20 + 1 * 40) / 60),
        invocations=pytest.approx(10 * 60 / 2),
        target=2,
        current=2,
        always_allocate_cpu=True,
        always_allocate_gpu=False,
    )


def test_a_load_without_a_config_is_served_on_demand_and_a_config_without_a_load_waits() -> None:
    fc = emulator()
    fc.offer("asr", Load.constant(9.5), qualifier="canary")
    put(fc, {"defaultTarget": 1})
    fc.advance(2 * MINUTE)
    (_, on_demand), (_, waiting) = minutes(fc, ("asr", "canary")), minutes(fc)
    assert (on_demand.served, on_demand.on_demand, on_demand.warm, on_demand.target) == (0, 3, 0, 0)
    assert (waiting.offered, waiting.invocations, waiting.busy, waiting.warm) == (0, 0, 0, 1)
    assert minutes(fc, ("asr", "LATEST")) == []


def test_the_minute_of_a_delete_is_kept_and_then_there_are_no_more() -> None:
    fc = emulator()
    put(fc, {"defaultTarget": 3})
    fc.advance(timedelta(seconds=90))
    delete(fc)
    fc.advance(10 * MINUTE)
    assert [(m.start - NOON, m.warm, m.target) for m in minutes(fc)] == [
        (timedelta(0), pytest.approx(2), 3),
        (MINUTE, pytest.approx(1.5), 0),
    ]
    fc.offer("asr", Load.constant(1), qualifier="prod")
    fc.advance(MINUTE)
    assert len(minutes(fc)) == 3


def test_a_put_between_two_whole_minutes_counts_for_its_part_of_the_minute() -> None:
    fc = emulator()
    fc.offer("asr", Load.constant(4), qualifier="prod")
    fc.advance(timedelta(seconds=15))
    put(fc, {"defaultTarget": 1})
    fc.advance(MINUTE)
    (first,) = minutes(fc)
    assert (first.warm, first.starting) == (pytest.approx(25 / 60), pytest.approx(20 / 60))
    assert (first.offered, first.served, first.on_demand) == (4, pytest.approx(4 * 25 / 60), pytest.approx(35 / 60))


def test_the_target_of_a_minute_is_the_one_it_was_lived_under() -> None:
    fc = emulator()
    put(fc, {"defaultTarget": 1, "scheduledActions": [action("up", "at(2026-11-23T12:02:00Z)", 3)]})
    fc.advance(4 * MINUTE)
    assert [(m.target, m.current) for m in minutes(fc)] == [(1, 1), (1, 1), (3, 3), (3, 3)]


@pytest.mark.parametrize(("dispatch", "busy"), [("packed", 0.75), ("spread", 3.0)])
def test_how_many_instances_are_busy_depends_on_who_gets_the_requests(dispatch: str, busy: float) -> None:
    fc = emulator(dispatch=dispatch)
    put(fc, {"defaultTarget": 5})
    fc.advance(MINUTE)
    fc.offer("asr", Load.constant(3 if dispatch == "spread" else 0.75), qualifier="prod")
    fc.advance(MINUTE)
    assert minutes(fc)[-1].busy == pytest.approx(busy)


def test_on_demand_instances_are_full_but_for_the_last() -> None:
    serving = Serving(instance_concurrency=4, dispatch="packed", idle=timedelta(0))
    assert [serving.on_demand(value) for value in (0, 0.25, 3, 4, 8.25, 9.5)] == [0, 0.25, 1, 1, 2.25, 3]


def test_a_long_move_of_the_clock_is_many_short_ones() -> None:
    def lived(pieces: int) -> list[Minute]:
        fc = emulator(startup_seconds="7,50")
        fc.put_function(replace(ASR, startup_seconds=(7.0, 95.0)))
        fc.offer("asr", Load(values=(3, 40, 11, 0, 0, 25), repeat=True), qualifier="prod")
        put(fc, {"defaultTarget": 2, "targetTrackingPolicies": [policy(maxCapacity=20)]})
        for _ in range(pieces):
            fc.advance(timedelta(minutes=37) / pieces)
        return list(minutes(fc))

    long, short = lived(1), lived(90)
    assert [replace(m, target=0) for m in long] == [
        replace(
            m,
            target=0,
            **{
                name: pytest.approx(getattr(m, name))
                for name in ("offered", "served", "kept", "throttled", "throttles", "warm", "busy")
            },
            **{name: pytest.approx(getattr(m, name)) for name in ("starting", "on_demand", "invocations")},
        )
        for m in short
    ]
    assert len(long) == 37


def kept_in(ledger: Ledger, *, first: int = 0, last: int = 40, key: tuple[str, str] = PROD) -> list[tuple[int, int]]:
    """Minute and length of every part."""
    parts = ledger.parts(key, NOON + first * MINUTE, NOON + last * MINUTE)
    return [((minute.start - NOON) // MINUTE, minutes) for minute, minutes in parts]


def small(**bounds: int) -> Ledger:
    days = {"keep": 3, "keep_coarse": 20, **bounds}
    return Ledger(keep=days["keep"] * MINUTE, keep_coarse=days["keep_coarse"] * MINUTE, most=bounds.get("most", 1000))


def test_so_many_minutes_are_kept_and_means_of_older_ones() -> None:
    ledger, lived = small(), minutes(_lived_a_minute())[0]
    for number in range(38):
        minute = replace(lived, start=NOON + number * MINUTE, offered=number, invocations=60 * number, target=number)
        ledger.add(PROD, minute)
    kept = ledger.between(PROD, NOON, NOON + timedelta(days=1))
    assert [m.start - NOON for m in kept] == [35 * MINUTE, 36 * MINUTE, 37 * MINUTE]
    assert [m.start - NOON for m in ledger.between(PROD, NOON + 36 * MINUTE, NOON + 37 * MINUTE)] == [36 * MINUTE]
    # Nothing from before the 18th minute, and no gap from there to the present.
    assert kept_in(ledger) == [(20, 5), (25, 5), (30, 5), (35, 1), (36, 1), (37, 1)]
    assert kept_in(ledger, first=26, last=36) == [(30, 5), (35, 1)]
    (mean, _), *_ = ledger.parts(PROD, NOON + 20 * MINUTE, NOON + 25 * MINUTE)
    assert (mean.offered, mean.invocations, mean.target, mean.warm) == (22, 60 * 22, 24, pytest.approx(lived.warm))
    with pytest.raises(ValueError, match="asr/prod was written before"):
        ledger.add(PROD, replace(lived, start=NOON + 37 * MINUTE))


def test_minutes_that_are_missing_were_empty_and_who_is_gone_is_forgotten() -> None:
    ledger, lived = small(), minutes(_lived_a_minute())[0]
    gone = ("asr", "gone")
    ledger.add(gone, replace(lived, start=NOON + MINUTE, offered=10.0))
    for number in range(10):
        ledger.add(PROD, replace(lived, start=NOON + number * MINUTE))
    ((mean, _),) = ledger.parts(gone, NOON, NOON + timedelta(hours=1))
    assert (mean.start, mean.offered) == (NOON, 2.0)
    assert ledger.keys() == (("asr", "gone"), PROD)
    for number in range(10, 40):
        ledger.add(PROD, replace(lived, start=NOON + number * MINUTE))
    assert ledger.keys() == (PROD,)


def test_of_all_functions_together_there_are_so_many_rows() -> None:
    ledger, lived = small(keep=100, keep_coarse=100, most=16), minutes(_lived_a_minute())[0]
    keys = [("asr", name) for name in ("a", "b", "c", "d")]
    for number in range(25):
        for key in keys:
            ledger.add(key, replace(lived, start=NOON + number * MINUTE))
            rows = sum(len(kept_in(ledger, key=key)) for key in keys)
            assert rows <= 18
    assert rows >= 12
    assert len({kept_in(ledger, key=key)[0] for key in keys}) == 1
    assert [kept_in(ledger, key=key)[-1] for key in keys] == [(24, 1)] * 4
    assert ledger.oldest == NOON + kept_in(ledger, key=keys[0])[0][0] * MINUTE


def _lived_a_minute() -> Emulator:
    fc = emulator()
    put(fc, {"defaultTarget": 1})
    fc.advance(MINUTE)
    return fc
