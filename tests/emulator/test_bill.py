"""The bill: factors, flags and money, against figures worked out by hand."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from planner.emulator import FunctionSpec
from planner.emulator.models.bill import Factor, Prices, bill, rates
from planner.emulator.models.ledger import Minute
from tests.emulator.fc import NOON

TESLA = FunctionSpec(name="asr", gpu_type="fc.gpu.tesla.1", gpu_memory_mb=16384, cpu=8, memory_mb=32768)
QUIET = Minute(
    start=NOON,
    offered=0,
    served=0,
    kept=0,
    throttled=0,
    throttles=0,
    warm=1,
    busy=0,
    starting=0,
    on_demand=0,
    invocations=0,
    target=1,
    current=1,
    always_allocate_cpu=False,
    always_allocate_gpu=False,
)


def hour(minute: Minute) -> list[Minute]:
    return [replace(minute, start=NOON + timedelta(minutes=number)) for number in range(60)]


def test_the_worked_instance_takes_the_units_and_the_money_that_its_docstring_says() -> None:
    rate = rates(TESLA, Prices())
    hibernating = rate.idle(cpu=False, gpu=False)
    assert (rate.active, hibernating) == (pytest.approx(46.4), pytest.approx(11.2))
    assert f"{rate.active:.1f} CU/s active" in (rates.__doc__ or "")
    assert f"{hibernating:.1f} CU/s hibernating" in (rates.__doc__ or "")
    money = [units * 3600 * Prices().unit for units in (rate.active, hibernating)]
    assert f"{money[0]:.1f} and {money[1]:.1f} CNY an hour" in (rates.__doc__ or "")


def test_an_hour_busy_in_half_of_it_costs_what_its_docstring_says() -> None:
    found = bill(hour(replace(QUIET, busy=0.5)), TESLA, Prices())
    assert (found.active, found.hibernating) == (pytest.approx(1800 * 46.4), pytest.approx(1800 * 11.2))
    assert f"{found.units:,.0f} CU" in (bill.__doc__ or "")
    assert f"{found.amount:.2f} {found.currency}" in (bill.__doc__ or "")


@pytest.mark.parametrize(
    ("cpu", "gpu", "active", "hibernating"),
    [
        (True, True, 46.4, 0),
        (False, False, 0, 16 * 0.5 + 32 * 0.1),
        (True, False, 0, 16 * 0.5 + 8 + 32 * 0.15),
        (False, True, 0, 16 * 2.1 + 32 * 0.1),
    ],
    ids=["nothing", "both", "the GPU", "the CPU"],
)
def test_the_flags_say_what_of_an_idle_instance_hibernates(
    cpu: bool, gpu: bool, active: float, hibernating: float
) -> None:
    minute = replace(QUIET, always_allocate_cpu=cpu, always_allocate_gpu=gpu)
    found = bill([minute], TESLA, Prices())
    assert (found.active / 60, found.hibernating / 60) == (pytest.approx(active), pytest.approx(hibernating))


def test_each_minute_is_billed_by_its_own_flags() -> None:
    always = replace(QUIET, always_allocate_cpu=True, always_allocate_gpu=True)
    found = bill([*hour(QUIET), *hour(always)], TESLA, Prices())
    assert (found.active, found.hibernating) == (pytest.approx(3600 * 46.4), pytest.approx(3600 * 11.2))


def test_starting_on_demand_and_calls_are_billed_too() -> None:
    minute = replace(QUIET, warm=0, starting=2, on_demand=3, invocations=20_000)
    found = bill([minute], TESLA, Prices())
    assert found.active == pytest.approx(2 * 60 * 46.4)
    assert found.on_demand == pytest.approx(3 * 60 * 46.4)
    assert bill([replace(minute, throttles=20_000)], TESLA, Prices()).calls == 0
    assert found.calls == 150
    assert found.units == pytest.approx(5 * 60 * 46.4 + 150)


def test_a_disk_above_the_free_one_costs_the_same_awake_and_asleep() -> None:
    rate = rates(replace(TESLA, extra={"diskSize": 10240}), Prices())
    disk = (10240 - 512) / 1024 * 0.05
    assert (rate.active, rate.idle(cpu=False, gpu=False)) == (pytest.approx(46.4 + disk), pytest.approx(11.2 + disk))


def test_a_price_list_replaces_what_it_names() -> None:
    prices = Prices.from_mapping(
        {
            "as_of": datetime(2026, 11, 1, tzinfo=UTC).date(),
            "unit": 0.00009,
            "vcpu": {"active": 2, "hibernating": 1},
            "gpu": {"fc.gpu.ada.1": {"active": 1.5, "hibernating": 0.25}, "own": {"active": 1, "hibernating": 0}},
        }
    )
    assert (prices.as_of, prices.unit, prices.currency) == ("2026-11-01", 0.00009, "CNY")
    assert prices.gpu["fc.gpu.ada.1"] == Factor(active=1.5, hibernating=0.25)
    assert prices.gpu["fc.gpu.tesla.1"] == Prices().gpu["fc.gpu.tesla.1"]
    own = replace(TESLA, gpu_type="own")
    assert rates(own, prices).active == pytest.approx(16 * 1 + 8 * 2 + 32 * 0.15)


@pytest.mark.parametrize(
    ("values", "fault"),
    [
        ({"units": 1}, "unknown prices: units; known: as_of, currency"),
        ({"vcpu": {"active": -1, "hibernating": 0}}, "must not be negative"),
        ({"unit": -0.1}, "must not be negative"),
        ({"unit": "dear"}, "dear"),
    ],
)
def test_a_price_list_that_is_none_is_refused(values: dict[str, object], fault: str) -> None:
    with pytest.raises(ValueError, match=fault):
        Prices.from_mapping(values)


def test_a_gpu_type_without_a_price_is_named() -> None:
    with pytest.raises(ValueError, match=r"no price for GPU type 'fc\.gpu\.new\.1'; prices\.gpu has fc\.gpu\.tesla\.1"):
        bill([], replace(TESLA, gpu_type="fc.gpu.new.1"), Prices())
