"""Scaling configs: the engine of provision configs under other names, and how the two exclude each other."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from alibabacloud_fc20230330 import models
from alibabacloud_tea_openapi.exceptions import ClientException
from alibabacloud_tea_openapi.models import OpenApiRequest, Params
from darabonba.runtime import RuntimeOptions

from planner.emulator import Emulator, Fault, FunctionSpec, Load, ManualClock, World
from planner.emulator.models.operations import Call
from tests.emulator.fc import ASR, NOON, Fc, emulated
from tests.published import Body, action, policy, utc

_UP = action("up", "cron(0 0 20 * * *)", 5)
_OTHER = FunctionSpec(name="ocr", aliases=("prod",), startup_seconds=(20.0,))


def _scaler(**changes: object) -> Body:
    """A horizontal scaling policy: a tracking policy with other names of its bounds."""
    names = {"minCapacity": "minInstances", "maxCapacity": "maxInstances"}
    return {names.get(key, key): value for key, value in {**policy(), **changes}.items()}


def _put(fc: Fc, body: Body, qualifier: str = "prod", name: str = "asr") -> Body:
    typed = models.PutScalingConfigInput().from_map(body)
    request = models.PutScalingConfigRequest(qualifier=qualifier, body=typed)
    return dict(fc.client.put_scaling_config(name, request).body.to_map())


def _put_raw(fc: Fc, body: object) -> Body:
    params = Params(
        action="PutScalingConfig",
        version="2023-03-30",
        protocol="HTTP",
        pathname="/2023-03-30/functions/asr/scaling-config",
        method="PUT",
        auth_type="AK",
        style="ROA",
        req_body_type="json",
        body_type="json",
    )
    request = OpenApiRequest(query={"qualifier": "prod"}, body=body)
    return dict(fc.client.call_api(params, request, RuntimeOptions())["body"])


def _get(fc: Fc, qualifier: str = "prod", name: str = "asr") -> Body:
    request = models.GetScalingConfigRequest(qualifier=qualifier)
    return dict(fc.client.get_scaling_config(name, request).body.to_map())


def _delete(fc: Fc, qualifier: str = "prod") -> int:
    request = models.DeleteScalingConfigRequest(qualifier=qualifier)
    return int(fc.client.delete_scaling_config("asr", request).status_code)


def _refusal(call: object, *arguments: object) -> tuple[int, str]:
    with pytest.raises(ClientException) as refusal:
        call(*arguments)
    return refusal.value.status_code, refusal.value.code


def test_the_answer_of_a_put_shows_the_floor_and_echoes_the_rest() -> None:
    with emulated() as fc:
        body = {
            "minInstances": 2,
            "residentPoolId": "fc-pool-1",
            "enableOnDemandScaling": False,
            "enableMixMode": True,
            "requestDispatchPolicy": "Balanced",
            "scheduledPolicies": [_UP],
            "horizontalScalingPolicies": [_scaler()],
        }
        answer = _put(fc, body)
        assert answer == {
            **body,
            "functionArn": "acs:fc:cn-shanghai:1234567890123456:functions/asr/prod",
            "currentInstances": 0,
            "currentError": "",
            "targetInstances": 2,
        }
        assert _get(fc) == answer
        assert "alwaysAllocateGPU" not in answer


def test_its_schedules_fire_and_its_instances_start() -> None:
    with emulated() as fc:
        _put(fc, {"minInstances": 1, "scheduledPolicies": [{**_UP, "startTime": "2026-11-23T12:00:00Z"}]})
        fc.emulator.move_to(utc("2026-11-23 19:59"))
        assert (_get(fc)["targetInstances"], _get(fc)["currentInstances"]) == (1, 1)
        fc.emulator.move_to(utc("2026-11-23 20:01"))
        assert (_get(fc)["targetInstances"], _get(fc)["currentInstances"]) == (5, 5)


def test_its_trackers_follow_the_load_within_their_own_bounds() -> None:
    with emulated(startup := replace(ASR, startup_seconds=(0.0,)), tracker_out_minutes=1) as fc:
        _put(fc, {"minInstances": 1, "horizontalScalingPolicies": [_scaler(minCapacity=2, maxCapacity=6)]})
        fc.wait(minutes=2)
        assert _get(fc)["targetInstances"] == 2
        fc.emulator.offer("asr", Load.constant(100.0 * startup.instance_concurrency), qualifier="prod")
        fc.wait(minutes=30)
        assert _get(fc)["targetInstances"] == 6


def test_a_provision_config_of_the_same_numbers_lives_through_the_same_minutes() -> None:
    with emulated() as scaled, emulated() as provisioned:
        _put(scaled, {"minInstances": 3, "scheduledPolicies": [_UP], "horizontalScalingPolicies": [_scaler()]})
        provisioned.put({"defaultTarget": 3, "scheduledActions": [_UP], "targetTrackingPolicies": [policy()]})
        for fc in (scaled, provisioned):
            fc.emulator.offer("asr", Load(values=(3, 12, 9, 1, 0, 0), repeat=True), qualifier="prod")
        for _ in range(60):
            scaled.wait(minutes=10)
            provisioned.wait(minutes=10)
            mine, theirs = _get(scaled), provisioned.get()
            assert (mine["targetInstances"], mine["currentInstances"]) == (theirs["target"], theirs["current"])


def test_lists_absent_are_kept_empty_ones_clear_and_scalars_are_by_the_switch() -> None:
    first = {"minInstances": 4, "residentPoolId": "fc-pool-1", "scheduledPolicies": [_UP]}
    with emulated() as fc:
        _put_raw(fc, first)
        kept = _put_raw(fc, {"horizontalScalingPolicies": [_scaler()]})
        assert (kept["minInstances"], kept["residentPoolId"], kept["scheduledPolicies"]) == (4, "fc-pool-1", [_UP])
        cleared = _put_raw(fc, {"scheduledPolicies": []})
        assert (cleared["scheduledPolicies"], cleared["horizontalScalingPolicies"]) == ([], [_scaler()])
    with emulated(absent_scalars="reset") as fc:
        _put_raw(fc, first)
        reset = _put_raw(fc, {})
        assert (reset["minInstances"], reset["residentPoolId"], reset["scheduledPolicies"]) == (0, "", [_UP])


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ({"minInstances": -1}, "The MinInstances should be an integer from 0 to 10000 (actual: -1)"),
        ({"enableMixMode": 1}, "The EnableMixMode should be of type bool (actual: 1)"),
        ({"scheduledPolicies": [_UP, _UP]}, "Duplicate action name 'up' in ScheduledPolicies is not allowed"),
        (
            {"horizontalScalingPolicies": [_scaler(minCapacity=3, maxCapacity=2)]},
            "The MinInstances should not be greater than the MaxInstances (actual: 3, 2)",
        ),
        (
            {"horizontalScalingPolicies": [policy()]},
            "The MinInstances should be an integer from 0 to 10000 (actual: none)",
        ),
        (
            {"horizontalScalingPolicies": [_scaler(metricType="Latency")]},
            (
                "The MetricType should be one of [ProvisionedConcurrencyUtilization, CPUUtilization, "
                "GPUMemUtilization] (actual: 'Latency')"
            ),
        ),
    ],
)
def test_a_faulty_put_is_refused_in_its_own_words_and_changes_nothing(body: Body, text: str) -> None:
    with emulated() as fc:
        before = _put(fc, {"minInstances": 1})
        with pytest.raises(ClientException) as refusal:
            _put_raw(fc, body)
        assert (refusal.value.code, refusal.value.data["Message"]) == ("InvalidArgument", text)
        assert _get(fc) == before


def test_a_tracker_needs_instance_metrics() -> None:
    with emulated(replace(ASR, instance_metrics=False)) as fc:
        refused = _refusal(_put, fc, {"horizontalScalingPolicies": [_scaler()]})
        assert refused == (400, "InstanceMetricsRequired")


def test_a_config_of_the_other_kind_refuses_a_put_until_it_is_deleted() -> None:
    with emulated() as fc:
        fc.put({"defaultTarget": 1})
        assert _refusal(_put, fc, {"minInstances": 1}) == (409, "ProvisionConfigExist")
        assert _get(fc)["functionArn"] == ""
        fc.delete()
        _put(fc, {"minInstances": 1})
        assert _refusal(fc.put, {"defaultTarget": 1}) == (409, "ResidentScalingConfigExists")
        assert fc.get()["functionArn"] == ""


def test_the_kinds_exclude_each_other_in_the_function_or_in_the_alias_alone() -> None:
    with emulated() as fc:
        fc.put({"defaultTarget": 1}, "canary")
        assert _refusal(_put, fc, {"minInstances": 1}) == (409, "ProvisionConfigExist")
    with emulated(one_kind_per="qualifier") as fc:
        fc.put({"defaultTarget": 1}, "canary")
        _put(fc, {"minInstances": 1})
        assert _refusal(_put, fc, {"minInstances": 1}, "canary") == (409, "ProvisionConfigExist")


def test_deleting_the_other_kind_leaves_a_config_alone() -> None:
    with emulated() as fc:
        _put(fc, {"minInstances": 2})
        assert fc.delete() == 204
        assert _get(fc)["minInstances"] == 2
        assert _delete(fc) == 204
        assert _get(fc)["functionArn"] == ""
        assert _delete(fc) == 204


def test_a_missing_config_is_404_behind_its_switch() -> None:
    with emulated(missing_config="not_found") as fc:
        assert _refusal(_get, fc) == (404, "ScalingConfigNotFound")


def test_its_instances_count_against_the_region_and_its_cards() -> None:
    gpu = {"gpu_type": "fc.gpu.ada.2", "startup_seconds": (20.0,)}
    functions = [FunctionSpec(name=name, aliases=("prod",), **gpu) for name in ("asr", "ocr")]
    with emulated(*functions, gpu_cards_per_type=4) as fc:
        _put(fc, {"minInstances": 3})
        fc.put({"defaultTarget": 3}, name="ocr")
        fc.wait(minutes=2)
        assert _get(fc)["currentInstances"] == 3
        assert fc.get(name="ocr")["current"] == 1
        assert fc.get(name="ocr")["currentError"] == "Account's total GPU usage of 'fc.gpu.ada.2' exceeded"
    with emulated(ASR, _OTHER, region_instances=4) as fc:
        fc.put({"defaultTarget": 3}, name="ocr")
        _put(fc, {"minInstances": 3})
        fc.wait(minutes=2)
        assert (_get(fc)["currentInstances"], _get(fc)["currentError"]) == (1, "Reserve resource exceeded limit")


def test_the_journal_keeps_what_a_put_stored() -> None:
    with emulated() as fc:
        answer = _put(fc, {"minInstances": 2})
        (entry,) = fc.emulator.journal.entries("PutScalingConfig")
        assert entry.stored == answer


def test_a_stale_read_is_of_its_own_kind() -> None:
    with emulated() as fc:
        _put(fc, {"minInstances": 2})
        _delete(fc)
        fc.put({"defaultTarget": 7})
        fc.emulator.faults.add(Fault(action="GetScalingConfig", stale=True))
        assert _get(fc)["minInstances"] == 2
        fc.emulator.faults.add(Fault(action="GetProvisionConfig", stale=True))
        assert fc.get()["functionArn"] == ""
        fc.emulator.faults.add(Fault(action="ListScalingConfigs", stale=True))
        stale = fc.client.list_scaling_configs(models.ListScalingConfigsRequest()).body.scaling_configs
        assert [config.min_instances for config in stale] == [2]
        assert not fc.client.list_scaling_configs(models.ListScalingConfigsRequest()).body.scaling_configs


def test_scaling_configs_survive_a_restart(tmp_path: Path) -> None:
    def start() -> Emulator:
        return Emulator(World(functions=(ASR,)), clock=ManualClock(NOON), database=tmp_path / "fc.db")

    first = start()
    body = {"minInstances": 3, "residentPoolId": "fc-pool-1", "horizontalScalingPolicies": [_scaler()]}
    call = Call(function_name="asr", query={"qualifier": "prod"}, body=body)
    first.call("PutScalingConfig", call)
    first.advance(timedelta(minutes=2))
    stored = first.config("asr", "prod")
    first.close()
    second = start()
    assert second.call("GetScalingConfig", call) == stored
    assert stored is not None
    assert (stored["currentInstances"], stored["residentPoolId"]) == (3, "fc-pool-1")
    second.close()
