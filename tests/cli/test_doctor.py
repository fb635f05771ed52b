"""doctor: every check is made, each with its fix, and the code says what to mend first."""

from __future__ import annotations

import os
import platform
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest

from planner.cli.findings import Finding, Verdict, worst
from planner.cli.processes import still_runs, who
from planner.cli.serverclock import server_time
from planner.config import FcConfig
from planner.emulator import Fault, FunctionSpec, ManualClock, Running, World, running
from planner.outcome import LONGEST_APPLY
from planner.store import Run, Store
from tests.builders import a_plan
from tests.cli.conftest import NAME, Planner, recent_history, write_config
from tests.cli.test_applying import REF

CHECKS = [
    "configuration",
    "credentials",
    "endpoint",
    "permissions",
    "function",
    "instance metrics",
    "instance concurrency",
    "quota",
    "history",
    "database",
    "daemon",
    "clock",
    "unfinished applies",
    "messages",
]


def examined(planner: Planner, *, code: int = 0) -> dict[str, dict[str, str]]:
    """The findings by check."""
    ran = planner("doctor", "--json")
    assert (ran.code, ran.err) == (code, "")
    assert [finding["check"] for finding in ran.json] == CHECKS
    return {finding["check"]: finding for finding in ran.json}


def configure(folder: Path, fc: Running, text: str) -> None:
    write_config(folder, fc.endpoint, functions=f"- name: {NAME}\n  history: {{file: history.csv}}\n  {text}\n")


def test_a_sound_place_is_ok_and_nothing_is_made(planner: Planner, site: Path, fc: Running) -> None:
    (site / "history.csv").write_text(recent_history(hours=24 * 8), encoding="utf-8")
    configure(site, fc, "safety: {quota: 100}")

    found = examined(planner)

    assert {finding["verdict"] for finding in found.values()} == {"ok"}
    assert "fc:PutProvisionConfig can't be tried without writing" in found["permissions"]["detail"]
    assert found["database"]["detail"] == "not there yet; the first plan makes it"
    assert {path.name for path in site.iterdir()} == {"history.csv", "planner.yaml"}
    assert {entry.method for entry in fc.emulator.journal.entries()} == {"GET"}


def test_people_get_a_line_each_and_the_fix_under_it(planner: Planner, site: Path) -> None:
    ran = planner("doctor")

    assert (ran.code, ran.err) == (0, "")
    assert "warning  quota                 not configured, so nothing keeps a plan of up to 100" in ran.out
    assert "Fix: Look the region's instance and GPU card quota up in Quota Center and set safety.quota." in ran.out


def test_a_function_compute_that_is_gone_fails_one_check_and_the_others_go_on(
    planner: Planner, site: Path, fc: Running
) -> None:
    fc.emulator.faults.add(Fault(cut="before", times=50))

    found = examined(planner, code=5)

    verdicts = {check: finding["verdict"] for check, finding in found.items()}
    assert verdicts["endpoint"] == "failed"
    assert {verdicts[check] for check in ("permissions", "function", "instance metrics", "clock")} == {"skipped"}
    assert {verdicts[check] for check in ("configuration", "database")} == {"ok"}


@pytest.mark.parametrize(
    ("code", "status", "check", "fix"),
    [
        ("AccessDenied", 403, "permissions", "Allow the RAM action fc:GetFunction (resource *) to it."),
        ("FunctionNotFound", 404, "function", "Check the function's name, the region"),
    ],
)
def test_a_refusal_is_told_at_its_check(
    planner: Planner, site: Path, fc: Running, code: str, status: int, check: str, fix: str
) -> None:
    fc.emulator.faults.add(Fault(action="GetFunction", status=status, code=code, times=9))

    found = examined(planner, code=5)

    assert found[check]["verdict"] == "failed"
    assert found[check]["fix"].startswith(fix)
    assert [name for name, finding in found.items() if finding["verdict"] == "failed"] == [check]


def test_reading_the_document_is_a_permission_of_its_own(planner: Planner, site: Path, fc: Running) -> None:
    fc.emulator.faults.add(Fault(action="GetProvisionConfig", status=403, code="AccessDenied"))

    found = examined(planner, code=5)

    assert found["permissions"]["fix"] == "Allow the RAM action fc:GetProvisionConfig (resource *) to it."


