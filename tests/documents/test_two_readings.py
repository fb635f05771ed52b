"""Two readings of FC that share no code: the planner's (`reading`) against the emulator's rules.

Held equal, minute by minute: schedules of any documents that FC takes, under both readings among schedules, where a
past `at()` fires and a trigger counts only inside its window; trackers' windows; and the least that FC gives.

Where they differ, by choice, and what these documents therefore leave out:
- seconds: the planner lives on whole minutes, a trigger or a window within a minute counts from its beginning;
- a cron in which both day fields are restricted: the planner wants both to match, the emulator either; unpublished;
- a local time that daylight saving skips or repeats: the planner reads skipped and both, which is a switch there.
"""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from planner.base import MINUTE, iso
from planner.provision import MetricType, ProvisionConfig, ScheduledAction, TrackingPolicy
from planner.reading import Among, inside, latest_trigger, least_values, schedule_values
from tests.documents.given import DAYS, ZONES
from tests.documents.reader import Reader

SPAN = 30 * 60
"""Minutes that are compared: 30 hours."""

_MINUTES = st.sampled_from(("0", "30", "7,22", "*/20", "5-8", "10/25", "59", "*"))
_HOURS = st.sampled_from(("*", "2", "1,13", "*/6", "8-10", "23", "0"))
_DAYS = st.sampled_from(
    (("*", "*"), ("?", "MON-FRI"), ("*", "SAT,SUN"), ("1,8", "?"), ("*/5", "*"), ("?", "7"), ("24", "*"))
)
_MONTHS = st.sampled_from(("*", "*", "3,10-11", "MAR-DEC", "*/2", "JUN"))


@st.composite
def windows(draw: DrawFn, start: datetime, zone: str | None) -> tuple[str | None, str | None]:
    """Open, half open, or whole minutes around the span, in the form that the zone asks for."""
    first = draw(st.one_of(st.none(), st.integers(-3000, SPAN)))
    length = draw(st.one_of(st.none(), st.integers(1, 3000)))
    last = None if length is None else (first or -100) + length
    return tuple(  # type: ignore[return-value]  # of two
        None if minutes is None else _text(start + minutes * MINUTE, zone) for minutes in (first, last)
    )


def _text(moment: datetime, zone: str | None) -> str:
    return moment.astimezone(ZoneInfo(zone)).strftime("%Y-%m-%dT%H:%M:%S") if zone else iso(moment)


@st.composite
def actions(draw: DrawFn, start: datetime) -> ScheduledAction:
    zone = draw(st.sampled_from((None, *ZONES)))
    if draw(st.booleans()):
        expression = f"at({_text(start + draw(st.integers(-3000, SPAN)) * MINUTE, zone)})"
    else:
        day, weekday = draw(_DAYS)
        expression = f"cron(0 {draw(_MINUTES)} {draw(_HOURS)} {day} {draw(_MONTHS)} {weekday})"
    opens, closes = draw(windows(start, zone))
    return ScheduledAction(
        name=f"a{draw(st.integers(0, 10**9))}",
        schedule_expression=expression,
        target=draw(st.integers(0, 40)),
        start_time=opens,
        end_time=closes,
        time_zone=zone,
    )


@st.composite
def trackers(draw: DrawFn, start: datetime) -> TrackingPolicy:
    zone = draw(st.sampled_from((None, *ZONES)))
    opens, closes = draw(windows(start, zone))
    return TrackingPolicy(
        name=f"t{draw(st.integers(0, 10**9))}",
        metric_type=draw(st.sampled_from(MetricType)),
        metric_target=0.6,
        min_capacity=draw(st.integers(0, 20)),
        max_capacity=40,
        start_time=opens,
        end_time=closes,
        time_zone=zone,
    )


@st.composite
def documents(draw: DrawFn, start: datetime) -> ProvisionConfig:
    return ProvisionConfig(
        default_target=draw(st.integers(0, 40)),
        scheduled_actions=tuple(draw(st.lists(actions(start), max_size=4))),
        tracking_policies=tuple(draw(st.lists(trackers(start), max_size=2))),
    )


def _sound(document: ProvisionConfig) -> bool:
    """FC refuses a window that ends before it starts, which a change of the clocks can make of local texts."""
    policies = (*document.scheduled_actions, *document.tracking_policies)
    return all(not (p.start_time and p.end_time) or p.start_time < p.end_time for p in policies)


@pytest.mark.parametrize("among", list(Among))
@given(start=st.sampled_from(DAYS), data=st.data())
@settings(max_examples=40)
def test_both_read_the_same_values_in_every_minute(among: Among, start: datetime, data: st.DataObject) -> None:
    document = data.draw(documents(start).filter(_sound))
    reader = Reader(
        config=document,
        put_at=start,
        among=among.value,
        missing_local_time="skipped",
        repeated_local_time="both",
    )
    minutes = [start + minute * MINUTE for minute in range(SPAN)]
    np.testing.assert_array_equal(
        schedule_values(document, start, SPAN, among), [reader.schedule(at) for at in minutes]
    )
    np.testing.assert_array_equal(least_values(document, start, SPAN, among), [reader.least(at) for at in minutes])
    for policy, tracker in zip(document.tracking_policies, reader.policies.trackers, strict=True):
        np.testing.assert_array_equal(inside(policy, start, SPAN), [tracker.window.contains(at) for at in minutes])


@given(start=st.sampled_from(DAYS), minute=st.integers(-2000, 2000), data=st.data())
@settings(max_examples=60)
def test_both_find_the_same_latest_trigger(start: datetime, minute: int, data: st.DataObject) -> None:
    action = data.draw(actions(start).filter(lambda a: _sound(ProvisionConfig(scheduled_actions=(a,)))))
    at = start + minute * MINUTE
    reader = Reader(
        config=ProvisionConfig(scheduled_actions=(action,)),
        put_at=at,
        missing_local_time="skipped",
        repeated_local_time="both",
    )
    [schedule] = reader.policies.schedules
    assert latest_trigger(action, at) == schedule.fired(at, at, reader.settings)


@pytest.mark.parametrize(
    ("expression", "at", "fired"),
    [
        ("cron(0 0 9 31 * ?)", "2026-10-30", "2026-08-31 09:00"),
        ("cron(0 0 9 * JAN ?)", "2026-09-29", "2026-01-31 09:00"),
        ("cron(0 30 9 29 FEB ?)", "2026-09-29", "2024-02-29 09:30"),
        ("cron(0 0 9 1 OCT ?)", "2026-09-01", "2025-10-01 09:00"),
    ],
    ids=["31st, after a month without one", "only in January", "leap day", "once a year, eleven months ago"],
)
def test_a_trigger_of_months_ago_still_counts(expression: str, at: str, fired: str) -> None:
    now = datetime.fromisoformat(at).replace(tzinfo=UTC)
    action = ScheduledAction(name="rare", schedule_expression=expression, target=7)
    reader = Reader(config=ProvisionConfig(scheduled_actions=(action,)), put_at=now)
    expected = datetime.fromisoformat(fired).replace(tzinfo=UTC)
    assert reader.policies.schedules[0].fired(now, now, reader.settings) == expected
    assert latest_trigger(action, now) == expected
    assert schedule_values(reader.config, now, 1)[0] == 7
