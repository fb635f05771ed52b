"""Seasonal quantiles: earlier days at the same time, moved to the level of the last hours. Needs no fitting.

A few profiles (which earlier days count) times a few shifts (how far the last hours move them) make the members; the
centre is their mean, weighted by how well each did on the function's own past days.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from planner.forecasters.base import SATURDAY, Centre, Floats, Ints, Outlook, Tide
from planner.forecasters.level import Shift, move

SHARPNESS = 12.0
ERROR_HALF_LIFE_DAYS = 7.0
PRIOR_DAYS = 1.0
SMOOTHING_HOURS = 0.5


@dataclass(frozen=True, slots=True)
class Profile:
    """Weights of an earlier day at the same time: by its weekday, and halved every `half_life` days."""

    like: float
    """Another weekday for a weekday, the other weekend day for a weekend day; the same weekday counts 1."""
    unlike: float
    half_life: float


PROFILES = (Profile(1.0, 1.0, 3.0), Profile(0.2, 0.02, 28.0), Profile(0.02, 1e-6, 10.0))
SHIFTS = (Shift(24, 0.5, 0.5, 12), Shift(24, 0.0, 0.2, 12), Shift(24, 0.8, 0.8, 12), Shift(6, 0.7, 0.5, 8))


class Seasonal:
    """Earlier days at the same time, moved to the level of the last hours."""

    name = "seasonal"
    needs_days = 2.0

    def centres(self, tide: Tide, outlooks: Sequence[Outlook]) -> list[Centre]:
        """One centre an outlook, from members weighted by their errors before it."""
        members = [_members(tide, o) for o in outlooks]
        day = tide.per_day
        targets = np.array([o.targets[:day] for o in outlooks])
        truth = np.sqrt(tide.at(targets))
        errors = np.abs(truth[:, None] - np.array([m[:, :day] for m in members]))
        found = []
        for i, (outlook, member) in enumerate(zip(outlooks, members, strict=True)):
            visible = np.isfinite(truth[i + 1 :]) & (targets[i + 1 :] < outlook.known)
            roots = _weights(errors[i + 1 :], visible) @ member
            found.append(Centre(roots=roots, width=np.ones_like(roots)))
        return found


def _weights(errors: Floats, visible: NDArray[np.bool_]) -> Floats:
    """Weights of the members: mean absolute error to the power of -12, recent days counting most.

    The power lets the better half of the members share the work and the rest drop out: an error of 1.1 against 1.0
    weighs 0.32, one of 1.5 weighs 0.008.
    """
    counts = visible.sum(axis=1)
    recent = 2.0 ** (-np.arange(len(errors)) / ERROR_HALF_LIFE_DAYS) * (counts > 0)
    mean = np.where(visible[:, None], errors, 0).sum(axis=2) / np.maximum(counts, 1)[:, None]
    total = recent @ mean
    if not total.sum():
        return np.full(errors.shape[1], 1 / errors.shape[1])
    loss = total + PRIOR_DAYS * total.mean() / recent.sum()
    weights = (loss / loss.min()) ** -SHARPNESS
    return np.asarray(weights / weights.sum())


def _members(tide: Tide, outlook: Outlook) -> Floats:
    """Roots of each profile under each shift, members x slots."""
    begin = outlook.known - tide.per_day
    slots = np.arange(begin, int(outlook.targets.max()) + 1)
    observed = np.sqrt(tide.at(slots[: tide.per_day]))
    ahead = (outlook.targets - outlook.known + 1) * 24 / tide.per_day
    moved = []
    for profile in profiles(PROFILES, tide, slots, outlook.known):
        wanted, expected = profile[outlook.targets - begin], profile[: tide.per_day]
        moved += [move(s, wanted, ahead, observed, expected) for s in SHIFTS]
    return np.array(moved)


def profiles(kinds: Sequence[Profile], tide: Tide, slots: Ints, known: int | None) -> Floats:
    """Each kind of profile over the slots: earlier days at the same time, weighted, smoothed, gaps filled.

    All from the slots before `known`; without it each slot only from those that lie a day before it.
    """
    days = max(int(slots[-1]) // tide.per_day, 1)
    lags = np.arange(1, days + 1)
    at = slots[:, None] - lags * tide.per_day
    roots = np.sqrt(tide.at(at if known is None else np.where(at < known, at, -1)))
    held = np.isfinite(roots)
    roots[~held] = 0
    there, here = tide.weekday(at), tide.weekday(slots)[:, None]
    same, alike = there == here, (there >= SATURDAY) == (here >= SATURDAY)
    found = []
    for profile in kinds:
        kinship = np.where(same, 1.0, np.where(alike, profile.like, profile.unlike))
        weights = held * kinship * 2.0 ** (-lags / profile.half_life)
        total = weights.sum(axis=1)
        found.append(_smooth(_fill((weights * roots).sum(axis=1), total, tide, known), tide.per_day))
    return np.array(found)


def _fill(sums: Floats, totals: Floats, tide: Tide, known: int | None) -> Floats:
    """Weighted means; where no earlier day is known, between the neighbouring slots (as before, without `known`)."""
    held = totals > 0
    if not held.any():
        past = np.sqrt(tide.values[:known])
        return np.full(sums.size, np.nanmean(past) if np.isfinite(past).any() else 0.0)
    position = np.arange(sums.size)
    if known is None:
        last = np.maximum.accumulate(np.where(held, position, np.argmax(held)))
        return np.asarray(sums[last] / totals[last])
    return np.asarray(np.interp(position, position[held], sums[held] / totals[held]))


def _smooth(values: Floats, per_day: int) -> Floats:
    """Triangular mean over half an hour to each side: few days hold much arrival noise."""
    reach = int(SMOOTHING_HOURS * per_day / 24)
    kernel = np.concatenate([np.arange(1, reach + 2), np.arange(reach, 0, -1)]) / (reach + 1) ** 2
    return np.convolve(np.pad(values, reach, mode="edge"), kernel, mode="valid")
