"""Measure how cold other services are under each pair of risk level and guard: python make_prior.py FOLDER.

Writes planner/data/prior.json. FOLDER holds traces (CSV, timestamp,value); each of their last seven days is planned
from its past alone at every pair and replayed, as `planner.risk` does with a function's own past.
"""

from __future__ import annotations

import json
import sys
from concurrent.futures import ProcessPoolExecutor
from datetime import timedelta
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from traces import Trace, traces

from planner.capacity import StepRules
from planner.demand import Sizing
from planner.forecast import Backtest, ForecastSettings, forecast
from planner.risk import DAY, GUARDS, LEVELS, Objective, RiskRules, minute_load, replay_pairs

DAYS = 7
TABLE = Path(__file__).parent.parent / "planner" / "data" / "prior.json"
RULES = RiskRules(
    sizing=Sizing(instance_concurrency=1, floor=1, ceiling=10_000),
    steps=StepRules(lead=timedelta(minutes=4), dwell=timedelta(minutes=15), growth_per_minute=300, max_steps=100),
    objective=Objective(cold_share=0.001, start_up=timedelta(minutes=2)),
)


def cold_shares(trace: Trace) -> NDArray[np.float64] | None:
    """Cold share of every pair over the judged days; shape (levels, guards)."""
    cold = offered = 0.0
    for day in trace.days(DAYS):
        champion = forecast(trace.known(day), now=day, horizon=timedelta(days=1), settings=ForecastSettings())
        load = minute_load(trace.minutes, day, DAY)[None, :]
        result = replay_pairs([Backtest(origin=day, forecast=champion.forecast)], load, RULES)
        cold, offered = cold + result.cold, offered + result.offered
    print(f"{trace.name:40s} {len(trace.days(DAYS))} days", flush=True)
    if not np.any(offered):
        return None
    return (cold / offered).reshape(len(LEVELS), len(GUARDS))


def main() -> None:
    """Measure every trace and write the table, sorted within each pair so that no service can be told."""
    with ProcessPoolExecutor() as pool:
        shares = [found for found in pool.map(cold_shares, traces(Path(sys.argv[1]))) if found is not None]
    table = np.sort(np.stack(shares, axis=-1), axis=-1)
    body = {
        "levels": LEVELS,
        "guards": GUARDS,
        "services": len(shares),
        "cold_share": np.round(table, 6).tolist(),
    }
    TABLE.write_text(json.dumps(body) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
