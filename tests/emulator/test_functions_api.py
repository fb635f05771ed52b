"""Functions, aliases and instances through the official SDK."""

import json
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from alibabacloud_fc20230330 import models
from alibabacloud_tea_openapi.exceptions import ClientException, ServerException
from hypothesis import given
from hypothesis import strategies as st

from planner.emulator import Emulator, FunctionSpec, Load, ManualClock, RealClock, World
from planner.emulator.models.fleet import Fleet
from planner.emulator.models.operations import Call
from tests.emulator.fc import ASR, NOON, Fc, emulated
from tests.emulator.instances.site import sample, served
from tests.published import Body, policy

_GPU = {
    "functionName": "tts",
    "runtime": "custom-container",
    "handler": "index.handler",
    "cpu": 8,
    "memorySize": 32768,
    "timeout": 60,
    "instanceConcurrency": 6,
    "gpuConfig": {"gpuType": "fc.gpu.ada.2", "gpuMemorySize": 24576},
    "customContainerConfig": {"image": "registry.example/tts:1", "port": 9000},
    "instanceLifecycleConfig": {"initializer": {"handler": "true", "timeout": 300}},
    "logConfig": {"project": "p", "logstore": "l", "enableInstanceMetrics": True},
    "environmentVariables": {"A": "1"},
}
_SMALL = {"functionName": "cron", "runtime": "python3.10", "handler": "index.handler"}


def _create(fc: Fc, body: Body) -> Body:
    request = models.CreateFunctionRequest(body=models.CreateFunctionInput().from_map(body))
    return dict(fc.client.create_function(request).body.to_map())


def _update(fc: Fc, name: str, body: Body) -> Body:
    request = models.UpdateFunctionRequest(body=models.UpdateFunctionInput().from_map(body))
    return dict(fc.client.update_function(name, request).body.to_map())


def _function(fc: Fc, name: str = "tts") -> Body:
    return dict(fc.client.get_function(name, models.GetFunctionRequest()).body.to_map())


def _functions(fc: Fc, **query: object) -> list[list[str]]:
    """All pages of names."""
    pages, token = [], None
    while token != "":
        page = fc.client.list_functions(models.ListFunctionsRequest(next_token=token, **query)).body
        pages.append([function.function_name for function in page.functions])
        token = page.next_token or ""
    return pages


def _alias(fc: Fc, alias: str, name: str = "asr", version: str | None = "1", **more: object) -> Body:
    body = models.CreateAliasInput(alias_name=alias, version_id=version, **more)
    return dict(fc.client.create_alias(name, models.CreateAliasRequest(body=body)).body.to_map())


def _instances(fc: Fc, name: str = "asr", qualifier: str | None = "prod", **query: object) -> list[Body]:
    request = models.ListInstancesRequest(qualifier=qualifier, **query)
    body = fc.client.list_instances(name, request).body
    return [dict(instance.to_map()) for instance in body.instances]


def _refusal(call: Callable[..., object], *arguments: object, **more: object) -> tuple[int, str, str]:
    with pytest.raises(ClientException) as refusal:
        call(*arguments, **more)
    return refusal.value.status_code, refusal.value.code, refusal.value.data["Message"]


def test_a_function_is_made_as_described_and_read_back() -> None:
    with emulated() as fc:
        made = _create(fc, _GPU)
        assert made.items() >= {key: value for key, value in _GPU.items() if key != "logConfig"}.items()
        assert made["logConfig"].items() >= _GPU["logConfig"].items()
        assert made["functionArn"] == "acs:fc:cn-shanghai:1234567890123456:functions/tts"
        assert made["createdTime"] == made["lastModifiedTime"] == "2026-11-23T12:00:00Z"
        assert made["state"] == "Active"
        assert _function(fc) == made


