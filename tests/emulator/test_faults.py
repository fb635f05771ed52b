"""Faults on order, as the official SDK meets them, and the journal that tells them apart."""

import json
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from alibabacloud_tea_openapi.exceptions import (
    ClientException,
    ServerException,
    ThrottlingException,
)
from darabonba.exceptions import UnretryableException
from hypothesis import given
from hypothesis import strategies as st

from planner.emulator import (
    CapacityFault,
    Clock,
    ClockJump,
    Emulator,
    FactorClock,
    Fault,
    ManualClock,
    MetricFault,
    QuotaFault,
    RealClock,
    StartupFault,
    World,
)
from planner.emulator.faults import AnyFault, fault_from_json, load_faults
from planner.emulator.models.operations import Call
from tests.emulator.fc import ASR, NOON, emulated
from tests.published import action

_PUT = "PutProvisionConfig"


def test_the_next_calls_of_an_action_answer_with_the_error_and_then_no_more() -> None:
    with emulated() as fc:
        fault = Fault(action=_PUT, status=503, code="ResourceThrottled", message="busy", times=2)
        fc.emulator.faults.add(fault)
        fc.get()
        for _ in range(2):
            with pytest.raises(ServerException) as error:
                fc.put({"defaultTarget": 1})
            assert (error.value.status_code, error.value.code) == (503, "ResourceThrottled")
            assert error.value.data["Message"] == "busy"
        assert fc.get()["functionArn"] == ""
        assert fc.put({"defaultTarget": 1})["target"] == 1
        assert fc.emulator.faults.pending() == ()


def test_a_plain_429_is_a_client_error_and_one_with_retry_after_is_throttling() -> None:
    with emulated() as fc:
        fc.emulator.faults.add(Fault(status=429, code="ResourceExhausted"))
        with pytest.raises(ClientException):
            fc.get()
        fc.emulator.faults.add(Fault(status=429, code="ResourceExhausted", retry_after_ms=700))
        with pytest.raises(ThrottlingException) as error:
            fc.get()
        assert error.value.retry_after == 700


@pytest.mark.parametrize(("cut", "stored"), [("before", 0), ("after", 5)])
def test_a_cut_connection_has_or_has_not_its_effect(cut: str, stored: int) -> None:
    with emulated() as fc:
        fc.emulator.faults.add(fault_from_json({"action": _PUT, "cut": cut}))
        with pytest.raises(UnretryableException):
            fc.put({"defaultTarget": 5})
        assert fc.get()["defaultTarget"] == stored
        (entry,) = fc.emulator.journal.entries(_PUT)
        assert (entry.status, entry.effect, entry.fault) == (None, stored == 5, f"cut {cut}")


def test_calls_can_be_let_through_first() -> None:
    with emulated() as fc:
        fc.emulator.faults.add(Fault(action=_PUT, skip=1, status=500, code="InternalServerError"))
        fc.put({"defaultTarget": 1})
        with pytest.raises(ServerException):
            fc.put({"defaultTarget": 2})
        assert fc.get()["defaultTarget"] == 1


def test_latency_is_real_time_and_the_call_then_goes_through() -> None:
    with emulated() as fc:
        fc.emulator.faults.add(Fault(latency_seconds=0.2))
        began = time.monotonic()
        assert fc.put({"defaultTarget": 1})["target"] == 1
        assert time.monotonic() - began >= 0.2


def test_a_stale_read_shows_the_config_from_before_its_last_put() -> None:
    with emulated() as fc:
        fc.put({"defaultTarget": 1})
        fc.put({"defaultTarget": 2})
        fc.emulator.faults.add(Fault(action="GetProvisionConfig", stale=True))
        fc.emulator.faults.add(Fault(action="ListProvisionConfigs", stale=True))
        assert fc.get()["defaultTarget"] == 1
        assert [config["defaultTarget"] for config in fc.page()[0]] == [1]
        assert fc.get()["defaultTarget"] == 2


