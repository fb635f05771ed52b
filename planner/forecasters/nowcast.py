"""The next hours from the last ones: profiles of earlier days, corrected by how far they have been off until now.

A fixed combination with one set of weights for every service: `benchmarks/nowcast_weights.py` learnt them on many,
and on a service's own few weeks a fit of its own did no better (ADR 0017).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files

import numpy as np

from planner.forecasters.base import Centre, Floats, Ints, Outlook, Peaks
from planner.forecasters.seasonal import PROFILES, Profile, profiles

YESTERDAY = Profile(1.0, 1.0, 0.3)
LOOKBACK_HOURS = (0.5, 2.0, 24.0)
"""How far back the errors of the profiles are averaged."""
AHEAD_HOURS = (0.25, 0.5, 1.0, 2.0, 4.0, 6.0)
"""Ends of the spans of the horizon that have weights of their own."""

FOLLOWED = ((1.0, 2.0, 6.0), (1.0, 0.6, 0.0))
"""Hours ahead, and how far a family's forecast is drawn to the nowcast there; linear between."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Signs:
    """What a nowcast is made of, by slot: roots of each profile, shape (profiles, slots), and what was seen."""

    profiles: Floats
    seen: Floats


def signs(peaks: Peaks, slots: int) -> Signs:
    """Lay out every slot up to `slots`, those ahead included; a profile knows nothing of its own day."""
    # An hour more: profiles are smoothed over what follows, and the last slots would miss that.
    at = np.arange(slots + peaks.per_day // 24)
    found = profiles((*PROFILES, YESTERDAY), peaks, at, None)
    return Signs(profiles=found[:, :slots], seen=np.sqrt(peaks.at(at[:slots])))


def nowcast(signs: Signs, targets: Ints, known: Ints, per_day: int) -> Floats:
    """Roots of the slots `targets`, shape (origins, slots), when those from `known` (origins,) on are not seen yet."""
    parts = features(signs, targets, known, per_day)
    weights = _table()[spans(targets - known[:, None], per_day)]
    return np.asarray((parts * weights).sum(axis=2))


def outlook_roots(peaks: Peaks, outlooks: Sequence[Outlook]) -> list[Floats]:
    """The nowcast's roots of the first hours of each outlook, NaN beyond them and before a day is known."""
    size = round(AHEAD_HOURS[-1] * peaks.per_day / 24)
    targets = np.array([o.targets[:size] for o in outlooks])
    known = np.array([o.known for o in outlooks])
    roots = nowcast(signs(peaks, int(targets.max()) + 1), targets, known, peaks.per_day)
    ahead = (targets - known[:, None] + 0.5) * 24 / peaks.per_day
    roots[(ahead > AHEAD_HOURS[-1]) | (known[:, None] < peaks.per_day)] = np.nan
    return list(roots)


def followed(centre: Centre, near: Floats, outlook: Outlook, per_day: int) -> Centre:
    """A family's centre, drawn towards the nowcast in the first hours; where that knows nothing, as it was."""
    ahead = (outlook.targets[: near.size] - outlook.known + 0.5) * 24 / per_day
    share = np.where(np.isfinite(near), np.interp(ahead, *FOLLOWED), 0.0)
    roots = centre.roots.copy()
    roots[: near.size] += share * (np.nan_to_num(near) - roots[: near.size])
    return replace(centre, roots=roots)


def features(signs: Signs, targets: Ints, known: Ints, per_day: int) -> Floats:
    """The profiles at the target and their mean errors of the last hours; shape (origins, slots, parts)."""
    usual = signs.profiles.mean(axis=0)
    off = signs.seen - usual
    sums = np.concatenate([[0.0], np.cumsum(np.nan_to_num(off))])
    counts = np.concatenate([[0], np.cumsum(np.isfinite(off))])
    ends = np.clip(known, 0, off.size)
    lags = []
    for hours in LOOKBACK_HOURS:
        begins = np.maximum(ends - max(round(hours * per_day / 24), 1), 0)
        lags.append((sums[ends] - sums[begins]) / np.maximum(counts[ends] - counts[begins], 1))
    at = np.clip(targets, 0, off.size - 1)
    errors = np.broadcast_to(np.stack(lags, axis=-1)[:, None, :], (*targets.shape, len(lags)))
    return np.concatenate([np.moveaxis(signs.profiles[:, at], 0, -1), errors], axis=-1)


def spans(ahead: Ints, per_day: int) -> Ints:
    """Which span of AHEAD_HOURS so many slots ahead of what is known belong to; same shape."""
    hours = (ahead + 0.5) * 24 / per_day
    return np.minimum(np.searchsorted(AHEAD_HOURS, hours), len(AHEAD_HOURS) - 1)


@cache
def _table() -> Floats:
    """Weights by span and part; shape (spans, parts)."""
    table = json.loads(files("planner").joinpath("data", "nowcast.json").read_text(encoding="utf-8"))
    return np.array(table["weights"], dtype=np.float64)