def test_a_function_that_names_nothing_has_the_defaults() -> None:
    with emulated() as fc:
        made = _create(fc, _SMALL)
        found = {key: made[key] for key in ("timeout", "memorySize", "cpu", "instanceConcurrency", "diskSize")}
        assert found == {"timeout": 3, "memorySize": 512, "cpu": 0.35, "instanceConcurrency": 1, "diskSize": 512}
        assert made["logConfig"]["enableInstanceMetrics"] is False
        assert "gpuConfig" not in made


def test_code_is_not_echoed() -> None:
    with emulated() as fc:
        made = _create(fc, {**_SMALL, "code": {"zipFile": "UEsFBgAAAAAAAAAAAAAAAAAAAAAAAA=="}})
        assert "code" not in made
        assert "code" not in fc.emulator.state()["functions"][-1]


def test_what_the_api_made_can_be_provisioned_and_tracked_at_once() -> None:
    with emulated() as fc:
        _create(fc, _GPU)
        fc.put({"defaultTarget": 2, "targetTrackingPolicies": [policy(minCapacity=2)]}, "LATEST", "tts")
        fc.wait(minutes=2)
        assert fc.get("LATEST", "tts")["current"] == 2


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (
            {"functionName": "9lives"},
            (
                "The FunctionName should be 1 to 64 letters, digits, '_' and '-' and not begin with a digit or '-' "
                "(actual: '9lives')"
            ),
        ),
        (
            {"functionName": None},
            (
                "The FunctionName should be 1 to 64 letters, digits, '_' and '-' and not begin with a digit or '-' "
                "(actual: '')"
            ),
        ),
        ({"runtime": None}, "The Runtime is required"),
        ({"handler": None}, "The Handler is required"),
        ({"instanceConcurrency": 0}, "The InstanceConcurrency should be from 1 to 200 in steps of 1 (actual: 0)"),
        ({"instanceConcurrency": 201}, "The InstanceConcurrency should be from 1 to 200 in steps of 1 (actual: 201)"),
        ({"instanceConcurrency": True}, "The InstanceConcurrency should be of type int (actual: True)"),
        ({"timeout": 86401}, "The Timeout should be from 1 to 86400 in steps of 1 (actual: 86401)"),
        ({"timeout": "60"}, "The Timeout should be of type int (actual: '60')"),
        ({"cpu": 0.33}, "The Cpu should be from 0.05 to 16 in steps of 0.05 (actual: 0.33)"),
        ({"cpu": "2"}, "The Cpu should be of type number (actual: '2')"),
        ({"memorySize": 1000}, "The MemorySize should be from 128 to 98304 in steps of 64 (actual: 1000)"),
        (
            {"cpu": 1, "memorySize": 8192},
            "The ratio of Cpu to MemorySize in GB should be between 1:1 and 1:4 (actual: 1 vCPU, 8192 MB)",
        ),
        ({"diskSize": 1024}, "The DiskSize should be one of [512, 10240] (actual: 1024)"),
        ({"gpuConfig": {"gpuMemorySize": 1024}}, "The GpuType is required"),
        (
            {"gpuConfig": {"gpuType": "fc.gpu.ada.2", "gpuMemorySize": 1000}},
            "The GpuMemorySize of a fc.gpu.ada.2 should be 24576 (actual: 1000)",
        ),
        (
            {"runtime": "custom-container"},
            "The Image of the CustomContainerConfig is required for runtime custom-container",
        ),
        ({"customContainerConfig": {"port": 0}}, "The Port should be from 1 to 65535 (actual: 0)"),
        (
            {"logConfig": {"enableInstanceMetrics": "yes"}},
            "The EnableInstanceMetrics should be of type bool (actual: 'yes')",
        ),
    ],
)
def test_a_function_that_cannot_be_is_refused_and_not_made(change: Body, text: str) -> None:
    with emulated() as fc:
        assert _refusal(_create, fc, {**_SMALL, **change}) == (400, "InvalidArgument", text)
        assert _functions(fc) == [["asr"]]


