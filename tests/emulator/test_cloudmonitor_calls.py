"""Calls of Cloud Monitor: pages, refusals, forms, limits of calls, faults."""

import base64
import json
import math
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import cache
from urllib.parse import urlencode
from urllib.request import ProxyHandler, Request, build_opener

import pytest
from alibabacloud_cms20190101 import models
from alibabacloud_cms20190101.client import Client
from alibabacloud_tea_openapi.exceptions import ClientException, ServerException
from alibabacloud_tea_openapi.models import Config
from hypothesis import example, given
from hypothesis import strategies as st

from planner.emulator import Emulator, Fault, Load, ManualClock, MetricFault, World, running
from planner.emulator.errors import ApiError, ThrottledUser
from planner.emulator.models.cloudmonitor import ACTIONS
from planner.emulator.models.metrics import METRICS
from planner.emulator.routes.cloudmonitor import CallRate
from tests.emulator.fc import ASR, NOON
from tests.emulator.monitor import FUNCTION, MINUTE, busy, milliseconds, monitored, request


def test_pages_hold_every_point_once_while_new_ones_appear() -> None:
    with monitored() as monitor:
        for function in ("asr", "tts"):
            monitor.emulator.offer(function, Load.constant(1))
        monitor.fc.wait(minutes=30)
        asked = {"dimensions": None, "length": "7", "end_time": milliseconds(NOON + timedelta(minutes=34))}
        points = monitor.all_points("FunctionTotalInvocations", between=lambda: monitor.fc.wait(minutes=1), **asked)
        places = [(point["timestamp"], point["functionName"]) for point in points]
        start = round(NOON.timestamp() * 1000)
        assert places == [(start + minute * 60_000, name) for minute in range(35) for name in ("asr", "tts")]


def test_a_page_holds_a_thousand_points_and_1440_at_most() -> None:
    with monitored() as monitor:
        monitor.emulator.offer("asr", Load.constant(1))
        monitor.fc.wait(days=2)
        asked = {"end_time": milliseconds(NOON + timedelta(days=2))}
        assert len(monitor.points("FunctionTotalInvocations", **asked)) == 1000
        assert len(monitor.points("FunctionTotalInvocations", **asked, length="1440")) == 1440


def test_what_is_too_old_is_gone() -> None:
    with monitored(kept_days=1) as monitor:
        monitor.emulator.offer("asr", Load.constant(1))
        monitor.fc.wait(days=2)
        asked = {"end_time": milliseconds(NOON + timedelta(days=2)), "length": "1"}
        (point,) = monitor.points("FunctionTotalInvocations", **asked)
        assert point["timestamp"] == round((NOON + timedelta(days=1, minutes=1)).timestamp() * 1000)


def test_longer_periods_reach_further_back_and_agree_with_the_minutes() -> None:
    with monitored(kept_days=1, coarse_kept_days=4, on_demand_idle_seconds=0) as monitor:
        load = Load(values=(1.0, 9.0, 2.0, 4.0, 4.0), start=NOON, repeat=True, duration_seconds=2.0)
        monitor.emulator.offer("asr", load)
        monitor.fc.wait(days=5)
        end = NOON + timedelta(days=5)
        asked = {"start_time": milliseconds(NOON), "end_time": milliseconds(end), "length": "1440"}

        def oldest(period: int) -> float:
            first = monitor.points("FunctionTotalInvocations", **asked, period=str(period))[0]
            return float(end.timestamp() - first["timestamp"] / 1000)

        assert oldest(60) == 24 * 3600 - 60
        for period in (300, 900, 3600):
            assert oldest(period) == 4 * 24 * 3600 - period
        for metric, expected in (
            ("FunctionTotalInvocations", 20 * 30.0 * 12),
            ("FunctionOndemandActiveInstance", 1.4),
            ("FunctionAvgDuration", 2000.0),
        ):
            values = monitor.values(metric, **asked, period="3600")
            assert len(values) == 4 * 24 - 1
            assert set(values) == {expected}


