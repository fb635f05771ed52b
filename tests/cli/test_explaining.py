"""explain: which minute is meant, what is shown, and that nothing is written."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from planner.cli.explaining import REMEDY, minute_of
from planner.emulator import Running
from planner.errors import InputError
from tests.cli.conftest import NAME, Planner, write_config

SHANGHAI = "Asia/Shanghai"
EIGHT = datetime(2026, 11, 23, 0, 0, tzinfo=UTC)
"""08:00 in Shanghai."""
DAY = timedelta(days=1)


def named(text: str, zone: str = SHANGHAI, *, start: datetime = EIGHT, span: timedelta = DAY) -> datetime:
    return minute_of(text, zone, start=start, end=start + span)


class TestTime:
    @pytest.mark.parametrize(
        ("text", "after"),
        [
            ("20:05", timedelta(hours=12, minutes=5)),
            ("08:00", timedelta(0)),
            ("07:59", timedelta(hours=23, minutes=59)),
            ("2026-11-23T20:05", timedelta(hours=12, minutes=5)),
            ("2026-11-24 07:00", timedelta(hours=23)),
            ("2026-11-23T12:05:30Z", timedelta(hours=12, minutes=5)),
            ("2026-11-23T20:05+08:00", timedelta(hours=12, minutes=5)),
            ("2026-11-23T21:05+09:00", timedelta(hours=12, minutes=5)),
        ],
    )
    def test_a_minute_of_the_plan_is_found(self, text: str, after: timedelta) -> None:
        assert named(text) == EIGHT + after

    @pytest.mark.parametrize(
        ("text", "span"),
        [
            ("2026-11-23T07:59", DAY),
            ("2026-11-24T08:00", DAY),
            ("09:00", timedelta(hours=1)),
        ],
    )
    def test_a_minute_outside_the_plan_is_refused(self, text: str, span: timedelta) -> None:
        with pytest.raises(InputError) as refused:
            named(text, span=span)

        last = "Tue 24 Nov 07:59" if span == DAY else "Mon 23 Nov 08:59"
        assert refused.value.message == (
            f"TIME {text!r} is outside the plan, which reaches from Mon 23 Nov 08:00 to {last} (Asia/Shanghai)"
        )
        assert refused.value.remedy == (
            "Name a minute within it, a longer --horizon (up to 7d), or for the past an earlier --now."
        )

    @pytest.mark.parametrize(
        "text", ["tonight", "25:00", "2026-02-30T10:00", "", "0001-01-01T00:00", "0001-01-01T00:00+08:00"]
    )
    def test_what_is_no_time_is_refused(self, text: str) -> None:
        with pytest.raises(InputError) as refused:
            named(text)

        assert refused.value.message == f"TIME {text!r} is no time"

    def test_an_hour_that_the_clocks_leave_out_is_refused(self) -> None:
        start = datetime(2026, 3, 8, 5, 0, tzinfo=UTC)

        with pytest.raises(InputError, match="'02:30' is left out where clocks go forward in America/New_York"):
            named("02:30", "America/New_York", start=start)

    def test_an_hour_that_is_there_twice_needs_an_offset(self) -> None:
        start = datetime(2026, 11, 1, 4, 0, tzinfo=UTC)

        with pytest.raises(InputError, match="'01:30' is there twice where clocks go back in America/New_York"):
            named("01:30", "America/New_York", start=start)
        assert named("2026-11-01T01:30-05:00", "America/New_York", start=start) == datetime(
            2026, 11, 1, 6, 30, tzinfo=UTC
        )


class TestCommand:
    def test_it_writes_neither_file_nor_function_compute(self, planner: Planner, site: Path, fc: Running) -> None:
        before = {path.name for path in site.iterdir()}

        assert planner("explain", f"{datetime.now(UTC) + timedelta(hours=3):%H:%M}").code == 0

        assert {path.name for path in site.iterdir()} == before
        assert {entry.method for entry in fc.emulator.journal.entries()} == {"GET"}

    def test_it_explains_the_plan_that_would_be_made(self, planner: Planner, site: Path) -> None:
        moment = f"{datetime.now(UTC) - timedelta(minutes=30):%Y-%m-%dT%H:%M:00Z}"
        minute = f"{datetime.now(UTC) + timedelta(hours=2):%Y-%m-%dT%H:%M:00Z}"

        plan = planner("plan", "--dry-run", "--now", moment, "--json").json
        found = planner("explain", minute, "--now", moment, "--json").json

        assert (found["plan"], found["minute"], found["function"]) == (plan["digest"], minute, f"{NAME}:LATEST")
        in_effect = [step["instances"] for step in plan["schedule"]["steps"] if step["at"] <= minute]
        assert found["instances"] == in_effect[-1] == sum(part["instances"] for part in found["parts"])

    def test_people_get_the_sum_and_what_else_acts(self, planner: Planner, site: Path) -> None:
        lines = planner("explain", f"{datetime.now(UTC) + timedelta(hours=2):%H:%M}").out.splitlines()

        starts = [" ".join(line.split()[:2]) for line in lines if line.strip()]
        assert lines[0].startswith(f"{NAME}:LATEST at ")
        assert lines[0].endswith(" instances")
        wanted = next(line.split() for line in lines if line.startswith("instances wanted"))
        assert f"{wanted[2]} instances" in lines[0]
        for label in ("handover default", "given, if", "live guard", "risk for"):
            assert label in starts

    def test_an_unsafe_plan_is_explained_and_said_to_be_unsafe(self, planner: Planner, site: Path, fc: Running) -> None:
        unsafe = f"- name: {NAME}\n  history: {{file: history.csv}}\n  forecast: {{forecaster: recent}}\n"
        hour = f"{datetime.now(UTC) + timedelta(hours=2):%H:%M}"
        assert planner("explain", hour).err == ""
        write_config(site, fc.endpoint, functions=unsafe + "  safety: {max_cost_ratio: 100, quota: 1}\n")

        ran = planner("explain", hour)

        assert (ran.code, ran.err) == (0, "The plan is unsafe, so `planner apply` would refuse it: quota.\n")

    def test_a_wrong_time_is_told_before_the_work(self, planner: Planner, site: Path) -> None:
        ran = planner("explain", "tonight", "--history", "nowhere.csv")

        assert (ran.code, ran.out) == (2, "")
        assert ran.err.splitlines() == [
            "Error: TIME 'tonight' is no time",
            f"What to do: {REMEDY}",
        ]

    def test_the_clock_is_the_function_s(self, planner: Planner, site: Path, fc: Running) -> None:
        zoned = f"- name: {NAME}\n  time_zone: Asia/Tokyo\n  history: {{file: history.csv}}\n"
        write_config(site, fc.endpoint, functions=zoned + "  forecast: {forecaster: recent}\n")
        later = datetime.now(UTC) + timedelta(hours=2)

        found = planner("explain", f"{later + timedelta(hours=9):%H:%M}", "--json").json

        assert found["minute"] == f"{later:%Y-%m-%dT%H:%M:00Z}"
