"""`planner collect`, and plans from what it collects, against an emulator that has lived through some hours."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from planner.emulator import Fault, Load, ManualClock, MetricFault, Running, Settings, World, running
from planner.store import Store
from tests.cli.conftest import FUNCTION, NAME, Planner, recent_history, write_config

HOURS = timedelta(hours=5)
SETTINGS = Settings(evaluation_lag_seconds=0, metric_calls_per_second=0)
COLLECTED = """
- name: asr-gpu
  history: {source: cloudmonitor}
  forecast: {forecaster: recent}
  safety: {max_cost_ratio: 100}
"""


@pytest.fixture
def lived() -> Iterator[Running]:
    """An emulator that was under load for five hours, up to the present."""
    began = datetime.now(UTC) - HOURS
    with running(World(functions=(FUNCTION,), settings=SETTINGS), clock=ManualClock(began)) as server:
        server.emulator.offer(NAME, Load(values=(3.0, 4.0, 5.0), start=began, repeat=True))
        server.emulator.advance(HOURS)
        yield server


@pytest.fixture
def place(lived: Running, tmp_path: Path) -> Path:
    write_config(tmp_path, lived.endpoint, functions=COLLECTED)
    return tmp_path


def points(folder: Path) -> int:
    with sqlite3.connect(folder / "planner.db") as database:
        return int(database.execute("SELECT count(*) FROM points").fetchone()[0])


def calls(server: Running) -> int:
    return len(server.emulator.journal.entries("DescribeMetricList"))


class TestCollect:
    def test_it_stores_and_says_so(self, planner: Planner, place: Path) -> None:
        ran = planner("collect")

        assert (ran.code, ran.out) == (0, "")
        assert ran.err.startswith(f"{NAME}:LATEST: 29")
        assert " min old, by concurrent requests x instances.\n" in ran.err
        assert 295 <= points(place) <= 299

    def test_again_it_reads_the_end_only(self, planner: Planner, place: Path, lived: Running) -> None:
        planner("collect")
        before, stored = calls(lived), points(place)
        (again,) = planner("collect", "--json").json

        assert calls(lived) - before == 5
        assert again["function"] == f"{NAME}:LATEST"
        assert 29 <= again["points"] <= 37
        assert datetime.fromisoformat(again["newest"]) > datetime.now(UTC) - timedelta(minutes=5)
        assert points(place) == stored

    def test_since_reads_again_from_there(self, planner: Planner, place: Path) -> None:
        planner("collect")
        two_hours = datetime.now(UTC) - timedelta(hours=2)
        (again,) = planner("collect", "--since", two_hours.isoformat(), "--json").json
        assert 110 <= again["points"] <= 125

    def test_one_function_that_fails_stops_no_other(self, planner: Planner, place: Path, lived: Running) -> None:
        there = "- {name: elsewhere, history: {source: cloudmonitor, endpoint: '127.0.0.1:1', protocol: http}}\n"
        write_config(place, lived.endpoint, functions=there + COLLECTED)

        ran = planner("collect", "--json")

        assert ran.code == 5
        broken, sound = ran.json
        assert "No answer to DescribeMetricList for elsewhere:LATEST from 127.0.0.1:1" in broken["error"]
        assert sound["points"] > 290

    def test_without_anything_to_collect_it_says_what_to_set(self, planner: Planner, place: Path) -> None:
        write_config(place, None)
        ran = planner("collect")
        assert (ran.code, ran.err.splitlines()[0]) == (
            2,
            "Error: planner.yaml has no function whose history is collected",
        )

    def test_a_function_that_is_not_collected_is_refused(self, planner: Planner, place: Path) -> None:
        write_config(place, None)
        ran = planner("collect", "--function", NAME)
        assert (ran.code, ran.err.splitlines()[0]) == (
            2,
            f"Error: the history of {NAME}:LATEST is not collected: history.source is file",
        )

    def test_without_region_and_endpoint_nobody_is_asked(self, planner: Planner, place: Path) -> None:
        write_config(place, None, functions=COLLECTED)
        ran = planner("collect")
        assert (ran.code, ran.err.splitlines()[0]) == (
            2,
            f"Error: nothing says where the Cloud Monitor of {NAME}:LATEST is",
        )

    def test_a_file_and_since_dont_go_together(self, planner: Planner, place: Path) -> None:
        ran = planner("collect", "history.csv", "--since", "2026-11-22T00:00:00Z")
        assert (ran.code, ran.err.splitlines()[0]) == (2, "Error: --since is for a monitoring system")

    def test_a_file_speaks_json_too(self, planner: Planner, place: Path) -> None:
        (place / "history.csv").write_text(recent_history(), encoding="utf-8")
        assert planner("collect", "history.csv", "--json").json == [
            {"function": f"{NAME}:LATEST", "points": 72, "remarks": []}
        ]


class TestPlan:
    def test_it_collects_first_and_says_what_it_stands_on(self, planner: Planner, place: Path) -> None:
        ran = planner("plan", "--json")

        assert ran.code == 0, ran.err
        assert ran.json["evidence"]["history_source"] == f"points of {NAME}"
        assert any("by concurrent requests x instances (29" in note for note in ran.json["notes"])
        assert points(place) > 290

    def test_a_dry_run_reads_the_source_and_writes_nothing(self, planner: Planner, place: Path) -> None:
        before = sorted(path.name for path in place.iterdir())
        ran = planner("plan", "--dry-run", "--json")

        assert ran.code == 0, ran.err
        assert ran.json["evidence"]["history_source"] == f"points of {NAME}"
        assert sorted(path.name for path in place.iterdir()) == before

    def test_a_dry_run_reads_what_is_stored_where_something_is(
        self, planner: Planner, place: Path, lived: Running
    ) -> None:
        planner("collect")
        before, stored = calls(lived), points(place)
        ran = planner("plan", "--dry-run", "--json")

        assert (ran.code, calls(lived), points(place)) == (0, before, stored)

    def test_while_the_source_is_away_the_stored_points_have_to_do(
        self, planner: Planner, place: Path, lived: Running
    ) -> None:
        planner("collect")
        lived.emulator.faults.add(Fault(action="DescribeMetricList", status=403, code="Forbidden.RAM", times=99))
        ran = planner("plan")

        assert ran.code == 0, ran.err
        assert "Planned from the points that are stored." in ran.err

    def test_where_nothing_is_stored_it_is_an_error(self, planner: Planner, place: Path, lived: Running) -> None:
        lived.emulator.faults.add(Fault(action="DescribeMetricList", status=403, code="Forbidden.RAM", times=99))
        ran = planner("plan")

        assert ran.code == 5
        assert "Cloud Monitor refused DescribeMetricList" in ran.err
        assert "Allow the RAM action cms:DescribeMetricList" in ran.err

    def test_stale_points_make_an_unsafe_plan(self, planner: Planner, place: Path, lived: Running) -> None:
        planner("collect")
        lived.emulator.faults.add(MetricFault(metric="*", missing_every=1, times=99))
        later = datetime.now(UTC) + timedelta(hours=7)
        ran = planner("plan", "--dry-run", "--now", later.isoformat())

        assert ran.code == 3
        assert "history" in ran.err

    def test_the_doctor_looks_at_what_is_collected(self, planner: Planner, place: Path) -> None:
        (history,) = (each for each in planner("doctor", "--json").json if each["check"] == "history")
        assert history["verdict"] == "warning"
        assert "a point every 0:01:00" in history["detail"]


def test_prometheus_needs_its_token_from_the_environment_only(
    planner: Planner, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = "{url: 'http://prometheus.example', query: up}"
    functions = f"- name: {NAME}\n  history: {{source: prometheus, prometheus: {asked}}}\n"
    write_config(place, None, functions=functions)
    monkeypatch.setenv("PLANNER_PROMETHEUS_TOKEN", "canary-token")
    ran = planner("collect")

    assert ran.code == 5
    assert "The token is not sent to prometheus.example over plain http" in ran.err
    assert "canary" not in ran.out + ran.err
    with Store.open(f"sqlite:///{place / 'planner.db'}", migrate=False) as store:
        assert store.newest_point(NAME, ["prometheus"]) is None
