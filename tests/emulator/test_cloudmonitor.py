"""Cloud Monitor as its official SDK meets it: what the emulator lives through, read back as metrics."""

import asyncio
import json
import math
from datetime import timedelta
from pathlib import Path

import pytest
from alibabacloud_cms20190101 import models

from planner.emulator import Load
from planner.emulator.models.cloudmonitor import ACTIONS
from planner.emulator.models.metrics import METRICS
from tests.emulator.fc import NOON
from tests.emulator.monitor import FUNCTION, MINUTE, busy, milliseconds, monitored, request

EXPECTED = {
    "TotalInvocations": 300.0,
    "ProvisionInvocations": 240.0,
    "ConcurrencyThrottles": 0.0,
    "ResourceThrottles": 0.0,
    "AvgDuration": 2000.0,
    "OndemandActiveInstance": 1.0,
    "ProvisionedCurrentInstance": 2.0,
}
PER_METRIC = {
    "RegionConcurrentCount": 1.0,
    "RegionProvisionedCurrentInstance": 2.0,
    **{f"Function{name}": value for name, value in EXPECTED.items()},
    **{f"FunctionQualifier{name}": value for name, value in EXPECTED.items()},
    "FunctionAvgConcurrentRequests": 3.33,
    "FunctionMaxConcurrentRequests": 4.0,
}


def test_the_page_names_every_metric_and_action() -> None:
    page = (Path(__file__).parents[2] / "docs" / "emulator.md").read_text(encoding="utf-8")
    for metric in METRICS:
        assert f"`{metric.replace('Qualifier', '')}`" in page
    for action in ACTIONS:
        assert f"| POST or GET `/` | {action} |" in page


def test_each_metric_says_what_the_minute_was() -> None:
    assert set(PER_METRIC) == set(METRICS)
    with busy() as monitor:
        found = {metric: monitor.values(metric, start_time=milliseconds(NOON)) for metric in PER_METRIC}
    assert found == {metric: [value] for metric, value in PER_METRIC.items()}


def test_a_point_names_its_time_and_what_it_is_of() -> None:
    with busy() as monitor:
        body = monitor.page("FunctionQualifierTotalInvocations", start_time=milliseconds(NOON))
    assert (body.code, body.success, body.period, body.next_token) == ("200", True, "60", None)
    assert body.request_id.startswith("1-")
    assert json.loads(body.datapoints) == [
        {
            "timestamp": round((NOON + MINUTE).timestamp() * 1000),
            "userId": "1234567890123456",
            "region": "cn-shanghai",
            "serviceName": "",
            "functionName": "asr",
            "qualifier": "prod",
            "Value": 300.0,
        }
    ]


def test_the_range_leaves_its_start_out_and_takes_its_end_in() -> None:
    with busy() as monitor:
        asked = {"start_time": milliseconds(NOON), "end_time": milliseconds(NOON + MINUTE)}
        (point,) = monitor.points("FunctionTotalInvocations", **asked)
        assert point["timestamp"] == round((NOON + MINUTE).timestamp() * 1000)
        asked = {"start_time": milliseconds(NOON - MINUTE), "end_time": milliseconds(NOON)}
        (point,) = monitor.points("FunctionTotalInvocations", **asked)
        assert point["timestamp"] == round(NOON.timestamp() * 1000)


def test_a_timestamp_can_be_the_end_of_its_period() -> None:
    with busy(metric_timestamp="end") as monitor:
        asked = {"start_time": milliseconds(NOON), "end_time": milliseconds(NOON + MINUTE)}
        (point,) = monitor.points("FunctionTotalInvocations", **asked)
        assert point == {**point, "timestamp": round((NOON + MINUTE).timestamp() * 1000), "Value": 300.0}


def test_a_minute_is_shown_once_the_delay_has_passed() -> None:
    with monitored(metric_delay_seconds=90) as monitor:
        monitor.emulator.offer("asr", Load.constant(3))
        monitor.fc.wait(seconds=149)
        assert monitor.values("FunctionTotalInvocations") == []
        monitor.fc.wait(seconds=1)
        assert monitor.values("FunctionTotalInvocations") == [180.0]


