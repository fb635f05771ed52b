"""What is no document of FC is refused as FC would, and nothing that was refused stays behind."""

import base64
import http.client
import json
import logging
from dataclasses import replace
from urllib.parse import quote

import pytest

from planner.emulator import FunctionSpec, Load, Settings
from planner.emulator.models.bill import Prices, rates
from planner.emulator.models.emulator import Emulator
from planner.emulator.models.operations import OPERATIONS
from tests.emulator.fc import ASR, NOON, Fc, Switches, emulated
from tests.published import Body, action, policy

_CONFIG = "/2023-03-30/functions/asr/provision-config?qualifier=prod"
_DEEP = "[" * 100_000


def send(fc: Fc, method: str, path: str, body: str | bytes | None = None) -> tuple[int, Body, dict[str, str]]:
    """Any bytes as they are: status, JSON and headers of the answer."""
    connection = http.client.HTTPConnection(fc.url.removeprefix("http://"), timeout=20)
    try:
        connection.request(method, path, body.encode() if isinstance(body, str) else body)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read() or b"{}"), {k.lower(): v for k, v in answer.getheaders()}
    finally:
        connection.close()


@pytest.mark.parametrize("goal", [1e-320, 2.2250738585072009e-308])
def test_a_metric_target_that_no_float_holds_whole_is_refused(goal: float) -> None:
    with emulated() as fc:
        code, text = fc.refusal({"targetTrackingPolicies": [policy(metricTarget=goal)]})
        assert (code, text) == (
            "InvalidArgument",
            f"The MetricTarget should be greater than 0 and at most 1 (actual: {goal})",
        )


def test_the_smallest_metric_target_scales_to_the_maximum_and_nothing_overflows() -> None:
    with emulated() as fc:
        fc.emulator.offer("asr", Load.constant(1000), qualifier="prod", metric="CPUUtilization")
        tiny = policy(metricType="CPUUtilization", metricTarget=2.2250738585072014e-308, minCapacity=1, maxCapacity=7)
        fc.put({"targetTrackingPolicies": [tiny]})
        fc.wait(minutes=8)
        assert fc.target() == 7


_HALF = '{"defaultTarget": 1, "scheduledActions": [{"name": "\\ud800", "scheduleExpression": "x", "target": 1}]}'


@pytest.mark.parametrize(
    "body",
    [
        _HALF,
        '{"defaultTarget": 1, "\\udfff": 1}',
        b'{"defaultTarget": 1, "note": "\xed\xa0\x80"}',
        _DEEP,
        '{"defaultTarget": 1, "note": ' + "[" * 65 + "]" * 65 + "}",
        '{"defaultTarget": 1, "note": NaN}',
        '{"defaultTarget": 1, "note": 1e400}',
        '{"defaultTarget": ' + "1" * 5000 + "}",
        '{"defaultTarget"',
    ],
    ids=[
        "half a pair",
        "half a pair in a key",
        "half a pair in bytes",
        "deep",
        "a little deep",
        "NaN",
        "infinite",
        "long",
        "cut",
    ],
)
def test_a_body_that_could_not_be_sent_again_as_json_is_refused_and_lists_go_on(body: str | bytes) -> None:
    with emulated() as fc:
        fc.put({"defaultTarget": 2})
        status, answer, headers = send(fc, "PUT", _CONFIG, body)
        assert (status, answer["Code"]) == (400, "InvalidArgument")
        assert headers["x-fc-request-id"] == answer["RequestId"]
        assert [entry["defaultTarget"] for entry in fc.page()[0]] == [2]
        assert fc.admin("GET", "/_emulator/journal")[0] == 200
        assert fc.admin("GET", "/_emulator/state")[0] == 200


def test_json_that_is_nested_as_deep_as_allowed_is_read() -> None:
    with emulated() as fc:
        status, _, _ = send(fc, "PUT", _CONFIG, '{"defaultTarget": 1, "note": ' + "[" * 62 + "]" * 62 + "}")
        assert status == 200