GOOD = {"namespace": "acs_fc", "metric_name": "FunctionTotalInvocations"}
REFUSALS = {
    "no namespace": ({"namespace": None}, 400, "MissingNamespace", "Namespace is mandatory"),
    "no metric": ({"metric_name": None}, 400, "MissingMetricName", "MetricName is mandatory"),
    "another namespace": ({"namespace": "acs_ecs"}, 404, "ResourceNotFound", "The specified resource is not found."),
    "another metric": ({"metric_name": "FunctionLatencyAvg"}, 501, "NotImplemented", "it has RegionConcurrentCount"),
    "express": ({"express": '{"groupby":["region"]}'}, 501, "NotImplemented", "Express"),
    "dimensions no JSON": ({"dimensions": "region"}, 400, "ParameterInvalid", "The Dimensions is not JSON"),
    "dimensions no texts": ({"dimensions": '{"region": 1}'}, 400, "ParameterInvalid", "an object of texts"),
    "dimensions of more": ({"dimensions": '{"qualifier": "prod"}'}, 400, "ParameterInvalid", "(actual: qualifier)"),
    "no dimensions": ({"dimensions": "[]"}, 400, "ParameterInvalid", "1 to 50 resources (actual: 0)"),
    "too many": ({"dimensions": json.dumps([FUNCTION] * 51)}, 400, "ParameterInvalid", "(actual: 51)"),
    "period": ({"period": "15"}, 400, "ParameterInvalid", "The Period should be one of (60, 300, 900, 3600)"),
    "long page": ({"length": "1441"}, 400, "ParameterInvalid", "The Length should be from 1 to 1440"),
    "no page": ({"length": "0"}, 400, "ParameterInvalid", "The Length should be from 1 to 1440"),
    "seconds": ({"start_time": "1795435200"}, 400, "ParameterInvalid", "The StartTime should be milliseconds"),
    "no time": ({"end_time": "2026-13-01 00:00:00"}, 400, "ParameterInvalid", "The EndTime should be milliseconds"),
    "backwards": ({"start_time": milliseconds(NOON + MINUTE)}, 400, "ParameterInvalid", "before the EndTime"),
    "too long": (
        {"start_time": milliseconds(NOON - timedelta(days=31, seconds=1))},
        400,
        "ParameterInvalid",
        "31 days",
    ),
    "token": ({"next_token": "abc"}, 400, "ParameterInvalid", "The NextToken is invalid"),
}


@pytest.mark.parametrize(("asked", "status", "code", "text"), REFUSALS.values(), ids=REFUSALS.keys())
def test_what_makes_no_sense_is_refused_with_one_clear_text(
    asked: dict[str, object], status: int, code: str, text: str
) -> None:
    with monitored() as monitor:
        found = monitor.refusal(**{**GOOD, **asked})
    assert found[:2] == (status, code)
    assert text in found[2]


TIMES = (
    st.integers(-30, 30).map(lambda minutes: milliseconds(NOON + minutes * MINUTE))
    | st.integers(-1, 10**19).map(str)
    | st.datetimes(datetime(1, 1, 1)).map(lambda moment: moment.strftime("%Y-%m-%d %H:%M:%S"))
    | st.sampled_from(["9999-12-31 23:59:59", "9999-12-31T23:59:59Z", "0001-01-01 00:00:00"])
    | st.text(max_size=8)
)
ANYTHING = st.fixed_dictionaries(
    {"Namespace": st.just("acs_fc"), "MetricName": st.sampled_from([*METRICS, "", "cpu"])},
    optional={
        "StartTime": TIMES,
        "EndTime": TIMES,
        "Period": st.sampled_from(["60", "300", "3600", "61", "²", ""]),
        "Length": st.sampled_from(["1", "1440", "1441", "-1", "٣"]),
        "Dimensions": st.recursive(
            st.none() | st.integers() | st.text(max_size=3) | st.sampled_from(["region", "cn-shanghai"]),
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(st.sampled_from(["region", "functionName", "x"]), inner, max_size=3)
            ),
        ).map(json.dumps),
        "NextToken": st.text(max_size=8),
    },
)


