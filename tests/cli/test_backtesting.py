"""`planner backtest`: the table, the files, the JSON, and what is refused."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread

from planner.baselines import BASELINES
from tests.backtest.given import history, tide
from tests.cli.conftest import NAME, Planner, write_config

FILES = {"backtest.md", "backtest.csv", "backtest.json", "backtest.png"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Four days of a tide, nothing to ask."""
    functions = f"- name: {NAME}\n  time_zone: UTC\n  instance_concurrency: 2\n"
    functions += "  history: {file: history.csv, statistic: max}\n  forecast: {forecaster: recent}\n"
    write_config(tmp_path, None, functions=functions)
    series = history(tide(4)[::5]).series
    rows = (f"{at:%Y-%m-%dT%H:%M:%SZ},{value}" for at, value in series.items())
    (tmp_path / "history.csv").write_text("timestamp,value\n" + "\n".join(rows) + "\n", encoding="utf-8")
    return tmp_path


def test_the_json_holds_every_policy_and_the_days_that_were_judged(planner: Planner, folder: Path) -> None:
    ran = planner("backtest", "--json")

    assert ran.code == 0, ran.err
    assert [policy["name"] for policy in ran.json["policies"]] == ["planner", *BASELINES]
    assert ran.json["days"] == ["2026-03-21T00:00:00Z", "2026-03-22T00:00:00Z"]
    assert (ran.json["currency"], ran.json["prices_of"], ran.json["replan_hours"]) == ("CNY", "2025-12-13", 24)
    assert all(0 <= policy["cold_share"] <= 1 for policy in ran.json["policies"])
    assert ran.err == ""


def test_the_table_says_what_would_have_been_saved_and_at_which_prices(planner: Planner, folder: Path) -> None:
    ran = planner("backtest")

    assert ran.code == 0, ran.err
    assert "Against static peak of 7 days" in ran.out
    assert "Against tracking 0.3 (vendor's)" in ran.out
    assert "at the price table of 13 Dec 2025" in ran.out
    assert "for 2 requests an instance" in " ".join(ran.out.split())


def test_the_files_agree_with_each_other(planner: Planner, folder: Path) -> None:
    ran = planner("backtest", "--out", "there", "--json")
    there = folder / "there"

    assert {path.name for path in there.iterdir()} == FILES
    assert {Path(name).name for name in ran.json["files"]} == FILES
    written = json.loads((there / "backtest.json").read_text(encoding="utf-8"))
    assert written == {key: value for key, value in ran.json.items() if key != "files"}
    rows = list(csv.DictReader((there / "backtest.csv").read_text(encoding="utf-8").splitlines()))
    for policy in written["policies"]:
        days = [row for row in rows if row["policy"] == policy["name"]]
        assert [row["day"] for row in days] == written["days"]
        hours = sum(float(row["instance_hours"]) for row in days)
        assert hours == pytest.approx(policy["instance_hours"], abs=0.02)
        bill = sum(float(row["bill_hibernating"]) for row in days) / len(days) * written["month_days"]
        assert bill == pytest.approx(policy["bill_a_month"]["hibernating"], abs=0.5)
        assert f"| {policy['name']} |" in (there / "backtest.md").read_text(encoding="utf-8")
    picture = imread(there / "backtest.png")
    assert picture.shape[:2] == (900, 1600)
    assert len(np.unique(picture[:, :, 0])) > 50


def test_the_same_backtest_gives_the_same_bytes(planner: Planner, folder: Path) -> None:
    for out in ("one", "two"):
        assert planner("backtest", "--days", 1, "--out", out).code == 0

    assert all((folder / "one" / name).read_bytes() == (folder / "two" / name).read_bytes() for name in FILES)


def test_with_now_what_came_later_is_not_judged(planner: Planner, folder: Path) -> None:
    ran = planner("backtest", "--now", "2026-03-22T09:00:00Z", "--json")

    assert ran.json["days"] == ["2026-03-21T00:00:00Z"]


def test_planning_anew_each_hour_is_said_and_changes_the_result(planner: Planner, folder: Path) -> None:
    daily, hourly = (planner("backtest", "--days", 1, "--replan", span, "--json").json for span in ("24h", "6h"))

    assert (daily["replan_hours"], hourly["replan_hours"]) == (24, 6)
    assert daily["policies"][0] != hourly["policies"][0]
    # A static peak that stays the same is not put again.
    assert daily["policies"][1]["instance_hours"] == hourly["policies"][1]["instance_hours"]


def test_a_put_that_takes_no_time_is_colder_for_nobody(planner: Planner, folder: Path) -> None:
    usual, instant = (planner("backtest", *more, "--json").json for more in ((), ("--instant-put",)))

    for with_put, without in zip(usual["policies"], instant["policies"], strict=True):
        assert without["cold_share"] <= with_put["cold_share"] + 1e-9, with_put["name"]


def test_several_processes_give_what_one_gives(planner: Planner, folder: Path) -> None:
    one, two = (planner("backtest", "--jobs", jobs, "--json").json for jobs in (1, 2))

    assert one == two


def test_each_nth_day_is_judged(planner: Planner, folder: Path) -> None:
    assert planner("backtest", "--days", 2, "--every", 2, "--json").json["days"] == ["2026-03-21T00:00:00Z"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--replan", "5h"), "--replan 5h is no whole part of a day"),
        (("--replan", "0h"), "--replan 0h is no whole part of a day"),
        (("--replan", "soon"), "--replan 'soon' is no duration"),
        (("--latency", "3"), "--latency '3' is no duration"),
        (("--now", "2026-03-20T09:00:00Z"), "has 2 days of history before it"),
        (("--history", "none.csv"), "none.csv: no such file"),
    ],
)
def test_bad_input_is_one_error_with_a_remedy(
    planner: Planner, folder: Path, arguments: tuple[str, ...], message: str
) -> None:
    ran = planner("backtest", *arguments)

    assert (ran.code, ran.out) == (2, "")
    assert message in ran.err
    assert "What to do:" in ran.err


def test_a_folder_that_cannot_be_made_is_told_with_its_option(planner: Planner, folder: Path) -> None:
    ran = planner("backtest", "--days", 1, "--out", "history.csv/there")

    assert ran.code == 2
    assert "Give --out a folder" in ran.err
