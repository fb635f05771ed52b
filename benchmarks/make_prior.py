"""Measure how cold other services are under each policy: python make_prior.py FOLDER.

Writes planner/data/prior.json. FOLDER holds traces (CSV, timestamp,value); their last days, each forecast from its own
past alone, as a whole and anew each hour, are replayed under every policy, as `planner.risk` does with a function's
own past.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from datetime import timedelta
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from traces import Trace, traces

from planner.capacity import StepRules
from planner.demand import Sizing
from planner.forecast import Backtest, ForecastSettings, forecast
from planner.risk import DAY, ERRORS, GUARDS, WORTHS, Objective, RiskRules, minute_load, replay_policies

DAYS = 14
TABLE = Path(__file__).parent.parent / "planner" / "data" / "prior.json"
RULES = RiskRules(
    sizing=Sizing(instance_concurrency=1, floor=0, ceiling=10_000),
    steps=StepRules(lead=timedelta(minutes=4), dwell=timedelta(minutes=15), growth_per_minute=100, max_steps=100),
    objective=Objective(cold_share=0.001, start_up=timedelta(minutes=2)),
)
Shares = NDArray[np.float64]


def cold_shares(trace: Trace) -> dict[str, Shares] | None:
    """Cold share of every policy over the last days, for plans renewed by the day and by the hour."""
    last = max(trace.days(1), default=None)
    if last is None:
        return None
    now = last + timedelta(days=1)
    champion = forecast(
        trace.minutes.until(now), now=now, horizon=timedelta(days=1), settings=ForecastSettings(backtest_days=DAYS)
    )
    print(f"{trace.name:40s} {len(champion.backtests)} days", flush=True)
    return {"day": _share(trace, champion.backtests), "hour": _share(trace, champion.hourly)}


def _share(trace: Trace, days: Sequence[Backtest]) -> Shares:
    cold, offered = np.zeros(len(RULES.policies)), 0.0
    for day in days:
        load = minute_load(trace.minutes, day.origin, DAY)[None, :]
        result = replay_policies(day, load, RULES)
        cold, offered = cold + result.cold, offered + float(result.offered[0])
    return cold / max(offered, 1e-9)


def main(folder: Path) -> None:
    """Measure every trace and write the table, sorted within each policy so that no service can be told."""
    with ProcessPoolExecutor() as pool:
        found = [shares for shares in pool.map(cold_shares, traces(folder)) if shares is not None]
    table = {name: np.sort(np.stack([shares[name] for shares in found], axis=-1), axis=-1) for name in ("day", "hour")}
    body = {
        "errors": ERRORS,
        "worths": WORTHS,
        "guards": [str(guard) for guard in GUARDS],
        "services": len(found),
        "cold_share": {name: np.round(shares, 5).tolist() for name, shares in table.items()},
    }
    TABLE.write_text(json.dumps(body, separators=(",", ":")) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
