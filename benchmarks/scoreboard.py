"""Our plans beside what people run today, on the last days of each trace in a folder.

    python benchmarks/scoreboard.py [FOLDER] [--days 7] [--replan-hours 24] [--objective 0.001] [--jobs 2]
    python benchmarks/scoreboard.py --write docs/scoreboard.md --name sample

A trace is a CSV (timestamp,value). It becomes one service as `traces.py` says: interpolated to minutes, the P99.9 of
its past at 40 requests in flight, every minute drawn as a Poisson count, one request an instance. Every policy plans
each judged day from its past alone (whole intervals of the source, nothing of the last three minutes) and begins it as
if its document had been running; a put is taken as instantaneous. Beside the traces stand six hard variants of the
bundled sample (`variants.py`). Without FOLDER the bundled sample is the trace.

The table of policies gives medians over the series; "kept" is the share of the series on which at most twice the
objective was cold, elsewhere a regret is infinite. The table of series gives our own row of each, worst first.
"""

from __future__ import annotations

import argparse
import re
import shlex
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from traces import JUDGED, LATENCY, SEED, Trace, drawn, midnights, scaled_rate, traces
from variants import VARIANTS

from planner.backtest import OURS, Past, Rules, baseline_documents, judge, our_documents
from planner.base import MINUTE
from planner.baselines import BASELINES
from planner.config import FunctionConfig, load_config
from planner.policies import prices
from planner.reading import Among
from planner.replay import Reaction
from planner.sources.files import read_history
from planner.sources.sample import sample_path

ROOT = Path(__file__).parents[1]
SAMPLE = ROOT / "planner" / "data" / "sample"
CONFIG = ROOT / "config" / "traces.yaml"
POLICY_HEADS = (
    "policy",
    "series",
    "cold",
    "kept",
    "worst",
    "hours",
    "hibernating",
    "regret",
    "regret P80",
    "changes a day",
)
SERIES_HEADS = ("series", "kind", "days", "cold", "hours", "regret", "best baseline that kept", "its regret")


@dataclass(frozen=True, kw_only=True)
class Row:
    """One policy on one series.

    `hours` and `money` (hibernating): times those of an instant, all-knowing scaler. `seconds`: of CPU, a plan.
    """

    series: str
    kind: str
    policy: str
    days: int
    cold: float
    hours: float
    money: float
    regret: float
    changes: float
    seconds: float


def main() -> None:
    asked = arguments()
    (settings,) = load_config(CONFIG, environ={}).functions
    settings = settings.model_copy(
        update={"objective": settings.objective.model_copy(update={"cold_share": asked.objective})}
    )
    cases = [*traced(asked), *([] if asked.only_traces else varied(asked.seed))]
    rows: list[Row] = []
    with ProcessPoolExecutor(asked.jobs) as pool:
        for found in pool.map(partial(measured, settings, asked), cases):
            rows += found
            for row in found[:1]:
                print(f"{row.series:34s} {row.kind:20s} {shown(row)}", file=sys.stderr, flush=True)
    if not rows:
        sys.exit(f"{asked.folder}: no trace with three days or more; give a folder of CSV files (timestamp,value)")
    text = report(rows, asked)
    print(text)
    if asked.write:
        write(asked.write, asked.name, text)
    if asked.csv:
        pd.DataFrame([vars(row) for row in rows]).to_csv(asked.csv, index=False)


