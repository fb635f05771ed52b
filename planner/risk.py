"""How much risk to take: the cheapest pair of risk level and live guard that kept the objective on past days.

The forecasts of past days (each made from what was known then) are sized at every risk level, and each of those
schedules is replayed under FC's rules with every guard on the load that really came. Nobody types a quantile.

With few past days the luckiest pair looks best (the winner's curse), so the shares of other services under the same
pair (`Prior`, measured by `benchmarks/make_prior.py`) count as one more day.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from importlib.resources import files

import numpy as np

from planner.base import MINUTE
from planner.capacity import StepRules, required
from planner.demand import Sizing
from planner.forecast import Backtest, Champion, Forecast
from planner.forecasters.slots import typical_minutes
from planner.history import History, Statistic
from planner.reading import Minutes
from planner.replay import Floats, Replay, Tracker, simulate

LEVELS = (0.05, 0.25, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.999)
GUARDS: tuple[float | None, ...] = (None, 0.95, 0.9, 0.85, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3)
DAY = 24 * 60
NEARLY_A_DAY = timedelta(hours=22)
"""The newest past day counts although its last minutes have not reached the metric store."""
PRIOR_DAYS = 1.0
PRIOR_CAP = 5.0
"""Times the objective: how badly one other service may speak against a pair."""
SEED = 7
MICROSECOND = timedelta(microseconds=1)


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


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskRules:
    """What the candidates are judged by. `guards` are the metric targets that may be chosen."""

    sizing: Sizing
    steps: StepRules
    objective: Objective
    guards: tuple[float | None, ...] = GUARDS


def choose(history: History, champion: Champion, rules: RiskRules) -> Choice:
    """The pair with the fewest instance-minutes on the past days whose cold share keeps the objective.

    Where no pair does, the one with the smallest share. Without past days the prior alone speaks of the share, and the
    coming day's expected load of the cost.
    """
    days = [
        day for day in champion.backtests if day.origin + NEARLY_A_DAY <= history.end and day.origin >= history.start
    ]
    allowed = rules.objective.cold_share
    share = PRIOR_DAYS * prior_share(rules.guards, cap=PRIOR_CAP * allowed)
    if days:
        loads = np.stack([minute_load(history, day.origin, DAY) for day in days])
    else:
        loads = expected_load(champion.forecast, (0.5,), start=champion.forecast.start, minutes=DAY)
    coming = Backtest(origin=champion.forecast.start, forecast=champion.forecast)
    result = replay_pairs(days or [coming], loads, rules)
    shape = (len(loads), *share.shape)
    cold, offered, provisioned = (
        total.reshape(shape).sum(axis=0) for total in (result.cold, result.offered, result.provisioned)
    )
    share = (share + len(days) * cold / np.maximum(offered, 1e-9)) / (PRIOR_DAYS + len(days))
    return _pick(share, provisioned / (len(loads) * DAY), allowed, len(days), rules.guards)


def replay_pairs(days: Sequence[Backtest], loads: Floats, rules: RiskRules) -> Replay:
    """Every pair of level and guard on every day; cases in the order days, levels, guards.

    `loads` is the offered concurrency of each day from its origin, shape (days, DAY).
    """
    sizing, guards = rules.sizing, rules.guards
    schedules = np.stack([_schedules(day.forecast, day.origin, rules) for day in days])
    shape = (len(days), len(LEVELS), len(guards), DAY)
    target = np.broadcast_to(np.array([guard or 1.0 for guard in guards]), shape[:3]).reshape(-1, 1)
    window = np.broadcast_to(np.array([int(guard is not None) for guard in guards]), shape[:3]).reshape(-1, 1)
    tracker = Tracker(
        target=target, floor=np.array([[max(sizing.floor, 1)]]), ceiling=np.array([[sizing.ceiling]]), window=window
    )
    return simulate(
        np.broadcast_to(schedules[:, :, None], shape).reshape(-1, DAY),
        [tracker],
        np.broadcast_to(loads[:, None, None], shape).reshape(-1, DAY),
        instance_concurrency=sizing.instance_concurrency,
        lead=-(-rules.objective.start_up // MINUTE),
    )


def minute_load(history: History, start: datetime, minutes: int) -> Floats:
    """Offered concurrency of each minute from `start`; shape (minutes,); a gap holds the last value.

    An interval longer than a minute is spread over its minutes; where it is a mean, arrival noise is put back as
    Poisson counts (seeded), since the mean hides it. Of several intervals in a minute the highest counts.
    """
    values = history.series.ffill().to_numpy(dtype=np.float64)
    step, minute = history.step // MICROSECOND, MINUTE // MICROSECOND
    begins = (start - history.start) // MICROSECOND + np.arange(minutes) * minute
    first, last = begins // step, (begins + minute - 1) // step
    newest = len(values) - 1
    load = np.asarray(values[np.clip(first, 0, newest)], dtype=np.float64)
    for ahead in range(1, int((last - first).max()) + 1):
        np.maximum(load, values[np.clip(np.minimum(first + ahead, last), 0, newest)], out=load)
    if history.statistic is Statistic.MEAN and history.step > MINUTE:
        return np.random.default_rng(SEED).poisson(load).astype(np.float64)
    return load


def prior_share(guards: tuple[float | None, ...], *, cap: float) -> Floats:
    """Mean cold share of other services under each pair, none of them counting with more than `cap`.

    Shape (levels, guards). A guard that was not measured speaks like the nearest that was.
    """
    measured = _measured()
    rows = [_nearest(guard) for guard in guards]
    mean: Floats = np.minimum(measured[:, rows], cap).mean(axis=2)
    return mean


@cache
def _measured() -> Floats:
    """Cold shares by level, guard and service; shape (levels, guards, services)."""
    table = json.loads(files("planner").joinpath("data", "prior.json").read_text(encoding="utf-8"))
    return np.array(table["cold_share"], dtype=np.float64)


def _nearest(guard: float | None) -> int:
    if guard is None:
        return GUARDS.index(None)
    return min(range(1, len(GUARDS)), key=lambda row: abs((GUARDS[row] or 0.0) - guard))


def expected_load(forecast: Forecast, levels: Sequence[float], *, start: datetime, minutes: int) -> Floats:
    """The forecast as one likely load a minute for each level; shape (levels, minutes); its last slot holds on.

    The peaks of each path are turned into the mean minute that they come from, and arrivals drawn around it (Poisson,
    seeded): a load that stood at its peak all the time would keep every guard busy and cost what never comes.
    """
    slot = int(forecast.slot / MINUTE)
    ahead = int((start - forecast.start) / MINUTE)
    paths = np.stack([typical_minutes(forecast.quantile(level), forecast.slot) for level in levels])
    means = np.repeat(paths, slot, axis=1)[:, ahead : ahead + minutes]
    means = np.pad(means, ((0, 0), (0, minutes - means.shape[1])), mode="edge")
    return np.random.default_rng(SEED).poisson(means).astype(np.float64)


def _schedules(forecast: Forecast, origin: datetime, rules: RiskRules) -> Minutes:
    """What each level would have asked for in each minute of a day from `origin`; shape (levels, DAY)."""
    slot = int(forecast.slot / MINUTE)
    ahead = int((origin - forecast.start) / MINUTE)
    needs = np.stack([rules.sizing.instances(forecast.quantile(level)) for level in LEVELS])
    minutes = np.repeat(needs, slot, axis=1)[:, ahead : ahead + DAY]
    short = DAY - minutes.shape[1]
    return required(np.pad(minutes, ((0, 0), (0, short)), mode="edge"), rules.steps)


def _pick(share: Floats, hours: Floats, allowed: float, days: int, guards: tuple[float | None, ...]) -> Choice:
    keeps = share <= allowed
    order = np.where(keeps, hours, np.inf) if keeps.any() else share
    level, guard = np.unravel_index(int(order.argmin()), order.shape)
    target = "no guard" if guards[guard] is None else f"a guard at {guards[guard]:g}"
    pair = f"P{100 * LEVELS[level]:g} of the peak with {target}"
    if not days:
        reason = f"{pair}: no past day can be replayed yet; what kept the promise on other services"
    elif keeps.any():
        reason = (
            f"{pair}: the cheapest pair that keeps {allowed:.3%} cold on {days} replayed days "
            f"({hours[level, guard]:.1f} instances on average)"
        )
    else:
        reason = f"{pair}: no pair keeps {allowed:.3%} cold on {days} replayed days; this one is the least cold"
    return Choice(risk_level=LEVELS[level], guard_target=guards[guard], reason=reason)
