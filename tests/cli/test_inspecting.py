"""status and history say what is, also of what nobody wrote down."""

from __future__ import annotations

import os
import platform
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from planner.apply import recover
from planner.base import floor_minute
from planner.clock import SystemClock
from planner.config import load_config
from planner.emulator import Running
from planner.fc.sdk import Connection, connect
from planner.outcome import LONGEST_APPLY
from planner.plan import Plan
from planner.provision import ProvisionConfig
from planner.store import Store
from planner.undo import Present, release
from tests.builders import a_plan
from tests.cli.conftest import Planner, write_config
from tests.cli.test_applying import BY_HAND, REF, put

SETTLED = timedelta(minutes=1)
"""An apply that was killed so long ago has nothing on its way any more."""
KILLED = f"me@{platform.node()} pid 4194303"


def begun(site: Path, *, who: str = KILLED, ago: timedelta = SETTLED) -> Plan:
    """A plan against what was found by hand, and an apply of it that nobody ended."""
    endpoint = load_config(site / "planner.yaml", environ={}).fc.address or ""
    plan = a_plan(floor_minute(datetime.now(UTC)), function=REF, live=BY_HAND, endpoint=endpoint)
    with Store.open(f"sqlite:///{site / 'planner.db'}", migrate=True) as store:
        store.begin(plan, who=who, at=datetime.now(UTC) - ago)
    return plan


def attempts_open(site: Path) -> int:
    with Store.open(f"sqlite:///{site / 'planner.db'}", migrate=False) as store:
        return len(store.unfinished(REF))


def test_before_anything_was_planned(planner: Planner, site: Path) -> None:
    told = planner("status")

    assert (told.code, told.err) == (0, "")
    assert [line.split("  ")[0] for line in told.out.splitlines()] == [
        "asr-gpu:LATEST",
        "wanted",
        "document",
        "instances",
        "lead",
        "last outcome",
        "daemon",
        "ladder",
    ]
    assert "no plan was applied yet" in told.out
    assert "Function Compute holds no provision config" in told.out
    assert planner("history").out == ""
    assert planner("history", "--json").json == []


def test_several_functions_have_a_line_each_and_trouble_comes_first(planner: Planner, site: Path, fc: Running) -> None:
    two = "- name: quiet\n- name: asr-gpu\n  daemon: {mode: auto}\n"
    write_config(site, fc.endpoint, functions=two)

    told = planner("status")

    assert told.code == 0
    head, first, second = told.out.splitlines()
    assert head.split() == ["function", "mode", "instances", "next", "now"]
    # The emulator knows no function `quiet`.
    assert first.startswith("quiet:LATEST    observe  ?")
    assert second.split() == ["asr-gpu:LATEST", "auto", "0", "no", "daemon", "acts"]
    assert [each["function"] for each in planner("status", "--json").json] == ["quiet:LATEST", "asr-gpu:LATEST"]
    assert planner("status", "--function", "asr-gpu").out.startswith("asr-gpu:LATEST  no daemon acts\nwanted  ")


@pytest.mark.parametrize(
    "command", ["status", "history", "diff", "diff 1", "export --export out", "export 1 --export out"]
)
def test_reading_makes_no_database(planner: Planner, site: Path, command: str) -> None:
    ran = planner(*command.split())

    # Without a plan there is nothing to compare or export.
    assert ran.code == (0 if command in ("status", "history") else 2)
    assert list(site.glob("planner.db*")) == []


def test_an_apply_on_another_machine_is_not_closed_from_here(planner: Planner, site: Path, fc: Running) -> None:
    began = datetime.now(UTC) - SETTLED
    plan = begun(site, who="me@elsewhere pid 1")
    put(fc, plan.wanted)

    ran = planner("apply", 1, "--yes")

    assert (ran.code, attempts_open(site)) == (2, 1)
    since = f"{began:%Y-%m-%dT%H:}"
    assert f"is under way on another machine since {since}" in ran.err
    assert "(me@elsewhere pid 1), or was killed there" in ran.err
    assert planner("status", "--json").json["unfinished"][0]["running"] is None
    shown = " ".join(planner("status").out.split())
    assert "on another machine (me@elsewhere pid 1) and runs there, or was killed; FC holds its wanted" in shown
    assert "it counts as killed after " in shown


def test_after_the_longest_apply_it_counts_as_killed(planner: Planner, site: Path, fc: Running) -> None:
    put(fc, begun(site, who="me@elsewhere pid 1", ago=LONGEST_APPLY + SETTLED).wanted)

    assert "was interrupted after it was applied" in planner("apply", 1, "--yes").err
    assert attempts_open(site) == 0


def test_after_an_apply_everything_agrees(planner: Planner, site: Path) -> None:
    planner("plan")
    planner("apply", 1, "--yes")

    told = planner("status", "--json").json

    assert (told["document_as_applied"], told["current"] >= told["wanted_instances"]) == (True, True)
    assert (told["last_outcome"]["kind"], told["unfinished"], told["released"]) == ("applied", [], False)
    assert "; as applied" in planner("status").out


