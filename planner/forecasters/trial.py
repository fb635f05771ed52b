"""A family on trial: its forecast from now, those it would have made on earlier days, and what they lost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from planner.forecasters import conformal
from planner.forecasters.base import LEVELS, Family, Floats, Outlook, Tide
from planner.forecasters.nowcast import followed

SCORED = tuple(LEVELS.index(level) for level in (0.5, 0.9, 0.95, 0.99))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Trial:
    """Means at each level, slots x levels: from now, and from each earlier day, newest first."""

    now: Floats
    past: tuple[Floats, ...]


def attempt(family: Family, tide: Tide, outlooks: Sequence[Outlook], near: Sequence[Floats], days: int) -> Trial:
    """Make the family's forecasts; an earlier day needs a day before it to learn its errors from.

    `near`: for each outlook the nowcast's roots of its first hours.
    """
    centres = [
        followed(centre, roots, outlook, tide.per_day)
        for centre, roots, outlook in zip(family.centres(tide, outlooks), near, outlooks, strict=False)
    ]
    made = conformal.calibrate(tide, outlooks[: len(centres)], centres, 1 + min(days, max(len(centres) - 2, 0)))
    return Trial(now=made[0], past=tuple(values[: tide.per_day] for values in made[1:]))


def average(trials: Sequence[tuple[Trial, float]]) -> Trial:
    """Mean of the quantiles, level by level, weighted."""
    past = zip(*(trial.past for trial, _ in trials), strict=False)
    weights = [weight for _, weight in trials]
    return Trial(
        now=np.average([trial.now for trial, _ in trials], axis=0, weights=weights),
        past=tuple(np.average(days, axis=0, weights=weights) for days in past),
    )


def loss(trial: Trial, tide: Tide, outlooks: Sequence[Outlook]) -> tuple[float, float]:
    """Weighted quantile loss and the share of slots within the 0.99 quantile, over the earlier days.

    The loss is the mean over the levels 0.5, 0.9, 0.95 and 0.99 of twice the pinball loss over the sum of the means
    (Koenker and Bassett 1978). A mean of 10 under a median of 8 loses 2 x 0.5 x 2 / 10 = 0.2 at the median.
    """
    if not trial.past:
        return float("nan"), float("nan")
    values = np.concatenate(trial.past)
    truth = np.concatenate([tide.at(o.targets[: tide.per_day]) for o in outlooks[1 : 1 + len(trial.past)]])
    seen = np.isfinite(truth)
    error = truth[seen, None] - values[seen][:, SCORED]
    level = np.array(LEVELS)[list(SCORED)]
    pinball = float(np.maximum(level * error, (level - 1) * error).sum())
    total = float(truth[seen].sum())
    covered = float(np.mean(error[:, -1] <= 0)) if seen.any() else float("nan")
    return (2 * pinball / len(level) / total if total else pinball), covered