def test_a_stale_read_after_a_delete_still_shows_the_config() -> None:
    with emulated() as fc:
        fc.put({"defaultTarget": 1})
        fc.delete()
        fc.emulator.faults.add(Fault(stale=True))
        assert fc.get()["defaultTarget"] == 1
        assert fc.get()["functionArn"] == ""


def test_the_journal_tells_every_request_its_body_and_what_was_stored() -> None:
    with emulated() as fc:
        fc.put({"defaultTarget": 3})
        fc.refusal({"defaultTarget": -3})
        fc.get()
        fc.delete()
        told = [(e.action, e.status, e.code, e.effect) for e in fc.emulator.journal.entries()]
        assert told == [
            (_PUT, 200, "", True),
            (_PUT, 400, "InvalidArgument", False),
            ("GetProvisionConfig", 200, "", True),
            ("DeleteProvisionConfig", 204, "", True),
        ]
        put, refused = fc.emulator.journal.entries(_PUT)
        assert put.body == {
            "defaultTarget": 3,
            "scheduledActions": [],
            "targetTrackingPolicies": [],
        }
        assert put.stored is not None
        assert put.stored["alwaysAllocateGPU"] is True
        assert (refused.stored, refused.query) == (None, {"qualifier": "prod"})
        assert put.path == "/2023-03-30/functions/asr/provision-config"


def test_a_fault_may_last_for_a_time_instead_of_so_many_calls() -> None:
    with emulated() as fc:
        later = NOON + timedelta(minutes=10)
        fc.emulator.faults.add(Fault(status=503, code="ResourceThrottled", from_=later, seconds=600, skip=1))
        assert fc.get()["target"] == 0
        fc.wait(minutes=10)
        fc.get()
        for _ in range(3):
            with pytest.raises(ServerException):
                fc.get()
        assert len(fc.emulator.faults.pending()) == 1
        fc.wait(minutes=10)
        assert fc.get()["target"] == 0
        assert fc.emulator.faults.pending() == ()


def test_with_times_and_a_time_whichever_ends_first_ends_it() -> None:
    with emulated() as fc:
        fc.emulator.faults.add(Fault(status=500, code="X", seconds=60, times=1))
        with pytest.raises(ServerException):
            fc.get()
        fc.get()
        fc.emulator.faults.add(Fault(status=500, code="X", seconds=60, times=5))
        fc.wait(minutes=1)
        fc.get()


@pytest.mark.parametrize(
    ("fault", "created", "error"),
    [
        (CapacityFault(share=0.5, seconds=600), 4, "Resources are being replenished"),
        (CapacityFault(instances=3, seconds=600), 3, "Resources are being replenished"),
        (CapacityFault(function="asr", share=0, seconds=600, error="no cards"), 0, "no cards"),
        (QuotaFault(region_instances=5, seconds=600), 5, "Reserve resource exceeded limit"),
        (QuotaFault(gpu_cards=2, seconds=600), 2, "Account's total GPU usage of 'fc.gpu.ada.2' exceeded"),
        (QuotaFault(gpu_cards=2, gpu_type="fc.gpu.tesla.1", seconds=600), 8, ""),
        (StartupFault(fails=True, seconds=600, error="CAExited"), 0, "CAExited"),
        (CapacityFault(function="ocr", instances=0, seconds=600), 8, ""),
    ],
    ids=str,
)
def test_what_the_account_lacks_is_told_and_made_up_for_when_the_fault_is_over(
    fault: AnyFault, created: int, error: str
) -> None:
    with emulated(replace(ASR, gpu_type="fc.gpu.ada.2", gpu_memory_mb=24576)) as fc:
        fc.emulator.faults.add(fault)
        fc.put({"defaultTarget": 8})
        fc.wait(seconds=599)
        config = fc.get()
        assert (config["target"], config["current"], config["currentError"]) == (8, created, error)
        fc.wait(seconds=61 + 20)
        assert (fc.get()["current"], fc.get()["currentError"]) == (8, "")