_INSTANCES = "/2023-03-30/functions/asr/instances?qualifier=prod"
_CONFIGS = "/2023-03-30/provision-configs"
_POINTS = "/?Action=DescribeMetricList&Namespace=acs_fc&MetricName=FunctionTotalInvocations"
_TOKEN = base64.urlsafe_b64encode(b"[" * 20_000).decode()


@pytest.mark.parametrize(
    "path",
    [
        f"{_INSTANCES}&instanceIds={'[' * 20_000}",
        f"{_INSTANCES}&instanceIds={quote(json.dumps([chr(0xD800)]))}",
        f"{_INSTANCES}&limit={'9' * 5000}",
        f"{_CONFIGS}?limit={'9' * 5000}",
        f"{_CONFIGS}?nextToken={_TOKEN}",
        f"{_POINTS}&Length={'9' * 5000}",
        f"{_POINTS}&Dimensions={'[' * 20_000}",
        f"{_POINTS}&Dimensions={quote(json.dumps({chr(0xD800): 'x'}))}",
        f"{_POINTS}&NextToken={_TOKEN}",
    ],
    ids=lambda path: path[:120],
)
def test_a_query_that_is_endless_or_deep_is_refused(path: str) -> None:
    with emulated() as fc:
        status, answer, headers = send(fc, "GET", path)
        assert (status, answer["Code"]) in ((400, "InvalidArgument"), (400, "ParameterInvalid"))
        assert headers["x-fc-request-id"]


@pytest.mark.parametrize("body", [_DEEP, '{"kind": "\\ud800"}', "[]"])
def test_the_admin_routes_refuse_what_is_no_object_of_json(body: str) -> None:
    with emulated() as fc:
        status, answer, _ = send(fc, "POST", "/_emulator/faults", body)
        assert (status, list(answer)) == (400, ["error"])


def test_a_time_beyond_all_times_is_refused_by_the_admin_routes() -> None:
    with emulated() as fc:
        assert fc.admin("POST", "/_emulator/clock", {"advanceSeconds": 1e300})[0] == 400
        assert fc.emulator.now() == NOON


def _fails(*_: object) -> None:
    message = "nobody foresaw this"
    raise ZeroDivisionError(message)


def test_an_error_that_nothing_foresaw_answers_as_the_service_does_and_is_logged(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(OPERATIONS, "GetProvisionConfig", _fails)  # type: ignore[arg-type]  # a table that is written once
    with emulated() as fc, caplog.at_level(logging.ERROR, "planner.emulator"):
        status, answer, headers = send(fc, "GET", _CONFIG)
        entry = fc.emulator.journal.entries("GetProvisionConfig")[-1]
    assert (status, answer) == (
        500,
        {
            "Code": "InternalServerError",
            "Message": "an internal error has occurred. Please retry.",
            "RequestId": headers["x-fc-request-id"],
        },
    )
    assert (entry.status, entry.code, entry.effect) == (500, "InternalServerError", False)
    assert "nobody foresaw this" in caplog.text


def test_an_error_outside_of_the_api_answers_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Emulator, "state", _fails)
    with emulated() as fc:
        status, answer, headers = send(fc, "GET", "/_emulator/state")
    assert (status, answer["Code"], answer["RequestId"]) == (500, "InternalServerError", headers["x-fc-request-id"])


@pytest.mark.parametrize("method", ["POST", "PATCH", "OPTIONS", "PURGE"])
def test_a_path_with_a_method_that_it_lacks_is_said_not_to_be_supported(method: str) -> None:
    with emulated() as fc:
        status, answer, headers = send(fc, method, _CONFIG)
    path = _CONFIG.partition("?")[0]
    assert (status, answer["Code"]) == (404, "PathNotSupported")
    assert answer["Message"] == f"'{method}' against '{path}' is not supported"
    assert answer["RequestId"] == headers["x-fc-request-id"]


@pytest.mark.parametrize("method", ["GET", "OPTIONS"])
def test_an_unknown_path_says_loudly_that_it_is_not_covered(method: str) -> None:
    with emulated() as fc:
        status, answer, headers = send(fc, method, "/2023-03-30/functions/asr/versions")
    assert (status, answer["Code"]) == (501, "NotImplemented")
    assert headers["x-fc-request-id"]


