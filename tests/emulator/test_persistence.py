"""A put that was acknowledged is a put stored, whatever happens to the process."""

import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from threading import Thread
from urllib.request import ProxyHandler, build_opener

import pytest
from alibabacloud_fc20230330 import models
from darabonba.exceptions import UnretryableException

from planner.emulator import Emulator, FactorClock, Load, ManualClock, Settings, World
from planner.emulator.models.ledger import Minute
from planner.emulator.models.operations import Call
from tests.emulator.fc import ASR, NOON, client
from tests.published import Body, policy

_WORLD = World(functions=(ASR,))
_SERVE = """
import sys
from pathlib import Path
from planner.emulator import FunctionSpec, World, serve
serve(World(functions=(FunctionSpec(name="asr", aliases=("prod",)),)),
      database=Path(sys.argv[1]), port=int(sys.argv[2]))
"""


def _put(emulator: Emulator, body: object) -> None:
    query = {"qualifier": "prod"}
    emulator.call("PutProvisionConfig", Call(function_name="asr", query=query, body=body))


def test_a_new_process_goes_on_where_the_file_stands(tmp_path: Path) -> None:
    database = tmp_path / "fc.db"
    tracker = policy(minCapacity=2)
    body = {"defaultTarget": 2, "targetTrackingPolicies": [tracker], "alwaysAllocateGPU": False}

    def history(*, restarts: bool) -> list[object]:
        database.unlink(missing_ok=True)
        emulator = Emulator(_WORLD, clock=ManualClock(NOON), database=database)
        _put(emulator, body)
        emulator.offer("asr", Load.constant(11), qualifier="prod")
        found: list[object] = []
        for _ in range(40):
            emulator.advance(timedelta(seconds=25))
            found.append(emulator.config("asr", "prod"))
            if restarts:
                emulator.close()
                emulator = Emulator(_WORLD, clock=ManualClock(NOON), database=database)
                assert emulator.config("asr", "prod") == found[-1]
        emulator.close()
        return found

    assert history(restarts=True) == history(restarts=False)


def test_the_ledger_goes_on_in_a_new_process_and_is_only_appended_to(tmp_path: Path) -> None:
    def lived(database: Path, *, restarts: bool) -> list[Minute]:
        emulator = Emulator(_WORLD, clock=ManualClock(NOON), database=database)
        emulator.offer("asr", Load(values=(3.0, 11.0, 0.0), repeat=True, duration_seconds=2), qualifier="prod")
        for step in range(30):
            emulator.advance(timedelta(seconds=25))
            if step == 3:
                _put(emulator, {"defaultTarget": 2, "alwaysAllocateGPU": False})
            if restarts:
                emulator.close()
                emulator = Emulator(_WORLD, clock=ManualClock(NOON), database=database)
        with emulator.account() as account:
            found = account.ledger.between(("asr", "prod"), NOON, NOON + timedelta(days=1))
        emulator.close()
        return list(found)

    lasting, restarted = lived(tmp_path / "a.db", restarts=False), lived(tmp_path / "b.db", restarts=True)
    assert restarted == lasting
    assert [m.start - NOON for m in lasting] == [timedelta(minutes=number) for number in range(12)]
    for database in (tmp_path / "a.db", tmp_path / "b.db"):
        with closing(sqlite3.connect(database)) as connection:
            assert connection.execute("SELECT count(*) FROM minute").fetchone() == (12,)


def test_minutes_older_than_the_days_that_are_kept_leave_the_file(tmp_path: Path) -> None:
    database = tmp_path / "fc.db"
    world = World(functions=(ASR,), settings=Settings(kept_days=1, coarse_kept_days=1))
    emulator = Emulator(world, clock=ManualClock(NOON), database=database)
    emulator.offer("asr", Load.constant(1))
    emulator.advance(timedelta(hours=23))
    emulator.advance(timedelta(hours=2))
    emulator.close()
    with closing(sqlite3.connect(database)) as connection:
        (oldest, count) = connection.execute("SELECT min(start), count(*) FROM minute").fetchone()
    assert (oldest, count) == ((NOON + timedelta(hours=1)).timestamp(), 24 * 60)


def test_a_file_whose_minutes_have_other_columns_is_refused(tmp_path: Path) -> None:
    database = tmp_path / "fc.db"
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("CREATE TABLE minute (start, function, qualifier, offered)")
    with pytest.raises(ValueError, match=r"fc\.db have other columns"):
        Emulator(_WORLD, database=database)