def test_a_capacity_fault_can_hit_one_ask_and_destroys_nothing() -> None:
    with emulated() as fc:
        fc.put({"defaultTarget": 6})
        fc.wait(seconds=20)
        fc.emulator.faults.add(CapacityFault(share=0.25))
        assert fc.put({"defaultTarget": 8})["currentError"]
        fc.wait(seconds=20)
        assert fc.get()["current"] == 6
        fc.wait(minutes=1, seconds=20)
        assert (fc.get()["current"], fc.get()["currentError"]) == (8, "")


def test_a_lowered_quota_lets_run_what_runs() -> None:
    with emulated() as fc:
        fc.put({"defaultTarget": 6})
        fc.wait(seconds=20)
        fc.emulator.faults.add(QuotaFault(region_instances=2, seconds=600))
        fc.put({"defaultTarget": 7})
        fc.wait(minutes=3)
        assert (fc.get()["current"], fc.get()["currentError"]) == (6, "Reserve resource exceeded limit")


def test_start_ups_are_slowed_for_those_asked_for_while_it_lasts() -> None:
    with emulated() as fc:
        fc.put({"defaultTarget": 1})
        fc.emulator.faults.add(StartupFault(factor=5, seconds=10))
        fc.put({"defaultTarget": 3})
        fc.wait(seconds=20)
        assert fc.get()["current"] == 1
        fc.put({"defaultTarget": 4})
        fc.wait(seconds=79)
        assert fc.get()["current"] == 2
        fc.wait(seconds=1)
        assert fc.get()["current"] == 4


def test_what_came_before_a_fault_was_ordered_is_not_hit_by_it() -> None:
    schedule = {"scheduledActions": [action("on", "at(2026-11-23T12:05:00Z)", 4)]}
    with emulated(clock=(clock := ManualClock(NOON))) as fc:
        fc.put({"defaultTarget": 1, **schedule})
        # The clock is past the trigger, and nobody has asked yet.
        clock.move(NOON + timedelta(minutes=6))
        fc.emulator.faults.add(CapacityFault(instances=0, times=100))
        assert fc.get()["current"] == 4
        clock.move(NOON + timedelta(minutes=7))
        fc.emulator.faults.clear()
        assert fc.put({"defaultTarget": 6, "scheduledActions": []})["currentError"] == ""


def test_the_clock_jumps_just_before_a_call_and_everything_in_between_has_happened() -> None:
    with emulated() as fc:
        fc.put({"defaultTarget": 1, "scheduledActions": [action("on", "at(2026-11-23T15:00:00Z)", 5)]})
        fc.emulator.faults.add(ClockJump(action="GetProvisionConfig", by_seconds=4 * 3600, skip=1))
        assert (fc.get()["target"], fc.emulator.now()) == (1, NOON)
        assert (fc.get()["target"], fc.get()["current"]) == (5, 5)
        assert fc.emulator.now() == NOON + timedelta(hours=4)
        assert fc.emulator.faults.pending() == ()


@pytest.mark.parametrize("clock", [RealClock(), FactorClock(NOON, 60)], ids=["real", "fast"])
def test_every_clock_can_jump_and_none_goes_back(clock: Clock) -> None:
    before = clock.now()
    clock.jump(timedelta(hours=5))
    assert timedelta(hours=5) <= clock.now() - before < timedelta(hours=6)
    with pytest.raises(ValueError, match="forward"):
        clock.jump(timedelta(seconds=-1))


def test_a_clock_that_has_jumped_goes_on_from_there_after_a_restart(tmp_path: Path) -> None:
    database = tmp_path / "fc.db"
    first = Emulator(World(functions=(ASR,)), database=database)
    first.jump(timedelta(hours=5))
    first.call("DeleteProvisionConfig", Call(function_name="asr"))
    first.close()
    second = Emulator(World(functions=(ASR,)), database=database)
    assert second.now() - datetime.now(UTC) > timedelta(hours=4)
    second.close()


