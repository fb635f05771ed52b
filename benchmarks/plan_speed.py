"""What a plan of one function with four weeks of minutes takes: CPU seconds, wall seconds and peak memory.

    python benchmarks/plan_speed.py

Each line is a process of its own: `planner plan --dry-run --export` of the bundled sample as minutes (traces.py), with
no fits kept, with yesterday's, with those of the same day, and without Prophet. The baseline, in the same run and on
the same file, is a process that imports numpy and pandas and reads the file. The shortest of three rounds counts.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import pandas as pd
from traces import DAY, LATENCY, traces

from planner.base import iso

SAMPLE = Path(__file__).parents[1] / "planner" / "data" / "sample"
ROUNDS = 3
WEEKS = timedelta(weeks=4)
CONFIG = "version: 1\nfunctions:\n- {{name: trace, instance_concurrency: 1, {}capacity: {{max_instances: 1000}}}}\n"
BASELINE = "import numpy, pandas, sys; pandas.read_csv(sys.argv[1], parse_dates=['timestamp'])"
PLAN = "from planner.cli.main import main; main()"


class Cost(NamedTuple):
    """Of one process."""

    cpu: float
    wall: float
    memory: float


def run(code: str, *arguments: object) -> Cost:
    """Seconds of CPU and wall, MB at the peak; SystemExit where the process fails."""
    begun = time.perf_counter()
    command = [sys.executable, "-c", code, *map(str, arguments)]
    nowhere = [(os.POSIX_SPAWN_OPEN, stream, os.devnull, os.O_WRONLY, 0) for stream in (1, 2)]
    pid = os.posix_spawn(sys.executable, command, os.environ, file_actions=nowhere)
    _, status, used = os.wait4(pid, 0)
    if os.waitstatus_to_exitcode(status) not in (0, 3):
        raise SystemExit(f"failed: {command}")
    return Cost(used.ru_utime + used.ru_stime, time.perf_counter() - begun, used.ru_maxrss / 1024)


def minutes(folder: Path) -> tuple[Path, datetime]:
    """The sample's newest four weeks and a day, and when they were known."""
    (trace,) = traces(SAMPLE)
    series = trace.minutes.series
    series = series[series.index[-1] - WEEKS - DAY :]
    path = folder / "minutes.csv"
    stamps = pd.DatetimeIndex(series.index).strftime("%Y-%m-%dT%H:%M:%SZ")
    pd.DataFrame({"timestamp": stamps, "value": series.to_numpy()}).to_csv(path, index=False)
    return path, trace.minutes.end + LATENCY


def measure(folder: Path) -> dict[str, Cost]:
    """One round."""
    history, now = minutes(folder)
    for name, forecast in (("auto", ""), ("mean", "forecast: {forecaster: mean}, ")):
        (folder / f"{name}.yaml").write_text(CONFIG.format(forecast), encoding="utf-8")

    def plan(config: str, cache: str, at: datetime) -> Cost:
        files = ("--config", folder / f"{config}.yaml", "--history", history, "--export", folder / "out")
        return run(PLAN, "plan", "--dry-run", *files, "--now", iso(at), "--cache", folder / cache)

    yesterday = now - DAY
    plan("auto", "day", yesterday)
    return {
        "baseline": run(BASELINE, history),
        "nothing kept": plan("auto", "new", now),
        "yesterday's kept": plan("auto", "day", now),
        "the same day's kept": plan("auto", "day", now),
        "without Prophet": plan("mean", "none", now),
    }


def main() -> None:
    rounds = []
    for _ in range(ROUNDS):
        with tempfile.TemporaryDirectory() as folder:
            rounds.append(measure(Path(folder)))
    best = {name: min((each[name] for each in rounds), key=lambda cost: cost.cpu) for name in rounds[0]}
    base = best["baseline"]
    print(f"{'':22s}{'CPU s':>8s}{'ratio':>8s}{'wall s':>8s}{'MB':>8s}{'ratio':>8s}")
    for name, cost in best.items():
        ratios = (cost.cpu, cost.cpu / base.cpu, cost.wall, cost.memory, cost.memory / base.memory)
        print(
            f"{name:22s}"
            + "".join(f"{value:8.{places}f}" for value, places in zip(ratios, (2, 1, 2, 0, 1), strict=True))
        )


if __name__ == "__main__":
    main()
