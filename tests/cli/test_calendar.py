"""The calendar in a whole plan: company files, notes, and faults with their exit code."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.calendar.given import a_history
from tests.cli.conftest import Planner

CONFIG = """\
version: 1
functions:
- name: f
  instance_concurrency: 4
  history: {file: history.csv, statistic: max}
  forecast: {forecaster: seasonal}
  calendar:
    files: [company.csv]
"""
PLAN = ("plan", "--dry-run", "--json", "--now", "2026-11-09T00:00:00+08:00")


@pytest.fixture
def company(tmp_path: Path) -> Path:
    """The company's file, to be written, beside a configuration and a history up to Monday 9 November."""
    history = a_history("2026-10-12", 28, step=60)
    history.series.rename_axis("timestamp").rename("value").to_csv(tmp_path / "history.csv")
    (tmp_path / "planner.yaml").write_text(CONFIG, encoding="utf-8")
    return tmp_path / "company.csv"


def entry(company: Path, line: str) -> None:
    company.write_text(f"kind,name,start,end,uplift\n{line}\n", encoding="utf-8")


def test_a_campaign_of_a_company_file_raises_the_steps_and_not_the_fallback(planner: Planner, company: Path) -> None:
    def planned(line: str) -> Any:
        entry(company, line)
        return planner(*PLAN).json

    outage = "ignore,outage,2026-10-13,,"
    plain = planned(outage)
    sale = planned(f"{outage}\ncampaign,sale,2026-11-09T10:00,2026-11-09T12:00,3")
    most, raised = (max(step["instances"] for step in plan["schedule"]["steps"]) for plan in (plain, sale))
    assert raised >= 2 * most
    assert sale["recurring"] == plain["recurring"]
    assert "calendar: 2026-11-09 10:00 to 2026-11-09 12:00 sale: ×3 (campaign, company.csv)" in sale["notes"]


@pytest.mark.parametrize("words", [PLAN, ("config", "check")], ids=["plan", "config check"])
def test_a_fault_of_a_company_file_is_bad_input(planner: Planner, company: Path, words: tuple[str, ...]) -> None:
    entry(company, "campaign,sale,2026-11-09T10:00,2026-11-09T12:00,lots")
    found = planner(*words)
    assert found.code == 2
    assert "company.csv:2: uplift: 'lots' is not a number; write 0 to 1000" in found.err


def test_a_campaign_like_a_day_that_the_history_lacks_is_bad_input(planner: Planner, company: Path) -> None:
    company.write_text("kind,name,start,like\ncampaign,sale,2026-11-09,2025-11-09\n", encoding="utf-8")
    found = planner(*PLAN)
    assert found.code == 2
    assert "the campaign 'sale' (company.csv) is like 2025-11-09, but the history doesn't hold" in found.err


def test_a_company_file_in_the_way_does_not_stop_a_look_at_the_status(planner: Planner, company: Path) -> None:
    entry(company, "campaign,sale,2026-11-09T10:00,2026-11-09T12:00,lots")
    assert planner("status").code == 0