def test_a_body_that_is_no_object_is_refused() -> None:
    with emulated() as fc:
        status, body = fc.admin("POST", "/2023-03-30/functions", [])
        assert (status, body["Message"]) == (400, "The request body should be a JSON object")


def test_a_name_is_taken_once() -> None:
    with emulated() as fc:
        _create(fc, _SMALL)
        assert _refusal(_create, fc, _SMALL) == (409, "FunctionAlreadyExists", "function 'cron' already exists.")


def test_an_update_changes_what_it_names_and_keeps_the_rest() -> None:
    with emulated() as fc:
        made = _create(fc, _GPU)
        fc.wait(minutes=5)
        changed = _update(fc, "tts", {"instanceConcurrency": 2, "environmentVariables": {"B": "2"}})
        expected = {"instanceConcurrency": 2, "environmentVariables": {"B": "2"}}
        assert changed == {**made, **expected, "lastModifiedTime": "2026-11-23T12:05:00Z"}
        assert _function(fc) == changed


def test_an_update_is_judged_together_with_what_is_stored() -> None:
    with emulated() as fc:
        _create(fc, _SMALL)
        text = "The ratio of Cpu to MemorySize in GB should be between 1:1 and 1:4 (actual: 4 vCPU, 512 MB)"
        assert _refusal(_update, fc, "cron", {"cpu": 4}) == (400, "InvalidArgument", text)
        assert _update(fc, "cron", {"cpu": 4, "memorySize": 8192})["cpu"] == 4


def test_an_update_of_a_function_of_the_world_keeps_its_aliases_and_start_up() -> None:
    with emulated() as fc:
        _update(fc, "asr", {"timeout": 30})
        fc.put({"defaultTarget": 1})
        fc.wait(seconds=19)
        assert fc.get()["current"] == 0
        fc.wait(seconds=1)
        assert fc.get()["current"] == 1


def test_instance_metrics_switched_on_by_the_api_allow_trackers() -> None:
    with emulated(replace(ASR, instance_metrics=False)) as fc:
        body = {"targetTrackingPolicies": [policy()]}
        assert _refusal(fc.put, body)[1] == "InstanceMetricsRequired"
        _update(fc, "asr", {"logConfig": {"enableInstanceMetrics": True}})
        assert fc.put(body)["targetTrackingPolicies"] == [policy()]


def test_the_card_of_a_function_in_a_resident_pool_stays() -> None:
    with emulated() as fc:
        _create(fc, _GPU)
        request = models.PutScalingConfigRequest(
            body=models.PutScalingConfigInput(min_instances=0, resident_pool_id="fc-pool-1")
        )
        fc.client.put_scaling_config("tts", request)
        text = "GPU type should not be changed with resident scaling config"
        other = {"gpuConfig": {"gpuType": "fc.gpu.ada.3", "gpuMemorySize": 49152}}
        assert _refusal(_update, fc, "tts", other) == (400, "InvalidArgument", text)
        assert _function(fc)["gpuConfig"] == _GPU["gpuConfig"]


def test_a_config_of_either_kind_is_in_the_way_of_a_delete() -> None:
    with emulated() as fc:
        _create(fc, _SMALL)
        fc.put({"defaultTarget": 1}, "LATEST", "cron")
        text = "provision config exists for 'cron/LATEST'."
        assert _refusal(fc.client.delete_function, "cron") == (409, "ProvisionConfigExist", text)
        fc.delete("LATEST", "cron")
        request = models.PutScalingConfigRequest(body=models.PutScalingConfigInput(min_instances=1))
        fc.client.put_scaling_config("cron", request)
        assert _refusal(fc.client.delete_function, "cron")[1] == "ResidentScalingConfigExists"
        fc.client.delete_scaling_config("cron", models.DeleteScalingConfigRequest())
        assert fc.client.delete_function("cron").status_code == 204
        assert _refusal(fc.client.delete_function, "cron")[:2] == (404, "FunctionNotFound")


