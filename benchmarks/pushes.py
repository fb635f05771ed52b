"""What the gate pushes in a day, and what it costs to push no more: documents as they live under the daemon.

    python benchmarks/pushes.py [FOLDER] [--days 1] [--minutes 15] [--anew] [--only NAME ...]

Each trace (traces.py; without FOLDER the bundled sample) and each hard variant of the sample is lived through as
`planner run` does in mode auto: a plan each so many minutes, by the choice of the day, judged against the document that
is live by the gate of the default configuration; Function Compute is replayed on the load that came, what a put
destroys included. Beside it stands, on the same plans, a gate that pushes every plan; with --anew both stand beside
plans that choose forecaster and policies each time.

A row a series and way: pushes, cold share, instance-hours times those of an instant, all-knowing scaler, and as a share
of what every plan pushed takes. Then the median and the worst of traces and of variants. Where a put comes, what a
tracker had scaled out is lost here; the daemon's plans hold it. Nor is a plan made at once on a surprise;
the choice is made anew with the next one.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
from living import Plans
from scoreboard import CONFIG, SAMPLE, varied
from traces import DAY, JUDGED, SEED, Trace, traces
from variants import BEGINS

from planner.base import MINUTE
from planner.config import load_config
from planner.fits import FitFolder
from planner.gate import Mode, Standing, Verdict, rule
from planner.plan import Plan
from planner.policies import gate_rules
from planner.provision import ProvisionConfig
from planner.reading import least_values
from planner.regret import MOST_SHARE, ideal_minutes
from planner.replay import Floats, Put, State, replay_document

PUT = Put(evaluation_lag=2)
OFTEN, GATED = "every plan", "the gate"
KEPT, ANEW = "kept", "anew"
"""The choice of the day, or one for each plan."""
Gate = Callable[[Plan, Plan, datetime], bool]
"""Whether a plan is pushed, where the second one was applied at that time."""


@dataclass(frozen=True, kw_only=True)
class Case:
    """One series and its judged days, one after the other."""

    kind: str
    name: str
    trace: Trace
    days: tuple[datetime, ...]


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
    """One way of pushing one series' plans.

    `hours`: times those of an instant, all-knowing scaler; `beside`: over those of every plan of a kept choice pushed.
    """

    kind: str
    series: str
    way: str
    pushes: float
    cold: float
    hours: float
    beside: float = 1.0


def main() -> None:
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("folder", nargs="?", type=Path, help="CSV files, timestamp,value")
    ask.add_argument("--days", type=int, default=1, help="judged days of each series")
    ask.add_argument("--minutes", type=int, default=15, help="between two plans")
    ask.add_argument("--anew", action="store_true", help="also plans that choose for themselves each time")
    ask.add_argument("--only", nargs="*", default=[""], help="series whose names hold one of these")
    asked = ask.parse_args()
    (settings,) = load_config(CONFIG, environ={}).functions
    found: list[Row] = []
    with tempfile.TemporaryDirectory() as folder:
        fits = FitFolder(folder=Path(folder))
        for case in cases(asked.folder, asked.days):
            if not any(word in case.name for word in asked.only):
                continue
            plans = Plans(settings=settings, every=asked.minutes * MINUTE, fits=fits, known=case.trace.known)
            rows = measured(plans, case, anew=asked.anew)
            print("\n".join(shown(row) for row in rows), flush=True)
            found += rows
    print("\n".join(summary(found, MOST_SHARE * settings.objective.cold_share)))


def cases(folder: Path | None, days: int) -> Iterator[Case]:
    """The last days of each trace, and the days on which the trouble of a variant begins."""
    for trace in traces(folder or SAMPLE):
        judged = trace.days(days)
        if len(judged) == days and any(trace.rate[day : day + DAY].sum() for day in judged):
            yield Case(kind="trace", name=trace.name, trace=trace, days=judged)
    for trace, name in varied(SEED):
        first = BEGINS.get(name, 0)
        yield Case(kind="variant", name=name, trace=trace, days=trace.days(JUDGED)[first : first + days])


def measured(plans: Plans, case: Case, *, anew: bool) -> list[Row]:
    """A row for each gate, on the same plans."""
    rows: list[Row] = []
    for chosen in (KEPT, ANEW) if anew else (KEPT,):
        ticks = tuple(ticked(replace(plans, anew=chosen == ANEW), case))
        rows += [lived(case, f"{gate}, {chosen}", decide, ticks) for gate, decide in gates(plans).items()]
    return [replace(row, beside=row.hours / rows[0].hours) for row in rows]


def ticked(plans: Plans, case: Case) -> Iterator[Tick]:
    load = case.trace.minutes.series.ffill()
    for plan in plans.of(case.days):
        came = load[plan.created_at : plan.created_at + plans.every - MINUTE]
        yield Tick(plan=plan, load=np.asarray(came, dtype=np.float64))


def gates(plans: Plans) -> dict[str, Gate]:
    rules = replace(gate_rules(plans.settings), mode=Mode.AUTO)

    def gated(plan: Plan, applied: Plan, pushed_at: datetime) -> bool:
        standing = Standing(
            now=plan.created_at, applied=applied, pushed_at=pushed_at, held="", fresh=True, again=plans.every
        )
        return rule(plan, standing, rules).verdict is Verdict.PUSH

    return {OFTEN: lambda plan, _applied, _at: bool(plan.changes), GATED: gated}


def lived(case: Case, way: str, decide: Gate, ticks: tuple[Tick, ...]) -> Row:
    """Live through the ticks under a gate: each document that is pushed, until the next one."""
    pushed = [0]
    for number, tick in enumerate(ticks[1:], start=1):
        applied = ticks[pushed[-1]].plan
        if decide(tick.against(applied.wanted), applied, applied.created_at):
            pushed.append(number)
    cold = provisioned = 0.0
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
        cold, provisioned = cold + float(replay.cold[0]), provisioned + float(replay.provisioned[0])
    load = np.concatenate([tick.load for tick in ticks])
    return Row(
        kind=case.kind,
        series=case.name,
        way=way,
        pushes=len(pushed) / len(case.days),
        cold=cold / max(float(load.sum()), 1.0),
        hours=provisioned / max(ideal_minutes(load, 1), 1.0),
    )


def summary(rows: list[Row], bound: float) -> Iterator[str]:
    """The median and the worst of each kind of series, and how many left no more than `bound` cold."""
    table = pd.DataFrame([vars(row) for row in rows])
    for kind, some in table.groupby("kind", sort=False):
        for way, group in some.groupby("way", sort=False):
            figures = group[["pushes", "cold", "hours", "beside"]]
            for word, row in (("median", figures.median()), ("worst", figures.max())):
                name = f"{word} of {len(group)} {kind}s"
                yield shown(Row(kind=str(kind), series=name, way=str(way), **row.to_dict()))
            yield f"{(group.cold <= bound).sum()} of {len(group)} {kind}s kept the objective: {way}"


def shown(row: Row) -> str:
    hours = f"hours x{row.hours:6.2f} ({row.beside:6.1%})"
    return f"{row.series:28s} {row.way:18s} {row.pushes:5.1f} a day  cold {row.cold:8.3%}  {hours}"


if __name__ == "__main__":
    main()
