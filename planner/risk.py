"""How much risk to take: the cheapest pair of risk level and live guard that kept the objective on past days.

The forecasts of past days (each made from what was known then) are sized at every risk level, and each of those
schedules is replayed under FC's rules with every guard on the load that really came. Nobody types a quantile.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from planner.base import MINUTE
from planner.capacity import StepRules, required
from planner.demand import Sizing
from planner.forecast import Backtest
from planner.history import History, Statistic
from planner.replay import Floats, Tracker, simulate

LEVELS = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.999)
GUARDS: tuple[float | None, ...] = (None, 0.95, 0.9, 0.8, 0.7, 0.6)
SAFE_LEVEL = 0.99
SAFE_GUARD = 0.7
DAY = 24 * 60
SEED = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class Objective:
    """`cold_share` is what may be cold at most. `start_up` is what an instance takes to become warm."""

    cold_share: float
    start_up: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """The pair that was chosen and why. `guard_target` None: no live guard is worth it."""

    risk_level: float
    guard_target: float | None
    reason: str


def minute_load(history: History, start: datetime, minutes: int) -> Floats:
    """Offered concurrency of each minute from `start`; shape (minutes,); a gap holds the last value.

    An interval longer than a minute is spread over its minutes; where it is a mean, arrival noise is put back as
    Poisson counts (seeded), since the mean hides it. Of shorter intervals the highest in the minute counts.
    """
    values = history.series.ffill().to_numpy(dtype=np.float64)
    step = max(history.step, MINUTE)
    if history.step < MINUTE:
        each = MINUTE // history.step
        values = values[: len(values) // each * each].reshape(-1, each).max(axis=1)
    first = int((start - history.start) / MINUTE)
    rows = (first + np.arange(minutes)) // int(step / MINUTE)
    load = np.asarray(values[np.clip(rows, 0, len(values) - 1)], dtype=np.float64)
    if history.statistic is Statistic.MEAN and step > MINUTE:
        return np.random.default_rng(SEED).poisson(load).astype(np.float64)
    return load


def choose(
    history: History, backtests: tuple[Backtest, ...], *, sizing: Sizing, rules: StepRules, objective: Objective,
    guards: tuple[float | None, ...] = GUARDS,
) -> Choice:
    """The pair with the fewest instance-minutes on the past days whose cold share keeps the objective with a margin.

    Where no pair does, the one with the smallest cold share; without past days a safe pair, said in the reason.
    """
    days = [day for day in backtests if day.origin + timedelta(days=1) <= history.end]
    if len(days) < 2:
        guard = SAFE_GUARD if SAFE_GUARD in guards else guards[0]
        return Choice(
            risk_level=SAFE_LEVEL, guard_target=guard,
            reason=f"too little history to replay past days: P{100 * SAFE_LEVEL:g} of the peak to be safe",
        )
    cold, hours = _replay_past(history, days, sizing=sizing, rules=rules, objective=objective, guards=guards)
    allowed = objective.cold_share * margin(len(days))
    return _pick(cold, hours, allowed, len(days), guards)


def margin(days: int) -> float:
    """Share of the objective that the past days may use: the fewer days, the more luck may be in the best pair."""
    return days / (days + 5)


def _replay_past(
    history: History, days: list[Backtest], *, sizing: Sizing, rules: StepRules, objective: Objective,
    guards: tuple[float | None, ...],
) -> tuple[Floats, Floats]:
    """Cold share and mean provisioned instances of every pair over all days; shape (levels, guards) each."""
    needs, loads = [], []
    for day in days:
        slot = int(day.forecast.slot / MINUTE)
        ahead = int((day.origin - day.forecast.start) / MINUTE)
        quantiles = np.stack([sizing.instances(day.forecast.quantile(level)) for level in LEVELS])
        minutes = np.repeat(quantiles, slot, axis=1)[:, ahead : ahead + DAY]
        needs.append(required(minutes, rules))
        loads.append(minute_load(history, day.origin, minutes.shape[1]))
    shape = (len(days), len(LEVELS), len(guards), needs[0].shape[1])
    schedule = np.broadcast_to(np.stack(needs)[:, :, None], shape).reshape(-1, shape[-1])
    load = np.broadcast_to(np.stack(loads)[:, None, None], shape).reshape(-1, shape[-1])
    target = np.broadcast_to(np.array([g or 1.0 for g in guards]), shape[:3]).reshape(-1, 1)
    active = np.broadcast_to(np.array([g is not None for g in guards]), shape[:3]).reshape(-1, 1)
    guard = Tracker(
        target=target, floor=np.array([[max(sizing.floor, 1)]]), ceiling=np.array([[sizing.ceiling]]), active=active
    )
    result = simulate(
        schedule, [guard], load,
        instance_concurrency=sizing.instance_concurrency, lead=-(-objective.start_up // MINUTE),
    )
    cold, offered, provisioned = (
        total.reshape(shape[:3]).sum(axis=0) for total in (result.cold, result.offered, result.provisioned)
    )
    return cold / np.maximum(offered, 1e-9), provisioned / (len(days) * shape[-1])


def _pick(cold: Floats, hours: Floats, allowed: float, days: int, guards: tuple[float | None, ...]) -> Choice:
    keeps = cold <= allowed
    order = np.where(keeps, hours, np.inf) if keeps.any() else cold
    level, guard = np.unravel_index(int(order.argmin()), order.shape)
    kept = "cheapest pair that keeps" if keeps.any() else "no pair keeps the objective; the least cold against"
    return Choice(
        risk_level=LEVELS[level], guard_target=guards[guard],
        reason=(
            f"{kept} {allowed:.3%} cold on {days} replayed days: {cold[level, guard]:.3%} cold, "
            f"{hours[level, guard]:.1f} instances on average"
        ),
    )