def test_a_delete_takes_the_load_along_and_time_goes_on() -> None:
    with emulated() as fc:
        _create(fc, _SMALL)
        fc.emulator.offer("cron", Load.constant(3))
        fc.put({"defaultTarget": 1}, "LATEST", "cron")
        fc.wait(seconds=30)
        fc.delete("LATEST", "cron")
        fc.client.delete_function("cron")
        fc.wait(minutes=3)
        assert _refusal(fc.get, "LATEST", "cron")[1] == "FunctionNotFound"


def test_a_function_with_aliases_is_kept_or_deleted_with_them_by_the_switch() -> None:
    with emulated() as fc:
        text = "function 'asr' still has aliases."
        assert _refusal(fc.client.delete_function, "asr") == (409, "FunctionNotEmpty", text)
    with emulated(function_with_aliases="deleted") as fc:
        assert fc.client.delete_function("asr").status_code == 204
        assert _functions(fc) == [[]]


def test_functions_are_listed_on_pages_and_selected() -> None:
    names = [f"f{i:02}" for i in range(25)]
    with emulated(*(FunctionSpec(name=name) for name in names)) as fc:
        assert [len(page) for page in _functions(fc)] == [20, 5]
        assert sum(_functions(fc, limit=7), []) == names  # noqa: RUF017 - small
        _create(fc, _GPU)
        _create(fc, _SMALL)
        assert _functions(fc, prefix="f2") == [names[20:]]
        assert _functions(fc, gpu_type="fc.gpu.ada.2") == [["tts"]]
        assert _functions(fc, runtime="python3.10") == [["cron"]]
        assert _functions(fc, function_name="f03") == [["f03"]]
        assert _functions(fc, fc_version="v2") == [[]]
        with pytest.raises(ServerException) as refusal:
            _functions(fc, description="x")
        assert refusal.value.code == "NotImplemented"


def test_an_alias_is_made_read_changed_and_deleted() -> None:
    with emulated() as fc:
        made = _alias(fc, "blue", description="the new one", additional_version_weight={"2": 0.1})
        assert made == {
            "aliasName": "blue",
            "versionId": "1",
            "description": "the new one",
            "additionalVersionWeight": {"2": 0.1},
            "createdTime": "2026-11-23T12:00:00Z",
            "lastModifiedTime": "2026-11-23T12:00:00Z",
        }
        assert fc.client.get_alias("asr", "blue").body.to_map() == made
        fc.wait(minutes=1)
        update = models.UpdateAliasRequest(body=models.UpdateAliasInput(version_id="2"))
        changed = fc.client.update_alias("asr", "blue", update).body.to_map()
        assert changed == {**made, "versionId": "2", "lastModifiedTime": "2026-11-23T12:01:00Z"}
        fc.put({"defaultTarget": 1}, "blue")
        text = "provision config exists for 'asr/blue'."
        assert _refusal(fc.client.delete_alias, "asr", "blue") == (409, "ProvisionConfigExist", text)
        fc.delete("blue")
        assert fc.client.delete_alias("asr", "blue").status_code == 204
        text = "alias 'blue' of function 'asr' does not exist."
        assert _refusal(fc.client.get_alias, "asr", "blue") == (404, "AliasNotFound", text)
        assert _refusal(fc.put, {}, "blue")[1] == "AliasNotFound"


def test_aliases_are_listed_on_pages_and_by_prefix() -> None:
    with emulated() as fc:
        _alias(fc, "prod-2")
        pages, token = [], None
        while token != "":
            page = fc.client.list_aliases("asr", models.ListAliasesRequest(limit=2, next_token=token)).body
            pages.append([alias.alias_name for alias in page.aliases])
            token = page.next_token or ""
        assert pages == [["canary", "prod"], ["prod-2"]]
        page = fc.client.list_aliases("asr", models.ListAliasesRequest(prefix="prod")).body
        assert [alias.alias_name for alias in page.aliases] == ["prod", "prod-2"]


