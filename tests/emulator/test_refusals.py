"""Every refusal with its code, status and text."""

from dataclasses import replace

import pytest
from alibabacloud_fc20230330 import models
from alibabacloud_tea_openapi.exceptions import ClientException, ServerException

from tests.emulator.fc import ASR, emulated
from tests.published import SHANGHAI, Body, action, policy

_CRON = "cron(0 0 20 * * *)"
_JAVA = "seen live by fc-java-sdk"
_OWN = "the emulator's own, in the same style"


def _actions(*entries: Body) -> Body:
    return {"scheduledActions": list(entries)}


def _policies(*entries: Body) -> Body:
    return {"targetTrackingPolicies": list(entries)}


def _starting(text: str, **more: str) -> Body:
    return _actions(action("action1", _CRON, 1, startTime=text, **more))


@pytest.mark.parametrize(
    ("body", "text", "source"),
    [
        (
            _actions(action("action1", _CRON, 1), action("action1", _CRON, 2)),
            "Duplicate action name 'action1' in ScheduledActions is not allowed",
            _JAVA,
        ),
        (
            _starting("2020-10-10T10:10:10"),
            "The StartTime is not in UTC time format (example: '2020-10-10T10:10:10Z', actual: '2020-10-10T10:10:10')",
            _JAVA,
        ),
        (
            _actions(action("action1", "cron(0s */30 * * * *)", 1)),
            (
                "The ScheduleExpression should be atTime or cron expression "
                "(example: ['at(2020-10-10T10:10:10Z)', 'cron(0 */30 * * * *)'], "
                "actual: 'cron(0s */30 * * * *)')"
            ),
            _JAVA,
        ),
        (
            _actions(*(action(f"action{i}", _CRON, 1) for i in range(110))),
            "ScheduledActions contains too many values (max: 100, actual: 110)",
            _JAVA,
        ),
        (
            _policies(*(policy(f"p{i}") for i in range(101))),
            "TargetTrackingPolicies contains too many values (max: 100, actual: 101)",
            _OWN,
        ),
        (
            _policies(policy("p"), policy("p")),
            "Duplicate policy name 'p' in TargetTrackingPolicies is not allowed",
            _OWN,
        ),
        (
            _starting("2020-10-10T10:10:10Z", timeZone=SHANGHAI),
            (
                "The StartTime is not in local time format "
                "(example: '2020-10-10T10:10:10', actual: '2020-10-10T10:10:10Z')"
            ),
            _OWN,
        ),
        (
            _starting("2020-10-10T10:10:10", timeZone="Asia/Peking"),
            "The TimeZone is not an IANA time zone (example: 'Asia/Shanghai', actual: 'Asia/Peking')",
            _OWN,
        ),
        (
            _starting("2020-10-10T10:10:10Z", endTime="2020-10-10T10:10:10Z"),
            "The StartTime should be before the EndTime (actual: '2020-10-10T10:10:10Z', '2020-10-10T10:10:10Z')",
            _OWN,
        ),
        (
            {"defaultTarget": 10001},
            "The DefaultTarget should be an integer from 0 to 10000 (actual: 10001)",
            _OWN,
        ),
        (
            {"target": -1},
            "The Target should be an integer from 0 to 10000 (actual: -1)",
            _OWN,
        ),
        (
            {"defaultTarget": True},
            "The DefaultTarget should be an integer from 0 to 10000 (actual: True)",
            _OWN,
        ),
        (
            {"alwaysAllocateGPU": "no"},
            "The AlwaysAllocateGPU should be of type bool (actual: 'no')",
            _OWN,
        ),
        (
            _actions({"scheduleExpression": _CRON, "target": 1}),
            "The Name is required",
            _OWN,
        ),
        (
            _actions({"name": "up", "scheduleExpression": _CRON}),
            "The Target should be an integer from 0 to 10000 (actual: none)",
            _OWN,
        ),
        ({"scheduledActions": ["up"]}, "ScheduledActions should contain objects only", _OWN),
        (
            _policies(policy(metricType="GPUSmUtilization")),
            (
                "The MetricType should be one of [ProvisionedConcurrencyUtilization, CPUUtilization, "
                "GPUMemUtilization] (actual: 'GPUSmUtilization')"
            ),
            _OWN,
        ),
        (
            _policies(policy(metricTarget=0)),
            "The MetricTarget should be greater than 0 and at most 1 (actual: 0)",
            _OWN,
        ),
        (
            _policies(policy(metricTarget=1.01)),
            "The MetricTarget should be greater than 0 and at most 1 (actual: 1.01)",
            _OWN,
        ),
        (
            _policies(policy(minCapacity=3, maxCapacity=2)),
            "The MinCapacity should not be greater than the MaxCapacity (actual: 3, 2)",
            _OWN,
        ),
        (["no object"], "The request body should be a JSON object", _OWN),
    ],
    ids=lambda value: value[:60] if isinstance(value, str) else None,
)
def test_a_faulty_put_is_refused_with_its_text_and_changes_nothing(body: object, text: str, source: str) -> None:
    with emulated() as fc:
        before = fc.put({"defaultTarget": 1})
        assert fc.refusal(body) == ("InvalidArgument", text), source
        assert fc.get() == before


