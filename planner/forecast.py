"""The Forecast type and the door to the forecasters."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from statistics import NormalDist

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from planner.base import floor_to, utc
from planner.calendar.acting import NOTHING, Acting
from planner.errors import HistoryError, InputError
from planner.forecasters import nowcast, recent
from planner.forecasters.base import LEVELS, Family, Outlook, Tide
from planner.forecasters.hours import HOURS, LONGEST_LAG, NO_HOURS, REACH, Hours, hourly
from planner.forecasters.keeping import NO_FITS, Fits
from planner.forecasters.lastweek import LastWeek
from planner.forecasters.prophet import FitError, ProphetFamily
from planner.forecasters.seasonal import Seasonal
from planner.forecasters.slots import DAY, slot_length, slot_tide, wall_slots
from planner.forecasters.trial import Trial, attempt, average, loss
from planner.history import History

__all__ = [
    "FORECASTERS",
    "LEVELS",
    "Backtest",
    "Champion",
    "Elected",
    "Forecast",
    "ForecastSettings",
    "Score",
    "follow",
    "forecast",
]

AUTO, MEAN = "auto", "mean"
FORECASTERS = (AUTO, "lastweek", MEAN, "prophet", recent.NAME, "seasonal")
"""Names that a person can pin."""
MEAN_OF = {"seasonal": 3.0, "lastweek": 1.0}
"""Weights of the quantile mean, which loses a little on the average and much less where the tide breaks."""
INCUMBENT, LEAD = "seasonal", 0.05
"""Who must be beaten, and by how much: a smaller lead over two weeks is luck more often than skill."""
MIN_CONTEST = 5
"""Backtest days below which a winner is luck, so that the mean is taken."""
POOL_DAYS = 28
"""Earlier days that errors are learnt from."""
MAX_LAG = timedelta(days=7)
GROWTH_DAYS = 7
HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Forecast:
    """Quantiles of the mean concurrency in each slot: the tide, without the arrivals around it."""

    start: datetime
    slot: timedelta
    levels: tuple[float, ...]
    values: NDArray[np.float64]
    """Slots x levels: finite, at least 0, not falling along a row."""
    forecaster: str

    def __post_init__(self) -> None:
        utc(self.start)
        if self.values.ndim != 2 or self.values.shape[1] != len(self.levels) or not len(self.values):
            raise ValueError(f"{self.values.shape} values for {len(self.levels)} levels")
        if list(self.levels) != sorted(set(self.levels)) or not 0 < self.levels[0] <= self.levels[-1] < 1:
            raise ValueError("levels must rise within (0, 1)")
        if not np.isfinite(self.values).all() or (self.values < 0).any():
            raise ValueError("quantiles must be finite and at least 0")
        if (np.diff(self.values, axis=1) < 0).any():
            raise ValueError("quantiles cross")

    @property
    def end(self) -> datetime:
        """End of the last slot."""
        return self.start + self.slot * len(self.values)

    def quantile(self, level: float) -> NDArray[np.float64]:
        """Take the quantile at `level` of each slot, linear between the levels that are held."""
        return self.quantiles(np.array([level]))[:, 0]

    def quantiles(self, levels: NDArray[np.float64]) -> NDArray[np.float64]:
        """The same at each of `levels`; shape (slots, levels)."""
        if not (self.levels[0] <= levels).all() or not (levels <= self.levels[-1]).all():
            raise ValueError(f"of the levels {levels} one is outside {self.levels[0]} to {self.levels[-1]}")
        held = np.array(self.levels)
        right = np.searchsorted(held, levels)
        left = np.maximum(right - 1, 0)
        share = (levels - held[left]) / np.where(right > left, held[right] - held[left], 1.0)
        below, above = self.values[:, left], self.values[:, right]
        return np.asarray(below + share * (above - below))

    def peak(self, level: float) -> NDArray[np.float64]:
        """Quantile of the busiest minute of each slot, arrivals included; shape (slots,).

        The slot's mean at that level and, independent of it, the arrivals of its minutes at theirs: each must stay
        within with level ** (1 / minutes), where a Poisson number's root is normal with a deviation of 1/2 (Bartlett
        1936, "The square root transformation in the analysis of variance"). Of mean and arrivals the wider counts in
        full and the other at its middle. A mean of 40 for sure over 15 minutes, at 0.5: (6.32 + 1.69 / 2)^2 = 51.4.
        """
        minutes = self.slot / timedelta(minutes=1)

        def busiest(mean: float, arrivals: float) -> NDArray[np.float64]:
            z = NormalDist().inv_cdf(arrivals ** (1 / minutes))
            return np.maximum(np.sqrt(self.quantile(mean)) + z / 2, 0) ** 2

        sides = busiest(level, 0.5), busiest(0.5, level)
        return np.asarray(np.maximum(*sides) if level > 0.5 else np.minimum(*sides))


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """How a forecaster did on the past, or why it could not compete."""

    forecaster: str
    origins: int
    wql: float
    """Mean over the levels 0.5, 0.9, 0.95 and 0.99 of twice the pinball loss over the sum of the means."""
    coverage99: float
    excuse: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Elected:
    """The forecaster of a function: who it is, how all did in the contest, and why this one."""

    forecaster: str
    scores: tuple[Score, ...]
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Backtest:
    """What would have been forecast for the day from `origin`, each time from what was known then.

    One forecast for the whole day, or one at the beginning of each of its equal parts, followed until the next.
    """

    origin: datetime
    forecasts: tuple[Forecast, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Champion:
    """The forecast of the forecaster that did best on the function's own past; its first hours are the nowcast's.

    `backtests`: past days forecast as a whole. `hourly`: past days forecast anew each hour, by the nowcast. `usual` is
    the forecast's median without campaigns, shape (slots,); up to `nowcast_end` the forecast is the nowcast's.
    """

    forecast: Forecast
    usual: NDArray[np.float64]
    nowcast_end: datetime
    backtests: tuple[Backtest, ...]
    hourly: tuple[Backtest, ...]
    elected: Elected


@dataclass(frozen=True, slots=True, kw_only=True)
class ForecastSettings:
    """Which forecaster, and what it needs to know about the place."""

    forecaster: str = "auto"
    time_zone: str = "UTC"
    seed: int = 7
    backtest_days: int = 14


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Problem:
    """The slot means and what is to be forecast from them: from now first, then from each earlier day."""

    start: datetime
    slot: timedelta
    slots: int
    tide: Tide
    outlooks: tuple[Outlook, ...]
    hours: Hours
    acting: Acting

    @property
    def days(self) -> float:
        """Days of history that are known."""
        return self.outlooks[0].known / self.tide.per_day


def forecast(
    history: History,
    *,
    now: datetime,
    horizon: timedelta,
    settings: ForecastSettings,
    acting: Acting = NOTHING,
    progress: Callable[[str], None] | None = None,
    fits: Fits = NO_FITS,
) -> Champion:
    """Forecast the slot means from the slot that contains `now`, by the forecaster that did best on the own past.

    Each forecaster is tried from the same time of day on earlier days, with the same delay of its data. Raises
    InputError for a forecaster that doesn't exist, HistoryError for a history that it can't work from. `acting` is what
    the calendar says: forecasters see ordinary days, campaigns are put on what they say. `fits` are kept from earlier
    forecasts; they save time and change nothing.
    """
    if settings.forecaster not in FORECASTERS:
        message = f"there is no forecaster {settings.forecaster!r}"
        raise InputError(message, remedy=f"Choose one of {', '.join(FORECASTERS)}.")
    if horizon <= timedelta(0):
        raise InputError(f"the horizon of {horizon} is not positive", remedy="Ask for an hour or more, such as 24h.")
    problem = _pose(history.until(now), utc(now), horizon, settings, acting)
    if settings.forecaster == recent.NAME:
        return _last_resort(problem, (), "it is pinned")
    trials, excuses = _try_all(problem, settings, progress or (lambda _: None), fits)
    scores = tuple(sorted(_scores(problem, trials, excuses), key=lambda s: s.forecaster))
    if settings.forecaster in trials:
        return _champion(problem, trials[settings.forecaster], _elected(settings.forecaster, scores, "it is pinned"))
    if settings.forecaster != AUTO:
        excuse = next(excuses[name] for name in (settings.forecaster, *MEAN_OF) if name in excuses)
        remedy = "Give a longer history, or set the forecaster to auto."
        raise HistoryError(f"the forecaster {settings.forecaster} can't be used: {excuse}", remedy=remedy)
    if not trials:
        return _last_resort(problem, scores, f"{problem.days * 24:.1f} hours of history hold no repeated day")
    name, why = _choose(scores)
    return _champion(problem, trials[name], _elected(name, scores, why))


def follow(
    elected: Elected,
    history: History,
    *,
    now: datetime,
    horizon: timedelta,
    settings: ForecastSettings,
    acting: Acting = NOTHING,
    fits: Fits = NO_FITS,
) -> Champion | None:
    """The same forecast by a forecaster that was elected before, without a contest and without past days.

    None where that forecaster can't be used now.
    """
    problem = _pose(history.until(now), utc(now), horizon, settings, acting)
    alone = replace(settings, forecaster=elected.forecaster, backtest_days=0)
    try:
        trials, _ = _try_all(problem, alone, lambda _: None, fits)
    except FitError:
        return None
    trial = trials.get(elected.forecaster)
    return None if trial is None else _champion(problem, trial, elected)


def _pose(history: History, now: datetime, horizon: timedelta, settings: ForecastSettings, acting: Acting) -> _Problem:
    """Lay out the slots; an earlier day is posed where at least most of a day was known before it."""
    if now - history.end > MAX_LAG:
        message = f"the history ends {(now - history.end) / DAY:.1f} days before now"
        raise HistoryError(message, remedy=f"Give a history that ends less than {MAX_LAG.days} days before now.")
    slot = slot_length(history.step)
    start = floor_to(now, slot)
    tide = acting.ordinary(slot_tide(history, slot, settings.time_zone))
    slots = -(-(now + horizon - start) // slot)

    def outlook(origin: datetime, length: int, lag: int) -> Outlook:
        index = pd.date_range(origin, periods=max(length, tide.per_day), freq=slot)
        targets = wall_slots(index, slot, settings.time_zone) - tide.first
        # Where clocks go back a later target is an earlier slot, which will be written once more.
        return Outlook(targets=targets, known=min(int(targets.min()) - lag, tide.whole))

    first = outlook(start, slots, 0)
    if not np.isfinite(tide.values[: max(first.known, 0)]).any():
        message = f"no slot of {slot // timedelta(minutes=1)} minutes is seen in the history"
        raise HistoryError(message, remedy=f"Give a longer history, at least {slot // timedelta(minutes=1)} minutes.")
    # Where an interval lies across the origin, the slot before it holds what was known only later.
    across = bool((start - history.start) % history.step or HOUR % history.step)
    lag = int(first.targets[0]) - first.known + across
    length = min(slots, GROWTH_DAYS * tide.per_day)
    past = (outlook(start - DAY * day, length, lag) for day in range(1, max(POOL_DAYS, settings.backtest_days + 1) + 1))
    usable = tuple(o for o in past if o.known >= 0.75 * tide.per_day)
    return _Problem(
        start=start,
        slot=slot,
        slots=slots,
        tide=tide,
        outlooks=(first, *usable),
        hours=_hours(tide, start, slot, lag=lag, settings=settings),
        acting=acting,
    )


def _hours(tide: Tide, start: datetime, slot: timedelta, *, lag: int, settings: ForecastSettings) -> Hours:
    """The hourly origins of the days that are replayed, and of those before them that their errors are learnt from."""
    if slot > HOUR or lag * slot > LONGEST_LAG:
        return NO_HOURS
    each, width = HOUR // slot, REACH * HOUR // slot
    count = HOURS * (settings.backtest_days + POOL_DAYS)
    index = pd.date_range(start - count * HOUR, periods=count * each + width, freq=slot)
    slots = wall_slots(index, slot, settings.time_zone) - tide.first
    targets = slots[np.arange(count + 1)[:, None] * each + np.arange(width)]
    known = targets.min(axis=1) - lag
    return Hours(targets=targets, known=known)


def _try_all(
    problem: _Problem, settings: ForecastSettings, progress: Callable[[str], None], fits: Fits
) -> tuple[dict[str, Trial], dict[str, str]]:
    """Every family that was asked for, on trial, and the excuses of those that can't take part."""
    prophet = ProphetFamily(seed=settings.seed, fits=fits)
    families: tuple[Family, ...] = (LastWeek(), Seasonal(), prophet)
    wanted = {AUTO: {f.name for f in families}, MEAN: set(MEAN_OF)}.get(settings.forecaster, {settings.forecaster})
    near = nowcast.outlook_roots(problem.tide, problem.outlooks)
    trials: dict[str, Trial] = {}
    excuses: dict[str, str] = {}
    for family in families:
        if family.name not in wanted:
            continue
        if len(problem.outlooks) < 2 or problem.days < 0.9 * family.needs_days:
            excuses[family.name] = f"needs {family.needs_days:.0f} days, has {problem.days:.1f}"
            continue
        progress(f"trying {family.name} on {len(problem.outlooks) - 1} past days")
        try:
            trials[family.name] = attempt(family, problem.tide, problem.outlooks, near, settings.backtest_days)
        except FitError as error:
            if settings.forecaster == family.name:
                raise
            excuses[family.name] = error.message
    if set(MEAN_OF) <= set(trials):
        trials[MEAN] = average([(trials[name], weight) for name, weight in MEAN_OF.items()])
    return trials, excuses


