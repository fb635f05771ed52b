"""Time the compiled replay, in CPU seconds: ratios against a plain Python loop over the same rules, in the same run.

The baseline is the same loop, run by Python (NUMBA_DISABLE_JIT).
"""

from __future__ import annotations

import resource
import subprocess
import sys
import time
from collections.abc import Callable

import numpy as np

from planner.replay import Replay, Tracker, simulate

DAY = 24 * 60
PLAIN_MINUTES = DAY
"""Minutes that the baseline is timed on."""


def scene(cases: int, minutes: int) -> Callable[[], Replay]:
    """A tide of Poisson load under a constant schedule and a guard whose target differs from case to case."""
    tide = 20 + 15 * np.sin(np.arange(minutes) * 2 * np.pi / DAY)
    load = np.random.default_rng(7).poisson(tide).astype(np.float64)[None, :]
    guard = Tracker(
        target=np.linspace(0.3, 0.9, cases)[:, None],
        floor=np.array([[1]]),
        ceiling=np.array([[200]]),
        window=np.array([[1]]),
    )
    return lambda: simulate(np.full((1, minutes), 20), [guard], load)


def seconds(work: Callable[[], Replay], rounds: int) -> float:
    """CPU seconds; the best of some rounds, the least disturbed by whatever else runs."""
    best = float("inf")
    for _ in range(rounds):
        began = time.process_time()
        work()
        best = min(best, time.process_time() - began)
    return best


def plain() -> float:
    """Seconds a minute of one case, nothing compiled; a process of its own, since numba is told at its start."""
    code = f"import replay; print(replay.seconds(replay.scene(1, {PLAIN_MINUTES}), 3))"
    found = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, cwd=sys.path[0],
        env={"NUMBA_DISABLE_JIT": "1"},
    )  # fmt: skip
    return float(found.stdout) / PLAIN_MINUTES


def main() -> None:
    began = time.process_time()
    scene(1, 1)()
    print(f"first call, loading or compiling: CPU {time.process_time() - began:.2f} s")
    baseline = plain()
    print(f"baseline, the same loop in plain Python: {baseline * DAY * 1e6:,.0f} us a day of a case")
    for name, cases, minutes, rounds in (
        ("one document, a day", 1, DAY, 30),
        ("one document, four weeks", 1, 28 * DAY, 10),
        ("1,000 policies, a day", 1_000, DAY, 10),
        ("4,000 policies, 14 days", 4_000, 14 * DAY, 3),
    ):
        took = seconds(scene(cases, minutes), rounds)
        a_day = took / cases / minutes * DAY
        print(f"{name}: {took * 1e3:,.2f} ms, {a_day * 1e6:.1f} us a case and day, {baseline * DAY / a_day:.0f}x")
    print(f"most memory: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:,.0f} MiB")


if __name__ == "__main__":
    main()
