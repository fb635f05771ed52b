"""`capacity-schedule.csv`: the steps as a table, for spreadsheets and other programs.

`part` is `rolling` for the dated steps of this plan and `recurring` for one week of the fallback that follows.
"""

from __future__ import annotations

import csv
import io

from planner.base import iso
from planner.exports.words import local
from planner.plan import Plan

NAME = "capacity-schedule.csv"
COLUMNS = ("part", "start_utc", "start_local", "instances", "reason")


def render(plan: Plan) -> str:
    """One row a step, in order of time; a step holds until the next row's start."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for part, schedule in (("rolling", plan.schedule), ("recurring", plan.recurring)):
        for step in schedule.steps:
            when = local(step.at, plan.time_zone).isoformat()
            writer.writerow((part, iso(step.at), when, step.instances, step.reason))
    return text.getvalue()
