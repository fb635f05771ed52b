"""What the daemon's plan ticks cost by function, and how many functions one process plans in a quarter of an hour.

    python benchmarks/fleet.py [--functions 200] [--chosen 20]

Each function has the bundled sample as minutes (traces.py), drawn anew. A tick that chooses is a plan without a kept
choice, as `planner plan` makes it; a tick that follows has the choice of the day; both find the fits of that choice.
The first functions choose, and the others follow what these chose, in turn. Then all are due at once, in the daemon's
four threads. Counted are the plans: no database, no Function Compute.
"""

from __future__ import annotations

import argparse
import os
import resource
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from functools import partial
from itertools import cycle
from pathlib import Path
from typing import TypeVar

from scoreboard import CONFIG
from traces import DAY, drawn, scaled_rate

from planner.base import MINUTE
from planner.config import FunctionConfig, load_config
from planner.fits import FitFolder
from planner.pipeline import Question, choose, make_plan
from planner.provision import LiveDocument
from planner.scheduler import WORKERS
from planner.sources.files import read_history
from planner.sources.sample import sample_path

Found = TypeVar("Found")
QUARTER = 15 * MINUTE


def main() -> None:
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("--functions", type=int, default=200)
    ask.add_argument("--chosen", type=int, default=20, help="functions that choose; the others follow these")
    asked = ask.parse_args()
    (settings,) = load_config(CONFIG, environ={}).functions
    with tempfile.TemporaryDirectory() as folder:
        fits = FitFolder(folder=Path(folder))
        measure(settings, list(asked_of(asked.functions)), asked.chosen, fits)


def asked_of(count: int) -> Iterator[Question]:
    with sample_path() as path:
        source = read_history(path)
    rate = scaled_rate(source)
    for seed in range(count):
        trace = drawn("sample", source, rate, seed=seed)
        now = trace.minutes.end - DAY / 2
        yield Question(now=now, horizon=DAY, history=trace.known(now), live=LiveDocument(), instance_concurrency=1)


def measure(settings: FunctionConfig, questions: Sequence[Question], choosing: int, fits: FitFolder) -> None:
    plan = partial(make_plan, settings, fits=fits)
    later = [replace(each, now=each.now + 15 * MINUTE) for each in questions]
    plan(questions[0])  # what is compiled and read once
    chosen = timed("fit", lambda asked: choose(settings, asked, fits=fits), questions[:choosing], map)
    kept = [replace(each, chosen=one) for each, one in zip(later, cycle(chosen), strict=False)]
    timed("tick that chooses", plan, later[:choosing], map)
    timed("tick that follows", plan, kept[:choosing], map)
    begun, held = time.perf_counter(), resident()
    done: list[float] = []

    def noted(asked: Question) -> None:
        plan(asked)
        done.append(time.perf_counter() - begun)

    with ThreadPoolExecutor(WORKERS) as pool:
        timed(f"the same in {WORKERS} threads", noted, kept, pool.map)
    within = sum(each <= QUARTER / timedelta(seconds=1) for each in done) / len(done)
    print(
        f"{len(done)} functions: {60 * len(done) / max(done):.0f} ticks a minute, {within:.0%} planned in a quarter "
        f"of an hour, the last after {max(done):.0f} s; {held:.0f} MiB before, {resident():.0f} MiB at most"
    )


def timed(
    name: str,
    work: Callable[[Question], Found],
    asked: Sequence[Question],
    over: Callable[[Callable[[Question], Found], Iterable[Question]], Iterable[Found]],
) -> list[Found]:
    """Do all, and print what one took on average, Prophet's fitting processes included."""
    cpu, wall = spent(), time.perf_counter()
    found = list(over(work, asked))
    cpu, wall = (spent() - cpu) / len(asked), (time.perf_counter() - wall) / len(asked)
    print(f"{name:24s}{cpu:8.3f} CPU s{wall:8.3f} wall s a function", flush=True)
    return found


def spent() -> float:
    """CPU seconds of this process and of those that it waited for."""
    return sum(os.times()[:4])


def resident() -> float:
    """MiB that the process had in memory at most."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
