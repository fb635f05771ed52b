"""The next hours from the last ones: what earlier days make usual, corrected by how far it has been off until now.

How far is the same for every service: `benchmarks/nowcast_weights.py` learnt them on many,
and on a service's own few weeks a fit of its own did no better (ADR 0017).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files

import numpy as np

from planner.forecasters.base import Centre, Floats, Ints, Outlook, Tide
from planner.forecasters.seasonal import ERROR_HALF_LIFE_DAYS, PROFILES, Profile, profiles

LATEST = Profile(1.0, 1e-6, 0.3)
"""The latest day of the same kind: a Monday starts as Friday did, whatever Sunday was."""
SHARPNESS = 3.0
"""Power of the errors by which profiles share the work: softer than among the members of `seasonal`, as measured."""
LOOKBACK_HOURS = (0.5, 2.0, 24.0)
"""How far back the errors of the profiles are averaged."""
AHEAD_HOURS = (0.25, 0.5, 1.0, 2.0, 4.0, 6.0)
"""Ends of the spans of the horizon that have weights of their own."""

FOLLOWED = ((1.0, 2.0, 6.0), (1.0, 0.6, 0.0))
"""Hours ahead, and how far a family's forecast is drawn to the nowcast there; linear between."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Signs:
    """What a nowcast is made of, by slot, shape (slots,): the root that earlier days make usual, and what was seen."""

    usual: Floats
    seen: Floats


def signs(tide: Tide, slots: int) -> Signs:
    """Lay out every slot up to `slots`, those ahead included; the usual knows nothing of its own day."""
    # An hour more: profiles are smoothed over what follows, and the last slots would miss that.
    at = np.arange(slots + tide.per_day // 24)
    found = profiles((*PROFILES, LATEST), tide, at, None)[:, :slots]
    seen = np.sqrt(tide.at(at[:slots]))
    shares = _shares(np.abs(seen - found), tide.per_day)
    return Signs(usual=(shares * found).sum(axis=0), seen=seen)


def _shares(errors: Floats, per_day: int) -> Floats:
    """How much each profile counts in each slot, by its errors up to two days before; shape (profiles, slots).

    The whole day before is left out: a nowcast reaches into a day from any hour of the one before it.
    """
    kinds, slots = errors.shape
    days = -(-slots // per_day)
    whole = np.pad(errors, ((0, 0), (0, days * per_day - slots)), constant_values=np.nan).reshape(kinds, days, per_day)
    counts = np.isfinite(whole).sum(axis=2)
    means = np.nansum(whole, axis=2) / np.maximum(counts, 1)
    decay = 2.0 ** (-1 / ERROR_HALF_LIFE_DAYS)
    shares = np.full((kinds, days), 1 / kinds)
    loss, evidence = np.zeros(kinds), 0.0
    for day in range(2, days):
        loss = loss * decay + means[:, day - 2]
        evidence = evidence * decay + float(counts[0, day - 2] > 0)
        if loss.sum():
            drawn = loss + loss.mean() / evidence
            weights = (drawn / drawn.min()) ** -SHARPNESS
            shares[:, day] = weights / weights.sum()
    return np.repeat(shares, per_day, axis=1)[:, :slots]


def nowcast(signs: Signs, targets: Ints, known: Ints, per_day: int) -> Floats:
    """Roots of the slots `targets`, shape (origins, slots), when those from `known` (origins,) on are not seen yet."""
    parts = features(signs, targets, known, per_day)
    weights = _table()[spans(targets - known[:, None], per_day)]
    return np.asarray((parts * weights).sum(axis=2))


def outlook_roots(tide: Tide, outlooks: Sequence[Outlook]) -> list[Floats]:
    """The nowcast's roots of the first hours of each outlook, NaN beyond them and before a day is known."""
    size = round(AHEAD_HOURS[-1] * tide.per_day / 24)
    if not size:  # slots of half a day and longer: nothing of them lies in the first hours
        return [np.empty(0)] * len(outlooks)
    targets = np.array([o.targets[:size] for o in outlooks])
    known = np.array([o.known for o in outlooks])
    roots = nowcast(signs(tide, int(targets.max()) + 1), targets, known, tide.per_day)
    ahead = (targets - known[:, None] + 0.5) * 24 / tide.per_day
    roots[(ahead > AHEAD_HOURS[-1]) | (known[:, None] < tide.per_day)] = np.nan
    return list(roots)


def followed(centre: Centre, near: Floats, outlook: Outlook, per_day: int) -> Centre:
    """A family's centre, drawn towards the nowcast in the first hours; where that knows nothing, as it was."""
    ahead = (outlook.targets[: near.size] - outlook.known + 0.5) * 24 / per_day
    share = np.where(np.isfinite(near), np.interp(ahead, *FOLLOWED), 0.0)
    roots = centre.roots.copy()
    roots[: near.size] += share * (np.nan_to_num(near) - roots[: near.size])
    return replace(centre, roots=roots)


def features(signs: Signs, targets: Ints, known: Ints, per_day: int) -> Floats:
    """The usual at the target, and by how much the last hours were off it; shape (origins, slots, parts)."""
    off = signs.seen - signs.usual
    sums = np.concatenate([[0.0], np.cumsum(np.nan_to_num(off))])
    counts = np.concatenate([[0], np.cumsum(np.isfinite(off))])
    ends = np.clip(known, 0, off.size)
    lags = []
    for hours in LOOKBACK_HOURS:
        begins = np.maximum(ends - max(round(hours * per_day / 24), 1), 0)
        lags.append((sums[ends] - sums[begins]) / np.maximum(counts[ends] - counts[begins], 1))
    at = np.clip(targets, 0, off.size - 1)
    errors = np.broadcast_to(np.stack(lags, axis=-1)[:, None, :], (*targets.shape, len(lags)))
    return np.concatenate([signs.usual[at][..., None], errors], axis=-1)


def spans(ahead: Ints, per_day: int) -> Ints:
    """Which span of AHEAD_HOURS so many slots ahead of what is known belong to; same shape."""
    hours = (ahead + 0.5) * 24 / per_day
    return np.minimum(np.searchsorted(AHEAD_HOURS, hours), len(AHEAD_HOURS) - 1)


@cache
def _table() -> Floats:
    """Weights by span and part; shape (spans, parts)."""
    table = json.loads(files("planner").joinpath("data", "nowcast.json").read_text(encoding="utf-8"))
    return np.array(table["weights"], dtype=np.float64)