def test_a_point_is_late_or_missing() -> None:
    minute, shown = NOON, NOON + timedelta(minutes=2)
    late = MetricFault(late_seconds=90)
    assert late.hides(minute, shown, shown + timedelta(seconds=89))
    assert not late.hides(minute, shown, shown + timedelta(seconds=90))
    gaps = MetricFault(missing_every=5)
    seen = [gaps.hides(minute + timedelta(minutes=m), shown, NOON + timedelta(days=1)) for m in range(6)]
    assert seen == [True, False, False, False, False, True]


def test_a_metric_fault_hits_reads_of_its_metric() -> None:
    with emulated() as fc:
        book = fc.emulator.faults
        book.add(MetricFault(metric="FunctionTotalInvocations", duplicated=True, times=2))
        assert book.hit(MetricFault, "FunctionAvgDuration", NOON) is None
        found = [book.hit(MetricFault, "FunctionTotalInvocations", NOON) for _ in range(3)]
        assert [fault is not None for fault in found] == [True, True, False]


_WHOLE = st.integers(1, 50)
_TIMES = st.fixed_dictionaries(
    {},
    optional={
        "times": _WHOLE,
        "skip": _WHOLE,
        "seconds": st.floats(1, 86_400),
        "from_": st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1), timezones=st.just(UTC)),
    },
)
_ANY_FAULT = st.one_of(
    st.builds(lambda t, a, s: Fault(action=a, latency_seconds=s, stale=True, **t), _TIMES, st.text(), st.floats(0, 9)),
    st.builds(lambda t, c: Fault(cut=c, **t), _TIMES, st.sampled_from(["before", "after"])),
    st.builds(lambda t, s: Fault(status=s, code="X", retry_after_ms=s, **t), _TIMES, st.integers(400, 599)),
    st.builds(lambda t, s, n: CapacityFault(share=s, instances=n, **t), _TIMES, st.floats(0, 0.99), _WHOLE),
    st.builds(lambda t, n: QuotaFault(region_instances=n, gpu_type="a", **t), _TIMES, _WHOLE),
    st.builds(lambda t, f: StartupFault(factor=f, fails=True, **t), _TIMES, st.floats(0.1, 99)),
    st.builds(lambda t, s: ClockJump(by_seconds=s, **t), _TIMES, st.floats(1, 86_400)),
    st.builds(lambda t, n: MetricFault(missing_every=n, metric="M", **t), _TIMES, _WHOLE),
)


