"""Rules for special days, each on trial on the function's own past.

A public holiday is tried as a Sunday, a make-up workday as the weekday that it stands in for. Each past special day is
forecast from its midnight, from what was known then, with the rule and without it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

import numpy as np

from planner.calendar.days import SATURDAY, Day, DayClass
from planner.forecasters.base import Outlook, Tide
from planner.forecasters.seasonal import Seasonal
from planner.forecasters.slots import MAX_DAYS

EPOCH = date(1970, 1, 1)
LEAST_DAYS = 14
"""Days before a special day without which its trial says nothing: no second Sunday is known."""
ORDINARY = 7
"""Days before a special day on which the forecaster's members are weighed."""
LEAST_NAMED = 2
"""Trials of a holiday of one name that outweigh those of all others."""
MOST_TRIALS = 12
"""Of a class, those of the same name first, then the newest: each costs a dozen forecasts."""
GAIN = 0.9
"""Times the error without the rule that the error with it may have, an imaginary day of loss included."""
KNOWN = 0.75
"""Share of a day's slots that must be known for it to be judged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """A past special day: the sum of the centre's absolute errors over that of the tide, without and with a rule."""

    day: Day
    without: float
    acting: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What past special days say of a rule: mean errors over `days` of them; `named`: all of the same holiday."""

    days: int
    named: bool
    without: float
    acting: float

    @property
    def helps(self) -> bool:
        """Whether the rule is to act.

        A gain on few days is luck as often as not, so one more day is imagined on which the rule loses what it loses
        on the mean, and nothing is lost without it: one day has to show 0.45 times the error, three 0.675 times.
        """
        return (self.days + 1) * self.acting <= GAIN * self.days * self.without and self.days > 0


def number(day: date) -> int:
    """Days since 1970-01-01, as the slots count them."""
    return (day - EPOCH).days


def labels(days: Iterable[Day], per_day: int) -> tuple[tuple[int, int, int], ...]:
    """For `Tide.relabelled`: each whole day."""
    return tuple((number(d.date) * per_day, (number(d.date) + 1) * per_day, d.like) for d in days)


def weigh(day: Day, trials: Iterable[Trial]) -> Evidence:
    """Evidence for the rule on `day`.

    A day that was on trial speaks for itself. Else the same holiday where it was on trial at least twice, else all days
    of its class; a Saturday taken for a Sunday says nothing of a Monday taken for one.
    """
    alike = [t for t in trials if t.day.kind is day.kind and _at_weekend(t.day) == _at_weekend(day)]
    own = [t for t in alike if t.day == day]
    named = [t for t in alike if t.day.name == day.name and day.kind is DayClass.HOLIDAY]
    chosen = own or (named if len(named) >= LEAST_NAMED else alike)
    count = max(len(chosen), 1)
    return Evidence(
        days=len(chosen),
        named=chosen is named,
        without=sum(t.without for t in chosen) / count,
        acting=sum(t.acting for t in chosen) / count,
    )


def _at_weekend(day: Day) -> bool:
    return day.date.weekday() >= SATURDAY


def try_days(tide: Tide, special: Sequence[Day], coming: Sequence[Day]) -> tuple[Trial, ...]:
    """Put the rules on trial on the past special days; `coming` are those for which the outcome matters.

    `tide` reach as far back as the history. Days with too little before them or in them are passed over.
    """
    names = {day.name for day in coming}
    found: list[Trial] = []
    for kind in (DayClass.HOLIDAY, DayClass.MAKE_UP):
        past = [day for day in special if day.kind is kind and day.moved]
        tried = 0
        for day in sorted(past, key=lambda d: (d.name in names, d.date), reverse=True):
            trial = try_day(tide, day, [other for other in past if other.date <= day.date])
            if trial is not None:
                found.append(trial)
                tried += 1
            if tried == MOST_TRIALS:
                break
    return tuple(sorted(found, key=lambda t: t.day.date))


def try_day(tide: Tide, day: Day, past: Sequence[Day]) -> Trial | None:
    """One day with and without the rule on it and on the special days before it; None where too little is known."""
    known = number(day.date) * tide.per_day - tide.first
    begin = max(known - MAX_DAYS * tide.per_day, 0)
    held = tide.values[begin : known + tide.per_day]
    if known - begin < LEAST_DAYS * tide.per_day or held.size < known - begin + KNOWN * tide.per_day:
        return None
    window = replace(tide, values=held, first=tide.first + begin)
    without = _error(window, known - begin)
    acting = _error(replace(window, relabelled=labels(past, tide.per_day)), known - begin)
    return Trial(day=day, without=without, acting=acting) if np.isfinite(without) else None


def _error(tide: Tide, known: int) -> float:
    """Relative absolute error of the day from `known`; NaN where too little of it is known."""
    day = tide.per_day
    starts = [known - back * day for back in range(ORDINARY + 1)]
    outlooks = [Outlook(targets=np.arange(start, start + day), known=start) for start in starts]
    truth = tide.at(outlooks[0].targets)
    seen = np.isfinite(truth)
    if seen.mean() < KNOWN or not truth[seen].sum():
        return float("nan")
    centre = Seasonal().centres(tide, outlooks)[0].roots ** 2
    return float(np.abs(truth - centre)[seen].sum() / truth[seen].sum())


def special_days(days: Mapping[date, Day], start: date, end: date) -> tuple[Day, ...]:
    """Days of a class that has a rule, from `start` up to `end`, oldest first."""
    return tuple(
        day
        for _, day in sorted(days.items())
        if day.kind in {DayClass.HOLIDAY, DayClass.MAKE_UP} and start <= day.date < end
    )
