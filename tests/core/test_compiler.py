"""The document of one schedule, said in full, and the corners of the hand-over."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from planner.base import MINUTE
from planner.capacity import DayPattern
from planner.compiler import Wanted, compile_document, foreign_in_horizon, handover_target
from planner.guard import GuardWindow
from planner.guardrails import GuardPolicy
from planner.provision import ProvisionConfig, ScheduledAction, TrackingPolicy
from tests.builders import NOON, a_config, a_schedule, a_tracker, an_action
from tests.documents.reader import Reader

HOUR = timedelta(hours=1)
EMPTY = ProvisionConfig()


def a_wanted(*instances: int, valid: int = 15, each: timedelta = HOUR, guards: bool = True) -> Wanted:
    """Hourly steps (2, 6, 3 without figures), valid for so many minutes, three at night and seven by day after them."""
    return Wanted(
        schedule=a_schedule(*instances, each=each),
        patterns=(DayPattern(name="daily", weekdays="*", steps=((0, 3), (540, 7))),),
        time_zone="Asia/Shanghai",
        guards=GuardPolicy(enabled=guards, fallback_target=0.6, floor=1, ceiling=20),
        guard=(GuardWindow(start=NOON, end=NOON + 3 * HOUR, target=0.8),),
        always_allocate_cpu=False,
        always_allocate_gpu=True,
        valid_until=NOON + valid * MINUTE,
    )


def test_the_whole_document_of_three_steps() -> None:
    document = compile_document(a_wanted(), EMPTY)
    assert document.default_target == 2
    assert [
        (a.name, a.schedule_expression, a.target, a.start_time, a.end_time) for a in document.scheduled_actions
    ] == [
        ("planner-step-20261123T1200Z", "at(2026-11-23T12:00:00Z)", 2, "2026-11-23T11:59:00Z", "2026-11-23T13:05:00Z"),
        ("planner-step-20261123T1300Z", "at(2026-11-23T13:00:00Z)", 6, "2026-11-23T12:59:00Z", "2026-11-23T14:05:00Z"),
        ("planner-step-20261123T1400Z", "at(2026-11-23T14:00:00Z)", 3, "2026-11-23T13:59:00Z", "2026-11-23T15:05:00Z"),
        ("planner-end-20261123T1500Z", "at(2026-11-23T15:00:00Z)", 7, "2026-11-23T15:00:00Z", None),
        ("planner-daily-0000", "cron(0 0 0 * * *)", 3, "2026-11-23T23:00:00", None),
        ("planner-daily-0900", "cron(0 0 9 * * *)", 7, "2026-11-23T23:00:00", None),
    ]
    assert [(p.name, p.min_capacity, p.start_time, p.end_time) for p in document.tracking_policies] == [
        ("planner-hold-20261123T1200Z", 2, "2026-11-23T12:00:00Z", "2026-11-23T13:00:00Z"),
        ("planner-guard-20261123T1500Z", 1, "2026-11-23T12:00:00Z", "2026-11-23T15:00:00Z"),
        ("planner-fallback", 1, "2026-11-23T15:00:00Z", None),
    ]


@pytest.mark.parametrize(
    ("valid", "default"),
    [(15, 2), (57, 2), (58, 6), (120, 6), (175, 6)],
    ids=["long before a step", "seen a minute before it", "seen as it begins", "long after it", "near the end"],
)
def test_the_default_covers_the_last_evaluation_of_a_plan_put_as_it_expires(valid: int, default: int) -> None:
    assert handover_target(a_schedule(2, 6, 3), NOON + valid * MINUTE) == default


@pytest.mark.parametrize(
    ("trackers", "running", "default"),
    [((a_tracker(),), 9, 9), ((), 9, 2), ((a_tracker(),), 4, 2), ((a_tracker(),), 20_000, 10_000)],
    ids=["a surge", "no tracker", "what the schedule gives", "more than FC takes"],
)
def test_what_a_tracker_has_scaled_out_to_outlives_the_put(
    trackers: tuple[TrackingPolicy, ...], running: int, default: int
) -> None:
    live = a_config(4, start=NOON, trackers=trackers)
    document = compile_document(replace(a_wanted(), running=running), live)
    assert document.default_target == default


def test_a_default_never_exceeds_what_fc_takes() -> None:
    assert handover_target(a_schedule(12_000), NOON + MINUTE) == 10_000


def test_a_plan_put_after_its_first_step_holds_the_second_though_its_at_is_past() -> None:
    """The step of 13:00 is past when the plan is put at 13:10; a guard is in effect, so the default doesn't count."""
    document = compile_document(a_wanted(valid=75), EMPTY)
    reader = Reader(config=document, put_at=NOON + 70 * MINUTE, past_at="ignored")
    assert [reader.least(NOON + minute * MINUTE) for minute in (70, 119, 120, 179, 180)] == [6, 6, 3, 3, 7]


def test_a_step_that_begins_while_fc_takes_the_document_in_is_held_too() -> None:
    """Put at 12:59 and looked at by 13:01, when the step of 13:00 is past."""
    document = compile_document(a_wanted(valid=59), EMPTY)
    reader = Reader(config=document, put_at=NOON + 59 * MINUTE, past_at="missed", lag=timedelta(seconds=120))
    assert [reader.serves(NOON + minute * MINUTE) for minute in (59, 60, 61, 119)] == [6, 6, 6, 6]


