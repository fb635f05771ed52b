"""Two real daemons on one SQLite file: kill -9 of the one that acts, and the other goes on; a SIGTERM ends it well."""

from __future__ import annotations

import json
import os
import signal
import socket
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from planner.lease import LASTS
from planner.provision import ProvisionConfig
from planner.store import Store
from tests.acceptance.conftest import COMMAND, REF, Emulated, emulated, environment
from tests.cli.conftest import recent_history

__all__ = ["emulated"]

PATIENCE = 90.0


def wait_until(what: str, is_so: Callable[[], object]) -> None:
    end = time.monotonic() + PATIENCE
    while not is_so():
        assert time.monotonic() < end, f"{what} did not happen within {PATIENCE:.0f} s"
        time.sleep(0.02)


@contextmanager
def daemon(folder: Path, name: str, **more: str) -> Iterator[subprocess.Popen[str]]:
    """`planner run`, its log in a file of the name."""
    with (folder / f"{name}.log").open("w", encoding="utf-8") as log:
        process = subprocess.Popen(
            [*COMMAND, "run", "--log", "json"],
            cwd=folder,
            env=environment() | {"PLANNER_CACHE": "off"} | more,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            text=True,
        )
        try:
            yield process
        finally:
            process.kill()
            process.wait()


def lines(folder: Path, name: str) -> list[dict[str, str]]:
    """What a daemon logged so far."""
    text = (folder / f"{name}.log").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]


def attempts(folder: Path) -> list[str | None]:
    """Kinds of the outcomes on record, None of an apply that has not ended."""
    if not (folder / "planner.db").exists():
        return []
    with closing(sqlite3.connect(f"file:{folder / 'planner.db'}?mode=ro", uri=True)) as connection:
        try:
            return [kind for (kind,) in connection.execute("SELECT kind FROM attempts ORDER BY id")]
        except sqlite3.OperationalError:
            return []


@pytest.fixture
def folder(emulated: Emulated, tmp_path: Path) -> Path:
    (tmp_path / "history.csv").write_text(recent_history(), encoding="utf-8")
    (tmp_path / "planner.yaml").write_text(
        f"version: 1\nfc: {{endpoint: '127.0.0.1:{emulated.port}', protocol: http}}\nfunctions:\n- name: asr-gpu\n"
        "  history: {file: history.csv}\n  forecast: {forecaster: recent}\n  safety: {max_cost_ratio: 100}\n"
        "  daemon: {mode: auto}\n",
        encoding="utf-8",
    )
    emulated.admin("DELETE", "/faults")
    emulated.fc.put_provision_config(REF, ProvisionConfig(default_target=1))
    emulated.puts()
    return tmp_path


def test_after_kill_9_the_other_daemon_goes_on_and_ends_well(emulated: Emulated, folder: Path) -> None:
    with daemon(folder, "one") as one:
        emulated.slow_down(1.0)
        wait_until("the record of the intent", lambda: attempts(folder) == [None])
        with daemon(folder, "two") as two:
            one.kill()
            one.wait()
            wait_until("a line of the other", lambda: lines(folder, "two"))
            assert lines(folder, "two")[0]["sentence"].endswith("acts; this daemon stands by")
            emulated.slow_down(0)

            def converged() -> bool:
                kinds = attempts(folder)
                return None not in kinds and bool({"applied", "unchanged"} & set(kinds))

            wait_until("the other's turn", converged)
            assert "this daemon acts" in [line["sentence"] for line in lines(folder, "two")]

            with Store.open(f"sqlite:///{folder / 'planner.db'}", migrate=False) as store:
                last, lease = store.last_applied(REF), store.control.lease(REF)
                assert last is not None
                assert emulated.fc.get_provision_config(REF).config == store.plan(last.plan_id).wanted
                assert lease is not None
                assert (lease.epoch, f"pid {two.pid} " in f"{lease.holder} ") == (2, True)

            two.send_signal(signal.SIGTERM)
            assert two.wait(PATIENCE) == 0
            with Store.open(f"sqlite:///{folder / 'planner.db'}", migrate=False) as store:
                ended = store.control.lease(REF)
                assert ended is not None
                assert ended.expires_at < lease.expires_at + LASTS
    assert emulated.puts() <= 2


def test_a_stop_in_the_middle_of_a_put_finishes_it(emulated: Emulated, folder: Path) -> None:
    with daemon(folder, "one") as one:
        emulated.slow_down(1.0)
        wait_until("the record of the intent", lambda: attempts(folder) == [None])
        one.send_signal(signal.SIGTERM)
        assert one.wait(PATIENCE) == 0
    emulated.slow_down(0)
    assert attempts(folder) == ["applied"]
    assert [line["action"] for line in lines(folder, "one")][-1] == "plan"


def test_a_service_manager_hears_that_it_is_ready_alive_and_stopping(emulated: Emulated, folder: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(folder / "notify"))
        manager.settimeout(PATIENCE)
        with daemon(folder, "one", NOTIFY_SOCKET=str(folder / "notify")) as one:
            heard = [manager.recv(64) for _ in range(3)]
            os.kill(one.pid, signal.SIGINT)
            assert one.wait(PATIENCE) == 0
            manager.setblocking(False)
            while (heard[-1]) != b"STOPPING=1":
                heard.append(manager.recv(64))
    assert heard[:3] == [b"READY=1", b"WATCHDOG=1", b"WATCHDOG=1"]
