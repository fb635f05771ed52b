"""What each part of the decision brings: our plans without it, on the last days of each trace in a folder.

    python benchmarks/ablation.py FOLDER [the options of scoreboard.py] [--only NAME]

Each variant switches one part off and is judged as in `scoreboard.py`; the forecaster is `seasonal`, so that Prophet's
fits are not made ten times over, but for the variant that lets the champion be chosen.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import partial

import numpy as np
import scoreboard
from scoreboard import Row, markdown, number
from traces import Trace, traces

from planner import capacity, risk
from planner.config import FunctionConfig, load_config
from planner.forecasters import nowcast
from planner.forecasters.base import Floats
from planner.risk import Policy
from planner.stairs import StairRules

HEADS = ("without", "cold", "kept", "worst", "hours", "regret", "regret P80")
Switch = Callable[[], None]


def allow(may: Callable[[Policy], bool]) -> Switch:
    """Let the search choose among some policies only."""

    def switch() -> None:
        pick = risk._pick  # noqa: SLF001  # the one place that chooses

        def picked(share: Floats, hours: Floats, rules: risk.RiskRules, *rest: float, days: int) -> risk.Choice:
            allowed = np.array([may(policy) for policy in rules.policies])
            return pick(np.where(allowed, share, 1e9), hours, rules, *rest, days=days)

        risk._pick = picked  # type: ignore[assignment]  # noqa: SLF001

    return switch


def put(module: object, name: str, value: object) -> Switch:
    return lambda: setattr(module, name, value)


def alone(cold: np.ndarray, sizes: np.ndarray, price: np.ndarray, _rules: StairRules, _most: int = 0) -> np.ndarray:
    """Each slot's own number, in place of the stairs over all slots."""
    return np.asarray(np.argmin(sizes + np.reshape(price, (-1, 1)) * cold, axis=1))


def alone_for_each(cold: np.ndarray, sizes: np.ndarray, prices: np.ndarray, rules: StairRules) -> np.ndarray:
    return np.stack([alone(cold, sizes, np.full(len(cold), price), rules) for price in prices])


def no_stairs() -> None:
    put(capacity, "cheapest", alone)()
    put(capacity, "cheapest_for_each", alone_for_each)()


def nothing() -> None:
    """As it is, or switched in the settings."""


SWITCHES: dict[str, Switch] = {
    "nothing": nothing,
    "the nowcast": put(nowcast, "FOLLOWED", ((0.0, 1.0), (0.0, 0.0))),
    "forecast errors (arrivals only)": allow(lambda policy: not policy.errors),
    "a certain tide (errors always)": allow(lambda policy: policy.errors),
    "guards by the hour": allow(lambda policy: policy.guard.deviations is None),
    "any guard": nothing,
    "other services' shares": put(risk, "PRIOR_DAYS", 1e-9),
    "the margin": put(risk, "DOUBT", 0.0),
    "recency of past days": put(risk, "HALF_LIFE_DAYS", 1e9),
    "stairs (each slot alone)": no_stairs,
    "a pinned forecaster (Prophet too)": nothing,
}


def ours(settings: FunctionConfig, asked: argparse.Namespace, name: str, trace: Trace) -> list[Row]:
    SWITCHES[name]()
    return scoreboard.measured(settings, asked, (trace, "trace"))


def main() -> None:
    only = sys.argv[sys.argv.index("--only") + 1] if "--only" in sys.argv else ""
    sys.argv = [word for word in sys.argv if word not in {"--only", only} or not only]
    asked = scoreboard.arguments()
    (settings,) = load_config(scoreboard.CONFIG, environ={}).functions
    objective = settings.objective.model_copy(update={"cold_share": asked.objective})
    asked.ours_only = True
    found = []
    for name in SWITCHES:
        if only and only not in name:
            continue
        forecaster = "auto" if "Prophet" in name else "seasonal"
        chosen = settings.model_copy(
            update={
                "objective": objective,
                "forecast": settings.forecast.model_copy(update={"forecaster": forecaster}),
                "guardrails": settings.guardrails.model_copy(update={"live": "off" if name == "any guard" else "auto"}),
            }
        )
        with ProcessPoolExecutor(asked.jobs) as pool:  # processes of its own: a switch stays where it was thrown
            rows = [row for some in pool.map(partial(ours, chosen, asked, name), traces(asked.folder)) for row in some]
        found.append(line(name, rows, asked.objective))
        print(found[-1], file=sys.stderr, flush=True)
    print(markdown(HEADS, found))


def line(name: str, rows: list[Row], objective: float) -> tuple[str, ...]:
    cold = np.array([row.cold for row in rows])
    regret = np.array([row.regret for row in rows])
    return (
        name,
        f"{100 * np.median(cold):.3f} %",
        f"{100 * (cold <= 2 * objective).mean():.0f} %",
        f"{100 * cold.max():.2f} %",
        f"×{np.median([row.hours for row in rows]):.2f}",
        number(float(np.median(regret))),
        number(float(np.quantile(regret, 0.8, method="inverted_cdf"))),
    )


if __name__ == "__main__":
    main()