def test_without_trackers_the_default_holds_the_step_in_effect() -> None:
    document = compile_document(a_wanted(6, 2, 3, guards=False), EMPTY)
    reader = Reader(config=document, put_at=NOON + MINUTE, past_at="ignored")
    assert document.tracking_policies == ()
    assert [reader.least(NOON + minute * MINUTE) for minute in (1, 59, 60)] == [6, 6, 2]


def test_the_step_in_effect_keeps_the_instant_and_name_it_has_in_fc() -> None:
    live = compile_document(a_wanted(4, 2, 6), EMPTY)
    at = NOON + 90 * MINUTE
    later = replace(a_wanted(valid=105), schedule=a_schedule(2, 6, start=at))
    first = compile_document(later, live).scheduled_actions[0]
    assert (first.name, first.start_time) == ("planner-step-20261123T1300Z", "2026-11-23T12:59:00Z")


@pytest.mark.parametrize(
    "live",
    [
        EMPTY,
        ProvisionConfig(scheduled_actions=(an_action(NOON - HOUR, 3, name="planner-step-x", minutes=200),)),
        ProvisionConfig(scheduled_actions=(an_action(NOON - HOUR, 2, name="planner-step-x", minutes=30),)),
        ProvisionConfig(scheduled_actions=(an_action(NOON + HOUR, 2, name="planner-step-x"),)),
        ProvisionConfig(scheduled_actions=(an_action(NOON - HOUR, 2, name="somebody-s", minutes=30),)),
        ProvisionConfig(
            scheduled_actions=(
                an_action(NOON - 2 * HOUR, 2, name="planner-step-x", minutes=200),
                an_action(NOON - HOUR, 5, name="planner-step-y", minutes=200),
            )
        ),
    ],
    ids=["empty", "other instances", "window over", "not fired yet", "a person's", "followed by another"],
)
def test_else_the_first_step_begins_with_the_plan(live: ProvisionConfig) -> None:
    made = [a for a in compile_document(a_wanted(), live).scheduled_actions if a.ours]
    assert made[0].schedule_expression == "at(2026-11-23T12:00:00Z)"


def test_a_step_shorter_than_the_overlap_is_still_followed_by_the_next() -> None:
    document = compile_document(a_wanted(9, 1, 4, 2, each=2 * MINUTE, valid=1), EMPTY)
    last = Reader(config=document, put_at=NOON)
    most = Reader(config=document, put_at=NOON, among="max")
    minutes = [NOON + minute * MINUTE for minute in range(8)]
    assert [last.schedule(at) for at in minutes] == [9, 9, 1, 1, 4, 4, 2, 2]
    assert [most.schedule(at) for at in minutes] == [9, 9, 9, 9, 9, 9, 9, 4]


@pytest.mark.parametrize(
    ("hours", "value"),
    [(4, 3), (12.9, 3), (13, 7), (28, 3)],
    ids=["midnight there", "a minute or so before the morning", "as the morning's cron fires", "the next midnight"],
)
def test_the_terminal_action_is_what_the_recurring_form_has_at_the_horizon(hours: float, value: int) -> None:
    document = compile_document(a_wanted(5, each=timedelta(hours=hours)), EMPTY)
    terminal = next(a for a in document.scheduled_actions if a.name.startswith("planner-end"))
    assert terminal.target == value
    horizon = NOON + timedelta(hours=hours)
    assert Reader(config=document, put_at=NOON).schedule(horizon) == value


@pytest.mark.parametrize("floor", [0, 1, 4])
def test_without_a_pattern_the_terminal_action_keeps_the_floor_and_never_nothing(floor: int) -> None:
    wanted = a_wanted(0)
    wanted = replace(wanted, patterns=(), guards=replace(wanted.guards, floor=floor))
    assert compile_document(wanted, EMPTY).scheduled_actions[-1].target == max(floor, 1)


def an_open_action(start: datetime | None, end: datetime | None) -> ScheduledAction:
    dates = [None if moment is None else moment.strftime("%Y-%m-%dT%H:%M:%SZ") for moment in (start, end)]
    return ScheduledAction(
        name="sale", schedule_expression="cron(0 0 20 * * *)", target=9, start_time=dates[0], end_time=dates[1]
    )


@pytest.mark.parametrize(
    ("start", "end", "meets"),
    [
        (None, None, True),
        (None, NOON, False),
        (None, NOON + MINUTE, True),
        (NOON + HOUR, None, False),
        (NOON + HOUR - MINUTE, None, True),
        (NOON - HOUR, NOON + 9 * HOUR, True),
    ],
    ids=["always", "ends as we begin", "ends a minute later", "begins at the horizon", "a minute before", "around"],
)
def test_a_foreign_schedule_counts_if_its_window_meets_the_horizon(
    start: datetime | None, end: datetime | None, *, meets: bool
) -> None:
    action = an_open_action(start, end)
    live = ProvisionConfig(scheduled_actions=(an_action(), action))
    assert foreign_in_horizon(live, NOON, NOON + HOUR) == ((action,) if meets else ())