def test_an_alias_that_cannot_be_is_refused() -> None:
    with emulated() as fc:
        text = "alias 'prod' of function 'asr' already exists."
        assert _refusal(_alias, fc, "prod") == (409, "AliasAlreadyExists", text)
        assert _refusal(_alias, fc, "new", "ghost")[:2] == (404, "FunctionNotFound")
        assert _refusal(_alias, fc, "LATEST")[2] == "The AliasName should not be LATEST"
        assert _refusal(_alias, fc, "new", version=None)[2] == "The VersionId is required"
        assert _refusal(_alias, fc, "1")[1] == "InvalidArgument"
        assert _refusal(fc.client.delete_alias, "asr", "ghost")[:2] == (404, "AliasNotFound")


def test_instances_are_listed_while_they_start_and_while_they_are_warm() -> None:
    with emulated() as fc:
        assert _instances(fc) == []
        fc.put({"defaultTarget": 2})
        starting = _instances(fc)
        born = int(NOON.timestamp() * 1000)
        assert [(i["status"], i["createdTimeMs"], i["qualifier"]) for i in starting] == [("Creating", born, "prod")] * 2
        fc.wait(seconds=20)
        warm = _instances(fc)
        assert warm == [{**instance, "status": "Running"} for instance in starting]
        assert len({instance["instanceId"] for instance in warm}) == 2


def test_an_instance_keeps_its_id_for_its_life_and_no_other_ever_gets_it() -> None:
    with emulated(
        replace(ASR, startup_seconds=(10.0, 60.0)), evaluation_lag_seconds=120, deleted_instances="gone", seed=3
    ) as fc:
        seen: set[str] = set()
        lives: set[str] = set()
        for target in (3, 5, 1, 4, 2, 6, 0, 2, None, 3):
            if target is None:
                fc.delete()
            else:
                fc.put({"defaultTarget": target})
            fc.wait(seconds=25)
            found = _instances(fc)
            ids = {instance["instanceId"] for instance in found}
            assert len(ids) == len(found) == (target or 0)
            assert sum(i["status"] == "Running" for i in found) == fc.get()["current"]
            # Of those that were there before, none has come back from the dead.
            assert ids - lives <= ids - seen
            assert len(ids & lives) == min(len(lives), len(ids))
            seen |= ids
            lives = ids


def test_instances_are_those_of_the_alias_or_of_all_and_are_selected() -> None:
    with emulated() as fc:
        fc.put({"defaultTarget": 2})
        fc.put({"defaultTarget": 1}, "LATEST")
        fc.wait(seconds=20)
        fc.put({"defaultTarget": 2}, "LATEST")
        assert [i["versionId"] for i in _instances(fc)] == ["1", "1"]
        latest = _instances(fc, qualifier=None)
        assert [(i["versionId"], i["status"]) for i in latest] == [("0", "Running"), ("0", "Creating")]
        assert len(_instances(fc, with_all_active=True)) == 4
        assert len(_instances(fc, with_all_active=True, limit="3")) == 3
        assert _instances(fc, qualifier="LATEST", instance_status=["Creating"]) == latest[1:]
        assert _instances(fc, qualifier="LATEST", instance_ids=[latest[0]["instanceId"]]) == latest[:1]
        assert _refusal(_instances, fc, "ghost")[1] == "FunctionNotFound"
        assert _refusal(_instances, fc, limit="1001")[1] == "InvalidArgument"
        with pytest.raises(ServerException) as refusal:
            _instances(fc, start_time_ms=1)
        assert refusal.value.code == "NotImplemented"


def test_a_list_in_the_query_that_is_none_is_refused() -> None:
    with emulated() as fc:
        status, body = fc.admin("GET", "/2023-03-30/functions/asr/instances?instanceIds=one")
        assert (status, body["Message"]) == (400, "A list in the query should be one of JSON (actual: 'one')")