def test_instance_metrics_that_are_off_fail_with_the_way_to_switch_them_on(
    planner: Planner, site: Path, fc: Running
) -> None:
    fc.emulator.put_function(FunctionSpec(name=NAME, instance_concurrency=4))

    found = examined(planner, code=5)

    assert found["instance metrics"]["verdict"] == "failed"
    assert "logConfig.enableInstanceMetrics: true" in found["instance metrics"]["fix"]
    configure(site, fc, "guardrails: {enabled: false}")
    assert examined(planner)["instance metrics"]["detail"] == "off, and no guardrails need them"


def test_an_instance_concurrency_that_differs_is_a_warning(planner: Planner, site: Path, fc: Running) -> None:
    configure(site, fc, "instance_concurrency: 8")

    found = examined(planner)["instance concurrency"]

    assert (found["verdict"], found["detail"]) == (
        "warning",
        "plans count on 8 requests an instance, the function takes 4",
    )


def test_a_quota_below_the_ceiling_is_a_warning(planner: Planner, site: Path, fc: Running) -> None:
    configure(site, fc, "safety: {quota: 40}")

    assert examined(planner)["quota"]["detail"].startswith("capacity.max_instances is 100, the quota 40")


@pytest.mark.parametrize(
    ("text", "detail"),
    [
        ("timestamp,value\n", "history.csv: no rows"),
        ("", "history.csv: is empty"),
        ("timestamp,value\n2026-01-01T00:00:00Z,1\n2026-01-01T01:00:00Z,1\n", "allowed, so a plan is unsafe"),
    ],
    ids=["no rows", "empty", "stale"],
)
def test_a_history_that_is_no_use_is_exit_code_2(planner: Planner, site: Path, text: str, detail: str) -> None:
    (site / "history.csv").write_text(text, encoding="utf-8")

    found = examined(planner, code=2)["history"]

    assert found["verdict"] == "failed"
    assert detail in found["detail"]
    assert found["fix"]


@pytest.mark.parametrize(
    ("text", "check", "detail"),
    [
        (
            "daemon: {mode: auto}",
            "daemon",
            "mode auto, and the history is a file: each plan reads what somebody put there",
        ),
        (
            "daemon: {mode: propose, fresh_within: 1m}",
            "history",
            "old, so that the daemon pushes nothing that lowers capacity",
        ),
    ],
    ids=["a file under a daemon", "a metric that is not fresh"],
)
def test_what_a_daemon_needs_is_looked_at(
    planner: Planner, site: Path, fc: Running, text: str, check: str, detail: str
) -> None:
    configure(site, fc, text)
    (site / "history.csv").write_text("".join(recent_history(hours=6).splitlines(keepends=True)[:-6]), encoding="utf-8")
    found = examined(planner)[check]
    assert found["verdict"] == "warning"
    assert detail in found["detail"]


@pytest.mark.parametrize(
    ("failed", "detail"),
    [
        (False, "mode auto, and no daemon acts"),
        (True, "the newest runs of some jobs failed: collect: no answer"),
    ],
)
def test_a_daemon_that_is_gone_or_fails_is_a_warning(
    planner: Planner, site: Path, fc: Running, *, failed: bool, detail: str
) -> None:
    write_config(
        site, fc.endpoint, functions=f"- name: {NAME}\n  history: {{source: database}}\n  daemon: {{mode: auto}}\n"
    )
    planner("collect", "history.csv")
    now = datetime.now(UTC)
    with Store.open(f"sqlite:///{site / 'planner.db'}", migrate=True) as store:
        store.control.note_run(
            Run(function=REF, job="collect", began_at=now, ended_at=now, failed=failed, sentence="no answer")
        )
    found = examined(planner)["daemon"]
    assert (found["verdict"], found["detail"]) == ("warning", detail)


def test_functions_that_may_ask_for_more_than_their_quota_are_a_warning(
    planner: Planner, site: Path, fc: Running
) -> None:
    file = write_config(site, fc.endpoint)
    file.write_text(
        file.read_text(encoding="utf-8").replace("protocol: http}", "protocol: http, quota: 99}"), encoding="utf-8"
    )
    found = examined(planner)["quota"]
    assert found["detail"] == "all functions together may ask for 100 instances, fc.quota is 99"


