"""Random plans in the making: schedules, patterns, zones, and what FC holds already."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property

import numpy as np
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from planner.base import MINUTE, iso
from planner.capacity import CapacitySchedule, DayPattern, Need, Step, StepRules
from planner.compiler import Wanted, compile_document
from planner.guard import GuardWindow
from planner.guardrails import CustomTracker, GuardPolicy
from planner.provision import MetricType, ProvisionConfig, ScheduledAction, TrackingPolicy
from planner.recurring import day_patterns

ZONES = ("Asia/Shanghai", "UTC", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "America/Havana")
DAYS = tuple(
    datetime(*day, tzinfo=UTC)
    for day in (
        (2026, 11, 23),
        (2026, 11, 28),  # a Saturday
        (2026, 3, 7),  # New York and Havana go forward on the 8th
        (2026, 10, 31),  # and back on 1 November
        (2026, 10, 3),  # Lord Howe goes forward by half an hour on the 4th
    )
)
MOST = 30
"""Instances in random schedules."""


@dataclass(frozen=True, kw_only=True)
class Case:
    """What the compiler is handed, and what it made of it."""

    wanted: Wanted
    live: ProvisionConfig

    @cached_property
    def document(self) -> ProvisionConfig:
        return compile_document(self.wanted, self.live)

    @property
    def schedule(self) -> CapacitySchedule:
        return self.wanted.schedule

    def printed(self, at: datetime) -> int:
        """The printed step in effect."""
        return printed(self.schedule, at)


def printed(schedule: CapacitySchedule, at: datetime) -> int:
    """The step in effect at a moment of the schedule."""
    return next(step.instances for step in reversed(schedule.steps) if step.at <= at)


def seconds(low: int, high: int) -> st.SearchStrategy[timedelta]:
    return st.integers(low, high).map(lambda count: timedelta(seconds=count))


@st.composite
def starts(draw: DrawFn) -> datetime:
    """A whole minute, often near a change of the clocks."""
    return (
        draw(st.sampled_from(DAYS))
        + draw(st.integers(0, 47)) * timedelta(hours=1)
        + draw(st.sampled_from((0, 0, 1, 15, 29, 30, 59))) * MINUTE
    )


@st.composite
def schedules(draw: DrawFn, start: datetime | None = None) -> CapacitySchedule:
    """Up to 20 steps from a minute to hours long, zero among them; at least an hour in all."""
    begin = draw(starts()) if start is None else start
    lengths = draw(st.lists(st.sampled_from((1, 2, 4, 5, 6, 15, 33, 60, 240)), min_size=1, max_size=20))
    figures = draw(st.lists(st.integers(0, MOST), min_size=len(lengths), max_size=len(lengths)))
    at = begin
    steps: list[Step] = []
    for length, figure in zip(lengths, figures, strict=True):
        if not steps or steps[-1].instances != figure:
            steps.append(Step(at=at, instances=figure, reason="drawn"))
        at += length * MINUTE
    return CapacitySchedule(start=begin, end=max(at, begin + timedelta(hours=1)), steps=tuple(steps))


@st.composite
def weeks(draw: DrawFn, start: datetime) -> Need:
    """Eight days of hourly demand: a drawn day, with drawn surprises; sometimes the same every day."""
    day = draw(st.lists(st.integers(0, MOST), min_size=1, max_size=24))
    values = np.resize(day, 8 * 24)
    for at, value in draw(st.dictionaries(st.integers(0, 8 * 24 - 1), st.integers(0, MOST), max_size=6)).items():
        values[at] = value
    return Need(start=start.replace(minute=start.minute // 15 * 15), slot=timedelta(hours=1), instances=values)


@st.composite
def patterns(draw: DrawFn, start: datetime, zone: str) -> tuple[DayPattern, ...]:
    rules = StepRules(
        lead=draw(st.sampled_from((0, 3, 17))) * MINUTE,
        dwell=draw(st.sampled_from((0, 15, 60))) * MINUTE,
        growth_per_minute=draw(st.sampled_from((1, 100))),
        max_steps=draw(st.sampled_from((2, 5, 16))),
    )
    return day_patterns(draw(weeks(start)), zone=zone, rules=rules, floor=1)


@st.composite
def guards(draw: DrawFn) -> GuardPolicy:
    own = CustomTracker(name="memory", metric=MetricType.GPU_MEMORY, target=0.8, min_instances=1, max_instances=9)
    return GuardPolicy(
        enabled=True,
        fallback_target=0.6,
        floor=draw(st.sampled_from((0, 1, 2))),
        ceiling=draw(st.sampled_from((1, 40))),
        custom=draw(st.sampled_from(((), (own,)))),
    )


def live_guards(schedule: CapacitySchedule) -> st.SearchStrategy[tuple[GuardWindow, ...]]:
    """None, one for the whole schedule, or one that begins before it and changes its target within it."""
    start, end = schedule.start, schedule.end
    border = start + 20 * MINUTE
    whole = GuardWindow(start=start, end=end, target=0.7)
    parts = (replace(whole, start=start - 20 * MINUTE, end=border), GuardWindow(start=border, end=end, target=0.45))
    return st.sampled_from(((), (whole,), parts))


def validities(schedule: CapacitySchedule, most: int) -> st.SearchStrategy[int]:
    """Minutes for which a plan is valid: often until a step begins, or just before."""
    offsets = (int((step.at - schedule.start) / MINUTE) - early for step in schedule.steps for early in (0, 1, 2, 3))
    near = sorted({offset for offset in offsets if 1 <= offset <= most})
    anything = st.integers(1, most)
    return st.one_of(st.sampled_from(near), anything) if near else anything


@st.composite
def wanted(draw: DrawFn, schedule: CapacitySchedule | None = None, zone: str = "") -> Wanted:
    chosen = draw(schedules()) if schedule is None else schedule
    place = zone or draw(st.sampled_from(ZONES))
    length = int((chosen.end - chosen.start) / MINUTE)
    return Wanted(
        schedule=chosen,
        patterns=draw(patterns(chosen.end, place)),
        time_zone=place,
        guards=draw(guards()),
        guard=draw(live_guards(chosen)),
        always_allocate_cpu=draw(st.booleans()),
        always_allocate_gpu=draw(st.booleans()),
        valid_until=chosen.start + draw(validities(chosen, min(length - 3, 60))) * MINUTE,
    )


def foreign_trackers() -> st.SearchStrategy[tuple[TrackingPolicy, ...]]:
    """A person's trackers, in UTC and in zones, with and without windows."""
    busy = TrackingPolicy(
        name="busy", metric_type=MetricType.CONCURRENCY, metric_target=0.5, min_capacity=0, max_capacity=7
    )
    dated = replace(busy, name="dated", start_time="2026-01-01T00:00:00Z", end_time="2027-01-01T00:00:00.000Z")
    local = replace(busy, name="夜间", min_capacity=2, start_time="2026-11-01T01:30:00", time_zone="America/New_York")
    cpu = replace(busy, name="cpu", metric_type=MetricType.CPU, metric_target=0.123456789)
    return st.lists(st.sampled_from((busy, dated, local, cpu)), unique=True, max_size=4).map(tuple)