def test_a_slash_within_a_name_is_part_of_the_name() -> None:
    with emulated() as fc:
        status, answer, _ = send(fc, "GET", "/2023-03-30/functions/my%20func%2fx/provision-config")
        assert (status, answer["Message"]) == (404, "function 'my func/x' does not exist.")
        status, answer, _ = send(fc, "GET", "/2023-03-30/functions/asr/aliases/a%2Fb")
        assert (status, answer["Message"]) == (404, "alias 'a/b' of function 'asr' does not exist.")


def test_a_body_over_the_bound_is_refused_and_one_at_it_is_not() -> None:
    with emulated() as fc:
        for size, status in ((1 << 20, 200), ((1 << 20) + 1, 413)):
            body = '{"defaultTarget": 1}'.ljust(size)
            found, answer, headers = send(fc, "PUT", _CONFIG, body)
            assert found == status
            assert headers["x-fc-request-id"]
        assert answer["Code"] == "EntityTooLarge"


def test_a_function_may_bring_more_than_a_config_since_code_may_travel_with_it() -> None:
    with emulated() as fc:
        function = {"functionName": "f", "runtime": "python3.10", "handler": "h", "code": {"zipFile": "A" * (2 << 20)}}
        assert send(fc, "POST", "/2023-03-30/functions", json.dumps(function))[0] == 200


_NINE = {"defaultTarget": 2, "scheduledActions": [action("a", "cron(0 0 9 * * *)", 9)]}


def test_puts_that_follow_each_other_faster_than_the_lag_do_not_postpone_the_evaluation() -> None:
    with emulated() as fc:
        targets = []
        for _ in range(4):
            fc.put(_NINE)
            fc.wait(seconds=50)
            targets.append(fc.target())
    # Puts at 0, 50, 100 and 150 s are evaluated at 60, 60, 160 and 160 s.
    assert targets == [2, 9, 2, 9]


def test_a_put_after_the_evaluation_waits_for_its_own() -> None:
    with emulated() as fc:
        fc.put(_NINE)
        fc.wait(seconds=70)
        fc.put(_NINE)
        fc.wait(seconds=59)
        assert fc.target() == 2
        fc.wait(seconds=1)
        assert fc.target() == 9


def test_a_deleted_config_shows_its_instances_until_the_lag_is_over() -> None:
    with emulated() as fc:
        fc.put({**_NINE, "defaultTarget": 3})
        fc.wait(seconds=30)
        fc.delete()
        shown = fc.get()
        assert shown["functionArn"].endswith("functions/asr/prod")
        assert (shown["current"], shown["target"], shown["defaultTarget"], shown["scheduledActions"]) == (3, 0, 0, [])
        assert fc.page() == ([], None)
        fc.wait(seconds=59)
        assert fc.get()["current"] == 3
        fc.wait(seconds=1)
        assert (fc.get()["functionArn"], fc.get()["current"]) == ("", 0)


def test_a_put_ends_what_a_deleted_config_shows() -> None:
    with emulated() as fc:
        fc.put({"defaultTarget": 3})
        fc.wait(seconds=30)
        fc.delete()
        fc.put({"defaultTarget": 0})
        fc.delete()
        assert fc.get()["functionArn"] == ""


def test_behind_the_switch_a_deleted_config_is_gone_at_once() -> None:
    with emulated(deleted_instances="gone") as fc:
        fc.put({"defaultTarget": 3})
        fc.wait(seconds=30)
        fc.delete()
        assert (fc.get()["functionArn"], fc.get()["current"]) == ("", 0)


@pytest.mark.parametrize(("switch", "target"), [("hold", 4), ("scale", 20)])
def test_trackers_whose_metrics_are_switched_off_hold_or_go_on_by_the_switch(switch: str, target: int) -> None:
    with emulated(trackers_without_metrics=switch) as fc:
        fc.put({"targetTrackingPolicies": [policy(metricTarget=0.5, minCapacity=4, maxCapacity=20)]})
        fc.wait(minutes=5)
        status, _, _ = send(fc, "PUT", "/2023-03-30/functions/asr", '{"logConfig": {"enableInstanceMetrics": false}}')
        assert status == 200
        fc.emulator.offer("asr", Load.constant(400), qualifier="prod")
        fc.wait(minutes=30)
        assert fc.target() == target


