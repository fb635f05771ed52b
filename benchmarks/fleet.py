"""What the daemon's plan ticks cost by function: CPU seconds, and wall seconds in its four threads.

    python benchmarks/fleet.py [--functions 200]

Each function has the bundled sample as minutes (traces.py), drawn anew. A tick that chooses is a plan without a kept
choice, as `planner plan` makes it; a tick that follows has the choice of the day; both find the fits of that choice.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TypeVar

from scoreboard import CONFIG, SAMPLE
from traces import DAY, traces

from planner.base import MINUTE
from planner.config import FunctionConfig, load_config
from planner.fits import FitFolder
from planner.pipeline import Question, choose, make_plan
from planner.provision import LiveDocument
from planner.scheduler import WORKERS

Found = TypeVar("Found")


def main() -> None:
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("--functions", type=int, default=200)
    count = ask.parse_args().functions
    (settings,) = load_config(CONFIG, environ={}).functions
    with tempfile.TemporaryDirectory() as folder:
        measure(settings, [question(seed) for seed in range(count)], FitFolder(folder=Path(folder)))


def question(seed: int) -> Question:
    (trace,) = traces(SAMPLE, seed=seed)
    now = trace.minutes.end - DAY / 2
    return Question(now=now, horizon=DAY, history=trace.known(now), live=LiveDocument(), instance_concurrency=1)


def measure(settings: FunctionConfig, questions: Sequence[Question], fits: FitFolder) -> None:
    plan = partial(make_plan, settings, fits=fits)
    later = [replace(each, now=each.now + 15 * MINUTE) for each in questions]
    for each in questions[:1]:
        plan(each)  # what is compiled and read once
    chosen = timed("fit", lambda asked: choose(settings, asked, fits=fits), questions, map)
    kept = [replace(each, chosen=one) for each, one in zip(later, chosen, strict=True)]
    timed("tick that chooses", plan, later, map)
    timed("tick that follows", plan, kept, map)
    with ThreadPoolExecutor(WORKERS) as pool:
        timed(f"the same in {WORKERS} threads", plan, kept, pool.map)


def timed(
    name: str,
    work: Callable[[Question], Found],
    asked: Sequence[Question],
    over: Callable[[Callable[[Question], Found], Iterable[Question]], Iterable[Found]],
) -> list[Found]:
    """Do all, and print what one took on average."""
    cpu, wall = time.process_time(), time.perf_counter()
    found = list(over(work, asked))
    cpu, wall = (time.process_time() - cpu) / len(asked), (time.perf_counter() - wall) / len(asked)
    print(f"{name:24s}{cpu:8.3f} CPU s{wall:8.3f} wall s a function", flush=True)
    return found


if __name__ == "__main__":
    main()
