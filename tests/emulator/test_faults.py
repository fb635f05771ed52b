"""Faults on order, as the official SDK meets them, and the journal that tells them apart."""

import time

import pytest
from alibabacloud_tea_openapi.exceptions import (
    ClientException,
    ServerException,
    ThrottlingException,
)
from darabonba.exceptions import UnretryableException

from planner.emulator import Fault
from planner.emulator.faults import fault_from_json
from tests.emulator.fc import emulated

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


@pytest.mark.parametrize(
    "fields",
    [
        {"times": 0},
        {"status": 500},
        {"code": "X"},
        {"status": 500, "code": "X", "cut": "after"},
        {"cut": "during"},
    ],
)
def test_a_fault_that_cannot_be_carried_out_is_refused(fields: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"fault|cut"):
        fault_from_json(fields)


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