def test_a_put_that_keeps_trackers_needs_instance_metrics_as_one_that_brings_them() -> None:
    with emulated() as fc:
        fc.put({"targetTrackingPolicies": [policy()]})
        fc.emulator.put_function(replace(ASR, instance_metrics=False))
        before = fc.get()
        assert fc.refusal({"defaultTarget": 1})[0] == "InstanceMetricsRequired"
        assert fc.get() == before
        assert fc.put_raw({"defaultTarget": 1, "targetTrackingPolicies": []})["defaultTarget"] == 1


_BORN: Body = {"functionName": "f", "runtime": "custom", "handler": "h"}


def _made(fc: Fc, body: Body) -> tuple[int, str]:
    """Status and text of CreateFunction, and the same of UpdateFunction."""
    status, created = fc.admin("POST", "/2023-03-30/functions", {**_BORN, **body})
    again, updated = fc.admin("PUT", "/2023-03-30/functions/asr", body)
    assert (status, created.get("Message")) == (again, updated.get("Message"))
    return status, str(created.get("Message", ""))


@pytest.mark.parametrize("holder", ["customContainerConfig", "customRuntimeConfig"])
@pytest.mark.parametrize(
    ("name", "low", "high"),
    [
        ("initialDelaySeconds", 0, 120),
        ("periodSeconds", 1, 120),
        ("timeoutSeconds", 1, 3),
        ("failureThreshold", 1, 120),
        ("successThreshold", 1, 120),
    ],
)
def test_a_health_check_keeps_its_ranges(holder: str, name: str, low: int, high: int) -> None:
    def check(value: int) -> Body:
        return {holder: {"image": "i", "healthCheckConfig": {name: value}}}

    with emulated() as fc:
        title = name[0].upper() + name[1:]
        for wrong in (low - 1, high + 1):
            text = f"The {title} should be from {low} to {high} in steps of 1 (actual: {wrong})"
            assert _made(fc, check(wrong)) == (400, text)
        assert _made(fc, check(low))[0] == 200
        assert fc.admin("PUT", "/2023-03-30/functions/asr", check(high))[0] == 200


def test_the_url_of_a_health_check_has_2048_characters_at_most() -> None:
    with emulated() as fc:
        for length, status in ((2049, 400), (2048, 200)):
            url = "/".ljust(length, "x")
            assert _made(fc, {"customRuntimeConfig": {"healthCheckConfig": {"httpGetUrl": url}}})[0] == status


@pytest.mark.parametrize(
    ("gpu", "status"),
    [
        ({"gpuType": "fc.gpu.titan.1", "gpuMemorySize": 16384}, 400),
        ({"gpuType": "fc.gpu.ada.2", "gpuMemorySize": 12288}, 400),
        ({"gpuType": "fc.gpu.ada.2", "gpuMemorySize": 49152}, 400),
        ({"gpuType": "fc.gpu.hopper.1", "gpuMemorySize": 1024}, 400),
        ({"gpuType": "fc.gpu.tesla.1", "gpuMemorySize": 17408}, 400),
        ({"gpuType": "fc.gpu.tesla.1", "gpuMemorySize": 1000}, 400),
        ({"gpuType": "fc.gpu.tesla.1", "gpuMemorySize": 4096}, 200),
        ({"gpuType": "g1", "gpuMemorySize": 16384}, 200),
        ({"gpuType": "fc.gpu.ampere.1", "gpuMemorySize": 24576}, 200),
        ({"gpuType": "fc.gpu.ada.1", "gpuMemorySize": 49152}, 200),
        ({"gpuType": "fc.gpu.ada.2", "gpuMemorySize": 24576}, 200),
        ({"gpuType": "fc.gpu.ada.3", "gpuMemorySize": 49152}, 200),
        ({"gpuType": "fc.gpu.hopper.1", "gpuMemorySize": 98304}, 200),
        ({"gpuType": "fc.gpu.xpu.1", "gpuMemorySize": 98304}, 200),
    ],
    ids=lambda value: "-".join(map(str, value.values())) if isinstance(value, dict) else str(value),
)
def test_a_gpu_is_of_a_known_type_and_whole_where_its_type_is_new(gpu: Body, status: int) -> None:
    with emulated() as fc:
        assert _made(fc, {"gpuConfig": gpu})[0] == status


