"""The policies of one plan: one until the next renewal, one for the rest, put together slot by slot."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import numpy as np

from planner.base import MINUTE, minutes_between
from planner.capacity import CapacitySchedule, by_minute
from planner.demand import Demand, Sizing, demand
from planner.forecast import Backtest, Champion, Elected, Forecast
from planner.guard import GuardWindow, windows
from planner.history import History
from planner.risk import Choice, RiskRules, choose

HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Policies:
    """`hour` is followed until `near_end` and judged by plans renewed each hour, `day` from then on, by daily ones.

    Whoever renews the plan each hour gets nearly all its capacity from the first (a plan started between :15 and :29
    follows it for 31 to 45 minutes), whoever doesn't nearly all from the second: both promises are nearly kept without
    asking how often somebody will come back.
    """

    hour: Choice
    day: Choice
    near_end: datetime

    def near(self, forecast: Forecast) -> int:
        """How many slots of the forecast, from its first on, are sized by `hour`."""
        return (self.near_end - forecast.start) // forecast.slot


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """What plans follow until it is chosen anew: the forecaster and both policies.

    `at`: when it was chosen. `under`: a digest of the settings that it was chosen under. `hour` None: no past day could
    be forecast anew each hour. `settled`: of so many past days that the next hours know no better.
    """

    at: datetime
    under: str
    elected: Elected
    day: Choice
    hour: Choice | None
    settled: bool

    def policies(self, start: datetime) -> Policies:
        """For a forecast from `start` on; without one for the hour that of the day serves from there."""
        if self.hour is None:
            return Policies(hour=self.day, day=self.day, near_end=start)
        return Policies(hour=self.hour, day=self.day, near_end=_whole_hour(start + HOUR + HOUR / 2))


def choose_policies(
    history: History, champion: Champion, rules: RiskRules, *, at: datetime, under: str, enough: int
) -> Chosen:
    """Choose both on the champion's past days, of which `enough` settle it."""

    def chosen(past: tuple[Backtest, ...], prior: str) -> Choice:
        return choose(history, past, champion.forecast, rules, prior=prior)

    return Chosen(
        at=at,
        under=under,
        elected=champion.elected,
        day=chosen(champion.backtests, "day"),
        hour=chosen(champion.hourly, "hour") if champion.hourly else None,
        settled=len(champion.backtests) >= enough,
    )


def weighed(forecast: Forecast, policies: Policies, sizing: Sizing) -> Demand:
    """The demand of each slot under its own policy."""
    near = np.arange(len(forecast.values)) < policies.near(forecast)
    hour, day = policies.hour.policy, policies.day.policy
    return demand(
        forecast,
        sizing=sizing,
        worth=np.where(near, hour.worth, day.worth),
        errors=np.where(near, hour.errors, day.errors),
    )


def guarded(
    forecast: Forecast, policies: Policies, schedule: CapacitySchedule, *, instance_concurrency: int, most: int
) -> tuple[GuardWindow, ...]:
    """The live guard over the schedule, `most` windows at most; its first begins with the hour, not with the plan."""
    start = _whole_hour(schedule.start)
    before = minutes_between(start, schedule.start)
    asked = np.pad(schedule.per_minute(), (before, 0), mode="edge")
    capacity = (asked * instance_concurrency).astype(np.float64)
    tide = by_minute(forecast.quantile(0.5), forecast.start, forecast.slot, start, len(capacity))
    border = min(minutes_between(start, policies.near_end), len(tide)) if policies.near_end > schedule.start else 0
    # Two windows of an hour, by whole hours as the rest: a renewal within the hour keeps their names.
    near = windows(policies.hour.policy.guard, start, tide[:border], capacity[:border], most=3)
    rest = windows(
        policies.day.policy.guard, start + border * MINUTE, tide[border:], capacity[border:], most=most - len(near)
    )
    return (*near, *rest)


def _whole_hour(moment: datetime) -> datetime:
    return moment.replace(minute=0, second=0, microsecond=0)


def cautious(policies: Policies, worth: float) -> Policies:
    """The same for somebody who will not come back: the tide with its errors, and instances worth less."""
    least = replace(policies.day.policy, worth=min(policies.day.policy.worth, worth), errors=True)
    choice = replace(policies.day, policy=least)
    return replace(policies, hour=choice, day=choice)
