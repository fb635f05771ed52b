"""What every export for people says the same way: local times, money, comparisons, the verdict, steps as spans."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from planner.capacity import CapacitySchedule
from planner.plan import Cost, Estimate, Plan

MANY_TIMES = 2
"""From this ratio on, "3.5 times" says more than "250 % more"."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """One step with its end: `instances` from `start` until `end` (UTC), `delta` more than before."""

    start: datetime
    end: datetime
    instances: int
    delta: int
    reason: str


def spans(schedule: CapacitySchedule) -> tuple[Span, ...]:
    """The steps of a schedule with their ends; the first has no step before it, so its delta is 0."""
    steps = schedule.steps
    if not steps:
        return ()
    ends = (*(step.at for step in steps[1:]), schedule.end)
    before = (steps[0].instances, *(step.instances for step in steps[:-1]))
    return tuple(
        Span(start=step.at, end=end, instances=step.instances, delta=step.instances - old, reason=step.reason)
        for step, end, old in zip(steps, ends, before, strict=True)
    )


def local(moment: datetime, zone: str) -> datetime:
    """The instant on the clock of the people who read it."""
    return moment.astimezone(ZoneInfo(zone))


def clock(moment: datetime, zone: str) -> str:
    """`Mon 23 Nov 20:05`, in the zone."""
    return local(moment, zone).strftime("%a %d %b %H:%M")


def signed(delta: int) -> str:
    """`+3`, `-2`, and nothing for no change; ASCII, since it goes into tables of every kind."""
    return f"{delta:+d}" if delta else ""


def money(amount: float, currency: str) -> str:
    """`CNY 2,723`; cents only below 100, where they matter."""
    return f"{currency} {amount:,.2f}" if abs(amount) < 100 else f"{currency} {amount:,.0f}"


def hours(amount: float) -> str:
    """Instance-hours, one decimal."""
    return f"{amount:,.1f}"


def percent(share: float) -> str:
    """A ratio in per cent: `0.40 %`."""
    return f"{100 * share:.2f} %"


def count(number: int, noun: str, plural: str = "") -> str:
    """`1 breach`, `2 breaches`."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def ratio(wanted: Cost, other: Cost) -> float | None:
    """`wanted` for each unit of `other`, in money, or in hours where no price is set; None against nothing."""
    ours, theirs = (wanted.money, other.money) if other.money > 0 else (wanted.instance_hours, other.instance_hours)
    return ours / theirs if theirs > 0 else None


def compared(wanted: Cost, other: Cost) -> str:
    """`41 % less`, `12 % more`, `3.5 times` or `the same`; empty against nothing."""
    share = ratio(wanted, other)
    if share is None:
        return ""
    if share >= MANY_TIMES:
        return f"{share:,.1f} times"
    change = round(100 * (share - 1))
    return f"{abs(change)} % {'less' if change < 0 else 'more'}" if change else "the same"


def headline(plan: Plan) -> str:
    """The plan in one sentence: its cost until when, against what; without a forecast, what it changes."""
    estimate = plan.estimate
    if estimate is None:
        return f"{plan.function}: {count(len(plan.changes), 'change')}, no forecast behind them."
    price = f", {money(estimate.wanted.money, estimate.currency)}," if estimate.wanted.money else ""
    until = clock(plan.schedule.end, plan.time_zone)
    figures = f"{hours(estimate.wanted.instance_hours)} instance-hours{price} until {until}"
    rivals = (
        ("today's document", estimate.live),
        (f"a static peak of {estimate.static_instances:,}", estimate.static_peak),
    )
    against = ", ".join(filter(None, (_against(estimate.wanted, cost, name) for name, cost in rivals)))
    return f"{plan.function} takes {figures}{': ' + against if against else ''}."


def _against(wanted: Cost, other: Cost, name: str) -> str:
    text = compared(wanted, other)
    if text.endswith("times"):
        return f"{text} {name}"
    return f"{text} {'as' if text == 'the same' else 'than'} {name}" if text else ""


def verdict(plan: Plan) -> str:
    """`SAFE` or `UNSAFE: 2 breaches`."""
    return "SAFE" if plan.safe else f"UNSAFE: {count(len(plan.breaches), 'breach', 'breaches')}"


def daily(estimate: Estimate) -> str:
    """The fallback's price a day under both readings of Function Compute."""
    last, most = hours(estimate.recurring_daily_hours), hours(estimate.recurring_daily_hours_max)
    return f"{last} instance-hours a day ({most} if the maximum among schedules wins)"


def span(length: timedelta) -> str:
    """`15 min`; seconds only where there are some."""
    minutes, seconds = divmod(round(length.total_seconds()), 60)
    parts = [f"{number} {unit}" for number, unit in ((minutes, "min"), (seconds, "s")) if number]
    return " ".join(parts) or "0 s"


def cost_rows(plan: Plan) -> tuple[tuple[str, Cost, str], ...]:
    """(document, its cost, the wanted one's against it) in reading order; empty without an estimate."""
    estimate = plan.estimate
    if estimate is None:
        return ()
    today = "today's document" if plan.live_exists else "today: no document"
    static = f"static peak of {estimate.static_instances:,}"
    return (
        ("this plan", estimate.wanted, ""),
        (today, estimate.live, compared(estimate.wanted, estimate.live)),
        (static, estimate.static_peak, compared(estimate.wanted, estimate.static_peak)),
    )