def arguments() -> argparse.Namespace:
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("folder", nargs="?", type=Path, default=SAMPLE, help="CSV files, timestamp,value")
    ask.add_argument("--days", type=int, default=JUDGED, help="judged days of each series")
    ask.add_argument("--every", type=int, default=1, help="each n-th of them only")
    ask.add_argument("--objective", type=float, default=0.001, help="cold share that is promised")
    ask.add_argument("--replan-hours", type=int, default=24, help="a new document each n hours, a divisor of 24")
    ask.add_argument(
        "--among", type=Among, choices=list(Among), default=Among.LAST, help="which scheduled value counts"
    )
    ask.add_argument("--hold", type=int, default=Reaction().hold, help="minutes above its target before a tracker acts")
    ask.add_argument("--seed", type=int, default=SEED, help="of the arrival noise")
    ask.add_argument("--jobs", type=int, default=2, help="processes")
    ask.add_argument("--only-traces", action="store_true", help="without the variants of the sample")
    ask.add_argument("--baselines-only", action="store_true", help="without our plans")
    ask.add_argument("--ours-only", action="store_true", help="without the baselines")
    ask.add_argument("--write", type=Path, help="a page with markers, to put the tables between")
    ask.add_argument("--name", default="sample", help="of the markers: <!-- scoreboard: NAME -->")
    ask.add_argument("--csv", type=Path, help="every row, for a closer look")
    asked = ask.parse_args()
    if asked.replan_hours < 1 or 24 % asked.replan_hours:
        ask.error(f"--replan-hours {asked.replan_hours} is no divisor of 24")
    return asked


def traced(asked: argparse.Namespace) -> Iterator[tuple[Trace, str]]:
    return ((trace, "trace") for trace in traces(asked.folder, seed=asked.seed))


def varied(seed: int) -> Iterator[tuple[Trace, str]]:
    """The hard variants of the bundled sample."""
    with sample_path() as path:
        source = read_history(path)
    rate = scaled_rate(source)
    first = midnights(rate, JUDGED)[0]
    for kind, change in VARIANTS.items():
        yield drawn("sample", source, change(rate, first), seed=seed), kind


def measured(settings: FunctionConfig, asked: argparse.Namespace, case: tuple[Trace, str]) -> list[Row]:
    """Ours first, then every baseline; nothing where the trace is too short."""
    trace, kind = case
    days = trace.days(asked.days)[:: asked.every]
    if not any(trace.rate[day : day + timedelta(days=1)].sum() for day in days):
        return []
    past = Past(
        history=trace.minutes,
        native=trace.native,
        start=trace.minutes.start,
        load=np.asarray(trace.minutes.series.ffill(), dtype=np.float64),
        rate=np.asarray(trace.rate.ffill(), dtype=np.float64),
        instance_concurrency=1,
    )
    rules = judged_by(settings, asked)
    documents, begun = {}, time.process_time()
    if not asked.baselines_only:
        documents[OURS] = our_documents(settings, past, days, rules)
    seconds = (time.process_time() - begun) / (len(days) * 24 / asked.replan_hours)
    if not asked.ours_only:
        documents |= {name: baseline_documents(name, past, days, rules) for name in BASELINES}
    full = 60 * rules.prices.active * rules.prices.unit
    return [
        Row(
            series=trace.name,
            kind=kind,
            policy=score.name,
            days=len(days),
            cold=score.cold_share,
            hours=score.hours_ratio,
            money=score.total("hibernating") / (score.total("ideal") * full),
            regret=score.regret,
            changes=score.changes,
            seconds=seconds if score.name == OURS else np.nan,
        )
        for score in judge(documents, past, days, rules).scores
    ]


