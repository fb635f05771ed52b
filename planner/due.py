"""What is due: a function of the time and of when each job last ran, so that it survives restarts and jumps.

Runs are cut into periods on the clock of UTC (0:00, 0:15, ...), and a job is due when its period has not seen it yet.
However many periods were missed, one run makes up for all of them: each run looks at the world from scratch.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from planner.base import EPOCH, MINUTE, floor_to, utc


class Job(StrEnum):
    """The recurring work of one function, in the order in which it is done when several jobs are due."""

    COLLECT = "collect"
    VERIFY = "verify"
    PLAN = "plan"
    RETAIN = "retain"
    FIT = "fit"
    BACKTEST = "backtest"


STUDIES = (Job.FIT, Job.BACKTEST)
"""Jobs that take long and send nothing: they are done beside the others, which don't wait for them."""
DAY, WEEK = timedelta(days=1), timedelta(days=7)


def _periods() -> dict[Job, timedelta]:
    return {
        Job.COLLECT: MINUTE,
        Job.VERIFY: MINUTE,
        Job.PLAN: 15 * MINUTE,
        Job.RETAIN: DAY,
        Job.FIT: DAY,
        Job.BACKTEST: WEEK,
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Cadence:
    """How long the period of each job is."""

    periods: Mapping[Job, timedelta] = field(default_factory=_periods)
    shift: timedelta = timedelta(0)
    """So much later begin the periods of a day and more, so that not every function has its day's work at midnight."""

    def __post_init__(self) -> None:
        for job, period in self.periods.items():
            if period <= timedelta(0):
                raise ValueError(f"the period of {job} is {period}")

    def due(self, now: datetime, last: Mapping[Job, datetime]) -> tuple[Job, ...]:
        """The jobs that are due at `now`; `last` says when each began its newest run that ended, if any did.

        A run up to one period in the future (the clock was set back a little) counts for the present one, so that a
        clock that is mended to and fro repeats nothing; one further ahead says nothing, and the job is due.
        """
        return tuple(job for job in Job if job in self.periods and self._is_due(self.periods[job], now, last.get(job)))

    def next(self, now: datetime, last: Mapping[Job, datetime]) -> datetime:
        """When the next job will be due: `now` where one is."""
        if self.due(now, last):
            return utc(now)
        return min(self.after(job, now) for job in self.periods)

    def after(self, job: Job, last: datetime) -> datetime:
        """When the period begins that follows the one of `last`."""
        period = self.periods[job]
        shift = self._shift(period)
        return floor_to(last - shift, period) + period + shift

    def _is_due(self, period: timedelta, now: datetime, last: datetime | None) -> bool:
        if last is None:
            return True
        ahead = self._number(period, last) - self._number(period, now)
        return ahead < 0 or ahead > 1

    def _number(self, period: timedelta, moment: datetime) -> int:
        return (utc(moment) - EPOCH - self._shift(period)) // period

    def _shift(self, period: timedelta) -> timedelta:
        return self.shift % period if period >= DAY else timedelta(0)


def spread(name: str) -> timedelta:
    """The name's own minute of the week, the same on every machine."""
    number = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big")
    return number % (WEEK // MINUTE) * MINUTE
