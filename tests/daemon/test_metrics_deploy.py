"""What is shipped for Prometheus and Grafana: rules that fire when they should, a dashboard whose queries are some.

The rules run in Prometheus' own test runner. The dashboard is seen by no Grafana: Prometheus' parser reads its queries,
and it is held against the types that Grafana publishes.
"""

from __future__ import annotations

import json
import re
from itertools import combinations
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from planner.observing.families import FAMILIES
from planner.observing.families import WHOSE as LABELS
from tests.promtool import promtool

ROOT = Path(__file__).parents[2]
RULES, BOARD, PAGE = ROOT / "deploy" / "alerts.yaml", ROOT / "deploy" / "grafana.json", ROOT / "docs" / "metrics.md"
ALERTS = yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"][0]["rules"]
NAMES = {family.name for family in FAMILIES}
METRIC = re.compile(r"\bplanner_[a-z_]+")
MINUTES = 180
WHOSE = 'function="asr",qualifier="LATEST"'
PUBLISHED = json.loads(Path(__file__).with_name("grafana.schema.json").read_text(encoding="utf-8"))


def valid(part: object, schema: dict[str, Any]) -> None:
    jsonschema.Draft7Validator(schema).validate(part)


def whole(value: str) -> str:
    """A series that keeps a value for the whole test."""
    return f"{value}x{MINUTES}"


def one(name: str, values: str, labels: str = "") -> dict[str, str]:
    return {"series": f"planner_{name}{{{WHOSE}{labels}}}", "values": values}


UP = {"series": 'up{job="planner",instance="a"}', "values": whole("1")}
BEATS = {"series": "planner_last_beat_timestamp_seconds", "values": f"0+60x{MINUTES}"}
CALM = [
    UP,
    BEATS,
    {"series": "planner_database_up", "values": whole("1")},
    one("function_complete", whole("1")),
    one("lease_held", whole("1"), ',instance="a"'),
    one("lease_held", whole("0"), ',instance="b"'),
    one("job_lateness_seconds", whole("700"), ',task="plan"'),
    one("job_last_run_failed", "1x10 0x170", ',task="plan"'),
    one("document_drifted", "1x10 0x170"),
    one("current_instances", "3x8 5x172"),
    one("wanted_instances", whole("5")),
    *(one("applies_total", whole("4"), f',outcome="{each}"') for each in ("failed", "refused", "drifted")),
    one("applies_total", f"0+1x{MINUTES}", ',outcome="applied"'),
    *(one("fc_calls_total", f"0+1x{MINUTES}", f',operation="{each}",outcome="ok"') for each in ("Get", "Put")),
    one("fc_calls_total", f"0+1x90 90x{MINUTES - 90}", ',operation="Get",outcome="throttled"'),
    one("schedule_start_timestamp_seconds", f"0+60x{MINUTES}"),
    one("schedule_end_timestamp_seconds", f"86400+60x{MINUTES}"),
    one("proposal_expiry_timestamp_seconds", whole(f"{(MINUTES + 35) * 60}")),
    one("ladder_rung", "2x100 0x80"),
    one("history_end_timestamp_seconds", f"-1200+60x{MINUTES}"),
    one("history_limit_seconds", whole("1800")),
    one("actual_concurrency", "9x8 3x172"),
    one("forecast_concurrency", whole("8"), ',level="0.99"'),
    one("forecast_concurrency", whole("2"), ',level="0.5"'),
]
"""A day like any other, with troubles that pass."""
TROUBLES: list[tuple[str, str, list[dict[str, str]]]] = [
    ("PlannerSilent", "the target is gone", [UP | {"values": "1x10 0x170"}]),
    ("PlannerSilent", "no daemon is scraped", [BEATS | {"values": "_x180"}]),
    ("PlannerSilent", "the loop stands still", [BEATS | {"values": whole("60")}]),
    ("PlannerNobodyActs", "both stand by", [one("lease_held", whole("0"), ',instance="a"')]),
    ("PlannerRecordsUnread", "no database", [{"series": "planner_database_up", "values": whole("0")}]),
    ("PlannerRecordsUnread", "a plan is unreadable", [one("function_complete", whole("0"))]),
    ("PlannerJobLate", "a quarter of an hour", [one("job_lateness_seconds", f"0+60x{MINUTES}", ',task="plan"')]),
    ("PlannerJobFails", "again and again", [one("job_last_run_failed", whole("1"), ',task="plan"')]),
    ("PlannerDriftLeft", "nobody settles it", [one("document_drifted", whole("1"))]),
    ("PlannerShortfall", "two don't come", [one("current_instances", whole("3"))]),
    ("PlannerPushFailed", "one failed", [one("applies_total", "4x150 5x30", ',outcome="failed"')]),
    ("PlannerPushFailed", "one was refused", [one("applies_total", "4x150 5x30", ',outcome="refused"')]),
    ("PlannerPushFailed", "another writer", [one("applies_total", "4x150 5x30", ',outcome="drifted"')]),
    (
        "PlannerCallsFail",
        "most are throttled",
        [one("fc_calls_total", f"0+3x{MINUTES}", ',operation="Get",outcome="throttled"')],
    ),
    (
        "PlannerScheduleEnds",
        "the schedule of four hours has no hour left",
        [
            one("schedule_start_timestamp_seconds", whole("0")),
            one("schedule_end_timestamp_seconds", whole(f"{225 * 60}")),
        ],
    ),
    ("PlannerScheduleEnds", "it has ended", [one("schedule_end_timestamp_seconds", whole("600"))]),
    (
        "PlannerProposalEnds",
        "nobody answers",
        [one("proposal_expiry_timestamp_seconds", whole(f"{MINUTES * 60 + 60}"))],
    ),
    ("PlannerHistoryStale", "no metric comes", [one("history_end_timestamp_seconds", whole("0"))]),
    ("PlannerBelowChampion", "no forecast is trusted", [one("ladder_rung", whole("3"))]),
    ("PlannerLoadAboveForecast", "a surprise", [one("actual_concurrency", whole("9"))]),
]