@st.composite
def lives(draw: DrawFn, schedule: CapacitySchedule) -> ProvisionConfig:
    """What FC may hold: nothing, a person's things, and an earlier plan of ours that shares steps or does not.

    A person's scheduled actions lie outside the horizon.
    """
    past = ScheduledAction(
        name="sale",
        schedule_expression="cron(0 0 20 * * ?)",
        target=0,
        start_time="2020-01-01T00:00:00Z",
        end_time=iso(schedule.start),
    )
    base = ProvisionConfig(
        default_target=draw(st.integers(0, MOST)),
        always_allocate_cpu=draw(st.booleans()),
        scheduled_actions=draw(st.sampled_from(((), (past,)))),
        tracking_policies=draw(foreign_trackers()),
    )
    if not draw(st.booleans()):
        return base
    return compile_document(draw(earlier(schedule)), base)


@st.composite
def earlier(draw: DrawFn, schedule: CapacitySchedule) -> Wanted:
    """A plan made before `schedule` starts: the step in effect is the same or another, later steps the same or none."""
    before = draw(st.integers(1, 90))
    begin = schedule.start - before * MINUTE
    now = draw(st.sampled_from((schedule.steps[0].instances, draw(st.integers(0, MOST)))))
    since = schedule.start - draw(st.integers(0, before)) * MINUTE
    first = Step(at=begin, instances=draw(st.integers(0, MOST)), reason="earlier")
    latest = Step(at=since, instances=now, reason="earlier")
    steps = (first, latest) if since > begin else (replace(first, instances=now),)
    later = schedule.steps[1:] if draw(st.booleans()) else ()
    made = CapacitySchedule(start=begin, end=schedule.end, steps=(*steps, *later))
    return draw(wanted(made, "UTC"))


@st.composite
def cases(draw: DrawFn) -> Case:
    want = draw(wanted())
    return Case(wanted=want, live=draw(lives(want.schedule)))