def test_a_database_that_is_none_is_exit_code_1(planner: Planner, site: Path) -> None:
    (site / "planner.db").write_text("a letter, long enough to be taken for something else", encoding="utf-8")

    found = examined(planner, code=1)

    assert found["database"]["verdict"] == found["unfinished applies"]["verdict"] == "failed"


def test_an_apply_that_never_ended_is_a_warning(planner: Planner, site: Path) -> None:
    planner("plan")
    with Store.open(f"sqlite:///{site / 'planner.db'}", migrate=False) as store:
        store.begin(a_plan(function=REF), who="somebody@elsewhere pid 7", at=datetime.now(UTC) - 2 * LONGEST_APPLY)

    found = examined(planner)["unfinished applies"]

    assert (found["verdict"], found["detail"][:15]) == ("warning", "1 never ended; ")
    assert "`planner status`" in found["fix"]


def test_a_clock_that_differs_is_told(planner: Planner, tmp_path: Path) -> None:
    (tmp_path / "history.csv").write_text(recent_history(), encoding="utf-8")
    ahead = ManualClock(datetime.now(UTC) + timedelta(hours=2))
    with running(World(functions=(FunctionSpec(name=NAME, instance_metrics=True),)), clock=ahead) as fc:
        write_config(tmp_path, fc.endpoint)
        found = examined(planner)["clock"]

    assert found["verdict"] == "warning"
    seconds, _, unit = found["detail"].partition(" ")
    assert unit.startswith("s ")
    assert 7200 - 60 <= int(seconds) <= 7200  # that clock stands, this one goes on


def test_without_function_compute_its_checks_are_skipped(planner: Planner, site: Path) -> None:
    write_config(site, None)

    found = examined(planner)

    skipped = [check for check, finding in found.items() if finding["verdict"] == "skipped"]
    assert skipped == [*CHECKS[1:7], "clock"]


def test_a_server_without_a_date_or_an_answer_has_no_time(fc: Running) -> None:
    fc.emulator.faults.add(Fault(cut="before", times=9))

    assert server_time(FcConfig(endpoint=fc.endpoint, protocol="http")) is None


def test_what_can_be_mended_first_decides_the_code() -> None:
    findings = tuple(
        Finding(check=str(code), verdict=verdict, detail="", code=code)
        for code, verdict in ((1, Verdict.FAILED), (5, Verdict.FAILED), (2, Verdict.WARNING))
    )

    assert worst(findings) == 5
    assert worst(findings[:1]) == 1
    assert worst(findings[2:]) == 0


class TestProcesses:
    def test_a_process_says_who_it_is(self) -> None:
        assert who().endswith(f"@{platform.node()} pid {os.getpid()}")

    def test_a_user_without_a_name_is_a_number(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def nobody() -> str:
            raise KeyError

        # A container's nameless user can't be had otherwise.
        monkeypatch.setattr("planner.cli.processes.getpass", SimpleNamespace(getuser=nobody))
        assert who().startswith(f"uid {os.getuid()}@")

    @pytest.mark.parametrize(
        ("whose", "runs"),
        [
            (f"me@{platform.node()} pid {os.getppid()}", True),
            (f"me@{platform.node()} pid {os.getpid()}", False),
            (f"me@{platform.node()} pid 4194303", False),
            (f"me@elsewhere pid {os.getppid()}", None),
            ("ci", None),
        ],
        ids=["my parent", "myself", "nobody", "another machine", "no process"],
    )
    def test_whether_it_still_runs(self, whose: str, runs: bool | None) -> None:
        now = datetime.now(UTC)
        assert still_runs(whose, now, now) is runs

    def test_on_another_machine_it_runs_no_longer_than_an_apply_can(self) -> None:
        began, minute = datetime(2026, 11, 22, tzinfo=UTC), timedelta(minutes=1)
        assert still_runs("me@elsewhere pid 1", began, began + timedelta(hours=1) + minute) is None
        assert still_runs("me@elsewhere pid 1", began, began + LONGEST_APPLY) is None
        assert still_runs("me@elsewhere pid 1", began, began + LONGEST_APPLY + minute) is False

    def test_a_number_that_was_given_out_again_is_another_process(self) -> None:
        long_ago = datetime(2020, 1, 1, tzinfo=UTC)
        assert still_runs(f"me@{platform.node()} pid {os.getppid()}", long_ago, datetime.now(UTC)) is False
