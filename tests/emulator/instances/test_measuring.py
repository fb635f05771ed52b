"""What instances were used for: trackers, the ledger, and the sums behind them."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from planner.emulator import FactorClock, ManualClock, World, running
from planner.emulator.instances.usage import Levels, Reader, Usage
from tests.emulator.fc import NOON, emulated
from tests.emulator.instances.site import sample, served, until
from tests.published import policy

_MINUTE = timedelta(minutes=1)


def test_levels_are_weighted_by_the_time_that_they_lasted() -> None:
    usage = Usage(100.0)
    reader = Reader.of(usage, 100.0)
    usage.note(101.0, Levels(offered=4, served=2, capacity=8, warm=2))
    usage.began()
    usage.began(refused=True)
    usage.note(103.0, Levels(capacity=4, warm=1))
    means, calls, seconds = reader.take(104.0)
    assert (means.offered, means.served, means.warm, means.capacity) == (2.0, 1.0, 1.25, 5.0)
    assert (calls, seconds) == ((2, 1), 4.0)
    means, calls, seconds = reader.take(106.0)
    assert (means.offered, means.warm, calls, seconds) == (0.0, 1.0, (0, 0), 2.0)
    assert reader.take(106.0) == (Levels(), (0, 0), 0.0)


def test_a_tracker_sees_the_requests_that_are_really_in_flight(tmp_path: Path) -> None:
    # A minute of the clock is a real second. All of one place is in use, and the target is a half:
    # after three full minutes the tracker asks for two.
    with served(sample(), clock=FactorClock(NOON, 60), max_processes=2) as site:
        tracker = policy(metricTarget=0.5, minCapacity=1, maxCapacity=2)
        site.fc.put({"defaultTarget": 1, "targetTrackingPolicies": [tracker]})
        until(lambda: site.fc.get()["current"] == 1)
        request = site.later(f"/hold?until={tmp_path / 'held'}")
        until(lambda: site.fc.get()["target"] == 2)
        until(lambda: site.fc.get()["current"] == 2)
        (tmp_path / "held").touch()
        assert request.answer().status == 200


def test_none_is_warm_before_its_process_is_however_fast_the_clock() -> None:
    # A simulated instance would be warm after 10 to 30 s of the clock: an eighth of a second at most.
    with served(sample({"SLEEPY": 3600}), clock=FactorClock(NOON, 240)) as site:
        site.fc.put({"defaultTarget": 2})
        seen = []
        until(lambda: seen.append(site.fc.get()["current"]) or site.instances("starting"))
        assert set(seen) == {0}


def test_the_ledger_gets_what_really_happened(tmp_path: Path) -> None:
    with served(sample(instanceConcurrency=2), clock=FactorClock(NOON, 60)) as site:
        site.warm(1)
        requests = [site.later(f"/hold?until={tmp_path / 'held'}") for _ in range(3)]

        def full() -> object:
            with site.fc.emulator.account() as account:
                minutes = account.ledger.between(("asr", "prod"), NOON, datetime.max.replace(tzinfo=UTC))
            return next((m for m in reversed(minutes) if m.kept > 0.99), None)

        minute = until(full)
        assert minute.offered == pytest.approx(3, abs=0.01)
        assert minute.served == pytest.approx(2, abs=0.01)
        assert (minute.warm, minute.busy) == (pytest.approx(1), pytest.approx(1))
        assert (minute.kept, minute.waited) == (pytest.approx(1, abs=0.01), pytest.approx(0, abs=0.01))
        assert (minute.starting, minute.on_demand) == (0, pytest.approx(1))
        assert (minute.target, minute.current) == (1, 1)
        (tmp_path / "held").touch()
        assert [r.answer().status for r in requests] == [200] * 3
        later = site.fc.emulator.now() + _MINUTE
        until(lambda: site.fc.emulator.now() > later)
        with site.fc.emulator.account() as account:
            minutes = account.ledger.between(("asr", "prod"), NOON, later)
        assert sum(m.invocations for m in minutes) == 3


def test_a_clock_moved_by_hand_cannot_drive_processes() -> None:
    clock = ManualClock(NOON)
    with pytest.raises(ValueError, match="a clock that is moved by hand cannot drive it"):
        running(World(functions=(sample(),)), clock=clock).__enter__()
    with emulated() as fc:
        body = {"process": {"command": ["true"]}}
        status, told = fc.admin("PUT", "/_emulator/functions/asr", body)
        assert status == 400
        assert "moved by hand" in told["error"]
        assert fc.get()["functionArn"] == ""
