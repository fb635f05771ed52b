"""What a plan takes of each local day, beside what the owner allows for one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from planner.base import minutes_between, utc
from planner.plan import Plan
from planner.reading import least_values

HOUR = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """What may be promised for a local day, by however many pushes; a None is not checked."""

    hours: float | None = None
    """Instance-hours."""
    money: float | None = None
    """In the currency of the price table."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Overrun:
    """A local day, from `start` on, of which a plan takes more than is allowed, and how much in a sentence."""

    start: datetime
    sentence: str


def overruns(plan: Plan, budget: Budget, *, spent_hours: float) -> Iterator[Overrun]:
    """The days for which too much would be promised, in order of time; `spent_hours`: until the plan, of its own day.

    A day of which the plan takes no more than the live document does is none of them.
    """
    if budget == Budget():
        return
    estimate, spent = plan.estimate, spent_hours
    price = 0.0 if estimate is None else estimate.price_of_an_hour
    for day, start, minutes in _local_days(plan):
        wanted, live = (
            float(least_values(document, start, minutes).sum()) / HOUR for document in (plan.wanted, plan.live)
        )
        hours, spent = spent + wanted, 0.0
        if wanted <= live:
            continue
        if budget.hours is not None and hours > budget.hours:
            said = f"{day} would take {hours:.0f} instance-hours; {budget.hours:g} are allowed"
            yield Overrun(start=start, sentence=said)
        elif budget.money is not None and hours * price > budget.money:
            currency = "" if estimate is None else estimate.currency
            said = f"{day} would cost {currency} {hours * price:.0f}; {budget.money:g} are allowed"
            yield Overrun(start=start, sentence=said)


def _local_days(plan: Plan) -> Iterator[tuple[date, datetime, int]]:
    """The local days that the plan touches, each with where it begins to count and for how many minutes.

    The day of the plan's making counts to its end, as the documents' own fallback has it after the horizon; later days
    as far as the horizon reaches: what is beyond it will be planned anew.
    """
    zone, start = ZoneInfo(plan.time_zone), plan.schedule.start
    day, end = start.astimezone(zone).date(), start
    while end < plan.schedule.end:
        begin, midnight = end, utc(datetime.combine(day + timedelta(days=1), time(), zone))
        end = midnight if begin == start else min(midnight, plan.schedule.end)
        yield day, begin, minutes_between(begin, end)
        day += timedelta(days=1)