def _call(emulator: Emulator, action: str, body: object = None, **more: str) -> Body:
    names = {"function_name": more.get("name", "asr"), "alias_name": more.get("alias", "")}
    return emulator.call(action, Call(body=body, query={"qualifier": more.get("qualifier", "")}, **names)) or {}


def test_what_the_api_did_to_functions_survives_a_restart(tmp_path: Path) -> None:
    world = World(functions=(ASR, FunctionSpec(name="old"), FunctionSpec(name="untouched")))
    first = Emulator(world, clock=ManualClock(NOON), database=tmp_path / "fc.db")
    _call(first, "CreateFunction", _GPU)
    _call(first, "UpdateFunction", {"timeout": 77})
    _call(first, "CreateAlias", {"aliasName": "blue", "versionId": "3"}, name="tts")
    _call(first, "DeleteAlias", alias="canary")
    _call(first, "DeleteFunction", name="old")
    _call(first, "PutProvisionConfig", {"defaultTarget": 2}, name="tts", qualifier="blue")
    listed, instances = _call(first, "ListFunctions"), _call(first, "ListInstances", name="tts", qualifier="blue")
    assert [function["functionName"] for function in listed["functions"]] == ["asr", "tts", "untouched"]
    first.close()
    changed = replace(world, functions=(ASR, FunctionSpec(name="old"), FunctionSpec(name="untouched", cpu=4.0)))
    second = Emulator(changed, clock=ManualClock(NOON), database=tmp_path / "fc.db")
    again = _call(second, "ListFunctions")["functions"]
    # What the API never touched comes from the world, as it is now.
    assert again[:2] == listed["functions"][:2]
    assert again[2] == {**listed["functions"][2], "cpu": 4.0}
    assert _call(second, "GetAlias", name="tts", alias="blue")["versionId"] == "3"
    assert [alias["aliasName"] for alias in _call(second, "ListAliases")["aliases"]] == ["prod"]
    assert _call(second, "ListInstances", name="tts", qualifier="blue") == instances
    second.close()


def test_a_file_from_before_functions_and_instances_were_stored_is_read(tmp_path: Path) -> None:
    database = tmp_path / "fc.db"
    first = Emulator(World(functions=(ASR,)), clock=ManualClock(NOON), database=database)
    _call(first, "PutProvisionConfig", {"defaultTarget": 2}, qualifier="prod")
    _strip(first, database)
    second = Emulator(World(functions=(ASR,)), clock=ManualClock(NOON), database=database)
    assert second.config("asr", "prod") == first.config("asr", "prod")
    assert len(_call(second, "ListInstances", qualifier="prod")["instances"]) == 2
    second.close()


def _strip(emulator: Emulator, database: Path) -> None:
    """Take away from a closed file what older ones did not hold."""
    emulator.close()
    connection = sqlite3.connect(database)
    for key, text in connection.execute("SELECT key, body FROM document").fetchall():
        body = json.loads(text)
        body.pop("launched", None)
        body.pop("kind", None)
        body.get("fleet", {}).pop("launches", None)
        connection.execute("UPDATE document SET body = ? WHERE key = ?", (json.dumps(body), key))
    connection.commit()
    connection.close()


def test_a_trace_of_a_function_that_the_api_deleted_is_left_out_after_a_restart(tmp_path: Path) -> None:
    (tmp_path / "trace.csv").write_text("timestamp,value\n0,1\n60,2\n", encoding="utf-8")
    function = {"functionName": "asr", "traffic": {"file": "trace.csv"}}
    world = World.from_mapping({"functions": [function, {"functionName": "ocr"}]}, tmp_path)
    first = Emulator(world, clock=ManualClock(NOON), database=tmp_path / "fc.db")
    _call(first, "DeleteFunction")
    first.close()
    second = Emulator(world, clock=ManualClock(NOON), database=tmp_path / "fc.db")
    second.advance(timedelta(minutes=3))
    assert [function["functionName"] for function in second.state()["functions"]] == ["ocr"]
    second.close()


