"""What the gate pushes in a day, and what it costs to push no more: documents as they live under the daemon.

    python benchmarks/pushes.py [FOLDER] [--days 1] [--minutes 15]

Each trace (traces.py; without FOLDER the bundled sample and its hard variants) is lived through as `planner run` does
in mode auto: a plan each so many minutes, by a choice of the day, judged against the document that is live by the gate
of the default configuration; Function Compute is replayed on the load that came, what a put destroys included. Beside
it stands, on the same plans, a gate that pushes every plan. A row a series and gate, then their medians and the worst.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
from scoreboard import CONFIG, SAMPLE, varied
from traces import DAY, Trace, traces

from planner.base import MINUTE
from planner.config import FunctionConfig, load_config
from planner.gate import Mode, Standing, Verdict, rule
from planner.pipeline import Question, choose, make_plan
from planner.plan import Plan
from planner.policies import gate_rules
from planner.provision import LiveDocument, ProvisionConfig
from planner.reading import least_values
from planner.replay import Floats, Put, State, replay_document

PUT = Put(evaluation_lag=2)
OFTEN, GATED = "every plan", "the gate"
Gate = Callable[[Plan, Plan, datetime], bool]
"""Whether a plan is pushed, where the second one was applied at that time."""


@dataclass(frozen=True, kw_only=True)
class Tick:
    """A plan, made against an empty document, and the load until the next one."""

    plan: Plan
    load: Floats

    def against(self, live: ProvisionConfig) -> Plan:
        """The plan as made against what is live, whose steps don't follow from it."""
        changed = self.plan.changes if live.digest != self.plan.wanted.digest else ()
        return replace(self.plan, live=live, changes=changed)


@dataclass(frozen=True, kw_only=True)
class Row:
    """One gate on one series. `hours`: instance-hours a day."""

    series: str
    gate: str
    pushes: float
    cold: float
    hours: float


def main() -> None:
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("folder", nargs="?", type=Path, help="CSV files, timestamp,value")
    ask.add_argument("--days", type=int, default=1, help="the last days of each series")
    ask.add_argument("--minutes", type=int, default=15, help="between two plans")
    asked = ask.parse_args()
    (settings,) = load_config(CONFIG, environ={}).functions
    found = []
    for name, trace in series(asked.folder):
        ticks = tuple(made(settings, trace, asked.days, asked.minutes * MINUTE))
        found += [lived(name, gate, decide, ticks) for gate, decide in gates(settings).items()]
        print("\n".join(shown(row) for row in found[-2:]), flush=True)
    table = pd.DataFrame([vars(row) for row in found]).groupby("gate")[["pushes", "cold", "hours"]]
    for words, rows in (("median", table.median()), ("worst", table.max())):
        for gate, row in rows.iterrows():
            print(shown(Row(series=words, gate=str(gate), pushes=row.pushes, cold=row.cold, hours=row.hours)))


def series(folder: Path | None) -> Iterator[tuple[str, Trace]]:
    yield from ((trace.name, trace) for trace in traces(folder or SAMPLE))
    if folder is None:
        yield from ((kind, trace) for trace, kind in varied(7))


def gates(settings: FunctionConfig) -> dict[str, Gate]:
    rules = replace(gate_rules(settings), mode=Mode.AUTO)

    def gated(plan: Plan, applied: Plan, pushed_at: datetime) -> bool:
        standing = Standing(now=plan.created_at, applied=applied, pushed_at=pushed_at, held="", fresh=True)
        return rule(plan, standing, rules).verdict is Verdict.PUSH

    return {OFTEN: lambda plan, _applied, _at: bool(plan.changes), GATED: gated}


def made(settings: FunctionConfig, trace: Trace, days: int, every: timedelta) -> Iterator[Tick]:
    """The plans of the last days, each day's by the choice at its beginning."""
    load = trace.minutes.series.ffill()
    for day in trace.days(days):
        chosen = None
        for part in range(DAY // every):
            now = day + part * every
            question = Question(
                now=now,
                horizon=DAY,
                history=trace.known(now),
                live=LiveDocument(),
                instance_concurrency=1,
                chosen=chosen,
            )
            chosen = chosen or choose(settings, question)
            plan = make_plan(settings, replace(question, chosen=chosen))
            yield Tick(plan=plan, load=np.asarray(load[now : now + every - MINUTE], dtype=np.float64))


def lived(name: str, gate: str, decide: Gate, ticks: tuple[Tick, ...]) -> Row:
    """Live through the ticks under a gate: each document that is pushed, until the next one."""
    pushed = [0]
    for number, tick in enumerate(ticks[1:], start=1):
        applied = ticks[pushed[-1]].plan
        if decide(tick.against(applied.wanted), applied, applied.created_at):
            pushed.append(number)
    cold = offered = provisioned = 0.0
    state: State | None = None
    for first, after in pairwise([*pushed, len(ticks)]):
        document, now = ticks[first].plan.wanted, ticks[first].plan.created_at
        replay = replay_document(
            document,
            now,
            np.concatenate([tick.load for tick in ticks[first:after]])[None, :],
            instance_concurrency=1,
            lead=2,
            # It begins as if the first document had been running.
            begin=state or State(warm=least_values(document, now, 1)),
            put=PUT if first else None,
        )
        state = replay.end
        cold, offered = cold + float(replay.cold[0]), offered + float(replay.offered[0])
        provisioned += float(replay.provisioned[0])
    days = sum(len(tick.load) for tick in ticks) * MINUTE / DAY
    return Row(
        series=name,
        gate=gate,
        pushes=len(pushed) / days,
        cold=cold / max(offered, 1.0),
        hours=provisioned / 60 / days,
    )


def shown(row: Row) -> str:
    return (
        f"{row.series:34s} {row.gate:12s} {row.pushes:6.1f} a day  cold {row.cold:8.4%}  hours {row.hours:8.1f} a day"
    )


if __name__ == "__main__":
    main()