def test_a_change_by_hand_is_drift(planner: Planner, site: Path, fc: Running) -> None:
    planner("plan")
    planner("apply", 1, "--yes")
    fcs = connect(Connection(endpoint=fc.url), clock=SystemClock())
    fcs.put_provision_config(REF, replace(fcs.get_provision_config(REF).config, default_target=77))

    assert "DRIFTED from what was applied (defaultTarget 77 instead of " in planner("status").out
    assert planner("status", "--json").json["document_as_applied"] is False


@pytest.mark.parametrize(
    ("holds", "held", "words"),
    [
        ("wanted", "wanted", "FC holds its wanted document"),
        ("live", "before", "FC still holds the document from before"),
        ("other", "neither", "FC holds neither its wanted document nor the one from before"),
    ],
)
def test_an_apply_that_was_killed_is_told_as_it_is_and_left_as_it_is(
    planner: Planner, site: Path, fc: Running, holds: str, held: str, words: str
) -> None:
    plan = begun(site)
    put(fc, {"wanted": plan.wanted, "live": plan.live, "other": ProvisionConfig(default_target=3)}[holds])

    told = planner("status", "--json").json["unfinished"][0]

    assert (told["running"], told["fc_holds"]) == (False, held)
    shown = " ".join(planner("status").out.split())
    assert f"never ended; {words}; the next apply puts that on record" in shown
    assert attempts_open(site) == 1
    assert "not ended" in planner("history").out


def test_the_next_apply_puts_it_on_record_first(planner: Planner, site: Path, fc: Running) -> None:
    plan = begun(site)
    put(fc, plan.wanted)

    ran = planner("apply", 1, "--yes", "--wait", 0)

    assert ran.code == 0
    assert "was interrupted after it was applied: FC holds the wanted document." in ran.err
    assert "FC holds the wanted document already; nothing was sent." in ran.err
    assert attempts_open(site) == 0


def test_an_apply_that_runs_is_waited_for(planner: Planner, site: Path, fc: Running) -> None:
    begun(site, who=f"me@{platform.node()} pid {os.getppid()}", ago=timedelta(0))
    put(fc, BY_HAND)

    ran = planner("apply", 1, "--yes")

    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("Error: Another apply of asr-gpu:LATEST is running since ")
    assert planner("status", "--json").json["unfinished"][0]["running"] is True
    assert "running " in planner("status").out


def test_without_function_compute_status_says_what_is_on_record(planner: Planner, site: Path) -> None:
    begun(site, who="me@elsewhere pid 1")
    write_config(site, None)

    told = planner("status")

    assert told.code == 0
    assert "no Function Compute is configured" in told.out
    assert "what FC holds is unknown" in told.out


def test_a_schedule_that_ended_says_that_the_fallback_is_in_effect(planner: Planner, site: Path, fc: Running) -> None:
    old = a_plan(floor_minute(datetime.now(UTC)) - timedelta(hours=5), function=REF, live=BY_HAND)
    put(fc, old.wanted)
    with Store.open(f"sqlite:///{site / 'planner.db'}", migrate=True) as store:
        store.save_plan(old, who="me", at=old.created_at)
        attempt = store.begin(old, who="me", at=old.created_at)
        recover(
            old,
            attempt=attempt,
            fc=connect(Connection(endpoint=fc.url), clock=SystemClock()),
            audit=store,
            clock=SystemClock(),
        )

    assert "its recurring fallback is in effect; plan again" in planner("status").out
    assert planner("status", "--json").json["wanted_instances"] is None


def test_a_release_that_was_killed_after_it_was_applied_ends_the_adoption(
    planner: Planner, site: Path, fc: Running
) -> None:
    put(fc, BY_HAND)
    planner("apply", planner("plan", "--json").json["id"], "--yes")
    client = connect(Connection(endpoint=fc.url), clock=SystemClock())
    present = Present(
        function=REF,
        time_zone="Asia/Shanghai",
        now=datetime.now(UTC) - timedelta(minutes=1),
        valid_for=timedelta(minutes=15),
        live=client.get_provision_config(REF),
    )
    with Store.open(f"sqlite:///{site / 'planner.db'}", migrate=False) as store:
        store.begin(release(BY_HAND, present), who=KILLED, at=present.now)
    client.put_provision_config(REF, BY_HAND)
    again = planner("plan", "--json").json["id"]

    assert "was interrupted after it was applied" in planner("apply", again, "--yes").err

    with Store.open(f"sqlite:///{site / 'planner.db'}", migrate=False) as store:
        adoption = store.adoption(REF)
    assert adoption is not None
    assert adoption.adopted_at > present.now, "a new one"
    assert adoption.config == BY_HAND