def test_qualifiers_are_summed_for_their_function_and_functions_for_the_region() -> None:
    with monitored() as monitor:
        for function, qualifier, load in (("asr", "prod", 5), ("asr", "canary", 2), ("tts", "LATEST", 1)):
            monitor.emulator.offer(function, Load.constant(load), qualifier=qualifier)
        monitor.fc.wait(minutes=1)
        assert monitor.values("FunctionTotalInvocations") == [420.0]
        by_qualifier = monitor.points("FunctionQualifierTotalInvocations")
        assert [(point["qualifier"], point["Value"]) for point in by_qualifier] == [("canary", 120.0), ("prod", 300.0)]
        # On demand: 5 need two instances, 2 and 1 need one each.
        assert monitor.values("RegionConcurrentCount") == [4.0]
        # 7 requests on 3 instances: in the fullest are the 4 that it takes.
        assert monitor.values("FunctionAvgConcurrentRequests") == [2.33]
        assert monitor.values("FunctionMaxConcurrentRequests") == [4.0]


def test_dimensions_choose_the_series_and_none_are_all_of_them() -> None:
    with monitored() as monitor:
        for function in ("asr", "tts"):
            monitor.emulator.offer(function, Load.constant(1))
        monitor.fc.wait(minutes=1)

        def named(dimensions: object) -> list[str]:
            text = None if dimensions is None else json.dumps(dimensions)
            return [point["functionName"] for point in monitor.points("FunctionTotalInvocations", dimensions=text)]

        assert named(None) == ["asr", "tts"]
        assert named([{**FUNCTION, "serviceName": ""}]) == ["asr"]
        assert named([{**FUNCTION, "functionName": name} for name in ("tts", "asr")]) == ["asr", "tts"]
        assert named({**FUNCTION, "functionName": "unheard-of"}) == []
        assert named({**FUNCTION, "region": "cn-beijing"}) == []


def test_instances_report_only_where_instance_metrics_are_on() -> None:
    with monitored() as monitor:
        for function in ("asr", "tts"):
            monitor.emulator.offer(function, Load.constant(1))
        monitor.fc.wait(minutes=1)
        points = monitor.points("FunctionAvgConcurrentRequests", dimensions=None)
        assert [point["functionName"] for point in points] == ["asr"]


def test_the_fullest_instance_depends_on_how_requests_are_dispatched() -> None:
    for dispatch, expected in (("packed", [4.0, 4.0]), ("spread", [3.0, 4.0])):
        with monitored(at=NOON - MINUTE, dispatch=dispatch) as monitor:
            monitor.fc.put({"defaultTarget": 2})
            monitor.emulator.offer("asr", Load(values=(5.0,), start=NOON), qualifier="prod")
            monitor.fc.wait(minutes=2)
            # What finds nothing warm fills on-demand instances either way.
            monitor.fc.delete()
            monitor.fc.wait(minutes=1)
            assert monitor.values("FunctionMaxConcurrentRequests") == expected


def test_idle_minutes_have_no_point_or_a_zero() -> None:
    load = Load(values=(1.0, 0.0, 2.0), start=NOON)
    for switch, expected in (("absent", [60.0, 120.0]), ("zero", [60.0, 0.0, 120.0])):
        with monitored(metric_idle_minutes=switch) as monitor:
            monitor.emulator.offer("asr", load)
            monitor.fc.wait(minutes=3)
            assert monitor.values("FunctionTotalInvocations") == expected
            assert monitor.values("FunctionAvgDuration") == [1000.0, 1000.0]


def test_idle_instances_are_reported_without_calls() -> None:
    with monitored(at=NOON - MINUTE) as monitor:
        monitor.fc.put({"defaultTarget": 3})
        monitor.fc.wait(minutes=2)
        assert monitor.values("FunctionProvisionedCurrentInstance") == [3.0]
        assert monitor.values("FunctionAvgConcurrentRequests") == [0.0]
        assert monitor.values("FunctionTotalInvocations") == []