def firing(tmp_path: Path, series: list[dict[str, str]], expected: set[str]) -> None:
    """Let the rules run on the series; at the end these alerts fire, each once, and no other."""
    test = {
        "interval": "1m",
        "input_series": series,
        "promql_expr_test": [
            {
                "expr": 'count by (alertname) (ALERTS{alertstate="firing"})',
                "eval_time": f"{MINUTES}m",
                "exp_samples": [{"labels": f'{{alertname="{name}"}}', "value": 1} for name in expected],
            }
        ],
    }
    file = tmp_path / "test.yaml"
    told = {"rule_files": [str(RULES)], "evaluation_interval": "1m", "tests": [test]}
    file.write_text(yaml.safe_dump(told), encoding="utf-8")
    promtool("test", "rules", str(file))


class TestTheAlerts:
    def test_prometheus_takes_the_rules(self) -> None:
        assert f"SUCCESS: {len(ALERTS)} rules found" in promtool("check", "rules", str(RULES))

    def test_none_fires_on_a_day_like_any_other(self, tmp_path: Path) -> None:
        firing(tmp_path, CALM, set())

    @pytest.mark.parametrize(
        ("alert", "changed"), [(a, c) for a, _, c in TROUBLES], ids=[f"{a}: {w}" for a, w, _ in TROUBLES]
    )
    def test_each_fires_for_its_trouble_and_alone(
        self, tmp_path: Path, alert: str, changed: list[dict[str, str]]
    ) -> None:
        names = {each["series"] for each in changed}
        assert names <= {each["series"] for each in CALM}
        firing(tmp_path, [*(each for each in CALM if each["series"] not in names), *changed], {alert})

    def test_every_alert_was_tried(self) -> None:
        assert {alert for alert, _, _ in TROUBLES} == {rule["alert"] for rule in ALERTS}

    @pytest.mark.parametrize("rule", ALERTS, ids=lambda rule: rule["alert"])
    def test_each_says_what_to_do_and_asks_for_what_there_is(self, rule: dict[str, Any]) -> None:
        assert rule["labels"]["severity"] in {"critical", "warning"}
        page, _, anchor = rule["annotations"]["runbook"].partition("#")
        headings = re.findall(r"^### (.*)$", (ROOT / page).read_text(encoding="utf-8"), re.MULTILINE)
        assert anchor in {heading.lower() for heading in headings}
        assert rule["annotations"]["summary"].endswith(".")
        assert set(METRIC.findall(rule["expr"])) <= NAMES


