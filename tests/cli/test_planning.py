"""plan, diff and export: what is written where, and what isn't."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from planner.emulator import Running
from planner.exports import FILES
from tests.cli.conftest import NAME, Planner, recent_history, write_config

DATABASE = "planner.db"


def now(*, ago: timedelta = timedelta(0)) -> str:
    return f"{datetime.now(UTC) - ago:%Y-%m-%dT%H:%M:00Z}"


def listing(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def rows_of(database: Path) -> list[str]:
    """All that a database says."""
    with closing(sqlite3.connect(database)) as connection:
        return list(connection.iterdump())


class TestDryRun:
    def test_it_writes_neither_file_nor_function_compute(self, planner: Planner, site: Path, fc: Running) -> None:
        before = listing(site)

        assert planner("plan", "--dry-run").code == 0

        assert listing(site) == before
        assert {entry.method for entry in fc.emulator.journal.entries()} == {"GET"}

    def test_it_reads_the_stored_history(self, planner: Planner, site: Path, fc: Running) -> None:
        write_config(
            site,
            fc.endpoint,
            functions=f"- name: {NAME}\n  history: {{source: database}}\n  safety: {{max_cost_ratio: 100}}\n",
        )
        assert planner("collect", "history.csv").code == 0
        before = rows_of(site / DATABASE)

        ran = planner("plan", "--dry-run", "--json")

        assert (ran.code, ran.json["evidence"]["history_source"]) == (0, f"points of {NAME}")
        assert rows_of(site / DATABASE) == before

    def test_without_a_database_it_says_where_the_points_should_be_and_makes_none(
        self, planner: Planner, site: Path, fc: Running
    ) -> None:
        write_config(site, fc.endpoint, functions=f"- name: {NAME}\n  history: {{source: database}}\n")

        ran = planner("plan", "--dry-run")

        assert (ran.code, ran.err.splitlines()[0]) == (1, f"Error: There is no database at {site / DATABASE}.")
        assert not (site / DATABASE).exists()

    def test_it_says_what_it_lacked(self, planner: Planner, site: Path) -> None:
        write_config(site, None)

        ran = planner("plan", "--dry-run", "--json")

        assert ran.json["lacked"] == [
            "no Function Compute is configured: planned against an empty document",
            "no function to ask for its instance concurrency: 1 is assumed",
        ]
        assert "could not be read: no Function Compute" in planner("plan", "--dry-run").out

    def test_only_the_command_line_knows_the_word(self) -> None:
        package = Path(__file__).parents[2] / "planner"
        found = {path.name: path.read_text(encoding="utf-8").count("dry_run") for path in package.rglob("*.py")}
        assert {name: count for name, count in found.items() if count} == {"planning.py": 3}


class TestPlan:
    def test_the_same_inputs_give_the_same_file_byte_for_byte(self, planner: Planner, site: Path) -> None:
        moment = now(ago=timedelta(minutes=30))

        for folder in ("one", "two"):
            assert planner("plan", "--dry-run", "--now", moment, "--export", folder).code == 0

        assert (site / "one/plan.json").read_bytes() == (site / "two/plan.json").read_bytes()
        assert listing(site / "one") == set(FILES)

    def test_what_came_later_than_now_is_not_seen(self, planner: Planner, site: Path) -> None:
        moment = now(ago=timedelta(hours=2))
        digests = []
        for rows in (None, -12):
            lines = recent_history().splitlines(keepends=True)
            (site / "history.csv").write_text("".join(lines[:rows]), encoding="utf-8")
            digests.append(planner("plan", "--dry-run", "--now", moment, "--json").json["digest"])

        assert digests[0] == digests[1]

    def test_it_is_stored_once(self, planner: Planner, site: Path) -> None:
        moment = now()

        assert [planner("plan", "--now", moment, "--json").json["id"] for _ in range(2)] == [1, 1]
        assert len(planner("history", "--json").json) == 1

    def test_a_given_history_replaces_the_configured_one(self, planner: Planner, site: Path) -> None:
        (site / "other.csv").write_text(recent_history(value=20), encoding="utf-8")

        assert planner("plan", "--history", "other.csv", "--json").json["evidence"]["history_source"] == "other.csv"

    def test_detailed_exit_code_is_6_for_changes_and_0_for_none(self, planner: Planner, site: Path) -> None:
        assert planner("plan", "--detailed-exitcode").code == 6
        assert planner("plan").code == 0

    def test_people_get_the_plan_on_stdout_and_the_talk_on_stderr(self, planner: Planner, site: Path) -> None:
        ran = planner("plan", "--export", "out")

        assert ran.out.startswith(" SAFE   asr-gpu:LATEST\nplan ")
        assert ran.err.splitlines()[0] == "Exported 10 files to out: plan.md to read, plan.png to look at."
        assert ran.err.splitlines()[1].startswith("Stored as plan 1: `planner apply 1` carries it out until ")

    @pytest.mark.parametrize("horizon", ["1h", "PT36H", "7d"])
    def test_the_horizon_is_as_asked(self, planner: Planner, site: Path, horizon: str) -> None:
        schedule = planner("plan", "--dry-run", "--horizon", horizon, "--json").json["schedule"]

        span = datetime.fromisoformat(schedule["end"]) - datetime.fromisoformat(schedule["start"])
        assert span == {"1h": timedelta(hours=1), "PT36H": timedelta(hours=36), "7d": timedelta(days=7)}[horizon]


class TestDiffAndExport:
    def test_a_difference_is_taken_from_what_is_live_now(self, planner: Planner, site: Path) -> None:
        planner("plan")
        assert "changes: " in planner("diff").out
        planner("apply", 1, "--yes")

        assert planner("diff").out == "No changes: the live document is the wanted one.\n"
        assert planner("diff", 1, "--json").json["changes"] == []

    def test_a_stored_plan_is_exported_as_it_was(self, planner: Planner, site: Path) -> None:
        made = planner("plan", "--export", "first", "--json").json

        ran = planner("export", 1, "--export", "again", "--json")

        assert ran.json == {"digest": made["digest"], "files": [f"again/{name}" for name in FILES]}
        assert (site / "first/plan.json").read_bytes() == (site / "again/plan.json").read_bytes()
        assert planner("export", "first/plan.json", "--export", "third").out.split() == [f"third/{n}" for n in FILES]


@pytest.mark.parametrize(
    "command",
    ["plan", "diff", "export --export out", "status", "history", "doctor", "config check"],
    ids=lambda command: command.split(" --")[0],
)
def test_every_reading_command_prints_json_and_nothing_else(planner: Planner, site: Path, command: str) -> None:
    planner("plan")

    ran = planner(*command.split(), "--json")

    assert (ran.code, ran.err) == (0, "")
    assert json.loads(ran.out)


def test_a_wrong_configuration_is_json_too(planner: Planner, site: Path) -> None:
    (site / "planner.yaml").write_text("version: 1\nfunctions: []\n", encoding="utf-8")

    ran = planner("config", "check", "--json")

    assert (ran.code, ran.json) == (
        2,
        {
            "path": "planner.yaml",
            "sound": False,
            "faults": ["planner.yaml:2: functions: is empty; write at least one"],
        },
    )


def test_points_are_collected_again_without_harm(planner: Planner, site: Path) -> None:
    first, again = planner("collect", "history.csv"), planner("collect", "history.csv")

    assert first.err.splitlines()[0] == f"Stored 72 points of {NAME} in {site / DATABASE}."
    assert "history.source is file" in first.err
    assert (again.code, again.err) == (0, first.err)


def test_init_writes_a_configuration_that_is_sound(planner: Planner, tmp_path: Path) -> None:
    assert planner("init").code == 0
    ran = planner("config", "check")

    assert ran.code == 0
    assert ran.out.startswith("planner.yaml is sound: text-moderation:LATEST\n")
    assert planner("init").code == 2
    assert planner("init", "--force").code == 0


def test_the_database_is_upgraded_once(planner: Planner, site: Path) -> None:
    assert planner("db", "upgrade").err.startswith("The database went from schema none to ")
    assert planner("db", "upgrade").err.startswith("The database has schema ")


def test_what_was_turned_away_is_planned_for_and_the_plan_says_so(planner: Planner, site: Path) -> None:
    (site / "planner.yaml").write_text(
        (site / "planner.yaml")
        .read_text(encoding="utf-8")
        .replace("{file: history.csv}", "{file: history.csv, mean_duration_ms: 500}"),
        encoding="utf-8",
    )
    lines = recent_history().splitlines()
    rows = ["timestamp,value,throttled", *(f"{line},{1200 if i % 2 else 0}" for i, line in enumerate(lines[1:]))]
    (site / "history.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    shown = planner("plan", "--dry-run", "--json").json
    assert shown["notes"][0].startswith(
        "by its column throttled the source served less than was offered: added back 10"
    )
    lines[0] = "timestamp,value"
    (site / "history.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    plain = planner("plan", "--dry-run", "--json").json
    assert plain["notes"][0] == "the source shows no throttling: served load is taken for offered"
    assert max(s["instances"] for s in shown["schedule"]["steps"]) > max(
        s["instances"] for s in plain["schedule"]["steps"]
    )
