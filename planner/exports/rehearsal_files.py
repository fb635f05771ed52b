"""The files of a rehearsal: the picture, JSON for machines, and every request as CSV."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

from planner.base import MINUTE, iso
from planner.exports import rehearsal_picture, write
from planner.exports.rehearsal_words import grounds, headline
from planner.rehearsal.measured import QUANTILES, Figures, Rehearsal, Run

REQUESTS = "requests.csv"
COLUMNS = ("policy", "at_seconds", "late_seconds", "latency_seconds", "status", "start", "instance")


def export_rehearsal(found: Rehearsal, folder: Path) -> tuple[Path, ...]:
    """Write every file into `folder`; InputError when that can't be."""
    files = (
        (rehearsal_picture.NAME, rehearsal_picture.render(found)),
        ("rehearsal.json", json.dumps(data(found), indent=2, ensure_ascii=False, sort_keys=True) + "\n"),
        (REQUESTS, requests(found)),
    )
    return write(folder, files, option="--out")


def data(found: Rehearsal) -> dict[str, object]:
    """The result for machines; latencies in seconds, hours in the trace's time."""
    scene, wishes = found.scene, found.scene.wishes
    return {
        "trace": scene.history.source,
        "start": iso(scene.start),
        "end": iso(scene.end),
        "ramp": [iso(moment) for moment in found.ramp],
        "speed": wishes.speed,
        "peak_instances": wishes.peak,
        "instance_concurrency": wishes.instance_concurrency,
        "ceiling": scene.ceiling,
        "request_seconds": round(found.pace.request_seconds, 3),
        "start_seconds": round(found.pace.start_seconds, 3),
        "lead_minutes": found.lead / MINUTE,
        "seed": wishes.seed,
        "late_seconds_p99": round(found.lateness, 4),
        "saturated": found.saturated,
        "currency": found.currency,
        "policies": [_policy(found, run) for run in found.runs],
        "headline": headline(found),
        "grounds": list(grounds(found)),
    }


def requests(found: Rehearsal) -> str:
    """`requests.csv`: a row a request, in the order in which they were to be sent."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for run in found.runs:
        for row in run.rows:
            numbers = (f"{number:.4f}" for number in (row.at, row.late, row.latency))
            writer.writerow((run.name, *numbers, row.status, row.start, row.instance))
    return text.getvalue()


def _policy(found: Rehearsal, run: Run) -> dict[str, object]:
    return {
        "name": run.name,
        "ramp": _figures(found.rising(run)),
        "whole": _figures(found.whole(run)),
        "cold_starts": run.cold_starts,
        "instance_hours": round(run.warm_hours, 3),
        "on_demand_hours": round(run.on_demand_hours, 3),
        "bill": round(run.bill, 4),
    }


def _figures(found: Figures) -> dict[str, object]:
    quantiles = {f"p{100 * level:g}": round(value, 4) for level, value in zip(QUANTILES, found.quantiles, strict=True)}
    return {
        "requests": found.requests,
        **quantiles,
        "longest": round(found.longest, 4),
        "waited_for_a_start": found.cold,
        "refused": found.refused,
        "failed": found.failed,
    }
