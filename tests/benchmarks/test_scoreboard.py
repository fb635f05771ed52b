"""The scoreboard's recipe: what a trace becomes, what the variants do, and how the page is written."""

from __future__ import annotations

import re
from argparse import Namespace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import scoreboard
import traces
import variants

from planner.baselines import BASELINES
from planner.reading import Among
from planner.replay import Reaction

ROOT = Path(__file__).parents[2]
FIRST = datetime(2026, 3, 16, tzinfo=UTC)
DAY, HOUR = timedelta(days=1), timedelta(hours=1)


def a_folder(tmp_path: Path, *, days: int = 10, step: timedelta = HOUR) -> Path:
    """A trace of ten a minute with one hour of a hundred in its last day."""
    index = pd.date_range(FIRST, FIRST + days * DAY, freq=step)
    values = np.full(len(index), 10.0)
    values[-12] = 100.0
    frame = pd.DataFrame({"timestamp": index.strftime("%Y-%m-%dT%H:%M:%SZ"), "value": values})
    frame.to_csv(tmp_path / "one.csv", index=False)
    return tmp_path


def asked(folder: Path = scoreboard.SAMPLE, **changes) -> Namespace:
    usual = {
        "folder": folder, "days": 7, "every": 1, "objective": 0.001, "replan_hours": 24, "among": Among.LAST,
        "hold": Reaction().hold, "seed": 7, "jobs": 1, "only_traces": False, "baselines_only": False,
        "ours_only": False, "write": None, "name": "sample", "csv": None,
    }  # fmt: skip
    return Namespace(**(usual | changes))


class TestATrace:
    def test_it_is_scaled_by_its_past_alone(self, tmp_path: Path) -> None:
        (trace,) = traces.traces(a_folder(tmp_path))

        assert trace.rate.iloc[0] == pytest.approx(40)
        assert trace.rate.max() == pytest.approx(400)

    def test_its_minutes_are_counts_around_the_rate_and_the_same_each_time(self, tmp_path: Path) -> None:
        (one,), (two,), (other,) = (list(traces.traces(a_folder(tmp_path), seed=seed)) for seed in (7, 7, 8))
        minutes = one.minutes.series

        assert (minutes == minutes.round()).all()
        assert minutes[:1440].mean() == pytest.approx(40, rel=0.02)
        assert minutes[:1440].var() == pytest.approx(40, rel=0.1)
        assert one.minutes.digest == two.minutes.digest != other.minutes.digest

    def test_only_whole_hours_of_an_hourly_source_are_known(self, tmp_path: Path) -> None:
        (trace,) = traces.traces(a_folder(tmp_path))

        assert trace.known(FIRST + 5 * DAY).end == FIRST + 5 * DAY - HOUR

    def test_the_judged_days_are_the_last_seven_whole_ones(self, tmp_path: Path) -> None:
        (trace,) = traces.traces(a_folder(tmp_path))

        assert trace.days(7) == tuple(FIRST + day * DAY for day in range(3, 10))

    def test_a_trace_of_two_days_has_none(self, tmp_path: Path) -> None:
        (trace,) = traces.traces(a_folder(tmp_path, days=2))

        assert trace.days(7) == ()


class TestVariants:
    RATE = pd.Series(10.0, index=pd.date_range(FIRST - 10 * DAY, FIRST + 7 * DAY, freq="1min"))

    def changed(self, kind: str) -> pd.Series:
        return variants.VARIANTS[kind](self.RATE, FIRST)

    @pytest.mark.parametrize("kind", ["flash crowd", "level shift", "holiday"])
    def test_nothing_announces_what_comes(self, kind: str) -> None:
        assert (self.changed(kind)[: FIRST - timedelta(minutes=1)] == 10).all()
        assert (self.changed(kind)[FIRST:] != 10).any()

    def test_the_short_one_knows_two_days(self) -> None:
        assert self.changed("two days of history").index[0] == FIRST - 2 * DAY

    def test_nights_are_dead_for_ten_hours_of_every_day(self) -> None:
        by_day = self.changed("dead nights")[FIRST - 5 * DAY : FIRST - timedelta(minutes=1)]

        assert (by_day == 0).mean() == pytest.approx(10 / 24)

    def test_crowds_are_five_times_the_load_and_go_away(self) -> None:
        crowd = self.changed("flash crowd")

        assert crowd.max() == pytest.approx(50, rel=0.01)
        assert crowd[FIRST + DAY + 9 * HOUR] == pytest.approx(10, rel=0.01)

    def test_the_level_shifts_at_the_third_noon(self) -> None:
        shifted = self.changed("level shift")

        assert (shifted[FIRST + 2 * DAY + 11 * HOUR], shifted[FIRST + 2 * DAY + 12 * HOUR]) == (10, 18)

    def test_a_launch_is_twenty_times_what_was_there(self) -> None:
        launched = self.changed("launch ×20")

        assert launched[FIRST + 2 * DAY] == 20 * launched[FIRST]


class TestTheTable:
    def test_every_baseline_has_a_row_on_a_trace_and_ours_can_be_left_out(self, tmp_path: Path) -> None:
        (settings,) = scoreboard.load_config(scoreboard.CONFIG, environ={}).functions
        wanted = asked(a_folder(tmp_path), days=1, baselines_only=True, ours_only=False, only_traces=True)
        (case,) = scoreboard.traced(wanted)

        rows = scoreboard.measured(settings, wanted, case)

        assert [row.policy for row in rows] == list(BASELINES)
        text = scoreboard.report(rows, wanted)
        assert text.startswith(
            "```sh\npython benchmarks/scoreboard.py TRACES --days 1 --only-traces --baselines-only\n```"
        )
        assert all(f"\n| {name} | 1 |" in text for name in BASELINES)

    def test_medians_and_quantiles_take_a_broken_promise_for_infinite(self) -> None:
        group = pd.DataFrame(
            {"cold": [0, 0, 0, 0.01], "hours": 1.0, "money": 1.0, "regret": [1, 2, 3, np.inf], "changes": 0.0}
        )

        row = scoreboard.policy_row("x", group, 0.001)

        assert row[3:5] == ("75 %", "1.00 %")
        assert row[7:9] == ("2.50", "inf")

    def test_a_page_is_written_between_its_markers_and_nowhere_else(self, tmp_path: Path) -> None:
        page = tmp_path / "page.md"
        page.write_text("a\n<!-- scoreboard: x -->\nold\n<!-- end -->\n<!-- scoreboard: y -->\nkept\n<!-- end -->\n")

        scoreboard.write(page, "x", "new")

        assert page.read_text() == (
            "a\n<!-- scoreboard: x -->\nnew\n<!-- end -->\n<!-- scoreboard: y -->\nkept\n<!-- end -->\n"
        )

    def test_a_page_without_the_marker_is_refused(self, tmp_path: Path) -> None:
        page = tmp_path / "page.md"
        page.write_text("nothing\n")

        with pytest.raises(SystemExit, match="<!-- scoreboard: x -->"):
            scoreboard.write(page, "x", "new")


@pytest.mark.parametrize("page", ["backtest.md", "scoreboard.md"])
def test_the_pages_show_the_policies_that_there_are(page: str) -> None:
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")

    for name in ("planner", *BASELINES):
        assert re.search(rf"^(\| )?{re.escape(name)} ", text, re.MULTILINE), name
