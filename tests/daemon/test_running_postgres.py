"""Two real daemons on one real PostgreSQL: the holder is suspended past its lease amid an apply, and then killed."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from planner.provision import ProvisionConfig
from planner.store import Attempt, Store, upgrade
from tests.acceptance.conftest import REF, Emulated, emulated
from tests.cli.conftest import recent_history
from tests.daemon.test_running_processes import daemon, lines, wait_until
from tests.postgres import Cluster, postgres

__all__ = ["emulated", "postgres"]

LATENCY = 3.0
"""Seconds that an answer takes, so that the holder can be stopped between the record of its intent and its put."""


@pytest.fixture
def url(postgres: Cluster) -> str:
    made = postgres.new_database()
    upgrade(made)
    return made


@pytest.fixture
def records(url: str) -> Iterator[Store]:
    with Store.open(url, migrate=False) as store:
        yield store


def kinds(store: Store) -> list[str | None]:
    """Of the outcomes on record, the oldest first; None of an apply that has not ended."""
    attempts = [entry for entry in store.audit(REF, limit=100) if isinstance(entry, Attempt)]
    return [entry.outcome.kind.value if entry.outcome else None for entry in reversed(attempts)]


def test_a_holder_that_was_suspended_past_its_lease_sends_nothing_and_a_killed_one_is_replaced(
    emulated: Emulated, records: Store, url: str, tmp_path: Path
) -> None:
    (tmp_path / "history.csv").write_text(recent_history(), encoding="utf-8")
    (tmp_path / "planner.yaml").write_text(
        f"version: 1\nfc: {{endpoint: '127.0.0.1:{emulated.port}', protocol: http}}\ndatabase: {{url: '{url}'}}\n"
        "functions:\n- name: asr-gpu\n  history: {file: history.csv}\n  forecast: {forecaster: recent}\n"
        "  safety: {max_cost_ratio: 100}\n  daemon: {mode: auto}\n",
        encoding="utf-8",
    )
    emulated.admin("DELETE", "/faults")
    emulated.fc.put_provision_config(REF, ProvisionConfig(default_target=1))
    emulated.puts()

    emulated.slow_down(LATENCY)
    with daemon(tmp_path, "one") as one:
        wait_until("the record of the intent", lambda: kinds(records) == [None])
        os.kill(one.pid, signal.SIGSTOP)
        emulated.slow_down(0)
        with daemon(tmp_path, "two") as two:
            # The lease runs out, the other closes the apply that was begun, plans anew and puts.
            wait_until("the other's put", lambda: kinds(records)[1:] == ["applied"])
            assert kinds(records)[0] == "failed"
            os.kill(one.pid, signal.SIGCONT)

            def stands_by() -> bool:
                return any(line["sentence"].endswith("acts; this daemon stands by") for line in lines(tmp_path, "one"))

            wait_until("the first one's learning of it", stands_by)
            assert kinds(records) == ["failed", "applied"]
            lease, last = records.control.lease(REF), records.last_applied(REF)
            assert lease is not None
            assert last is not None
            assert (lease.epoch, f"pid {two.pid}" in lease.holder, f"pid {two.pid}" in last.who) == (2, True, True)
            assert emulated.puts() == 1, "what the first one had begun it never sent"
            assert emulated.fc.get_provision_config(REF).config == records.plan(last.plan_id).wanted

            two.kill()
            two.wait()
            wait_until("the first one's turn", lambda: (records.control.lease(REF) or lease).epoch == 3)
            wait_until("a verify of its own", lambda: [line for line in lines(tmp_path, "one") if _verified(line)])
    assert emulated.puts() == 0


def _verified(line: dict[str, str]) -> bool:
    return line["action"] == "verify" and "the document is as applied" in line["sentence"]
