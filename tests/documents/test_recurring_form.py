"""If nobody renews: from the horizon on the recurring form alone carries the service.

Said exactly, for a document whose dated steps end at h, put before h:

1. at every moment after h, for weeks and over changes of the clocks, the scheduled actions give at least the level
   that the day's pattern has at that local time, under both readings, whatever a cron does at a local time that is
   skipped or repeated, and whether triggers from before a window count or not; so never zero;
2. FC gives at least the printed week (`steps_of`), which the planner's own reading of the document printed.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planner.base import MINUTE
from planner.capacity import DayPattern, Need, StepRules, per_minute, required
from planner.provision import ProvisionConfig
from planner.recurring import CLASSES, WEEK, cron_actions, day_patterns
from planner.undo import steps_of
from tests.documents.given import Case, cases, printed, weeks
from tests.documents.moments import turning_points
from tests.documents.reader import Reader

CLOCKS = [
    pytest.param(missing, repeated, look_back, among, id=f"{missing}-{repeated}-{look_back}-{among}")
    for missing, repeated in (("shifted", "first"), ("skipped", "both"))
    for look_back in ("window", "unbounded")
    for among in ("last", "max")
]
_NAMES = ("MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN")


def a_week(start: datetime, slot: timedelta, instances: tuple[int, ...]) -> Need:
    return Need(start=start, slot=slot, instances=np.array(instances))


def level(patterns: tuple[DayPattern, ...], at: datetime, zone: str) -> int:
    """What the pattern of the local day has at the local time; steps of a day begin at midnight."""
    local = at.astimezone(ZoneInfo(zone))
    minute = local.hour * 60 + local.minute
    classes = {name: days for name, _, days in CLASSES}
    pattern = next(p for p in patterns if p.name == "daily" or local.weekday() in classes[p.name])
    return [instances for start, instances in pattern.steps if start <= minute][-1]


@pytest.mark.parametrize(("missing", "repeated", "look_back", "among"), CLOCKS)
@given(case=cases())
@settings(max_examples=12)
def test_for_weeks_after_the_horizon_the_form_is_never_below_its_pattern(
    case: Case, missing: str, repeated: str, look_back: str, among: str
) -> None:
    wanted, end = case.wanted, case.schedule.end
    reader = Reader(
        config=case.document,
        put_at=case.schedule.start,
        among=among,
        look_back=look_back,
        missing_local_time=missing,
        repeated_local_time=repeated,
        past_at="ignored",
    )
    for at in turning_points(case.document, end, end + 2 * WEEK):
        value = reader.schedule(at)
        assert value >= level(wanted.patterns, at, wanted.time_zone), at
        assert value >= 1


@pytest.mark.parametrize(("missing", "repeated"), [("shifted", "first"), ("skipped", "both")])
@pytest.mark.parametrize("among", ["last", "max"])
@given(case=cases())
@settings(max_examples=12)
def test_fc_never_gives_less_than_the_printed_week(case: Case, missing: str, repeated: str, among: str) -> None:
    week = steps_of(case.document, case.schedule.end, WEEK, "recurring form")
    reader = Reader(
        config=case.document,
        put_at=case.schedule.start,
        among=among,
        missing_local_time=missing,
        repeated_local_time=repeated,
    )
    for at in turning_points(case.document, week.start, week.end):
        assert reader.least(at) >= printed(week, at), at


@given(start=st.sampled_from((datetime(2026, 11, 23, tzinfo=UTC), datetime(2026, 3, 6, 5, tzinfo=UTC))), data=st.data())
@settings(max_examples=40)
def test_the_pattern_covers_the_whole_week_of_demand_with_lead_and_growth(start: datetime, data: st.DataObject) -> None:
    week = data.draw(weeks(start))
    rules = StepRules(lead=3 * MINUTE, dwell=15 * MINUTE, growth_per_minute=2, max_steps=16)
    zone = "Asia/Shanghai"
    patterns = day_patterns(week, zone=zone, rules=rules, floor=1)
    asked = required(per_minute(week, start, 7 * 1440 + 3), rules)
    for minute in range(7 * 1440):
        assert level(patterns, start + minute * MINUTE, zone) >= max(asked[minute], 1)


def test_days_of_one_shape_make_one_pattern_and_others_two() -> None:
    start = datetime(2026, 11, 22, 16, tzinfo=UTC)  # Monday in Shanghai
    rules = StepRules(lead=timedelta(0), dwell=timedelta(0), growth_per_minute=100, max_steps=16)
    same = a_week(start, timedelta(hours=12), (2, 5) * 7)
    other = a_week(start, timedelta(hours=12), (2, 5) * 5 + (1, 3) * 2)
    [daily] = day_patterns(same, zone="Asia/Shanghai", rules=rules, floor=1)
    assert (daily.weekdays, daily.steps) == ("*", ((0, 2), (720, 5)))
    workday, weekend = day_patterns(other, zone="Asia/Shanghai", rules=rules, floor=1)
    assert (workday.weekdays, workday.steps) == ("MON-FRI", ((0, 2), (720, 5)))
    # Sunday's last minutes ask for nothing of Monday's without a lead.
    assert (weekend.weekdays, weekend.steps) == ("SAT,SUN", ((0, 1), (720, 3)))


@pytest.mark.parametrize(("workday", "weekend"), [(7, 2), (2, 7)], ids=["Monday is higher", "Saturday is higher"])
def test_the_last_minutes_of_a_day_ask_for_the_first_of_any_next_day(workday: int, weekend: int) -> None:
    start = datetime(2026, 11, 22, 16, tzinfo=UTC)
    rules = StepRules(lead=10 * MINUTE, dwell=timedelta(0), growth_per_minute=100, max_steps=16)
    figures = (workday, 1) * 5 + (weekend, 1) * 2
    week = a_week(start, timedelta(hours=12), figures)
    patterns = day_patterns(week, zone="Asia/Shanghai", rules=rules, floor=1)
    assert [pattern.steps for pattern in patterns] == [
        ((0, workday), (720, 1), (1430, 7)),
        ((0, weekend), (720, 1), (1430, 7)),
    ]


@pytest.mark.parametrize(
    ("zone", "doubtful"),
    [
        ("America/New_York", range(60, 180)),  # 02:00 is skipped in spring, 01:00 repeated in autumn
        ("Europe/Berlin", range(120, 180)),
        ("Australia/Lord_Howe", range(90, 150)),  # half an hour
    ],
)
def test_no_step_lies_at_a_local_time_that_a_change_of_the_clocks_skips_or_repeats(zone: str, doubtful: range) -> None:
    start = datetime(2026, 6, 1, tzinfo=UTC)
    rules = StepRules(lead=timedelta(0), dwell=timedelta(0), growth_per_minute=100, max_steps=400)
    zigzag = a_week(start, 15 * MINUTE, (1, 9, 4) * (8 * 32))
    for pattern in day_patterns(zigzag, zone=zone, rules=rules, floor=1):
        assert not {minute for minute, _ in pattern.steps} & set(doubtful)
        assert any(minute < doubtful.start for minute, _ in pattern.steps)


def test_a_day_that_begins_with_the_skipped_hour_begins_once_more_after_it() -> None:
    start = datetime(2026, 6, 1, tzinfo=UTC)
    rules = StepRules(lead=timedelta(0), dwell=timedelta(0), growth_per_minute=100, max_steps=16)
    week = a_week(start, timedelta(hours=24), (3,) * 8)
    [daily] = day_patterns(week, zone="America/Havana", rules=rules, floor=1)
    assert daily.steps == ((0, 3), (60, 3))


def test_a_horizon_in_the_repeated_hour_opens_the_form_after_that_hour() -> None:
    horizon = datetime(2026, 11, 1, 6, 30, tzinfo=UTC)  # 01:30 in New York, for the second time
    patterns = (DayPattern(name="daily", weekdays="*", steps=((0, 2), (480, 5))),)
    opened = {action.start_time for action in cron_actions(patterns, start=horizon, zone="America/New_York")}
    assert opened == {"2026-11-01T02:00:00"}


def test_the_form_says_its_zone_and_its_dates_carry_no_z() -> None:
    patterns = (DayPattern(name="workday", weekdays="MON-FRI", steps=((0, 2), (510, 5))),)
    start = datetime(2026, 11, 23, 18, 30, tzinfo=UTC)
    first, second = cron_actions(patterns, start=start, zone="Asia/Kolkata")
    assert first.wire() == {
        "name": "planner-workday-0000",
        "scheduleExpression": "cron(0 0 0 * * MON-FRI)",
        "target": 2,
        "startTime": "2026-11-24T00:00:00",
        "timeZone": "Asia/Kolkata",
    }
    assert second.name == "planner-workday-0830"
    assert second.schedule_expression == "cron(0 30 8 * * MON-FRI)"


def test_nothing_of_the_form_counts_before_the_horizon() -> None:
    patterns = (DayPattern(name="daily", weekdays="*", steps=((0, 9),)),)
    start = datetime(2026, 11, 24, tzinfo=UTC)
    document = ProvisionConfig(scheduled_actions=cron_actions(patterns, start=start, zone="UTC"))
    reader = Reader(config=document, put_at=start - timedelta(days=3), look_back="unbounded")
    assert reader.schedule(start - MINUTE) == -1
    assert reader.schedule(start) == 9
