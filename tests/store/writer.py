"""A process that writes to a store and says, line by line, what was acknowledged: `python -m tests.store.writer`."""

from __future__ import annotations

import sys

from planner.base import MINUTE
from planner.outcome import Outcome, OutcomeKind
from planner.store import Point, Store
from tests.builders import NOON, a_plan


def write(url: str, who: str, times: int) -> None:
    """Begin and finish attempts and revise one series; a line for each attempt that is on disk."""
    with Store.open(url, migrate=True) as store:
        for turn in range(times):
            at = NOON + turn * MINUTE
            attempt = store.begin(a_plan(at), who=who, at=at)
            sys.stdout.write(f"{attempt}\n")
            sys.stdout.flush()
            points = [Point(at=NOON + minute * MINUTE, value=float(turn), step=MINUTE) for minute in range(50)]
            store.save_points("asr-gpu", "cms", points if turn % 2 else points[::-1])
            store.finish(attempt, Outcome(kind=OutcomeKind.APPLIED, at=at, message=who))


if __name__ == "__main__":
    write(sys.argv[1], sys.argv[2], int(sys.argv[3]))