@given(st.lists(st.tuples(st.integers(0, 8), st.integers(0, 90)), max_size=20), st.integers(0, 99))
def test_instances_of_a_fleet_keep_their_order_and_those_that_are_ready_last_go_first(
    turns: list[tuple[int, int]], seed: int
) -> None:
    fleet = Fleet(at=NOON)
    for target, seconds in turns:
        before, warm = list(fleet.launches), set(fleet.launches[: fleet.warm])
        fleet.shrink(target)
        assert fleet.launches == before[:target]
        assert set(fleet.launches[: fleet.warm]) <= warm
        fleet.launch(target - fleet.count, (5.0, 40.0), str(seed))
        assert len(fleet.launches) == fleet.count == target
        starting = dict(zip(fleet.launches[fleet.warm :], fleet.starting, strict=True))
        fleet.run(fleet.at + timedelta(seconds=seconds), 0.0, 1)
        ready = {launch for launch, moment in starting.items() if moment <= fleet.at}
        assert set(fleet.launches[: fleet.warm]) == ready.union(set(before[:target]) & warm)
        assert Fleet.from_json(fleet.to_json()) == fleet
    assert len({launch.number for launch in fleet.launches}) == fleet.count


def test_instances_that_are_processes_are_listed_by_the_ids_that_they_answer_with() -> None:
    with served(sample()) as site:
        site.warm(2)
        listed = _instances(site.fc)
        assert [(i["status"], i["resourceType"]) for i in listed] == [("Running", "provisioned")] * 2
        assert site.send("/").headers["x-emulator-instance-id"] in {i["instanceId"] for i in listed}


def test_an_update_of_a_function_that_is_a_process_reaches_its_environment(tmp_path: Path) -> None:
    described = {"functionName": "asr", "environmentVariables": {"A": "1", "B": "1", "C": "1"}}
    process = {"command": ["serve", "{port}"], "environment": {"B": "2", "D": "2"}, "cwd": "/"}
    world = World(functions=(FunctionSpec.from_wire({**described, "process": process}),))
    first = Emulator(world, clock=RealClock(), database=tmp_path / "fc.db")
    _call(first, "UpdateFunction", {"environmentVariables": {"A": "9"}, "timeout": 7})
    first.close()
    second = Emulator(world, clock=RealClock(), database=tmp_path / "fc.db")
    with second.account() as account:
        changed = account.function("asr").process
    second.close()
    assert changed is not None
    assert (changed.variables, changed.environment) == ({"A": "9"}, {"B": "2", "D": "2"})
    assert (changed.command, changed.cwd, changed.timeout_seconds) == (("serve", "{port}"), "/", 7.0)


def test_an_update_that_a_process_cannot_follow_is_refused() -> None:
    with emulated(sample(), clock=RealClock()) as fc:
        hook = {"instanceLifecycleConfig": {"initializer": {"command": ["prepare"], "timeout": 30}}}
        status, code, text = _refusal(_update, fc, "asr", hook)
        assert (status, code) == (400, "InvalidArgument")
        assert text == "a hook that is a command is not covered; give a handler, which is called by HTTP"


def test_an_alias_that_comes_back_is_not_asked_for_what_the_former_one_was() -> None:
    with emulated() as fc:
        fc.emulator.offer("asr", Load.constant(40), qualifier="canary")
        fc.wait(minutes=2)
        assert fc.client.delete_alias("asr", "canary").status_code == 204
        _alias(fc, "canary")
        fc.put({"targetTrackingPolicies": [policy(minCapacity=1)]}, "canary")
        fc.wait(minutes=10)
        assert fc.get("canary")["target"] == 1
