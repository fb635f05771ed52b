"""Simulated on-demand instances: they share quotas and growth with provisioned ones, and are kept while idle."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from planner.emulator import Emulator, FunctionSpec, Load, ManualClock, QuotaFault, Settings, World, rules
from planner.emulator.models.document import Json
from planner.emulator.models.ledger import Minute
from planner.emulator.models.metrics import METRICS, Span, points, series
from planner.emulator.models.operations import Call
from planner.emulator.models.room import GROWING, QUOTA
from tests.emulator.fc import ASR, NOON

MINUTE = timedelta(minutes=1)
PROD = ("asr", "prod")
CARD = FunctionSpec(name="tts", gpu_type="fc.gpu.ada.1", gpu_memory_mb=49152, startup_seconds=(20.0,))


def emulator(*functions: FunctionSpec, database: Path | None = None, **switches: object) -> Emulator:
    """ASR, whose instances take 4 requests at once and are warm after 20 s."""
    settings = Settings.from_mapping({"evaluation_lag_seconds": 0, **switches})
    world = World(functions=functions or (ASR,), settings=settings)
    return Emulator(world, clock=ManualClock(NOON), database=database)


def put(fc: Emulator, target: int, key: tuple[str, str] = PROD) -> None:
    call = Call(function_name=key[0], query={"qualifier": key[1]}, body={"defaultTarget": target})
    fc.call("PutProvisionConfig", call)


def config(fc: Emulator, key: tuple[str, str] = PROD) -> Json:
    found = fc.config(*key)
    assert found is not None
    return found


def minutes(fc: Emulator, key: tuple[str, str] = PROD) -> Sequence[Minute]:
    return fc.report(*key).minutes


def test_a_load_that_no_provisioned_instance_takes_waits_once_and_is_kept_warm_then() -> None:
    fc = emulator()
    put(fc, 2)
    fc.advance(MINUTE)
    fc.offer("asr", Load.constant(12), qualifier="prod")
    fc.advance(120 * MINUTE)
    first, second, *_ = minutes(fc)[1:]
    assert (first.served, first.kept, first.waited) == (8, pytest.approx(4 * 40 / 60), pytest.approx(4 * 20 / 60))
    assert (second.served, second.kept, second.waited, second.on_demand) == (8, 4, 0, 1)
    totals = fc.report("asr", "prod").totals
    assert (totals.cold, totals.cold_share) == (pytest.approx(120 * 4), pytest.approx(4 / 12))
    assert totals.waited == pytest.approx(4 * 20 / 60)
    assert totals.waited_share == pytest.approx(totals.waited / (120 * 12))
    assert totals.kept + totals.waited == pytest.approx(totals.cold)


@pytest.mark.parametrize(("pause", "waited"), [(4, 0.0), (5, 4 * 20 / 60)])
def test_an_idle_one_is_there_for_five_minutes(pause: int, waited: float) -> None:
    fc = emulator()
    fc.offer("asr", Load(values=(4.0, *[0.0] * pause, 4.0), start=NOON), qualifier="prod")
    fc.advance((pause + 2) * MINUTE)
    assert minutes(fc)[-1].waited == pytest.approx(waited)
    # What is idle costs nothing.
    assert sum(minute.on_demand for minute in minutes(fc)) == pytest.approx(2)


def test_they_end_at_once_where_idle_ones_are_not_kept() -> None:
    fc = emulator(on_demand_idle_seconds=0)
    fc.offer("asr", Load(values=(8.0, 4.0, 8.0), start=NOON), qualifier="prod")
    fc.advance(3 * MINUTE)
    assert [minute.waited for minute in minutes(fc)] == [
        pytest.approx(8 * 20 / 60),
        0,
        pytest.approx(4 * 20 / 60),
    ]


def test_over_the_quota_a_load_is_refused_and_the_provisioned_ones_have_no_room() -> None:
    fc = emulator(region_instances=3)
    fc.offer("asr", Load(values=(20.0,), duration_seconds=2.0), qualifier="prod")
    fc.advance(2 * MINUTE)
    minute = minutes(fc)[-1]
    assert (minute.kept, minute.waited, minute.throttled, minute.on_demand) == (12, 0, 8, 3)
    assert (minute.invocations, minute.throttles) == (pytest.approx(600), pytest.approx(240))
    put(fc, 2)
    assert (config(fc)["target"], config(fc)["current"], config(fc)["currentError"]) == (2, 0, QUOTA)
    # Idle ones take room for as long as they are kept.
    fc.offer("asr", Load.constant(0), qualifier="prod")
    fc.advance(4 * MINUTE)
    assert config(fc)["current"] == 0
    fc.advance(3 * MINUTE)
    assert (config(fc)["current"], config(fc)["currentError"]) == (2, "")


def test_provisioned_ones_leave_the_on_demand_ones_no_room() -> None:
    fc = emulator(region_instances=3)
    put(fc, 2)
    fc.offer("asr", Load.constant(20), qualifier="canary")
    fc.advance(2 * MINUTE)
    minute = minutes(fc, ("asr", "canary"))[-1]
    assert (minute.kept, minute.throttled, minute.on_demand) == (4, 16, 1)
    put(fc, 0)
    fc.advance(2 * MINUTE)
    assert minutes(fc, ("asr", "canary"))[-1].throttled == 8


def test_cards_of_a_type_are_shared_too() -> None:
    fc = emulator(CARD, gpu_cards_per_type=2)
    fc.offer("tts", Load.constant(5))
    fc.advance(2 * MINUTE)
    assert (minutes(fc, ("tts", "LATEST"))[-1].kept, minutes(fc, ("tts", "LATEST"))[-1].throttled) == (2, 3)
    put(fc, 1, ("tts", "LATEST"))
    assert config(fc, ("tts", "LATEST"))["currentError"] == "Account's total GPU usage of 'fc.gpu.ada.1' exceeded"


def test_growth_is_shared_and_comes_minute_by_minute() -> None:
    fc = emulator(region_instances=1000, growth_burst=10, growth_per_minute=5)
    fc.offer("asr", Load.constant(100), qualifier="prod")
    fc.advance(4 * MINUTE)
    assert [minute.throttled for minute in minutes(fc)] == [60, 40, 20, 0]
    fc.offer("asr", Load.constant(140), qualifier="prod")
    put(fc, 8)
    assert (config(fc)["current"], config(fc)["currentError"]) == (0, GROWING)
    # The provisioned ones took what the minute gave.
    fc.advance(MINUTE)
    assert minutes(fc)[-1].throttled == pytest.approx(40, abs=20)
    fc.advance(5 * MINUTE)
    assert (config(fc)["current"], minutes(fc)[-1].throttled) == (8, 0)


def test_a_cut_quota_counts_for_them_and_what_runs_goes_on() -> None:
    fc = emulator()
    fc.offer("asr", Load(values=(8.0, 8.0, 16.0), start=NOON), qualifier="prod")
    fc.advance(MINUTE)
    fc.faults.add(QuotaFault(region_instances=1, until=NOON + timedelta(hours=1)))
    fc.advance(2 * MINUTE)
    assert [(minute.kept, minute.throttled) for minute in minutes(fc)[1:]] == [(8, 0), (8, 8)]


def test_what_cannot_start_waits_and_is_not_throttled() -> None:
    fc = emulator(replace(ASR, image_pull_error="image not found"))
    fc.offer("asr", Load.constant(4), qualifier="prod")
    fc.advance(MINUTE)
    (minute,) = minutes(fc)
    assert (minute.kept, minute.waited, minute.throttled, minute.on_demand) == (0, 4, 0, 0)


def test_what_was_refused_are_throttles_of_resources_in_cloud_monitor() -> None:
    fc = emulator(region_instances=1)
    fc.offer("asr", Load(values=(6.0,), duration_seconds=2.0), qualifier="prod")
    fc.advance(3 * MINUTE)
    span = Span(period=MINUTE, after=NOON, until=NOON + MINUTE)

    def value(name: str) -> float:
        with fc.account() as account:
            ((dimensions, keys),) = series(account, METRICS[name]).items()
            (point,) = points(account, METRICS[name], dimensions, keys, span)
        return point.statistics["Value"]

    assert value("FunctionResourceThrottles") == pytest.approx(60)
    assert value("FunctionQualifierResourceThrottles") == pytest.approx(60)
    assert value("FunctionConcurrencyThrottles") == 0
    assert value("FunctionTotalInvocations") == pytest.approx(180)
    assert value("FunctionAvgDuration") == pytest.approx(2000)
    # The one instance has the four that it takes; who was refused was in none.
    assert value("FunctionAvgConcurrentRequests") == pytest.approx(4)


def test_nothing_depends_on_when_somebody_looks() -> None:
    def lived(pieces: int) -> list[Minute]:
        fc = emulator(region_instances=7, growth_burst=4, growth_per_minute=2, on_demand_idle_seconds=100)
        fc.offer("asr", Load(values=(3, 40, 11, 0, 0, 25), repeat=True), qualifier="prod")
        fc.offer("asr", Load(values=(9, 0, 0, 17), repeat=True), qualifier="canary")
        found: list[Minute] = []
        for target in (0, 3, 1):
            put(fc, target)
            for _ in range(pieces):
                fc.advance(timedelta(seconds=425) / pieces)
        for alias in ("canary", "prod"):
            found += minutes(fc, ("asr", alias))
        return found

    long, short = lived(1), lived(50)
    assert len(long) == len(short) == 42
    for one, other in zip(long, short, strict=True):
        for name in ("served", "kept", "waited", "throttled", "on_demand", "warm", "throttles"):
            assert getattr(one, name) == pytest.approx(getattr(other, name), abs=1e-6), (name, one.start)


def test_they_survive_a_restart(tmp_path: Path) -> None:
    fc = emulator(database=tmp_path / "fc.db")
    fc.offer("asr", Load.constant(8), qualifier="prod")
    fc.advance(timedelta(seconds=90))
    fc.close()
    again = emulator(database=tmp_path / "fc.db", region_instances=2)
    again.advance(2 * MINUTE)
    assert [minute.waited for minute in minutes(again)] == [pytest.approx(8 * 20 / 60), 0, 0]
    put(again, 1)
    assert config(again)["currentError"] == QUOTA
    again.close()


def test_an_evaluation_that_fails_fails_once(monkeypatch: pytest.MonkeyPatch) -> None:
    fc = emulator()
    put(fc, 1)
    put(fc, 2, ("asr", "canary"))
    evaluate, calls = rules.evaluate, iter(range(99))

    def once(*arguments: object) -> rules.Verdict:
        if next(calls) == 1:
            message = "a rule is broken"
            raise RuntimeError(message)
        return evaluate(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(rules, "evaluate", once)
    fc.clock.jump(3 * MINUTE)
    with pytest.raises(RuntimeError, match="a rule is broken"):
        fc.live()
    assert fc.live() == NOON + 3 * MINUTE
    assert [minute.start - NOON for minute in minutes(fc)] == [0 * MINUTE, MINUTE, 2 * MINUTE]
    assert [minute.warm for minute in minutes(fc)] == [pytest.approx(40 / 60), 1, 1]
    assert (config(fc)["current"], config(fc, ("asr", "canary"))["current"]) == (1, 2)