def _scores(problem: _Problem, trials: dict[str, Trial], excuses: dict[str, str]) -> list[Score]:
    """Scores over the days that all on trial have in common."""
    nothing = float("nan")
    scores = [
        Score(forecaster=name, origins=0, wql=nothing, coverage99=nothing, excuse=excuse)
        for name, excuse in excuses.items()
    ]
    shared = min((len(trial.past) for trial in trials.values()), default=0)
    for name, trial in trials.items():
        wql, covered = loss(Trial(now=trial.now, past=trial.past[:shared]), problem.tide, problem.outlooks)
        scores.append(Score(forecaster=name, origins=shared, wql=wql, coverage99=covered, excuse=""))
    return scores


def _choose(scores: tuple[Score, ...]) -> tuple[str, str]:
    """Name of the champion, and why."""
    able = [s for s in scores if not s.excuse]
    days = able[0].origins
    if days < MIN_CONTEST:
        return MEAN, f"{days} past days are too few to choose by, so last week and seasonal are averaged"
    ranked = sorted(able, key=lambda s: (s.wql * (1 - LEAD * (s.forecaster == INCUMBENT)), s.forecaster))
    losses = ", ".join(f"{s.forecaster} {s.wql:.3f}" for s in ranked)
    return ranked[0].forecaster, f"lowest loss over {days} past days, {INCUMBENT} ahead by {LEAD:.0%} ({losses})"