def test_the_older_name_of_a_gpu_has_the_price_and_the_quota_of_the_newer() -> None:
    tesla = FunctionSpec(name="tesla", gpu_type="fc.gpu.tesla.1", gpu_memory_mb=16384)
    older = replace(tesla, name="older", gpu_type="g1")
    assert rates(older, Prices()) == rates(tesla, Prices())
    with emulated(tesla, older, gpu_cards_per_type=3) as fc:
        fc.put({"defaultTarget": 2}, "LATEST", "tesla")
        fc.put({"defaultTarget": 2}, "LATEST", "older")
        fc.wait(minutes=1)
        shown = fc.get("LATEST", "older")
        assert shown["current"] == 1
        assert shown["currentError"] == "Account's total GPU usage of 'fc.gpu.tesla.1' exceeded"
        assert fc.admin("GET", "/2023-03-30/functions/older")[1]["gpuConfig"]["gpuType"] == "g1"


@pytest.mark.parametrize(
    ("switches", "launched"),
    [
        ({"region": "cn-zhangjiakou"}, [300, 600, 900]),
        ({"region": "cn-chengdu"}, [100, 200, 300]),
        ({"region": "cn-chengdu", "growth_burst": 7, "growth_per_minute": 2}, [7, 7 + 2, 7 + 4]),
        ({"growth_burst": 0, "growth_per_minute": 0}, [0, 0, 0]),
    ],
)
def test_instances_grow_as_fast_as_the_region_lets_them_unless_it_is_said(
    switches: Switches, launched: list[int]
) -> None:
    with emulated(replace(ASR, startup_seconds=(0.0,)), region_instances=2000, **switches) as fc:
        fc.put({"defaultTarget": 1000})
        currents = []
        for _ in launched:
            currents.append(fc.get()["current"])
            fc.wait(minutes=1)
    assert currents == launched


def test_a_growth_below_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="growth_burst"):
        Settings(growth_burst=-2)


@pytest.mark.parametrize(("pool", "status"), [("fc-pool-1", 400), ("", 200)])
def test_the_type_of_a_gpu_stays_where_a_pool_is_bound_alone(pool: str, status: int) -> None:
    tesla = replace(ASR, gpu_type="fc.gpu.tesla.1", gpu_memory_mb=16384)
    with emulated(tesla) as fc:
        path = "/2023-03-30/functions/asr/scaling-config?qualifier=prod"
        assert fc.admin("PUT", path, {"minInstances": 1, "residentPoolId": pool})[0] == 200
        change = {"gpuConfig": {"gpuType": "fc.gpu.ada.2", "gpuMemorySize": 24576}}
        assert fc.admin("PUT", "/2023-03-30/functions/asr", change)[0] == status


@pytest.mark.parametrize("expression", ["cron(0/30 * * * *)", "cron(0 0 9 * * FRI-MON)", "cron(0 0 ? * * *)"])
def test_what_the_page_lists_as_refused_of_a_cron_is_refused(expression: str) -> None:
    with emulated() as fc:
        assert fc.refusal({"scheduledActions": [action("a", expression, 1)]})[0] == "InvalidArgument"


def test_a_tag_of_a_version_is_ignored_and_never_sent() -> None:
    with emulated() as fc:
        connection = http.client.HTTPConnection(fc.url.removeprefix("http://"), timeout=20)
        connection.request("PUT", _CONFIG, b'{"defaultTarget": 1}', {"If-Match": '"another"'})
        answer = connection.getresponse()
        assert (answer.status, answer.getheader("ETag")) == (200, None)
        connection.close()
