"""What a rehearsal says in words, files and a picture, of runs made up for it."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from matplotlib.image import imread
from rich.console import Console

from planner.exports import rehearsal_picture
from planner.exports.rehearsal_files import COLUMNS, data, export_rehearsal
from planner.exports.rehearsal_words import grounds, headline, rows
from planner.exports.terminal import rehearsal_view
from planner.rehearsal.measured import NO_PLAN, OURS, VENDOR
from tests.rehearsal.given import a_rehearsal, a_row, a_run

SLOW = a_run(NO_PLAN, *(a_row(float(at), 4.8, start="cold", instance=f"i-{at // 6}") for at in range(60)))
LOST = a_run(VENDOR, *(a_row(float(at), 0.01, status=429, start="") for at in range(60)))


def test_the_headline_holds_the_policies_against_each_other() -> None:
    found = a_rehearsal(SLOW)
    first, last = (f"{moment:%H:%M}" for moment in found.ramp)
    assert headline(found) == (
        f"P99 in the ramp from {first} to {last}: 4.80 s with no plan, 0.50 s under the vendor's example, "
        "0.50 s under our plan."
    )


def test_every_policy_has_its_column() -> None:
    table = {row[0].strip(): row[1:] for row in rows(a_rehearsal(SLOW))}
    assert table["started for a request"] == ("10", "0", "0")
    assert table["waited for a start"] == ("60", "0", "0")
    assert table["bill"] == ("CNY 12.50",) * 3
    assert table["instance-hours, provisioned"] == ("1.0",) * 3
    assert {len(cells) for cells in table.values()} == {3}


def test_what_was_scaled_and_what_not_is_said() -> None:
    told = " ".join(grounds(a_rehearsal()))
    assert "60 times as fast" in told
    assert "fills 2 instances of 8 requests" in told
    assert "a request takes 0.52 s, a start 2.5 s, at this speed 3 min of the trace" in told
    assert "The machine kept up: P99 of how late requests were sent is 1 ms." in told


def test_the_table_is_shown_on_a_narrow_terminal() -> None:
    shown = io.StringIO()
    Console(width=80, file=shown).print(rehearsal_view(a_rehearsal(SLOW)))
    assert "while the load rises" in shown.getvalue()
    assert max(map(len, shown.getvalue().splitlines())) <= 80


def test_the_data_has_the_same_figures_for_each_policy() -> None:
    told = data(a_rehearsal(SLOW, LOST))
    first, second, third = told["policies"]  # type: ignore[misc]
    assert set(first) == set(second) == set(third)
    assert first["whole"] == {
        "requests": 60,
        "p50": 4.8,
        "p95": 4.8,
        "p99": 4.8,
        "longest": 4.8,
        "waited_for_a_start": 60,
        "refused": 0,
        "failed": 0,
    }
    assert second["whole"]["refused"] == 60
    assert (third["name"], third["cold_starts"], third["instance_hours"]) == (OURS, 0, 1.0)
    assert (told["speed"], told["lead_minutes"], told["saturated"]) == (60.0, 3.0, False)


def test_every_request_is_written_down(tmp_path: Path) -> None:
    picture, figures, requests = export_rehearsal(a_rehearsal(), tmp_path)
    assert [path.name for path in (picture, figures, requests)] == ["rehearsal.png", "rehearsal.json", "requests.csv"]
    lines = requests.read_text(encoding="utf-8").splitlines()
    assert lines[0] == ",".join(COLUMNS)
    assert lines[1] == "no plan,0.0000,0.0010,0.5000,200,warm,i"
    assert len(lines) == 1 + 3 * 60


@pytest.mark.parametrize("run", [SLOW, LOST, a_run(NO_PLAN)], ids=["cold", "refused", "no request"])
def test_a_picture_is_drawn_of_whatever_was_measured(run: object) -> None:
    image = imread(io.BytesIO(rehearsal_picture.render(a_rehearsal(run))))  # type: ignore[arg-type]
    assert image.shape[:2] == (900, 1600)
