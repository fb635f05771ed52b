"""A past day is planned from what was known then."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.cli.conftest import Planner


def test_what_the_history_file_says_of_times_after_now_changes_no_plan(planner: Planner, site: Path) -> None:
    file = site / "history.csv"
    rows = file.read_text(encoding="utf-8").splitlines()
    now = datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(hours=1)
    moment = f"{now:%Y-%m-%dT%H:%M:%SZ}"

    def planned() -> str:
        ran = planner("plan", "--dry-run", "--now", moment, "--json")
        assert ran.code == 0, ran.err
        return str(ran.json["digest"])

    whole = planned()
    spoilt = [f"{row.partition(',')[0]},-1" if row[:1].isdigit() and row > moment else row for row in rows]
    assert spoilt != rows
    # Disorder, a repeated row, a gap and a placeholder date beside the wrong values.
    spoilt += [spoilt[-3], spoilt[-1], "9999-12-31T00:00:00Z,x"]
    file.write_text("\n".join([*spoilt[:-9], *spoilt[-5:]]) + "\n", encoding="utf-8")

    assert planned() == whole
