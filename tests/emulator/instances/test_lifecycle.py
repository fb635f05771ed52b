"""The life of an instance that is a process: start, health check, hooks, end, accidents."""

from pathlib import Path

import pytest

from planner.emulator import RealClock, Settings, World, running, server
from tests.emulator.fc import Fc, client
from tests.emulator.instances.site import Site, alive, children, sample, served, until

_INITIALIZER = {"instanceLifecycleConfig": {"initializer": {"handler": "true", "timeout": 5}}}
_PRE_STOP = {"instanceLifecycleConfig": {"preStop": {"handler": "true", "timeout": 5}}}


def _health(**fields: object) -> dict[str, object]:
    check = {"httpGetUrl": "/health", "periodSeconds": 1, **fields}
    return {"customContainerConfig": {"port": 9000, "healthCheckConfig": check}}


def _events(diary: Path) -> list[str]:
    return [line.split()[0] for line in diary.read_text().splitlines()] if diary.exists() else []


def test_an_instance_is_warm_when_its_initializer_has_answered(tmp_path: Path) -> None:
    diary = tmp_path / "diary"
    with served(sample({"DIARY": diary}, **_INITIALIZER)) as site:
        site.warm(2)
        assert _events(diary).count("initialize") == 2
        assert site.send("/").json["initialized"] is True
        assert {i["kind"] for i in site.instances("warm")} == {"provisioned"}


def test_without_an_initializer_none_is_called(tmp_path: Path) -> None:
    with served(sample({"DIARY": tmp_path / "diary"})) as site:
        site.warm(1)
        assert _events(tmp_path / "diary") == ["start"]


@pytest.mark.parametrize(
    ("order", "events"),
    [
        ("after_initializer", ["start", "initialize", "health"]),
        ("before_initializer", ["start", "health", "initialize"]),
    ],
)
def test_the_first_health_check_comes_after_the_initializer_or_before(
    order: str, events: list[str], tmp_path: Path
) -> None:
    function = sample({"DIARY": tmp_path / "diary"}, **_INITIALIZER, **_health())
    with served(function, first_health_check=order) as site:
        site.warm(1)
        assert _events(tmp_path / "diary")[:3] == events


def test_an_initializer_that_fails_is_told_in_current_error_and_tried_on_a_new_instance(tmp_path: Path) -> None:
    diary, blocked = tmp_path / "diary", tmp_path / "blocked"
    blocked.touch()
    with served(sample({"DIARY": diary, "BLOCKED": blocked}, **_INITIALIZER)) as site:
        site.fc.put({"defaultTarget": 1})
        error = until(lambda: site.fc.get()["currentError"])
        assert error == "Function initializer failed: POST /initialize answered 500"
        until(lambda: _events(diary).count("start") >= 2)
        assert site.fc.get()["current"] == 0
        blocked.unlink()
        until(lambda: site.fc.get()["current"] == 1)
        assert site.fc.get()["currentError"] == ""
        pids = [line.split()[1] for line in diary.read_text().splitlines() if line.startswith("start")]
        assert len(set(pids)) == len(pids)


def test_a_process_that_never_listens_is_given_up_at_the_deadline() -> None:
    with served(sample({"DEAF": 1}), start_deadline_seconds=0.5) as site:
        site.fc.put({"defaultTarget": 1})
        error = until(lambda: site.fc.get()["currentError"])
        assert error.startswith("Function instance health check failed on port ")
        assert error.endswith(" in 0.5 seconds")


def test_a_process_that_is_never_well_is_given_up_at_the_deadline() -> None:
    health = {"customContainerConfig": {"healthCheckConfig": {"httpGetUrl": "/refused"}}}
    with served(sample(**health), start_deadline_seconds=2) as site:
        site.fc.put({"defaultTarget": 1})
        assert until(lambda: site.fc.get()["currentError"]).endswith(" in 2 seconds")
        assert site.fc.get()["current"] == 0


def test_port_and_health_check_have_one_deadline_together() -> None:
    # It listens after 2 s, and would be well 3 s later: each is within 4 s, but not both.
    with served(sample({"SLEEPY": 2}, **_health(initialDelaySeconds=3)), start_deadline_seconds=4) as site:
        site.fc.put({"defaultTarget": 1})
        assert until(lambda: site.fc.get()["currentError"]).endswith(" in 4 seconds")
        assert site.fc.get()["current"] == 0


def test_an_instance_that_is_unwell_gets_no_requests() -> None:
    with served(sample(**_health(failureThreshold=1))) as site:
        site.warm(2)
        sick = site.send("/unwell").body.decode()
        until(lambda: [i for i in site.instances("warm") if not i["healthy"]])
        pids = {str(site.send("/").json["pid"]) for _ in range(4)}
        assert len(pids) == 1
        assert sick not in pids


def test_pre_stop_comes_before_sigterm(tmp_path: Path) -> None:
    with served(sample({"DIARY": tmp_path / "diary"}, **_PRE_STOP)) as site:
        site.warm(1)
        site.fc.put({"defaultTarget": 0})
        until(lambda: site.instances("ended"))
        assert _events(tmp_path / "diary") == ["start", "pre-stop", "sigterm"]


