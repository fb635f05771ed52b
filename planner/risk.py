"""Which policy: the cheapest of many that would have kept the objective on past days.

A policy says how busy the last warm instance must be expected to be (`worth`), whether the tide is taken for as
uncertain as its forecasts were (`errors`), and what guards the plan live (`guard`). The forecasts of past days (each
made from what was known then) are turned into steps under every policy, and these are replayed under FC's rules on
the load that really came. Nobody types a quantile.

With few past days the luckiest policy looks best (the winner's curse), so the shares of other services under the same
policy (`benchmarks/make_prior.py`) count as one more day, and a margin is kept to the objective.
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
from planner.capacity import StepRules, by_minute, levels_for_each, required
from planner.demand import Ints, Sizing, demand
from planner.forecast import Backtest, Forecast
from planner.guard import NO_GUARD, Guard, following, whole_hours
from planner.history import History, Statistic
from planner.provision import MAX_TARGET
from planner.replay import Floats, Replay, Tracker, simulate

WORTHS = (0.6, 0.5, 0.4, 0.3, 0.22, 0.16, 0.11, 0.08, 0.055, 0.035, 0.02, 0.012, 0.006, 0.003, 0.001, 0.0003)
ERRORS = (False, True)
GUARDS: tuple[Guard, ...] = (
    NO_GUARD,
    *(Guard(target=target) for target in (0.8, 0.7, 0.6, 0.5, 0.4, 0.3)),
    *(Guard(deviations=deviations) for deviations in (-0.5, 0.0, 0.5, 1.0, 1.5)),
)
"""What is replayed. Steps without a guard are there to compare with: a launch that no past day announced finds them
asleep, so they are taken only where the owner allows no guard. Guards that sleep nearly as deep are left out."""
DAY = 24 * 60
NEARLY_A_DAY = timedelta(hours=22)
"""The newest past day counts although its last minutes have not reached the metric store."""
HALF_LIFE_DAYS = 7.0
PRIOR_DAYS = 1.0
PRIOR_CAP = 5.0
"""Times the objective: how badly one other service may speak against a policy."""
DOUBT = 0.5
"""Share of an objective of 0.1 % that is kept as a margin on past days."""
LEAST_ALLOWED = 0.4
"""Of the objective, however rare what it counts."""
SEED = 7
MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Objective:
    """`cold_share` is what may be cold at most. `start_up` is what an instance takes to become warm."""

    cold_share: float
    start_up: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """How capacity follows from a forecast; see the module."""

    worth: float
    errors: bool
    guard: Guard

    def __str__(self) -> str:
        """In words for people."""
        around = "the tide with its forecast errors" if self.errors else "the tide"
        return f"instances that are busy at least {self.worth:.2%} of the time around {around}, {self.guard}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """The policy that was chosen and why."""

    policy: Policy
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskRules:
    """What the candidates are judged by. `guards` are those that may be chosen."""

    sizing: Sizing
    steps: StepRules
    objective: Objective
    guards: tuple[Guard, ...] = GUARDS
    guard_ceiling: int = MAX_TARGET
    """Instances up to which a guard may scale out, beside the ceiling of the sizing."""

    @property
    def policies(self) -> tuple[Policy, ...]:
        """Every candidate, in the order of the replays."""
        return tuple(
            Policy(worth=worth, errors=errors, guard=guard)
            for errors in ERRORS
            for worth in WORTHS
            for guard in self.guards
        )


def choose(history: History, past: Sequence[Backtest], coming: Forecast, rules: RiskRules, *, prior: str) -> Choice:
    """The policy with the fewest instance-minutes on the past days whose cold share keeps the objective.

    Where none does, the one with the smallest share. Without past days the prior alone speaks of the share, and the
    `coming` day's expected load of the cost. `prior` names the column of the prior: `day` or `hour`, for plans that are
    renewed so often.
    """
    days = [day for day in past if day.origin + NEARLY_A_DAY <= history.end and day.origin >= history.start]
    allowed = allowed_share(rules.objective.cold_share)
    others = prior_share(prior, rules.guards, cap=PRIOR_CAP * rules.objective.cold_share)
    if not days:
        load = expected_load(coming, (0.5,), start=coming.start, minutes=DAY)
        guess = replay_policies(Backtest(origin=coming.start, forecasts=(coming,)), load, rules)
        return _pick(PRIOR_DAYS * others, guess.provisioned / DAY, rules, allowed, days=0)
    cold, offered, provisioned, weight = np.zeros(len(others)), 0.0, np.zeros(len(others)), 0.0
    for day in days:
        age = (coming.start - day.origin) / timedelta(days=1) - 1
        recent = 0.5 ** (age / HALF_LIFE_DAYS)
        result = replay_policies(day, minute_load(history, day.origin, DAY)[None, :], rules)
        cold, provisioned = cold + recent * result.cold, provisioned + recent * result.provisioned
        offered, weight = offered + recent * float(result.offered[0]), weight + recent
    share = (PRIOR_DAYS * others + weight * cold / max(offered, 1e-9)) / (PRIOR_DAYS + weight)
    return _pick(share, provisioned / (weight * DAY), rules, allowed, days=len(days))


def allowed_share(objective: float) -> float:
    """Cold share that is allowed on past days, below the objective: what looks best among many is worse than it looks.

    The rarer what is counted, the less a few days say of it: the error of a count is in proportion to its root, so the
    margin is 50 % of an objective of 0.1 %, 29 % of one of 0.3 % and 16 % of one of 1 %.
    """
    return objective * max(1 - DOUBT * float(np.sqrt(0.001 / objective)), LEAST_ALLOWED)


def replay_policies(day: Backtest, load: Floats, rules: RiskRules) -> Replay:
    """Every policy on one day; cases in the order of `rules.policies`.

    `load` is the offered concurrency from the day's origin, shape (1, DAY). Each of the day's forecasts is followed
    until the next one begins.
    """
    asked, tide = _followed(day, rules)
    capacity = (asked * rules.sizing.instance_concurrency).astype(np.float64)
    sizing, guards = rules.sizing, len(rules.guards)
    cases = len(asked) * guards
    target, window = np.ones((len(asked), guards, DAY)), np.zeros((len(asked), guards, DAY), dtype=np.int64)
    edges = whole_hours(day.origin, DAY)
    lengths = np.diff(np.append(edges, DAY))
    hour = np.repeat(np.arange(len(edges)) + 1, lengths)
    for place, guard in enumerate(rules.guards):
        if guard.target is not None:
            # A plan that is renewed each hour brings a new tracker each hour.
            target[:, place], window[:, place] = guard.target, hour if len(day.forecasts) > 1 else 1
        elif guard.deviations is not None:
            by_hour = following(tide, capacity, edges, guard.deviations)
            target[:, place], window[:, place] = np.repeat(by_hour, lengths, axis=-1), hour
    tracker = Tracker(
        target=target.reshape(cases, DAY),
        floor=np.array([[max(sizing.floor, 1)]]),
        ceiling=np.array([[max(min(sizing.ceiling, rules.guard_ceiling), sizing.floor, 1)]]),
        window=window.reshape(cases, DAY),
    )
    return simulate(
        np.repeat(asked, guards, axis=0),
        [tracker],
        load,
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


def expected_load(forecast: Forecast, levels: Sequence[float], *, start: datetime, minutes: int) -> Floats:
    """The forecast as one likely load a minute for each level of the tide, shape (levels, minutes).

    Arrivals are drawn around it (Poisson, seeded); the last slot holds on.
    """
    tides = np.stack([forecast.quantile(level) for level in levels])
    means = by_minute(tides, forecast.start, forecast.slot, start, minutes)
    return np.random.default_rng(SEED).poisson(means).astype(np.float64)


def prior_share(name: str, guards: tuple[Guard, ...], *, cap: float) -> Floats:
    """Mean cold share of other services under each policy, none of them counting with more than `cap`.

    In the order of `RiskRules.policies`. A guard that was not measured speaks like the nearest that was.
    """
    measured = _measured()[name].reshape(len(ERRORS) * len(WORTHS), len(GUARDS), -1)
    mean: Floats = np.minimum(measured[:, [_nearest(guard) for guard in guards]], cap).mean(axis=2).ravel()
    return mean


@cache
def _measured() -> dict[str, Floats]:
    """Cold shares by policy and service, for plans renewed by the day and by the hour."""
    table = json.loads(files("planner").joinpath("data", "prior.json").read_text(encoding="utf-8"))
    return {name: np.array(shares, dtype=np.float64) for name, shares in table["cold_share"].items()}


def _nearest(guard: Guard) -> int:
    if guard in GUARDS:
        return GUARDS.index(guard)
    assert guard.target is not None  # only a fixed target can be configured
    fixed = [place for place, known in enumerate(GUARDS) if known.target is not None]
    return min(fixed, key=lambda place: abs((GUARDS[place].target or 0.0) - (guard.target or 0.0)))


def _followed(day: Backtest, rules: RiskRules) -> tuple[Ints, Floats]:
    """What every errors and worth would have asked for, (ERRORS x WORTHS, DAY), and the tide they meet, (DAY,)."""
    each = DAY // len(day.forecasts)
    lead = -(-rules.steps.lead // MINUTE)
    asked = np.empty((len(ERRORS), len(WORTHS), DAY), dtype=np.int64)
    tide = np.empty(DAY)
    for number, forecast in enumerate(day.forecasts):
        first = number * each
        start = day.origin + first * MINUTE
        tide[first : first + each] = by_minute(forecast.quantile(0.5), forecast.start, forecast.slot, start, each)
        for counted in ERRORS:
            weighed = demand(forecast, sizing=rules.sizing, worth=1.0, errors=counted)
            levels = levels_for_each(weighed, WORTHS, rules.steps)
            need = by_minute(levels, forecast.start, forecast.slot, start, each + lead)
            asked[int(counted), :, first : first + each] = required(need, rules.steps)[:, :each]
    return asked.reshape(-1, DAY), tide


def _pick(share: Floats, hours: Floats, rules: RiskRules, allowed: float, *, days: int) -> Choice:
    """`share` and `hours` (instances on average) are in the order of the rules' policies."""
    alone = np.array([policy.guard == NO_GUARD for policy in rules.policies])
    keeps = share <= allowed
    steps = float(np.where(keeps & alone, hours, np.inf).min())
    if not alone.all():
        share, keeps = np.where(alone, np.inf, share), keeps & ~alone
    place = int(np.where(keeps, hours, np.inf).argmin() if keeps.any() else share.argmin())
    policy, objective = rules.policies[place], rules.objective.cold_share
    if not days:
        reason = f"{policy}: no past day can be replayed yet; what did best on other services"
    elif keeps.any():
        reason = (
            f"{policy}: the cheapest of {keeps.sum()} policies (of {len(share)}) that keep {objective:.3%} cold "
            f"on {days} replayed days, {hours[place]:.1f} instances on average"
        )
        if alone.any() and not alone.all():
            reason += f"; steps alone need {steps:.1f}" if np.isfinite(steps) else "; no steps alone keep it"
    else:
        reason = f"{policy}: none of {len(share)} keeps {objective:.3%} cold on {days} replayed days; the least cold"
    return Choice(policy=policy, reason=reason)
