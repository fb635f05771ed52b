"""Prophet on slot means: the only door to the library."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import groupby
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from planner.errors import PlannerError
from planner.forecasters.base import SATURDAY, Centre, Floats, Ints, Outlook, Tide
from planner.forecasters.keeping import Fits, learnt
from planner.forecasters.level import Shift, move

if TYPE_CHECKING:
    from prophet import Prophet

SERVES_DAYS = 3
"""Days that a fit on the past serves: from a midnight of the wall clock whose day this divides up to the next such one.
So the fit doesn't depend on when it is asked for, and tomorrow's plan finds it again."""
MATURE_DAYS = 14
"""With as much before midnight the coming days are forecast from there, and the day's later plans find that fit again;
a younger history needs its newest hours."""
FIT_DAYS = 28
SAMPLES = 200
UNEVEN = 3.0
"""Times the usual width of its day that a slot's 0.1 to 0.9 interval may have, and the other way round."""
LARGEST_LEAP = 3.0
"""Times the highest peak seen that a sample or a centre may reach: on a logarithm a young trend runs away."""
SHIFT = Shift(24, 0.5, 0.5, 12)
LOGGERS = ("prophet", "prophet.plot", "prophet.models", "cmdstanpy")


class FitError(PlannerError):
    """Prophet could not be fitted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProphetFamily:
    """Prophet on log1p, weekdays and weekends apart; the width of its samples is calibrated like any other."""

    seed: int
    fits: Fits

    @property
    def name(self) -> str:
        """What a person pins it by."""
        return "prophet"

    @property
    def needs_days(self) -> float:
        """Two tides."""
        return 2.0

    def centres(self, tide: Tide, outlooks: Sequence[Outlook]) -> list[Centre]:
        """One centre an outlook, fewer where a fit on older days fails."""
        found: list[Centre] = []
        for group in _groups(tide, outlooks):
            try:
                roots = self._learnt(tide, group)
            except FitError:
                if not found:
                    raise
                break
            found += [_centre(tide, outlook, roots, group.known - tide.per_day) for outlook in group.outlooks]
        return found

    def _learnt(self, tide: Tide, group: _Group) -> Floats:
        """Roots at the quantiles 0.1, 0.5 and 0.9 of the day before the fit and of the days that it serves."""
        seen = np.arange(max(group.known - FIT_DAYS * tide.per_day, 0), group.known)
        told = np.arange(group.known - tide.per_day, group.known + group.ahead)

        def make() -> Floats:
            with _quiet(self.seed):
                return _sample(_fit(tide, seen), tide, seen, told)

        first = int(seen[0]) + tide.first if seen.size else 0
        return learnt(
            self.fits,
            make,
            family=self.name,
            settings=(self.seed, tide.per_day, first, told.size),
            seen=(tide.values[seen], tide.weekday(seen), tide.weekday(told)),
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Group:
    """Outlooks that one fit serves: what it knows (slots before `known`), and how many slots ahead it must tell."""

    known: int
    ahead: int
    outlooks: Sequence[Outlook]


def _groups(tide: Tide, outlooks: Sequence[Outlook]) -> Iterator[_Group]:
    newest, past = outlooks[0], outlooks[1:]
    midnight = _midnight(tide, newest.known, 1)
    mature = midnight >= MATURE_DAYS * tide.per_day
    earliest = _midnight(tide, 3 * tide.per_day - 1, 1)
    if mature:
        past = [o for o in past if o.known >= earliest]
    yield _group(tide, midnight if mature else newest.known, outlooks[:1], days=1)
    for fitted, served in groupby(past, key=lambda o: max(_midnight(tide, o.known, SERVES_DAYS), earliest)):
        group = list(served)
        yield _group(tide, fitted if mature else group[-1].known, group, days=SERVES_DAYS)


def _midnight(tide: Tide, slot: int, days: int) -> int:
    """The newest midnight up to `slot` of a day whose number `days` divides."""
    length = days * tide.per_day
    return (slot + tide.first) // length * length - tide.first


def _group(tide: Tide, known: int, outlooks: Sequence[Outlook], *, days: int) -> _Group:
    """Whole weeks ahead, so that neither the hour nor a delay of the data makes it another fit."""
    week = 7 * tide.per_day
    ahead = days * tide.per_day + max(int(o.targets.max()) + 1 - o.known for o in outlooks)
    return _Group(known=known, ahead=-(-ahead // week) * week, outlooks=outlooks)


def _fit(tide: Tide, slots: Ints) -> Prophet:
    from prophet import Prophet  # noqa: PLC0415  # costs more than a second, and only who asks for it should pay

    frame = _frame(tide, slots).assign(y=np.log1p(tide.at(slots))).dropna()
    long = frame["ds"].max() - frame["ds"].min() >= pd.Timedelta(days=13)
    model = Prophet(
        growth="linear" if long else "flat",
        daily_seasonality=False,
        weekly_seasonality=False,
        yearly_seasonality=False,
        uncertainty_samples=SAMPLES,
    )
    if frame["weekend"].nunique() > 1:
        model.add_seasonality("weekday", period=1, fourier_order=8, condition_name="weekday")
        model.add_seasonality("weekend", period=1, fourier_order=8, condition_name="weekend")
    else:
        model.add_seasonality("daily", period=1, fourier_order=8)
    if long:
        model.add_seasonality("weekly", period=7, fourier_order=3)
    try:
        return model.fit(frame)
    except (RuntimeError, ValueError) as error:
        message = str(error).splitlines()[0] if str(error) else type(error).__name__
        remedy = "Set the forecaster to auto or seasonal."
        raise FitError(f"Prophet could not be fitted: {message}", remedy=remedy) from error


def _sample(model: Prophet, tide: Tide, seen: Ints, told: Ints) -> Floats:
    """Roots of the slots `told` at the quantiles 0.1, 0.5 and 0.9, shape (3, slots)."""
    frame = _frame(tide, told)
    samples = np.empty((told.size, SAMPLES))
    # Prophet answers in the order of time, which relabelled days leave.
    samples[np.argsort(frame["ds"].to_numpy(), kind="stable")] = model.predictive_samples(frame)["yhat"]
    most = LARGEST_LEAP * float(np.nanmax(tide.values[seen]))
    roots: Floats = np.sqrt(np.expm1(np.clip(samples, 0, np.log1p(most))))
    return np.asarray(np.quantile(roots, (0.1, 0.5, 0.9), axis=1))


def _centre(tide: Tide, outlook: Outlook, roots: Floats, begin: int) -> Centre:
    """What a fit says of an outlook, moved to the level of the last hours; `roots` begin at the slot `begin`."""
    recent = np.arange(outlook.known - tide.per_day, outlook.known)
    low, middle, high = roots[:, outlook.targets - begin]
    expected = roots[1, recent - begin]
    ahead = (outlook.targets - outlook.known + 1) * 24 / tide.per_day
    moved = move(SHIFT, middle, ahead, np.sqrt(tide.at(recent)), expected)
    width = high - low
    usual = float(np.median(width[: tide.per_day])) or 1.0
    most = LARGEST_LEAP * float(np.nanmax(tide.values[: outlook.known]))
    return Centre(roots=np.minimum(moved, np.sqrt(most)), width=np.clip(width / usual, 1 / UNEVEN, UNEVEN))


def _frame(tide: Tide, slots: Ints) -> pd.DataFrame:
    """Lay out what Prophet calls a frame: wall-clock times and day classes.

    Its weekly term goes by the time, so a relabelled day stands at the nearest day of the weekday that it is taken for.
    """
    seconds = 86_400 // tide.per_day
    weekday = tide.weekday(slots)
    weekend = weekday >= SATURDAY
    moved = (weekday - replace(tide, relabelled=()).weekday(slots) + 3) % 7 - 3
    times = pd.to_datetime((slots + tide.first + moved * tide.per_day) * seconds, unit="s")
    return pd.DataFrame({"ds": times, "weekend": weekend, "weekday": ~weekend})


@contextmanager
def _quiet(seed: int) -> Iterator[None]:
    """Prophet draws from numpy's global generator and talks through loggers: seed and hush them, then restore."""
    state = np.random.get_state()
    loggers = [logging.getLogger(name) for name in LOGGERS]
    before = [logger.disabled for logger in loggers]
    try:
        for logger in loggers:
            logger.disabled = True
        np.random.seed(seed)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        np.random.set_state(state)
        for logger, disabled in zip(loggers, before, strict=True):
            logger.disabled = disabled