def test_who_ignores_sigterm_is_killed_with_all_that_it_has_started(tmp_path: Path) -> None:
    child = tmp_path / "child"
    with served(sample({"STUBBORN": 1, "CHILD": child}), termination_grace_seconds=0.5) as site:
        site.warm(1)
        pid = site.send("/").json["pid"]
        assert alive(int(child.read_text()))
        site.fc.delete()
        until(lambda: site.instances("ended"))
        assert not alive(pid)
        until(lambda: not alive(int(child.read_text())))  # killed, but nobody waits for it


def test_an_instance_that_crashes_is_replaced_and_the_reason_is_told() -> None:
    with served(sample()) as site:
        site.warm(1)
        before = site.send("/").json["pid"]
        assert site.send("/crash").status == 412
        error = until(lambda: site.fc.get()["currentError"])
        assert error == "Function instance exited with status 3: the sample speaks"
        until(lambda: site.fc.get()["current"] == 1)
        assert site.fc.get()["currentError"] == ""
        assert site.send("/").json["pid"] != before


def test_a_process_that_takes_too_much_memory_is_killed() -> None:
    with served(sample(), max_process_memory_mb=200) as site:
        site.warm(1)
        assert site.send("/eat?mb=20").status == 200
        site.send("/eat?mb=300")
        ended = until(lambda: site.instances("ended"))
        assert ended[0]["failure"].endswith("MB of memory; 200 MB are its limit")


def test_there_are_never_more_processes_than_allowed() -> None:
    with served(sample(), max_processes=2) as site:
        site.fc.put({"defaultTarget": 3})
        until(lambda: site.fc.get()["current"] == 2)
        assert (site.fc.get()["target"], site.fc.get()["currentError"]) == (3, "the emulator runs at most 2 processes")
        assert len(site.instances("starting", "warm", "ending")) == 2


def test_the_output_of_an_instance_can_be_read_after_its_end_too() -> None:
    with served(sample()) as site:
        site.warm(1)
        (instance,) = site.instances("warm")
        path = f"/_emulator/instances/{instance['instanceId']}/log"
        assert site.ask(path).json["log"] == "the sample speaks\n"
        site.fc.delete()
        until(lambda: site.instances("ended"))
        assert site.ask(path).json["log"] == "the sample speaks\n"
        assert site.ask("/_emulator/instances/c-0/log").status == 404


def test_a_process_sees_its_function_and_nothing_of_the_emulators_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "secret")
    program = "import os; print(sorted(os.environ.items())); raise SystemExit(9)"
    process = {"command": ["python3", "-c", program], "environment": {"OWN": "1", "BOTH": "process"}}
    variables = {"environmentVariables": {"BOTH": "function", "THEIRS": "2"}}
    with served(sample(process=process, **variables)) as site:
        site.fc.put({"defaultTarget": 1})
        ended = until(lambda: site.instances("ended"))
        log = site.ask(f"/_emulator/instances/{ended[-1]['instanceId']}/log").json["log"]
        for name, value in (("OWN", "1"), ("BOTH", "process"), ("THEIRS", "2"), ("FC_FUNCTION_NAME", "asr")):
            assert f"('{name}', '{value}')" in log
        assert f"('PORT', '{ended[-1]['port']}')" in log
        assert "ALIBABA_CLOUD" not in log


def test_another_command_replaces_the_instances() -> None:
    with served(sample({"VERSION": 1})) as site:
        site.warm(1)
        before = site.send("/").json["pid"]
        site.fc.emulator.put_function(sample({"VERSION": 2}))
        until(lambda: (answer := site.send("/")).status == 200 and answer.json["pid"] != before)
        until(lambda: site.fc.get()["current"] == 1)
        assert not alive(before)


def test_when_the_server_has_stopped_no_process_is_left(tmp_path: Path) -> None:
    before = set(children())
    with served(sample({"DIARY": tmp_path / "diary", "CHILD": tmp_path / "child"}, **_PRE_STOP)) as site:
        site.warm(2)
        site.ask("/_function/asr")
        assert len(set(children()) - before) == 3
    assert not set(children()) - before
    assert _events(tmp_path / "diary").count("pre-stop") == 3
    for pid in (tmp_path / "child").read_text().split():  # killed, but nobody waits for them
        until(lambda pid=pid: not alive(int(pid)))


def test_after_a_restart_the_processes_are_started_again(tmp_path: Path) -> None:
    world = World(functions=(sample(),), settings=Settings(evaluation_lag_seconds=0))
    for _ in range(2):
        with running(world, clock=RealClock(), database=tmp_path / "state.db") as server:
            site = Site(fc=Fc(client=client(server.endpoint), url=server.url, emulator=server.emulator))
            if not site.fc.get()["functionArn"]:
                site.warm(1)
            until(lambda site=site: site.fc.get()["current"] == 1)
            assert site.send("/").headers["x-emulator-instance"] == "provisioned"


def test_a_request_in_flight_is_answered_when_the_server_cannot_wait_for_it_any_longer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Ten seconds are for people; the rest is as in earnest.
    monkeypatch.setattr(server, "_FINISH_WITHIN_SECONDS", 0.5)
    with served(sample()) as site:
        site.warm(1)
        request = site.later(f"/hold?until={tmp_path / 'never'}")
        until(lambda: site.instances("warm")[0]["inFlight"] == 1)
    assert (request.answer().status, request.answer().code) == (412, "CAExited")