def judged_by(settings: FunctionConfig, asked: argparse.Namespace) -> Rules:
    capacity = settings.capacity
    return Rules(
        start_up=capacity.lead,
        prices=prices(settings),
        early=-(-(capacity.lead + capacity.evaluation_lag) // MINUTE),
        ceiling=capacity.max_instances,
        zone=settings.time_zone,
        objective=asked.objective,
        replan=timedelta(hours=asked.replan_hours),
        latency=LATENCY,
        among=asked.among,
        reaction=Reaction(hold=asked.hold),
        carry=False,
    )


def report(rows: list[Row], asked: argparse.Namespace) -> str:
    table = pd.DataFrame([vars(row) for row in rows])
    policies = [policy_row(str(name), group, asked.objective) for name, group in table.groupby("policy", sort=False)]
    command = shlex.join(["python", "benchmarks/scoreboard.py", *said(asked)])
    parts = [f"```sh\n{command}\n```", markdown(POLICY_HEADS, policies)]
    ours = table[table.policy == OURS].sort_values(["regret", "cold"], ascending=False)
    if len(ours):
        parts.append(markdown(SERIES_HEADS, [series_row(row, table) for row in ours.itertuples()]))
    return "\n\n".join(parts)


def said(asked: argparse.Namespace) -> list[str]:
    """The options that were given; a folder elsewhere is called TRACES."""
    words = [] if asked.folder == SAMPLE else ["TRACES"]
    for name, usual in (("days", JUDGED), ("every", 1), ("objective", 0.001), ("replan_hours", 24), ("seed", SEED)):
        if getattr(asked, name) != usual:
            words += [f"--{name.replace('_', '-')}", f"{getattr(asked, name):g}"]
    if asked.hold != Reaction().hold:
        words += ["--hold", str(asked.hold)]
    if asked.among != Among.LAST:
        words += ["--among", str(asked.among)]
    words += ["--only-traces"] if asked.only_traces else []
    words += ["--baselines-only"] if asked.baselines_only else []
    words += ["--ours-only"] if asked.ours_only else []
    return words + (["--write", "docs/scoreboard.md", "--name", asked.name] if asked.write else [])


def policy_row(name: str, group: pd.DataFrame, objective: float) -> tuple[str, ...]:
    middle = group[["cold", "hours", "money", "regret", "changes"]].median()
    return (
        name,
        str(len(group)),
        f"{100 * middle.cold:.3f} %",
        f"{100 * (group.cold <= 2 * objective).mean():.0f} %",
        f"{100 * group.cold.max():.2f} %",
        f"×{middle.hours:.2f}",
        f"×{middle.money:.2f}",
        number(middle.regret),
        # A quantile between a number and infinity is none.
        number(float(np.quantile(group.regret, 0.8, method="inverted_cdf"))),
        f"{middle.changes:.0f}",
    )


def series_row(row: Any, table: pd.DataFrame) -> tuple[str, ...]:  # noqa: ANN401  # a pandas row
    rivals = table[(table.series == row.series) & (table.kind == row.kind) & (table.policy != OURS)]
    best = rivals.loc[rivals.regret.idxmin()] if np.isfinite(rivals.regret).any() else None
    return (
        row.series,
        row.kind,
        str(row.days),
        f"{100 * row.cold:.3f} %",
        f"×{row.hours:.2f}",
        number(row.regret),
        "none" if best is None else best.policy,
        "" if best is None else number(best.regret),
    )


def shown(row: Row) -> str:
    figures = f"cold {100 * row.cold:7.3f} % hours x{row.hours:5.2f} regret {number(row.regret)}"
    return f"{figures} {row.seconds:.1f} CPU s a plan"


def number(regret: float) -> str:
    return f"{regret:.2f}" if np.isfinite(regret) else "inf"


def markdown(heads: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    marks = ("---", *("---:" for _ in heads[1:]))
    return "\n".join("| " + " | ".join(row) + " |" for row in (heads, marks, *rows))


def write(page: Path, name: str, text: str) -> None:
    """Put the tables between the markers of that name."""
    before = page.read_text(encoding="utf-8")
    marked = re.compile(rf"(<!-- scoreboard: {re.escape(name)} -->\n).*?(<!-- end -->)", re.DOTALL)
    after, found = marked.subn(lambda match: f"{match[1]}{text}\n{match[2]}", before)
    if not found:
        sys.exit(f"{page} has no <!-- scoreboard: {name} --> with an <!-- end -->; add them where the tables belong")
    page.write_text(after, encoding="utf-8")


if __name__ == "__main__":
    main()
