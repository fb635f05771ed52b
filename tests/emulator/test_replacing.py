"""What a put leaves behind, and what Get, Put and Delete answer."""

import pytest
from alibabacloud_fc20230330 import models

from tests.emulator.fc import ASR, emulated
from tests.published import action, policy

_UP = action("up", "cron(0 0 20 * * *)", 5)


def test_the_answer_of_a_put_shows_the_static_value_and_echoes_the_policies() -> None:
    # fc-java-sdk's live test.
    with emulated() as fc:
        body = {"defaultTarget": 2, "scheduledActions": [_UP], "targetTrackingPolicies": [policy()]}
        answer = fc.put(body)
        assert answer == {
            **body,
            "alwaysAllocateCPU": True,
            "alwaysAllocateGPU": True,
            "current": 0,
            "currentError": "",
            "functionArn": "acs:fc:cn-shanghai:1234567890123456:functions/asr/prod",
            "target": 2,
        }
        assert fc.get() == answer


@pytest.mark.parametrize("absent", [{}, {"scheduledActions": None, "targetTrackingPolicies": None}])
def test_a_list_that_is_absent_or_null_is_kept(absent: dict[str, None]) -> None:
    # fc-java-sdk's live test.
    with emulated() as fc:
        fc.put({"defaultTarget": 1, "scheduledActions": [_UP], "targetTrackingPolicies": [policy()]})
        answer = fc.put_raw({"defaultTarget": 7, **absent})
        assert answer["defaultTarget"] == 7
        assert answer["scheduledActions"] == [_UP]
        assert answer["targetTrackingPolicies"] == [policy()]


def test_an_empty_list_clears() -> None:
    with emulated() as fc:
        fc.put({"defaultTarget": 1, "scheduledActions": [_UP], "targetTrackingPolicies": [policy()]})
        answer = fc.put_raw({"scheduledActions": [], "targetTrackingPolicies": []})
        assert (answer["scheduledActions"], answer["targetTrackingPolicies"]) == ([], [])
        assert answer["defaultTarget"] == 1


def test_the_typed_sdk_sends_both_lists_and_so_replaces_everything() -> None:
    with emulated() as fc:
        fc.put({"defaultTarget": 1, "scheduledActions": [_UP]})
        assert fc.put({"defaultTarget": 1})["scheduledActions"] == []


def test_scalars_that_are_absent_are_kept_or_reset_by_the_switch() -> None:
    flags = {"alwaysAllocateCPU": False, "alwaysAllocateGPU": False}
    with emulated() as fc:
        fc.put({"defaultTarget": 3, **flags})
        kept = fc.put_raw({})
        assert (kept["defaultTarget"], kept["alwaysAllocateGPU"]) == (3, False)
    with emulated(absent_scalars="reset") as fc:
        fc.put({"defaultTarget": 3, **flags})
        reset = fc.put_raw({})
        assert (reset["defaultTarget"], reset["alwaysAllocateGPU"]) == (0, True)


def test_target_stands_in_for_an_absent_default_and_yields_to_it() -> None:
    with emulated() as fc:
        assert fc.put_raw({"target": 4})["defaultTarget"] == 4
        assert fc.put_raw({"target": 4, "defaultTarget": 6})["defaultTarget"] == 6
    with emulated(target_field="target") as fc:
        assert fc.put_raw({"target": 4, "defaultTarget": 6})["defaultTarget"] == 4


def test_keys_that_fc_does_not_know_are_accepted_and_forgotten() -> None:
    # Terraform's resource sends functionName in the body.
    with emulated() as fc:
        assert "functionName" not in fc.put_raw({"defaultTarget": 1, "functionName": "asr"})


def test_every_alias_and_latest_have_a_config_of_their_own() -> None:
    with emulated() as fc:
        fc.put({"defaultTarget": 1}, "prod")
        fc.put({"defaultTarget": 2}, "canary")
        fc.put({"defaultTarget": 3}, "LATEST")
        assert [fc.get(q)["defaultTarget"] for q in ("prod", "canary", "LATEST")] == [1, 2, 3]


def test_no_qualifier_means_latest() -> None:
    with emulated() as fc:
        request = models.PutProvisionConfigRequest(body=models.PutProvisionConfigInput(default_target=3))
        fc.client.put_provision_config("asr", request)
        assert fc.get("LATEST")["defaultTarget"] == 3


def test_a_config_that_was_never_put_is_empty_without_an_arn() -> None:
    # Serverless Devs fc3 takes an empty functionArn for "does not exist".
    with emulated() as fc:
        answer = fc.get()
        assert answer["functionArn"] == ""
        assert (answer["target"], answer["current"], answer["scheduledActions"]) == (0, 0, [])


def test_delete_answers_204_destroys_the_instances_and_may_be_repeated() -> None:
    with emulated() as fc:
        fc.put({"defaultTarget": 3})
        fc.wait(seconds=30)
        assert fc.get()["current"] == 3
        assert fc.delete() == 204
        assert fc.delete() == 204
        fc.wait(seconds=60)
        assert (fc.get()["functionArn"], fc.get()["current"]) == ("", 0)


def test_answers_carry_a_request_id_and_the_date_of_the_clock() -> None:
    with emulated() as fc:
        request = models.GetProvisionConfigRequest(qualifier="prod")
        headers = fc.client.get_provision_config("asr", request).headers
        assert headers["x-fc-request-id"].startswith("1-")
        assert headers["date"] == "Mon, 23 Nov 2026 12:00:00 GMT"


def test_get_function_reads_into_the_official_model() -> None:
    with emulated() as fc:
        request = models.GetFunctionRequest(qualifier="prod")
        function = fc.client.get_function("asr", request).body
        assert function.function_arn == "acs:fc:cn-shanghai:1234567890123456:functions/asr"
        assert function.instance_concurrency == ASR.instance_concurrency
        assert function.log_config.enable_instance_metrics is True
        assert function.gpu_config is None