@given(_ANY_FAULT)
def test_the_json_form_of_a_fault_is_read_back_as_the_same_fault(fault: AnyFault) -> None:
    for form in (fault, fault.added(NOON)):
        assert fault_from_json(json.loads(json.dumps(form.to_json()))) == form


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ([], "a fault is an object whose kind is one of call, capacity, quota, startup, clock, metrics, not []"),
        ({"kind": "rain"}, "a fault is an object whose kind is one of"),
        ({"times": 0}, "call fault: times must be 1 or more, and skip 0 or more"),
        ({"times": "3"}, "call fault: times must be a whole number, not '3'"),
        ({"times": True}, "call fault: times must be a whole number, not True"),
        ({"stale": 1}, "call fault: stale must be true or false, not 1"),
        ({"shares": 1}, "call fault: it has no 'shares', only times, skip, from, until, seconds, action, "),
        ({"status": 500}, "call fault: status and code go together, and not with a cut"),
        ({"code": "X"}, "call fault: status and code go together, and not with a cut"),
        ({"status": 500, "code": "X", "cut": "after"}, "call fault: status and code go together, and not with a cut"),
        ({"status": 200, "code": "X"}, "call fault: status must be from 400 to 599"),
        ({"cut": "during"}, "call fault: cut must be one of before, after, not 'during'"),
        ({"latency_seconds": -1}, "call fault: latency_seconds must be from 0 to a year's"),
        ({"latency_seconds": float("nan")}, "call fault: latency_seconds must be from 0 to a year's"),
        ({"seconds": 0}, "call fault: seconds must be more than 0 and at most a year's"),
        ({"seconds": 5, "until": "2026-11-23T12:00:00Z"}, "call fault: until and seconds say the same thing"),
        ({"from": "2026-11-23T12:00:00"}, "call fault: from must be a date with a zone, as 2026-11-23T12:00:00Z"),
        (
            {"from": "2026-11-23T12:00:00Z", "until": "2026-11-23T12:00:00Z"},
            "call fault: until must be later than from",
        ),
        ({"kind": "capacity"}, "capacity fault: it needs a share or a number of instances"),
        ({"kind": "capacity", "share": 1}, "capacity fault: share must be from 0 to less than 1"),
        ({"kind": "capacity", "instances": -1}, "capacity fault: instances must be 0 or more"),
        ({"kind": "capacity", "share": 0.5, "error": ""}, "capacity fault: it needs an error"),
        ({"kind": "quota"}, "quota fault: it needs region_instances or gpu_cards"),
        ({"kind": "quota", "gpu_cards": -1}, "quota fault: quotas must be 0 or more"),
        ({"kind": "startup"}, "startup fault: it needs a factor or fails"),
        ({"kind": "startup", "factor": 0}, "startup fault: factor must be more than 0 and at most 10000"),
        ({"kind": "startup", "fails": True, "error": ""}, "startup fault: it needs an error"),
        ({"kind": "clock", "by_seconds": -60}, "clock fault: by_seconds must be more than 0, as the clock never goes"),
        ({"kind": "metrics"}, "metrics fault: it needs late_seconds, missing_every, duplicated or spoiled"),
        ({"kind": "metrics", "late_seconds": -1}, "metrics fault: late_seconds must be from 0 to a year's"),
        ({"kind": "metrics", "missing_every": 0}, "metrics fault: missing_every must be 1 or more"),
    ],
    ids=str,
)
def test_a_fault_that_cannot_be_carried_out_is_refused_in_one_sentence(fields: object, says: str) -> None:
    with pytest.raises(ValueError, match="fault") as refusal:
        fault_from_json(fields)
    assert str(refusal.value).startswith(says)


def test_a_bare_date_is_refused_in_python_too() -> None:
    with pytest.raises(ValueError, match="need a zone"):
        Fault(until=datetime(2026, 11, 23, 12))


def test_faults_of_a_file_are_those_that_the_admin_route_tells(tmp_path: Path) -> None:
    file = tmp_path / "faults.yaml"
    file.write_text(
        "faults:\n"
        "  - {action: PutProvisionConfig, status: 429, code: ResourceExhausted, times: 3}\n"
        "  - {kind: startup, factor: 4, from: 2026-11-23T12:00:00Z, until: '2026-11-23T21:00:00+08:00'}\n",
        encoding="utf-8",
    )
    faults = load_faults(file)
    hour = NOON + timedelta(hours=1)
    assert faults == (
        Fault(action=_PUT, status=429, code="ResourceExhausted", times=3),
        StartupFault(factor=4, from_=NOON, until=hour),
    )
    with emulated() as fc:
        fc.emulator.faults.add(*faults)
        _, told = fc.admin("GET", "/_emulator/faults")
        file.write_text(json.dumps(told), encoding="utf-8")
        assert load_faults(file) == fc.emulator.faults.pending()


@pytest.mark.parametrize("text", ["[]", "{}", "faults: []", "faults: [{times: 0}]", "{faults: [{}], more: 1}", "{"])
def test_a_file_that_holds_no_faults_is_refused_by_name(tmp_path: Path, text: str) -> None:
    file = tmp_path / "faults.yaml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=r"faults\.yaml: "):
        load_faults(file)
