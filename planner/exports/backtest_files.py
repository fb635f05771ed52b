"""The files of a backtest: Markdown for people, CSV for spreadsheets, JSON for machines, and the picture."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Callable
from pathlib import Path

from planner.backtest import Day, Score
from planner.base import iso
from planner.exports import backtest_picture, write
from planner.exports.backtest_words import CAPTION, MONTH, Report, at_our_share, grounds, headline, heads, rows, savings

COLUMNS = (
    "policy",
    "day",
    "cold_share",
    "instance_hours",
    "ideal_hours",
    "changes",
    "bill_always_allocated",
    "bill_hibernating",
)


def export_backtest(report: Report, folder: Path) -> tuple[Path, ...]:
    """Write every file into `folder`; InputError when that can't be."""
    renderers: dict[str, Callable[[Report], str | bytes]] = {
        "backtest.md": markdown,
        "backtest.csv": table,
        "backtest.json": lambda shown: json.dumps(data(shown), indent=2, ensure_ascii=False, sort_keys=True) + "\n",
        backtest_picture.NAME: backtest_picture.render,
    }
    return write(folder, ((name, render(report)) for name, render in renderers.items()), option="--out")


def markdown(report: Report) -> str:
    """`backtest.md`: the table and what follows from it."""
    top = heads(report)
    marks = ("---", *("---:" for _ in top[1:]))
    lines = ["| " + " | ".join(row) + " |" for row in (top, marks, *rows(report))]
    parts = (
        f"# Backtest of {report.function}",
        headline(report),
        "\n".join(f"- {line}" for line in (*savings(report), *report.remarks)),
        f"![Cold share against hours, the last days, and the bill]({backtest_picture.NAME})",
        "\n".join(lines),
        CAPTION,
        grounds(report),
    )
    return "\n\n".join(parts) + "\n"


def table(report: Report) -> str:
    """`backtest.csv`: a row for each policy and day, times in UTC, bills of the day."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for score in report.backtest.scores:
        for day in score.days:
            writer.writerow(_day_row(score, day))
    return text.getvalue()


def data(report: Report) -> dict[str, object]:
    """The result for machines; a regret is null where the promise was not kept at all."""
    backtest = report.backtest
    cold, hours = at_our_share(backtest)
    return {
        "function": report.function,
        "objective": backtest.rules.objective,
        "days": [iso(day.start) for day in backtest.scores[0].days],
        "replan_hours": backtest.rules.replan.total_seconds() / 3600,
        "currency": report.currency,
        "prices_of": report.dated.isoformat(),
        "month_days": MONTH,
        "policies": [_policy(report, score) for score in backtest.scores],
        "reference": {
            "cold_share": round(cold, 6),
            "hours_ratio": round(hours, 4),
            "curve": [
                [round(share, 6), round(held, 4)]
                for share, held in zip(backtest.reference.cold_shares, backtest.reference.hours, strict=True)
            ],
        },
        "savings": list(savings(report)),
        "remarks": list(report.remarks),
    }


def _policy(report: Report, score: Score) -> dict[str, object]:
    return {
        "name": score.name,
        "cold_share": round(score.cold_share, 6),
        "instance_hours": round(score.hours, 2),
        "hours_ratio": round(score.hours_ratio, 4),
        "regret": None if math.isinf(score.regret) else round(score.regret, 4),
        "changes_a_day": round(score.changes, 2),
        "bill_a_month": {
            "always_allocated": round(report.monthly(score, hibernating=False), 2),
            "hibernating": round(report.monthly(score, hibernating=True), 2),
        },
    }


def _day_row(score: Score, day: Day) -> tuple[object, ...]:
    return (
        score.name,
        iso(day.start),
        round(day.cold / day.offered if day.offered else 0.0, 6),
        round(day.provisioned / 60, 2),
        round(day.ideal / 60, 2),
        day.changes,
        round(day.always_allocated, 2),
        round(day.hibernating, 2),
    )
