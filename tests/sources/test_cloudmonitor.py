"""Cloud Monitor through its official SDK: what was offered to the emulator comes back as concurrency.

The metrics have two decimals. By instances the error is at most 0.005 for each instance, and a little more for their
own rounding; by calls it is far smaller, since calls and milliseconds are large.
"""

from __future__ import annotations

import math
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from planner.clock import ManualClock
from planner.emulator import Fault, Load, MetricFault
from planner.errors import SourceError
from planner.fc.retry import RetryPolicy
from planner.fc.sdk import Connection, sdk_config
from planner.sources import cloudmonitor
from planner.sources.cloudmonitor import connect, ways
from planner.sources.metered import Batch, Span
from tests.builders import NOON
from tests.sources.given import (
    ASR,
    CALLS,
    IDLE,
    INSTANCES,
    MINUTE,
    Asked,
    Reply,
    as_json,
    at,
    monitor,
    monitor_answer,
    row,
    serving,
    site,
    values,
)

TIDE = tuple(round(10 + 8 * math.sin(minute / 60), 2) for minute in range(240))
HOUR = Span(start=NOON, end=NOON + timedelta(hours=1), step=MINUTE)


def by_instances(load: float, instances: float) -> float:
    """How far the product of two decimals may be from the load."""
    return 0.005 * instances + 0.01 * load / max(instances, 1) + 1e-9


class TestWays:
    @pytest.mark.parametrize(("provisioned", "instances"), [(0, 5), (3, 5)])
    def test_requests_at_once_times_instances_are_what_was_offered(
        self, tmp_path: Path, provisioned: int, instances: int
    ) -> None:
        with site(tmp_path, TIDE, provisioned=provisioned) as here:
            done, history = here.collect(), here.history()

        assert done.sentence == "239 points to 15:59, newest 1 min old, by concurrent requests x instances"
        assert history.basis == "as collected: by concurrent requests x instances (239 intervals)"
        assert (history.start, history.end, len(history.series)) == (NOON, at(239), 239)
        worst = np.abs(values(history) - np.array(TIDE[:-1])).max()
        assert 0 < worst <= by_instances(max(TIDE), instances)

    def test_calls_times_duration_are_what_was_offered_where_instances_report_nothing(self, tmp_path: Path) -> None:
        with site(tmp_path, TIDE, instance_metrics=False, seconds=0.7) as here:
            done, history = here.collect(), here.history()

        assert done.sentence == "239 points to 15:59, newest 1 min old, by calls x duration"
        assert np.abs(values(history) - np.array(TIDE[:-1])).max() <= 0.005

    def test_statistics_that_are_named_read_like_a_value(self, tmp_path: Path) -> None:
        with site(tmp_path, TIDE, instance_metrics=False, metric_statistics="named") as here:
            here.collect()
            assert np.abs(values(here.history()) - np.array(TIDE[:-1])).max() <= 0.005

    def test_calls_fill_in_where_the_instances_fell_silent(self, tmp_path: Path) -> None:
        with site(tmp_path, TIDE) as here:
            here.emulator.faults.add(MetricFault(metric="FunctionOndemandActiveInstance", missing_every=6, times=99))
            done = here.collect()

        assert done.sentence == (
            "239 points to 15:59, newest 1 min old, 199 by concurrent requests x instances, 40 by calls x duration"
        )

    def test_zeros_that_are_reported_are_zeros(self, tmp_path: Path) -> None:
        load = (4.0,) * 20 + (0.0,) * 20 + (4.0,) * 20
        with site(tmp_path, load, instance_metrics=False, metric_idle_minutes="zero") as here:
            here.collect()
            assert here.stored(IDLE) == {}
            assert list(values(here.history())) == list(load[:-1])

    @pytest.mark.parametrize("instance_metrics", [True, False])
    def test_what_a_quota_turned_away_was_offered_too(self, tmp_path: Path, instance_metrics: bool) -> None:
        with site(tmp_path, (20.0,) * 60, instance_metrics=instance_metrics, region_instances=2) as here:
            here.collect()
            history = here.history()
        assert values(history)[10:] == pytest.approx(np.full(49, 20.0), abs=by_instances(20, 5))

    def test_another_function_of_the_region_is_not_counted(self, tmp_path: Path) -> None:
        with site(tmp_path, (4.0,) * 30) as here:
            here.emulator.offer("other", Load.constant(50))
            here.emulator.advance(10 * MINUTE)
            here.collect()
            assert values(here.history()).max() == 4.0


