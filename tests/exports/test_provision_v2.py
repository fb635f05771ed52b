"""The shape of FC 2.0: all in UTC, and nothing bent to fit."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planner.exports import provision_v2
from planner.provision import ProvisionConfig, ScheduledAction, TrackingPolicy
from planner.reading import trigger
from tests.builders import a_plan
from tests.exports import plans

WEEK = ("MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN")


def action(expression: str, zone: str | None = "Asia/Shanghai", **dates: str) -> ScheduledAction:
    """A scheduled action that is about its expression."""
    return ScheduledAction(
        name="planner-a",
        schedule_expression=expression,
        target=3,
        start_time=dates.get("start"),
        end_time=dates.get("end"),
        time_zone=zone,
    )


def translated(*actions: ScheduledAction) -> provision_v2.Translation:
    """The translation of a document of these actions."""
    return provision_v2.translate(a_plan(wanted=ProvisionConfig(default_target=2, scheduled_actions=actions)))


def expressions(*actions: ScheduledAction) -> list[str]:
    """The expressions in UTC."""
    listed = translated(*actions).body["scheduledActions"]
    assert isinstance(listed, list)
    return [item["scheduleExpression"] for item in listed]


@pytest.mark.parametrize(
    ("given_text", "zone", "wanted"),
    [
        pytest.param("at(2026-11-23T20:00:00)", "Asia/Shanghai", ["at(2026-11-23T12:00:00Z)"], id="at-moves"),
        pytest.param("at(2026-07-01T20:00:00)", "America/New_York", ["at(2026-07-02T00:00:00Z)"], id="at-in-summer"),
        pytest.param("at(2026-11-23T20:00:00Z)", None, ["at(2026-11-23T20:00:00Z)"], id="at-in-utc-stays"),
        pytest.param("at(2026-11-23T20:00:00.000Z)", None, ["at(2026-11-23T20:00:00Z)"], id="milliseconds-go"),
        pytest.param("cron(0 0 20 * * *)", None, ["cron(0 0 20 * * *)"], id="cron-in-utc-stays"),
        pytest.param("cron(0 5 20 * * *)", "Asia/Shanghai", ["cron(0 5 12 * * *)"], id="same-day"),
        pytest.param("cron(0 5 2 * * MON)", "Asia/Shanghai", ["cron(0 5 18 * * SUN)"], id="monday-night-is-sunday"),
        pytest.param(
            "cron(0 0 2 * * MON-FRI)",
            "Asia/Shanghai",
            ["cron(0 0 18 * * MON,TUE,WED,THU,SUN)"],
            id="weekdays-wrap",
        ),
        pytest.param(
            "cron(0 0 2,20 * * *)", "Asia/Shanghai", ["cron(0 0 12 * * *)", "cron(0 0 18 * * *)"], id="splits"
        ),
        pytest.param("cron(0 0 20 1 * *)", "Asia/Shanghai", ["cron(0 0 12 1 * *)"], id="date-on-the-same-day"),
        pytest.param("cron(0 0 20 * * SUN)", "America/Phoenix", ["cron(0 0 3 * * MON)"], id="west-without-summer-time"),
    ],
)
def test_an_expression_in_utc(given_text: str, zone: str | None, wanted: list[str]) -> None:
    assert expressions(action(given_text, zone)) == wanted


@pytest.mark.parametrize(
    ("expression", "zone", "why"),
    [
        pytest.param("cron(0 0 20 * * *)", "America/New_York", "changes its clock", id="summer-time"),
        pytest.param("cron(0 0 20 * * *)", "Asia/Kolkata", "not whole hours", id="half-hour"),
        pytest.param("cron(0 0 2 1 * *)", "Asia/Shanghai", "another day", id="first-of-the-month"),
        pytest.param("cron(0 0 2 * NOV *)", "Asia/Shanghai", "another day", id="a-month"),
    ],
)
def test_what_cannot_be_said_in_utc_is_left_out_and_listed(expression: str, zone: str, why: str) -> None:
    found = translated(action(expression, zone))
    assert found.body["scheduledActions"] == []
    assert len(found.omissions) == 1
    assert why in found.omissions[0]
    assert "planner-a" in found.omissions[0]


def test_dates_have_milliseconds_and_no_zone() -> None:
    tracker = TrackingPolicy(
        name="t",
        metric_type="CPUUtilization",
        metric_target=0.6,
        min_capacity=1,
        max_capacity=3,
        start_time="2026-11-23T08:00:00",
        time_zone="Asia/Shanghai",
    )
    dated = action("cron(0 0 20 * * *)", start="2026-11-23T08:00:00", end="2026-12-01T00:00:00")
    plan = a_plan(wanted=ProvisionConfig(scheduled_actions=(dated,), tracking_policies=(tracker,)))
    body = json.loads(provision_v2.render(plan))
    assert set(body) == {"target", "scheduledActions", "targetTrackingPolicies"}
    assert body["scheduledActions"][0]["startTime"] == "2026-11-23T00:00:00.000Z"
    assert body["scheduledActions"][0]["endTime"] == "2026-11-30T16:00:00.000Z"
    assert body["targetTrackingPolicies"][0] == {
        "name": "t",
        "metricType": "CPUUtilization",
        "metricTarget": 0.6,
        "minCapacity": 1,
        "maxCapacity": 3,
        "startTime": "2026-11-23T00:00:00.000Z",
    }


def test_parts_of_one_action_have_names_of_their_own() -> None:
    listed = translated(action("cron(0 0 2,20 * * *)")).body["scheduledActions"]
    assert isinstance(listed, list)
    assert [item["name"] for item in listed] == ["planner-a", "planner-a-2"]


def test_more_than_a_hundred_actions_in_utc_are_said() -> None:
    split = tuple(action("cron(0 0 2,20 * * *)") for _ in range(51))
    assert translated(*split).omissions == ("102 actions in UTC; Function Compute takes at most 100",)


def test_the_tide_loses_nothing_in_shanghai_and_its_crons_in_new_york() -> None:
    assert provision_v2.translate(plans.a_tide()).omissions == ()
    lost = provision_v2.translate(plans.in_new_york()).omissions
    assert len(lost) == 6
    assert all("America/New_York changes its clock" in text for text in lost)


@given(
    hours=st.sets(st.integers(0, 23), min_size=1, max_size=4),
    days=st.sets(st.sampled_from(WEEK), min_size=1),
    zone=st.sampled_from(["Asia/Shanghai", "Asia/Tokyo", "America/Phoenix", "Pacific/Kiritimati", "UTC"]),
)
def test_a_shifted_cron_fires_at_the_same_instants(hours: set[int], days: set[str], zone: str) -> None:
    local = action(f"cron(0 0 {','.join(map(str, sorted(hours)))} * * {','.join(sorted(days))})", zone)
    parts = [trigger(action(text, None)) for text in expressions(local)]
    rule, monday = trigger(local), datetime(2026, 11, 23, tzinfo=UTC)
    for moment in (monday + timedelta(hours=hour) for hour in range(7 * 24)):
        here = moment.astimezone(ZoneInfo(zone))
        wanted = here.hour in rule.hours and here.isoweekday() in rule.weekdays
        assert any(moment.hour in part.hours and moment.isoweekday() in part.weekdays for part in parts) == wanted
