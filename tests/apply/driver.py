"""A process that applies one plan: `python -m tests.apply.driver FC_URL DATABASE_URL PLAN_FILE`. To be killed."""

from __future__ import annotations

import sys
from datetime import timedelta
from pathlib import Path

from planner.apply import apply
from planner.clock import SystemClock
from planner.fc.sdk import Connection, connect
from planner.plancodec import plan_from_json
from planner.store.store import Store


def main(fc_url: str, database_url: str, plan_file: str) -> None:
    """Say `ready` once everything slow is imported, then apply, then say how it ended."""
    clock = SystemClock()
    plan = plan_from_json(Path(plan_file).read_text(encoding="utf-8"), source=plan_file)
    with Store.open(database_url, migrate=True) as store:
        fc = connect(Connection(endpoint=fc_url), clock=clock)
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        outcome = apply(plan, fc=fc, audit=store, clock=clock, who="driver", follow=timedelta())
    sys.stdout.write(f"{outcome.kind}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
