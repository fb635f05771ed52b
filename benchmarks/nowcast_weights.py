"""Learn how far a nowcast follows recent errors: python nowcast_weights.py FOLDER.

Writes planner/data/nowcast.json. FOLDER holds traces (CSV, timestamp,value). For each span of the horizon one ridge
regression over all services together, each weighted by the variance that the usual leaves, so that every
service counts the same; the weights are drawn towards the usual with the last half hour's error fading.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from traces import Trace, traces

from planner.forecasters.base import Tide
from planner.forecasters.nowcast import AHEAD_HOURS, LOOKBACK_HOURS, features, signs, spans
from planner.forecasters.slots import slot_length, slot_tide

TABLE = Path(__file__).parent.parent / "planner" / "data" / "nowcast.json"
RIDGE = 2e-4
LEAST_VARIANCE = 0.05
Floats = NDArray[np.float64]


def samples(tide: Tide) -> Iterator[tuple[int, Floats, Floats]]:
    """Each span of the horizon with its features and truths, over every hour of the series from its third day on."""
    size = round(AHEAD_HOURS[-1] * tide.per_day / 24)
    known = np.arange(2 * tide.per_day, tide.values.size - size, max(tide.per_day // 24, 1))
    targets = known[:, None] + np.arange(size)
    made = signs(tide, tide.values.size)
    parts, truth = features(made, targets, known, tide.per_day), made.seen[targets]
    held = np.isfinite(truth)
    for span, _ in enumerate(AHEAD_HOURS):
        inside = held & (spans(targets - known[:, None], tide.per_day) == span)
        yield span, parts[inside], truth[inside]


def start(span: int) -> Floats:
    """What the weights are drawn towards."""
    errors = np.exp(-AHEAD_HOURS[span] / 4) * np.array([0.6, 0.2] + [0.1] * (len(LOOKBACK_HOURS) - 2))
    return np.concatenate([[1.0], errors])


def learn(services: list[Trace]) -> Floats:
    """Weights by span and part; shape (spans, parts)."""
    size = 1 + len(LOOKBACK_HOURS)
    gram, right = np.zeros((len(AHEAD_HOURS), size, size)), np.zeros((len(AHEAD_HOURS), size))
    for service in services:
        tide = slot_tide(service.minutes, slot_length(service.minutes.step), "UTC")
        if tide.values.size < 4 * tide.per_day:
            continue
        for span, parts, truth in samples(tide):
            variance = np.var(truth - parts[:, 0]) + LEAST_VARIANCE
            weight = 1 / (variance * len(truth))
            gram[span] += weight * parts.T @ parts
            right[span] += weight * parts.T @ truth
        print(service.name, flush=True)
    ridge = [RIDGE * np.trace(matrix) / size * np.eye(size) for matrix in gram]
    return np.array(
        [
            start(span) + np.linalg.solve(gram[span] + ridge[span], right[span] - gram[span] @ start(span))
            for span in range(len(gram))
        ]
    )


def main() -> None:
    """Learn from every trace of the folder and write the table."""
    weights = learn(list(traces(Path(sys.argv[1]))))
    body = {"ahead_hours": AHEAD_HOURS, "lookback_hours": LOOKBACK_HOURS, "weights": np.round(weights, 4).tolist()}
    TABLE.write_text(json.dumps(body) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
