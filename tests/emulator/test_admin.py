"""The admin routes, for clients in other languages, and the clocks."""

from datetime import timedelta

import pytest

from planner.emulator import FactorClock, ManualClock, RealClock
from planner.emulator.clock import ClockNotMovable
from tests.emulator.fc import ASR, NOON, emulated
from tests.published import policy, utc

_ADMIN = "/_emulator"


def test_a_manual_clock_is_read_advanced_and_set_and_never_goes_back() -> None:
    with emulated() as fc:
        _, told = fc.admin("GET", f"{_ADMIN}/clock")
        assert told == {"now": "2026-11-23T12:00:00+00:00", "kind": "ManualClock"}
        _, told = fc.admin("POST", f"{_ADMIN}/clock", {"advanceSeconds": 90})
        assert told["now"] == "2026-11-23T12:01:30+00:00"
        _, told = fc.admin("POST", f"{_ADMIN}/clock", {"now": "2026-11-23T21:00:00+08:00"})
        assert told["now"] == "2026-11-23T13:00:00+00:00"
        for bad in ({"now": "2026-11-23T12:00:00Z"}, {"now": "2026-11-23T14:00:00"}, {}):
            status, told = fc.admin("POST", f"{_ADMIN}/clock", bad)
            assert (status, "error" in told) == (400, True)
        assert fc.emulator.now() == utc("2026-11-23 13:00")


def test_the_clock_of_the_machine_cannot_be_moved() -> None:
    with emulated(clock=RealClock()) as fc:
        with pytest.raises(ClockNotMovable):
            fc.wait(minutes=1)
        assert fc.admin("POST", f"{_ADMIN}/clock", {"advanceSeconds": 1})[0] == 400


def test_a_fast_clock_fires_by_itself() -> None:
    # A day in 0.1 s: by the time of the second request the first evaluation is over.
    with emulated(clock=FactorClock(NOON, 864_000)) as fc:
        fc.put({"defaultTarget": 1, "targetTrackingPolicies": [policy(minCapacity=4)]})
        while fc.emulator.now() < NOON + timedelta(days=1):
            pass
        assert (fc.get()["target"], fc.get()["current"]) == (4, 4)


def test_clocks_refuse_what_is_no_time() -> None:
    with pytest.raises(ValueError, match="zone"):
        ManualClock(NOON.replace(tzinfo=None))
    with pytest.raises(ValueError, match="positive"):
        FactorClock(NOON, 0)


def test_load_functions_and_state_by_route() -> None:
    with emulated() as fc:
        body = {"aliases": ["v1"], "instanceConcurrency": 2, "startupSeconds": 0}
        logs = {"logConfig": {"enableInstanceMetrics": True}}
        assert fc.admin("PUT", f"{_ADMIN}/functions/ocr", {**body, **logs})[0] == 200
        load = {"values": [9, 9], "start": "2026-11-23T12:00:00Z", "repeat": True}
        assert fc.admin("PUT", f"{_ADMIN}/functions/ocr/load?qualifier=v1", load)[0] == 200
        fc.put({"defaultTarget": 1, "targetTrackingPolicies": [policy()]}, "v1", "ocr")
        fc.wait(minutes=3)
        _, state = fc.admin("GET", f"{_ADMIN}/state")
        (config,) = state["configs"]
        assert (config["target"], config["state"]["by"]) == (2, "tracker 'busy'")
        assert [function["functionName"] for function in state["functions"]] == ["asr", "ocr"]


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/functions/asr/load", {"values": []}, 400),
        ("/functions/asr/load", {"values": 3, "metric": "Temperature"}, 400),
        ("/functions/asr/load", {}, 400),
        ("/functions/ghost/load", {"values": 3}, 404),
        ("/functions/asr", {"instanceConcurrency": 201}, 400),
    ],
)
def test_admin_requests_that_make_no_sense_are_refused(path: str, body: object, status: int) -> None:
    with emulated(ASR) as fc:
        found, told = fc.admin("PUT", _ADMIN + path, body)
        assert (found, "error" in told) == (status, True)


def test_faults_and_journal_by_route() -> None:
    with emulated() as fc:
        fault = {"action": "GetProvisionConfig", "cut": "before"}
        _, told = fc.admin("POST", f"{_ADMIN}/faults", fault)
        assert told["faults"][0]["cut"] == "before"
        assert fc.admin("POST", f"{_ADMIN}/faults", {"kind": "?"})[0] == 400
        assert fc.admin("DELETE", f"{_ADMIN}/faults")[1] == {"faults": []}
        fc.get()
        fc.put({"defaultTarget": 1})
        _, told = fc.admin("GET", f"{_ADMIN}/journal?action=PutProvisionConfig")
        assert [entry["action"] for entry in told["entries"]] == ["PutProvisionConfig"]
        assert fc.admin("DELETE", f"{_ADMIN}/journal")[1] == {"entries": []}