class TestPages:
    def test_a_read_of_days_turns_pages_and_misses_no_minute(self, tmp_path: Path) -> None:
        load = tuple(float(1 + minute % 7) for minute in range(3 * 1440))
        with site(tmp_path, load, instance_metrics=False) as here:
            done = here.collect()
            tokens = [entry for entry in here.emulator.journal.entries() if "NextToken" in str(entry)]
            history = here.history()

        assert (done.points, len(history.series), history.repairs) == (4319, 4319, ())
        assert np.abs(values(history) - np.array(load[:-1])).max() <= 0.005
        assert tokens

    def test_the_past_beyond_a_month_comes_in_five_minutes(self, tmp_path: Path) -> None:
        with site(tmp_path, (3.0,) * 60, instance_metrics=False, kept_days=91) as here:
            here.emulator.advance(timedelta(days=31, hours=2))
            done, history = here.collect(), here.history()
            coarse = here.store.load_points("asr", CALLS, start=NOON, end=at(60))

        assert {point.step for point in coarse} == {5 * MINUTE}
        assert [point.at for point in coarse] == [at(minute) for minute in range(0, 60, 5)]
        assert history.step == MINUTE
        assert values(history).min() == values(history).max() == 3.0
        assert len(history.series) == (31 * 24 + 3) * 60 - 1
        assert "means over 5 minutes stand for each interval in them" in history.basis
        assert done.remarks == ()

    def test_pages_without_an_end_are_left(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(cloudmonitor, "MOST_PAGES", 5)
        with serving(lambda _: monitor_answer([], NextToken=str(len(server.asked)))) as server:
            with pytest.raises(SourceError, match="have no end"):
                monitor(server.url).read(ASR, HOUR, now=at(90), tell=lambda _: None)
            assert len(server.asked) == 6

    def test_pages_that_go_round_in_a_circle_are_left(self) -> None:
        with serving(lambda _: monitor_answer([row(0, 1.0)], NextToken="again")) as server:
            with pytest.raises(SourceError, match="have no end"):
                monitor(server.url).read(ASR, HOUR, now=at(90), tell=lambda _: None)
            assert len(server.asked) == 2

    def test_a_range_is_asked_for_without_its_start(self) -> None:
        with serving(lambda _: monitor_answer([])) as server:
            monitor(server.url).read(ASR, HOUR, now=at(90), tell=lambda _: None)
            asked = server.asked[0].query

        assert asked["StartTime"] == str(round((NOON - MINUTE).timestamp() * 1000))
        assert asked["EndTime"] == str(round(at(59).timestamp() * 1000))
        assert (asked["Length"], asked["Period"]) == ("1440", "60")
        assert asked["Dimensions"] == '{"region": "cn-shanghai", "functionName": "asr"}'

    def test_no_request_spans_more_than_a_month(self) -> None:
        long = Span(start=NOON - timedelta(days=60), end=NOON, step=5 * MINUTE)
        with serving(lambda _: monitor_answer([])) as server:
            monitor(server.url).read(ASR, long, now=NOON, tell=lambda _: None)
            spans = {int(asked.query["EndTime"]) - int(asked.query["StartTime"]) for asked in server.asked}

        assert spans == {30 * 86_400_000}


class TestFaults:
    def test_late_points_come_with_the_next_read(self, tmp_path: Path) -> None:
        with site(tmp_path, TIDE[:60], instance_metrics=False) as here:
            here.emulator.faults.add(MetricFault(metric="*", late_seconds=600, times=99))
            first = here.collect()
            here.emulator.faults.clear()
            second = here.collect()
            history = here.history()

        assert (first.points, first.newest) == (49, at(49))
        assert second.newest == at(59)
        assert np.abs(values(history) - np.array(TIDE[:59])).max() <= 0.005

    @pytest.mark.parametrize("instance_metrics", [True, False])
    def test_missing_points_are_gaps_in_a_busy_time(self, tmp_path: Path, instance_metrics: bool) -> None:
        with site(tmp_path, TIDE, instance_metrics=instance_metrics, provisioned=1) as here:
            here.emulator.faults.add(MetricFault(metric="*", missing_every=5, times=99))
            here.collect()
            history, zeros = here.history(), here.stored(IDLE)

        missing = set(range(5, 238, 5))
        assert set(np.flatnonzero(np.isnan(values(history))) + (history.start - NOON) // MINUTE) == missing
        assert zeros == {}

    def test_calls_that_are_missing_alone_are_never_taken_for_none(self, tmp_path: Path) -> None:
        with site(tmp_path, TIDE, instance_metrics=False, provisioned=1) as here:
            here.emulator.faults.add(MetricFault(metric="FunctionTotalInvocations", missing_every=5, times=99))
            here.collect()
            assert (here.stored(IDLE), len(here.stored(CALLS))) == ({}, 191)

    def test_doubled_points_count_once(self, tmp_path: Path) -> None:
        with site(tmp_path, TIDE, instance_metrics=False) as here:
            here.emulator.faults.add(MetricFault(metric="*", duplicated=True, times=99))
            assert here.collect().points == 239
            assert np.abs(values(here.history()) - np.array(TIDE[:-1])).max() <= 0.005

    def test_what_is_no_figure_is_left_out_and_told(self) -> None:
        rows = [row(0, 60.0), row(1, math.nan), row(2, -5.0), row(3, "7"), row(4, None), row(5, 180.0), row(5, 120.0)]
        rows += [
            row(6, True),
            {**row(7, 60.0), "timestamp": "noon"},
            row(8, 60.0, functionName="other"),
            row(9, math.inf),
        ]
        batch = scripted({"FunctionTotalInvocations": rows, "FunctionAvgDuration": [row(n, 1000.0) for n in range(10)]})

        assert [(point.at, point.value) for points in batch.points.values() for point in points] == [
            (at(0), 1.0),
            (at(5), 3.0),
        ]
        assert batch.remarks == ("7 values of FunctionTotalInvocations were no use, left out",)


class TestRefusals:
    def test_throttling_is_waited_for(self, tmp_path: Path) -> None:
        with site(tmp_path, (2.0,) * 30) as here:
            here.emulator.faults.add(
                Fault(action="DescribeMetricList", status=400, code="Throttling.User", message="flow control", times=3)
            )
            assert here.collect().points == 29

    def test_patience_ends(self, tmp_path: Path) -> None:
        with site(tmp_path, (2.0,) * 30) as here:
            here.emulator.faults.add(
                Fault(action="DescribeMetricList", status=400, code="Throttling.User", message="flow control", times=99)
            )
            with pytest.raises(SourceError, match="Cloud Monitor throttled DescribeMetricList"):
                here.collect()
            assert len(here.emulator.journal.entries("DescribeMetricList")) == 4

    def test_a_budget_is_shared_by_all_calls(self) -> None:
        with serving(lambda _: as_json({"Code": "Throttling.User", "Message": "flow control"}, 400)) as server:
            source = monitor(server.url, retry=RetryPolicy(tries=4, budget=3, refill_per_second=0))
            for _ in range(2):
                with pytest.raises(SourceError):
                    source.read(ASR, HOUR, now=at(90), tell=lambda _: None)
            assert len(server.asked) == 4 + 1

    def test_a_refusal_says_what_to_allow(self, tmp_path: Path) -> None:
        with site(tmp_path, (2.0,) * 3) as here:
            here.emulator.faults.add(Fault(action="DescribeMetricList", status=403, code="Forbidden.RAM", message="no"))
            with pytest.raises(SourceError, match="Cloud Monitor refused DescribeMetricList for asr") as refused:
                here.collect()
        assert refused.value.remedy == "Allow the RAM action cms:DescribeMetricList (resource *) to it."

    def test_a_refusal_inside_an_answer_of_200_is_one(self) -> None:
        with (
            serving(lambda _: as_json({"Code": "404", "Success": False, "Message": "no such metric"})) as server,
            pytest.raises(SourceError, match="no such metric"),
        ):
            monitor(server.url).read(ASR, HOUR, now=at(90), tell=lambda _: None)

    @pytest.mark.parametrize("points", ["{", '{"a": 1}', "[1]", "null"])
    def test_points_that_cant_be_read_are_an_error(self, points: str) -> None:
        answer = as_json({"Code": "200", "Success": True, "Datapoints": points})
        with serving(lambda _: answer) as server, pytest.raises(SourceError, match="can't be read"):
            monitor(server.url).read(ASR, HOUR, now=at(90), tell=lambda _: None)

    def test_only_an_endpoint_on_this_machine_gets_the_emulators_keys(self) -> None:
        assert sdk_config(Connection(endpoint="http://127.0.0.1:1")).access_key_id == "emulator"
        assert sdk_config(Connection(endpoint="https://metrics.cn-hangzhou.aliyuncs.com")).access_key_id is None


def scripted(metrics: dict[str, object]) -> Batch:
    """What comes of these points."""

    def reply(asked: Asked) -> Reply:
        return monitor_answer(metrics.get(asked.query["MetricName"], []))

    with serving(reply) as server:
        return monitor(server.url).read(ASR, HOUR, now=at(90), tell=lambda _: None)


def test_a_function_of_another_region_has_series_of_its_own() -> None:
    connection = Connection(endpoint="http://127.0.0.1:1")
    here, there = (connect(connection, region=region, clock=ManualClock(NOON)).ways for region in ("a", "b"))
    assert [way.series for way in ways("cn-shanghai")] == [INSTANCES, CALLS, IDLE]
    assert {way.series for way in here}.isdisjoint(way.series for way in there)
