"""Rules for special days, each on trial on the function's own past: does forecasting such a day as another weekday help?

A public holiday is tried as a Sunday, a make-up workday as the weekday that it stands in for. Each past special day is
forecast from its midnight, from what was known then, with the rule and without it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

import numpy as np

from planner.calendar.days import Day, DayClass
from planner.forecasters.base import Floats, Outlook, Peaks
from planner.forecasters.seasonal import Seasonal
from planner.forecasters.slots import MAX_DAYS

EPOCH = date(1970, 1, 1)
LEAST_DAYS = 14
"""Days before a special day without which its trial says nothing: no second Sunday is known."""
ORDINARY = 7
"""Days before a special day on which the forecaster's members are weighed."""
MOST_TRIALS = 12
"""Of a class, those of the same name first, then the newest: each costs a dozen forecasts."""
GAIN = 0.9
"""Times the error without the rule that the error with it may have: a smaller gain on a few days is luck."""
STANDS_OUT = 2.0
"""Times the usual error of the days before it that marks a special day as one that ordinary days learn nothing from."""
KNOWN = 0.75
"""Share of a day's slots that must be known for it to be judged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """A past special day: errors are sums of absolute errors of the centre over the sum of the peaks."""

    day: Day
    without: float
    acting: float
    usual: float
    """Median error of the days before it, without the rule."""

    @property
    def stands_out(self) -> bool:
        """Whether an ordinary forecast missed it by far."""
        return self.without > STANDS_OUT * self.usual


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What past special days say of a rule: mean errors over `days` of them; `named`: all of the same holiday."""

    days: int
    named: bool
    without: float
    acting: float

    @property
    def helps(self) -> bool:
        """Whether the rule is to act."""
        return self.days > 0 and self.acting <= GAIN * self.without


def number(day: date) -> int:
    """Days since 1970-01-01, as the slots count them."""
    return (day - EPOCH).days


def labels(days: Iterable[Day]) -> tuple[tuple[int, int], ...]:
    """For `Peaks.relabelled`."""
    return tuple((number(day.date), day.like) for day in days)


def weigh(day: Day, trials: Iterable[Trial]) -> Evidence:
    """Evidence for the rule on `day`: of the same holiday where the history holds it, else of all days of the class."""
    alike = [t for t in trials if t.day.kind is day.kind and t.day.date != day.date]
    named = [t for t in alike if t.day.name == day.name and day.kind is DayClass.HOLIDAY]
    chosen = named or alike
    count = max(len(chosen), 1)
    return Evidence(
        days=len(chosen),
        named=bool(named),
        without=sum(t.without for t in chosen) / count,
        acting=sum(t.acting for t in chosen) / count,
    )


def try_days(peaks: Peaks, special: Sequence[Day], coming: Sequence[Day]) -> tuple[Trial, ...]:
    """Put the rules on trial on the past special days; `coming` are those for which the outcome matters.

    `peaks` reach as far back as the history. Days with too little before them or in them are passed over.
    """
    names = {day.name for day in coming}
    found: list[Trial] = []
    for kind in (DayClass.HOLIDAY, DayClass.MAKE_UP):
        past = [day for day in special if day.kind is kind and day.moved]
        tried = 0
        for day in sorted(past, key=lambda d: (d.name in names, d.date), reverse=True):
            trial = try_day(peaks, day, [other for other in past if other.date <= day.date])
            if trial is not None:
                found.append(trial)
                tried += 1
            if tried == MOST_TRIALS:
                break
    return tuple(sorted(found, key=lambda t: t.day.date))


def try_day(peaks: Peaks, day: Day, past: Sequence[Day]) -> Trial | None:
    """One day with and without the rule on it and on the special days before it; None where too little is known."""
    known = number(day.date) * peaks.per_day - peaks.first
    begin = max(known - MAX_DAYS * peaks.per_day, 0)
    held = peaks.values[begin : known + peaks.per_day]
    if known - begin < LEAST_DAYS * peaks.per_day or held.size < known - begin + KNOWN * peaks.per_day:
        return None
    window = replace(peaks, values=held, first=peaks.first + begin)
    plain = _errors(window, known - begin)
    if not np.isfinite(plain[0]) or not np.isfinite(plain[1:]).any():
        return None
    acting = _errors(replace(window, relabelled=labels(past)), known - begin)
    return Trial(day=day, without=float(plain[0]), acting=float(acting[0]), usual=float(np.nanmedian(plain[1:])))


def _errors(peaks: Peaks, known: int) -> Floats:
    """Relative absolute error of the day from `known`, then of each day before it; NaN where too little is known."""
    day = peaks.per_day
    starts = [known - back * day for back in range(ORDINARY + 1)]
    outlooks = [Outlook(targets=np.arange(start, start + day), known=start) for start in starts]
    truths = np.array([peaks.at(o.targets) for o in outlooks])
    centres = np.array([centre.roots**2 for centre in Seasonal().centres(peaks, outlooks)])
    seen = np.isfinite(truths)
    lost = np.where(seen, np.abs(truths - centres), 0).sum(axis=1)
    total = np.where(seen, truths, 0).sum(axis=1)
    sound = (seen.mean(axis=1) >= KNOWN) & (total > 0)
    return np.asarray(np.divide(lost, total, out=np.full(lost.size, np.nan), where=sound))


def special_days(days: Mapping[date, Day], start: date, end: date) -> tuple[Day, ...]:
    """Days of a class that has a rule, from `start` up to `end`, oldest first."""
    return tuple(
        day
        for _, day in sorted(days.items())
        if day.kind in {DayClass.HOLIDAY, DayClass.MAKE_UP} and start <= day.date < end
    )


def span_of(first: date, last: date) -> tuple[date, ...]:
    """Every day from `first` to `last`, both included."""
    return tuple(first + timedelta(days=n) for n in range((last - first).days + 1))