def token(*parts: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(parts).encode()).decode()


CALLS = {"Namespace": "acs_fc", "MetricName": "FunctionTotalInvocations"}


@given(action=st.sampled_from(sorted(ACTIONS)), parameters=ANYTHING)
@example("DescribeMetricList", {**CALLS, "StartTime": "9999-12-31T00:00:00Z", "EndTime": "9999-12-31T23:59:59Z"})
@example("DescribeMetricList", {**CALLS, "EndTime": "0001-01-01T00:30:00Z"})
@example("DescribeMetricList", {**CALLS, "NextToken": token("FunctionTotalInvocations", 10**30, [])})
@example("DescribeMetricList", {**CALLS, "NextToken": token("FunctionTotalInvocations", 1, 2)})
def test_whatever_is_asked_is_answered_or_refused(action: str, parameters: dict[str, str]) -> None:
    with monitored_account().account() as account, suppress(ApiError):
        answer = ACTIONS[action](account, parameters)
        assert isinstance(json.loads(answer["Datapoints"]), list)


@cache
def monitored_account() -> Emulator:
    emulator = Emulator(World(functions=(ASR,)), clock=ManualClock(NOON))
    emulator.offer("asr", Load.constant(1))
    emulator.advance(timedelta(minutes=10))
    return emulator


def test_a_token_of_another_metric_is_refused() -> None:
    with monitored() as monitor:
        monitor.emulator.offer("asr", Load.constant(1))
        monitor.fc.wait(minutes=3)
        token = monitor.page("FunctionTotalInvocations", length="1").next_token
        status, code, text = monitor.refusal(**{**GOOD, "metric_name": "FunctionAvgDuration"}, next_token=token)
        assert (status, code, text) == (
            400,
            "ParameterInvalid",
            "The NextToken is of the metric 'FunctionTotalInvocations'",
        )


def test_an_action_that_is_not_covered_is_not_found() -> None:
    with monitored() as monitor:
        with pytest.raises(ClientException) as error:
            monitor.client.describe_project_meta(models.DescribeProjectMetaRequest())
        assert (error.value.status_code, error.value.code) == (404, "InvalidAction.NotFound")


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("version", ["2019-01-01", "2018-03-08"])
def test_parameters_travel_in_the_query_or_as_a_form(method: str, version: str) -> None:
    parameters = urlencode(
        {
            "Action": "DescribeMetricList",
            "Version": version,
            "Namespace": "acs_fc",
            "MetricName": "FunctionTotalInvocations",
        }
    )
    with busy() as monitor:
        if method == "GET":
            asked = Request(f"{monitor.fc.url}/?{parameters}")
        else:
            asked = Request(f"{monitor.fc.url}/", data=parameters.encode())
        if version == "2019-01-01":
            with build_opener(ProxyHandler({})).open(asked, timeout=5) as answer:
                assert len(json.loads(json.loads(answer.read())["Datapoints"])) == 2
        else:
            with pytest.raises(OSError, match="404"):
                build_opener(ProxyHandler({})).open(asked, timeout=5)
        (entry,) = monitor.emulator.journal.entries("DescribeMetricList")
        assert (entry.method, entry.path) == (method, "/")


def test_a_second_lets_so_many_calls_of_an_action_pass() -> None:
    now = [0.0]
    rate = CallRate(2, clock=lambda: now[0])
    rate.take("a")
    now[0] = 0.6
    rate.take("a")
    with pytest.raises(ThrottledUser):
        rate.take("a")
    rate.take("b")
    now[0] = 1.0
    rate.take("a")
    with pytest.raises(ThrottledUser):
        rate.take("a")