def test_a_tracker_needs_instance_metrics() -> None:
    dark = replace(ASR, instance_metrics=False)
    with emulated(dark) as fc:
        assert fc.refusal(_policies(policy())) == (
            "InstanceMetricsRequired",
            "Target tracking policy required instance metrics enabled.",
        )
        fc.emulator.put_function(ASR)
        assert fc.put(_policies(policy()))["targetTrackingPolicies"] == [policy()]


@pytest.mark.parametrize(
    ("name", "qualifier", "status", "code", "text"),
    [
        ("ghost", "prod", 404, "FunctionNotFound", "function 'ghost' does not exist."),
        ("asr", "beta", 404, "AliasNotFound", "alias 'beta' of function 'asr' does not exist."),
        (
            "asr",
            "3",
            400,
            "InvalidArgument",
            "The Qualifier should be an alias or LATEST (actual: '3')",
        ),
    ],
)
def test_what_does_not_exist_is_said_on_every_action(
    name: str, qualifier: str, status: int, code: str, text: str
) -> None:
    with emulated() as fc:
        function = models.GetFunctionRequest(qualifier=qualifier)
        for call in (
            lambda: fc.get(qualifier, name),
            lambda: fc.put({"defaultTarget": 1}, qualifier, name),
            lambda: fc.delete(qualifier, name),
            lambda: fc.client.get_function(name, function),
        ):
            with pytest.raises(ClientException) as refusal:
                call()
            assert (refusal.value.status_code, refusal.value.code) == (status, code)
            assert refusal.value.data["Message"] == text
            assert refusal.value.request_id.startswith("1-")


def test_a_missing_config_is_404_behind_its_switch() -> None:
    with emulated(missing_config="not_found") as fc, pytest.raises(ClientException) as refusal:
        fc.get()
    assert (refusal.value.status_code, refusal.value.code) == (404, "ProvisionConfigNotFound")


def test_a_body_that_is_no_json_is_refused() -> None:
    with emulated() as fc:
        path = "/2023-03-30/functions/asr/provision-config?qualifier=prod"
        status, body = fc.admin("PUT", path, "a text")
        assert (status, body["Code"]) == (400, "InvalidArgument")


def test_a_route_that_is_not_covered_says_so_and_names_what_is() -> None:
    with emulated() as fc, pytest.raises(ServerException) as refusal:
        fc.client.list_triggers("asr", models.ListTriggersRequest())
    assert (refusal.value.status_code, refusal.value.code) == (501, "NotImplemented")
    assert "PutProvisionConfig" in refusal.value.data["Message"]