def test_a_stored_load_of_a_function_that_is_gone_is_left_out(tmp_path: Path) -> None:
    database = tmp_path / "fc.db"
    emulator = Emulator(_WORLD, clock=ManualClock(NOON), database=database)
    emulator.offer("asr", Load.constant(1), qualifier="prod")
    emulator.close()
    emulator = Emulator(World(functions=(replace(ASR, aliases=()),)), clock=ManualClock(NOON), database=database)
    emulator.advance(timedelta(minutes=2))
    with emulator.account() as account:
        assert (account.loads, account.ledger.keys()) == ({}, ())
    emulator.close()


def test_a_delete_is_stored_and_a_config_of_an_unknown_alias_is_refused(tmp_path: Path) -> None:
    database = tmp_path / "fc.db"
    emulator = Emulator(_WORLD, clock=FactorClock(NOON, 1), database=database)
    _put(emulator, {"defaultTarget": 1})
    emulator.close()
    with pytest.raises(ValueError, match="asr/prod"):
        Emulator(World(functions=(replace(ASR, aliases=()),)), database=database)
    emulator = Emulator(_WORLD, clock=FactorClock(NOON, 1), database=database)
    emulator.call("DeleteProvisionConfig", Call(function_name="asr", query={"qualifier": "prod"}))
    emulator.close()
    emulator = Emulator(_WORLD, clock=FactorClock(NOON, 1), database=database)
    assert emulator.config("asr", "prod") is None
    emulator.close()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _start(database: Path, port: int, script: str = _SERVE, factor: float = 1) -> subprocess.Popen[bytes]:
    process = subprocess.Popen([sys.executable, "-c", script, str(database), str(port), str(factor)])
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return process
        time.sleep(0.02)
    message = "the emulator did not start"
    raise AssertionError(message)


@pytest.mark.parametrize("delay", [0.05, 0.15, 0.3])
def test_kill_9_loses_no_acknowledged_put(tmp_path: Path, delay: float) -> None:
    database, port = tmp_path / "fc.db", _free_port()
    process = _start(database, port)
    fc = client(f"127.0.0.1:{port}")
    acknowledged = 0

    def put_until_it_dies() -> None:
        nonlocal acknowledged
        for value in range(1, 10_000):
            body = models.PutProvisionConfigInput(default_target=value)
            try:
                fc.put_provision_config("asr", models.PutProvisionConfigRequest(qualifier="prod", body=body))
            except UnretryableException:
                return
            acknowledged = value

    writer = Thread(target=put_until_it_dies)
    writer.start()
    time.sleep(delay)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    writer.join()
    process = _start(database, port)
    try:
        request = models.GetProvisionConfigRequest(qualifier="prod")
        stored = fc.get_provision_config("asr", request).body.default_target
        # The put in flight may have been stored without its answer having arrived.
        assert stored in (acknowledged, acknowledged + 1)
    finally:
        process.terminate()
        assert process.wait(5) in (0, -signal.SIGTERM)


_FAST = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from planner.emulator import FactorClock, FunctionSpec, World, serve
serve(World(functions=(FunctionSpec(name="asr", aliases=("prod",)),)),
      clock=FactorClock(datetime(2026, 11, 23, 12, tzinfo=UTC), float(sys.argv[3])),
      database=Path(sys.argv[1]), port=int(sys.argv[2]))
"""


def _minutes(port: int) -> list[Body]:
    url = f"http://127.0.0.1:{port}/_emulator/traffic?function=asr&qualifier=prod"
    with build_opener(ProxyHandler({})).open(url, timeout=5) as answer:
        found: list[Body] = json.loads(answer.read())["minutes"]
    return found


def test_kill_9_loses_no_minute_that_was_told(tmp_path: Path) -> None:
    database, port = tmp_path / "fc.db", _free_port()
    # An hour a second; the clock of the second process hardly moves.
    process = _start(database, port, script=_FAST, factor=3600)
    fc = client(f"127.0.0.1:{port}")
    body = models.PutProvisionConfigInput(default_target=2)
    fc.put_provision_config("asr", models.PutProvisionConfigRequest(qualifier="prod", body=body))
    told: list[Body] = []
    deadline = time.monotonic() + 10
    while len(told) < 10 and time.monotonic() < deadline:
        told = _minutes(port)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert len(told) >= 10
    process = _start(database, port, script=_FAST, factor=1)
    try:
        assert _minutes(port)[: len(told)] == told
    finally:
        process.terminate()
        assert process.wait(5) in (0, -signal.SIGTERM)