def test_too_many_calls_are_throttled_until_they_are_fewer_again() -> None:
    with monitored(metric_calls_per_second=1) as monitor:
        throttled, deadline = None, time.monotonic() + 30
        while throttled is None and time.monotonic() < deadline:
            try:
                monitor.page("FunctionTotalInvocations")
            except ClientException as error:
                throttled = error
        assert throttled is not None
        assert (throttled.status_code, throttled.code) == (400, "Throttling.User")
        assert throttled.data["Message"] == "Request was denied due to user flow control."
        assert monitor.emulator.journal.entries("DescribeMetricList")[-1].code == "Throttling.User"


def test_no_limit_of_calls_is_a_limit_of_zero() -> None:
    rate = CallRate(0, clock=lambda: 0.0)
    for _ in range(1000):
        rate.take("a")


def test_faults_hit_the_reads_of_metrics_and_the_journal_tells() -> None:
    with busy() as monitor:
        monitor.emulator.faults.add(Fault(action="DescribeMetricList", status=503, code="ServiceUnavailable"))
        monitor.fc.get()
        with pytest.raises(ServerException) as error:
            monitor.page("FunctionTotalInvocations")
        assert error.value.code == "ServiceUnavailable"
        assert monitor.values("FunctionTotalInvocations", start_time=milliseconds(NOON)) == [300.0]
        failed, passed = monitor.emulator.journal.entries("DescribeMetricList")
        assert (failed.status, failed.fault, failed.effect) == (503, "503 ServiceUnavailable", False)
        assert (passed.status, passed.query["MetricName"]) == (200, "FunctionTotalInvocations")


def test_metrics_can_be_late_missing_and_there_twice() -> None:
    with monitored() as monitor:
        monitor.emulator.offer("asr", Load(values=(1.0, 2.0, 3.0, 4.0), start=NOON))
        monitor.fc.wait(minutes=4)
        expected = {
            MetricFault(late_seconds=90): [60.0, 120.0],
            MetricFault(missing_every=2): [120.0, 240.0],
            MetricFault(duplicated=True): [60.0, 60.0, 120.0, 120.0, 180.0, 180.0, 240.0, 240.0],
            MetricFault(metric="FunctionAvgDuration", missing_every=1): [60.0, 120.0, 180.0, 240.0],
            MetricFault(spoiled="negative"): [-61.0, -121.0, -181.0, -241.0],
        }
        for fault, values in expected.items():
            monitor.emulator.faults.add(fault)
            assert monitor.values("FunctionTotalInvocations") == values
        monitor.emulator.faults.add(MetricFault(spoiled="nan"))
        assert all(math.isnan(value) for value in monitor.values("FunctionTotalInvocations"))
        monitor.emulator.faults.add(MetricFault(duplicated=True, times=3))
        assert len(monitor.points("FunctionTotalInvocations", length="4")) == 4
        pages = monitor.all_points("FunctionTotalInvocations", length="4")
        assert [point["Value"] for point in pages] == [60.0, 60.0, 120.0, 120.0, 180.0, 180.0, 240.0, 240.0]


def test_where_keys_are_known_the_signature_of_a_read_is_checked() -> None:
    world = World(functions=(ASR,), credentials={"id": "secret"})
    with running(world, clock=ManualClock(datetime.now(UTC))) as server:
        asked = request("FunctionTotalInvocations", start_time=None, end_time=None)

        def client(secret: str) -> Client:
            keys = {"access_key_id": "id", "access_key_secret": secret}
            return Client(Config(endpoint=server.endpoint, protocol="http", **keys))

        assert client("secret").describe_metric_list(asked).body.success
        with pytest.raises(ClientException) as error:
            client("guess").describe_metric_list(asked)
        assert (error.value.status_code, error.value.code) == (403, "SignatureNotMatch")