class TestTheDashboard:
    board = json.loads(BOARD.read_text(encoding="utf-8"))
    panels = board["panels"]

    def test_it_is_what_grafana_publishes_a_dashboard_to_be(self) -> None:
        valid(self.board, PUBLISHED["dashboard"])
        for panel in self.panels:
            valid(panel["options"], PUBLISHED[panel["type"]]["options"])
            if panel["type"] == "timeseries":
                valid(panel["fieldConfig"]["defaults"].get("custom", {}), PUBLISHED["timeseries"]["custom"])

    @pytest.mark.parametrize(("key", "value"), [("schemaVersion", "39"), ("refersh", "1m"), ("panels", {})])
    def test_what_is_no_dashboard_is_found_out(self, key: str, value: object) -> None:
        with pytest.raises(jsonschema.ValidationError):
            valid(self.board | {key: value}, PUBLISHED["dashboard"])

    def test_every_panel_and_query_has_a_name_of_its_own(self) -> None:
        assert len({panel["id"] for panel in self.panels}) == len(self.panels)
        for panel in self.panels:
            assert len({target["refId"] for target in panel["targets"]}) == len(panel["targets"])

    def test_no_panel_lies_on_another(self) -> None:
        grids = [panel["gridPos"] for panel in self.panels]
        assert max(grid["x"] + grid["w"] for grid in grids) == 24
        for one_, other in combinations(grids, 2):
            beside = one_["x"] + one_["w"] <= other["x"] or other["x"] + other["w"] <= one_["x"]
            below = one_["y"] + one_["h"] <= other["y"] or other["y"] + other["h"] <= one_["y"]
            assert beside or below, (one_, other)

    def test_prometheus_takes_its_queries(self, tmp_path: Path) -> None:
        queries = [target["expr"] for panel in self.panels for target in panel["targets"]]
        known = {f"${each['name']}" for each in self.board["templating"]["list"]}
        assert set(re.findall(r"\$\w+", " ".join(queries))) <= known
        rules = [
            {"record": f"board:{number}", "expr": re.sub(r"\$\w+", "x", expr)} for number, expr in enumerate(queries)
        ]
        file = tmp_path / "board.yaml"
        file.write_text(yaml.safe_dump({"groups": [{"name": "board", "rules": rules}]}), encoding="utf-8")
        assert f"SUCCESS: {len(rules)} rules found" in promtool("check", "rules", str(file))

    def test_it_asks_for_what_there_is(self) -> None:
        asked = set(METRIC.findall(json.dumps(self.board)))
        assert len(asked) > 15
        assert asked <= NAMES

    def test_it_takes_whichever_prometheus_a_person_chooses(self) -> None:
        text = json.dumps(self.panels)
        assert text.count('"uid"') == text.count('"uid": "${datasource}"') > 20


def test_the_page_explains_every_metric_and_no_other() -> None:
    rows = re.findall(r"^\| `(planner_[a-z_]+)` \| ([^|]*) \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert [name for name, _ in rows] == [family.name for family in FAMILIES]
    told = {name: tuple(re.findall(r"`([a-z]+)`", labels)) for name, labels in rows}
    assert told == {family.name: tuple(each for each in family.labels if each not in LABELS) for family in FAMILIES}