@pytest.mark.parametrize("period", [300, 900, 3600])
def test_longer_periods_hold_sums_means_and_maxima_once_they_are_over(period: int) -> None:
    minutes = period // 60
    series = tuple(float(minute % 10) for minute in range(minutes))
    with monitored(metric_idle_minutes="zero") as monitor:
        monitor.emulator.offer("asr", Load(values=series, start=NOON, repeat=True))
        asked = {"period": str(period), "end_time": milliseconds(NOON + timedelta(hours=9))}
        monitor.fc.wait(seconds=2 * period - 1)
        assert len(monitor.values("FunctionTotalInvocations", **asked)) == 1
        monitor.fc.wait(seconds=1)
        assert monitor.values("FunctionTotalInvocations", **asked) == [60 * sum(series)] * 2
        mean = sum(min(value, 1) if value < 4 else value // 4 + min(value % 4, 1) for value in series) / minutes
        assert monitor.values("FunctionOndemandActiveInstance", **asked) == [pytest.approx(mean, abs=0.005)] * 2
        assert monitor.values("FunctionMaxConcurrentRequests", **asked) == [4.0] * 2
        points = monitor.points("FunctionTotalInvocations", **asked)
        assert [point["timestamp"] for point in points] == [
            round(NOON.timestamp() * 1000),
            round(NOON.timestamp() * 1000) + period * 1000,
        ]


def test_a_longer_period_means_over_minutes_not_over_calls() -> None:
    with monitored() as monitor:
        monitor.emulator.offer("asr", Load(values=(8.0,), duration_seconds=1.0))
        monitor.fc.wait(minutes=2)
        monitor.emulator.offer("asr", Load(values=(8.0,), duration_seconds=2.0))
        monitor.fc.wait(minutes=3)
        assert monitor.values("FunctionAvgDuration", period="300") == [1600.0]


def test_what_a_deleted_function_left_stays() -> None:
    with monitored() as monitor:
        monitor.emulator.offer("tts", Load.constant(2))
        monitor.fc.wait(minutes=1)
        monitor.fc.client.delete_function("tts")
        points = monitor.points("FunctionTotalInvocations", dimensions=None)
        assert [(point["functionName"], point["Value"]) for point in points] == [("tts", 120.0)]


def test_points_can_carry_named_statistics_instead_of_one_value() -> None:
    with monitored(metric_statistics="named") as monitor:
        monitor.emulator.offer("asr", Load(values=(1.0, 2.0, 3.0, 4.0, 5.0), start=NOON))
        monitor.fc.wait(minutes=5)
        (point,) = monitor.points("FunctionTotalInvocations", period="300")
        statistics = {name: point[name] for name in ("Average", "Maximum", "Minimum", "Sum")}
        assert statistics == {"Average": 180.0, "Maximum": 300.0, "Minimum": 60.0, "Sum": 900.0}
        assert "Value" not in point


def test_local_times_are_of_the_zone_of_the_switch_and_marked_ones_are_utc() -> None:
    with busy() as monitor:
        for start, end in (
            ("2026-11-23 20:00:00", "2026-11-23 20:01:00"),
            ("2026-11-23T12:00:00Z", "2026-11-23T12:01:00Z"),
        ):
            assert monitor.values("FunctionTotalInvocations", start_time=start, end_time=end) == [300.0]
    with busy(metric_zone="UTC") as monitor:
        asked = {"start_time": "2026-11-23 12:00:00", "end_time": "2026-11-23 12:01:00"}
        assert monitor.values("FunctionTotalInvocations", **asked) == [300.0]


def test_without_times_it_is_the_two_hours_up_to_now() -> None:
    with monitored() as monitor:
        monitor.emulator.offer("asr", Load.constant(1))
        monitor.fc.wait(hours=3)
        points = monitor.points("FunctionTotalInvocations", start_time=None, end_time=None)
        first, last = NOON + timedelta(hours=1, minutes=1), NOON + timedelta(hours=2, minutes=59)
        assert [points[0]["timestamp"], points[-1]["timestamp"]] == [
            round(first.timestamp() * 1000),
            round(last.timestamp() * 1000),
        ]


def test_the_last_point_of_each_series() -> None:
    with monitored() as monitor:
        monitor.emulator.offer("asr", Load(values=(1.0, 2.0, 0.0), start=NOON))
        monitor.emulator.offer("tts", Load.constant(3))
        monitor.fc.wait(minutes=90)

        def last(**asked: object) -> list[tuple[str, float]]:
            fields = {"namespace": "acs_fc", "metric_name": "FunctionTotalInvocations", **asked}
            body = monitor.client.describe_metric_last(models.DescribeMetricLastRequest(**fields)).body
            assert body.success
            return [(point["functionName"], point["Value"]) for point in json.loads(body.datapoints)]

        assert last() == [("asr", 120.0), ("tts", 180.0)]
        # The last two hours are looked at however late the start.
        assert last(start_time=milliseconds(NOON + timedelta(minutes=89))) == [("asr", 120.0), ("tts", 180.0)]
        monitor.fc.wait(minutes=60)
        assert last() == [("tts", 180.0)]


def test_the_asynchronous_client_reads_the_same() -> None:
    with busy() as monitor:
        listed = asyncio.run(monitor.client.describe_metric_list_async(request("FunctionTotalInvocations")))
        assert json.loads(listed.body.datapoints) == monitor.points("FunctionTotalInvocations")
        asked = models.DescribeMetricLastRequest(namespace="acs_fc", metric_name="RegionConcurrentCount")
        last = asyncio.run(monitor.client.describe_metric_last_async(asked))
        assert [point["Value"] for point in json.loads(last.body.datapoints)] == [1.0]


def test_the_load_of_a_day_can_be_derived_from_its_metrics() -> None:
    """By instances times requests in each, and by Little's law; points are rounded to 0.005."""
    day = 24 * 60
    offered = [round(20 + 19 * math.sin(2 * math.pi * minute / day) + minute % 7, 3) for minute in range(day)]
    with monitored() as monitor:
        monitor.fc.put({"defaultTarget": 4})
        load = Load(values=tuple(offered), start=NOON, duration_seconds=1.7)
        monitor.emulator.offer("asr", load, qualifier="prod")
        monitor.fc.wait(hours=12)
        monitor.fc.put({"defaultTarget": 1})
        monitor.fc.wait(hours=12)
        asked = {"end_time": milliseconds(NOON + timedelta(days=1)), "length": "500"}

        def read(metric: str) -> list[float]:
            points = monitor.all_points(metric, **asked)
            start = round(NOON.timestamp() * 1000)
            assert [point["timestamp"] for point in points] == [start + minute * 60_000 for minute in range(day)]
            return [point["Value"] for point in points]

        each = read("FunctionAvgConcurrentRequests")
        instances = [
            provisioned + on_demand
            for provisioned, on_demand in zip(
                read("FunctionProvisionedCurrentInstance"),
                read("FunctionOndemandActiveInstance"),
                strict=True,
            )
        ]
        calls, durations = read("FunctionTotalInvocations"), read("FunctionAvgDuration")
    for minute, truth in enumerate(offered):
        by_instances = each[minute] * instances[minute]
        assert abs(by_instances - truth) <= 0.0051 * instances[minute] + 0.0101 * each[minute]
        by_little = calls[minute] / 60 * durations[minute] / 1000
        assert abs(by_little - truth) <= (0.0051 * durations[minute] + 0.0051 * calls[minute]) / 60_000
    derived = sum(e * i for e, i in zip(each, instances, strict=True))
    assert derived == pytest.approx(sum(offered), rel=0.001)