def _elected(name: str, scores: tuple[Score, ...], why: str) -> Elected:
    return Elected(forecaster=name, scores=scores, reason=f"{name}: {why}")


def _champion(problem: _Problem, trial: Trial, elected: Elected) -> Champion:
    def made(origin: datetime, values: NDArray[np.float64]) -> Forecast:
        lifted = problem.acting.lift(values, origin, problem.slot)
        return Forecast(start=origin, slot=problem.slot, levels=LEVELS, values=lifted, forecaster=elected.forecaster)

    origins = [problem.start - DAY * (day + 1) for day in range(len(trial.past))]
    backtests = [Backtest(origin=o, forecasts=(made(o, v),)) for o, v in zip(origins, trial.past, strict=True)]
    near, past_hours = hourly(problem.tide, problem.hours, len(trial.past), POOL_DAYS)
    values = trial.now[: problem.slots].copy()
    values[: len(near)] = near[: problem.slots]
    return Champion(
        forecast=made(problem.start, values),
        usual=values[:, LEVELS.index(0.5)],
        nowcast_end=problem.start + problem.slot * min(len(near), problem.slots),
        backtests=tuple(reversed(backtests)),
        hourly=tuple(
            Backtest(origin=origin, forecasts=tuple(made(origin + HOUR * at, v) for at, v in enumerate(day)))
            for origin, day in reversed(list(zip(origins, past_hours, strict=False)))
        ),
        elected=elected,
    )


def _last_resort(problem: _Problem, scores: tuple[Score, ...], why: str) -> Champion:
    trial = Trial(now=recent.quantiles(problem.tide, problem.outlooks[0]), past=())
    promise = f"{why}; it never asks for less than what ran last"
    return _champion(replace(problem, hours=NO_HOURS), trial, _elected(recent.NAME, scores, promise))
