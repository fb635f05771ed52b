"""FC's published examples and live tests, each with its source: the footing of both readings of FC.

The expected figures are the vendor's, or were seen on the live service, or follow from the published rule by
arithmetic (the case says so); none was computed by the emulator or by the planner. The vendor prints no figures for
trackers, only the formula. Run by `emulator/test_published_cases.py`, `core/test_reading.py` and
`documents/test_published_replayed.py`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

Body = dict[str, Any]
SHANGHAI = "Asia/Shanghai"
AT_ONCE = 4
"""Requests that an instance of the cases serves at once."""
LAGS = (1, 2)
"""Minutes after a put in which the policies are evaluated: FC takes up to two, and until then gives the default."""

_JAVA = "github.com/aliyun/fc-java-sdk FunctionComputeClientTest, against live FC 2.0"
_TERRAFORM = "github.com/aliyun/terraform-provider-alicloud fcv3 acceptance tests, live FC 3.0"
_STRUCT = "help: api-fc-2023-03-30-struct-provisionconfig"
_RULES = "help: fc-3-0 instance-scaling-restrictions-and-rules"
_ZONES = "help: api-fc-2023-03-30-struct-scheduledaction, timeZone"
_CRON = "help: document_detail/193265, the table of the six fields"
_FC3 = "github.com/devsapp/fc3 help and end-to-end examples"
_TRACKING = "help: document_detail/191172, and developer.aliyun.com/ask/672406, which quotes the product's page"


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A document put at one time, under a constant load, and the targets that the source prints or saw."""

    name: str
    source: str
    put_at: str
    document: Body
    load: float = 0.0
    """Requests in flight, offered."""
    expected: dict[str, int] = field(default_factory=dict)

    def moments(self) -> list[datetime]:
        """When targets are expected."""
        return [utc(moment) for moment in self.expected]


def utc(text: str) -> datetime:
    """`utc("2026-11-23 12:00")`."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def action(name: str, expression: str, target: int, **more: object) -> Body:
    """An entry of scheduledActions."""
    return {"name": name, "scheduleExpression": expression, "target": target, **more}


def policy(name: str = "busy", **changes: object) -> Body:
    """An entry of targetTrackingPolicies."""
    entry = {
        "name": name,
        "metricType": "ProvisionedConcurrencyUtilization",
        "metricTarget": 0.6,
        "minCapacity": 1,
        "maxCapacity": 50,
    }
    return {**entry, **changes}


_WINDOW = {
    "startTime": "2024-08-01T10:00:00",
    "endTime": "2024-08-30T10:00:00",
    "timeZone": SHANGHAI,
}
_DECADE = {"startTime": "2020-10-10T10:10:10Z", "endTime": "2030-10-10T10:10:10Z"}
_NIGHT = {"startTime": "2026-11-23T00:00:00", "endTime": "2026-11-24T00:00:00"}

CASES = [
    Case(
        name="in its period the target is the schedule's, outside the default",
        source=_STRUCT,
        put_at="2026-11-23 12:00",
        document={
            "defaultTarget": 1,
            "scheduledActions": [
                action(
                    "peak",
                    "at(2026-11-23T20:00:00)",
                    5,
                    startTime="2026-11-23T20:00:00",
                    endTime="2026-11-23T22:00:00",
                    timeZone=SHANGHAI,
                )
            ],
        },
        # 20:00 in Shanghai is 12:00 UTC; the put of that minute is evaluated by 12:02.
        expected={"2026-11-23 12:02": 5, "2026-11-23 13:59": 5, "2026-11-23 14:00": 1},
    ),
    Case(
        name="the evening pair goes up at eight, down at ten, and ends with its window",
        source=_RULES,
        put_at="2024-08-01 00:00",
        document={
            "defaultTarget": 3,
            "scheduledActions": [
                action("scale_up_action", "cron(0 0 20 * * *)", 50, **_WINDOW),
                action("scale_down_action", "cron(0 0 22 * * *)", 10, **_WINDOW),
            ],
        },
        expected={
            "2024-08-01 11:59": 3,
            "2024-08-01 12:00": 50,
            "2024-08-01 13:59": 50,
            "2024-08-01 14:00": 10,
            "2024-08-02 11:59": 10,
            "2024-08-02 12:00": 50,
            "2024-08-30 01:59": 10,
            "2024-08-30 02:00": 3,
        },
    ),
    Case(
        name="a past at() in an open window takes effect within 120 s",
        source=_JAVA,
        put_at="2022-06-01 12:00",
        document={
            "defaultTarget": 1,
            "scheduledActions": [action("action1", "at(2020-10-20T10:10:10Z)", 3, **_DECADE)],
        },
        expected={"2022-06-01 12:02": 3},
    ),
    Case(
        name="a past cron trigger in an open window takes effect within 120 s",
        source=_JAVA,
        put_at="2022-06-01 12:10",
        document={
            "defaultTarget": 1,
            "scheduledActions": [action("action1", "cron(0 */30 * * * *)", 3, **_DECADE)],
        },
        expected={"2022-06-01 12:12": 3},
    ),
    Case(
        name="three overlapping entries of each kind, to 0, min 0 and max 1, are accepted",
        source=_TERRAFORM,
        put_at="2026-11-23 12:00",
        document={
            "defaultTarget": 1,
            "scheduledActions": [
                action("s1", "at(2026-11-22T10:10:10Z)", 0, **_DECADE),
                action("s2", "cron(0 */30 * * * *)", 0, **_DECADE),
                action("s3", "cron(0 0 20 * * *)", 0, timeZone=SHANGHAI),
            ],
            "targetTrackingPolicies": [
                policy(f"t{i}", metricType=metric, metricTarget=1, minCapacity=0, maxCapacity=1)
                for i, metric in enumerate(["ProvisionedConcurrencyUtilization", "CPUUtilization", "GPUMemUtilization"])
            ],
        },
    ),
    Case(
        name="dates carry Z without a zone, none with one",
        source=_TERRAFORM,
        put_at="2026-11-23 12:00",
        document={
            "defaultTarget": 1,
            "scheduledActions": [
                action("utc", "cron(0 0 4 * * *)", 1, endTime="2030-10-10T10:10:10Z"),
                action(
                    "local",
                    "cron(0 0 4 * * *)",
                    1,
                    endTime="2030-10-10T10:10:10",
                    timeZone=SHANGHAI,
                ),
            ],
        },
    ),
    Case(
        name="milliseconds in dates are accepted",
        source=_FC3,
        put_at="2026-11-23 12:00",
        document={
            "defaultTarget": 1,
            "scheduledActions": [
                action(
                    "ms",
                    "cron(0 0 4 * * *)",
                    6,
                    startTime="2023-08-15T02:04:00.000Z",
                    endTime="2033-08-15T03:04:00.000Z",
                )
            ],
        },
        expected={"2026-11-23 12:02": 6},
    ),
    Case(
        name="a tracker without a window is in effect at all times",
        source=_FC3,
        put_at="2026-11-23 12:00",
        document={"defaultTarget": 0, "targetTrackingPolicies": [policy(minCapacity=2)]},
        expected={"2026-11-23 12:02": 2},
    ),
    Case(
        name="a schedule to 0 hides a default of 5",
        source=f"{_RULES}, which does not use the default while a policy is in effect",
        put_at="2026-11-23 12:00",
        document={
            "defaultTarget": 5,
            "scheduledActions": [action("off", "cron(0 0 22 * * *)", 0, timeZone=SHANGHAI)],
        },
        expected={"2026-11-23 12:02": 0},
    ),
    Case(
        name="of several policies in effect the maximum is used",
        source=_RULES,
        put_at="2026-11-23 12:00",
        document={
            "defaultTarget": 9,
            "scheduledActions": [action("low", "cron(0 0 22 * * *)", 4, timeZone=SHANGHAI)],
            "targetTrackingPolicies": [policy(minCapacity=6, maxCapacity=6)],
        },
        expected={"2026-11-23 12:02": 6},
    ),
    Case(
        name="a cron without a zone is UTC, and so are its dates",
        source=_ZONES,
        put_at="2026-11-23 12:00",
        document={
            "defaultTarget": 1,
            "scheduledActions": [
                action("up", "cron(0 0 20 * * *)", 5, **{key: f"{date}Z" for key, date in _NIGHT.items()})
            ],
        },
        expected={"2026-11-23 19:59": 1, "2026-11-23 20:00": 5, "2026-11-23 23:59": 5, "2026-11-24 00:00": 1},
    ),
    Case(
        name="a cron in a zone is its local time, and so are its dates",
        source=_ZONES,
        put_at="2026-11-23 11:00",
        document={
            "defaultTarget": 1,
            "scheduledActions": [action("up", "cron(0 0 20 * * *)", 5, **_NIGHT, timeZone=SHANGHAI)],
        },
        # Shanghai is eight hours ahead of UTC.
        expected={"2026-11-23 11:59": 1, "2026-11-23 12:00": 5, "2026-11-23 15:59": 5, "2026-11-23 16:00": 1},
    ),
    Case(
        name="a tracker counts only in its window",
        source=_RULES,
        put_at="2026-11-23 12:00",
        document={
            "defaultTarget": 2,
            "targetTrackingPolicies": [
                policy(minCapacity=4, startTime="2026-11-23T21:00:00", endTime="2026-11-23T22:00:00", timeZone=SHANGHAI)
            ],
        },
        expected={"2026-11-23 12:59": 2, "2026-11-23 13:00": 4, "2026-11-23 13:59": 4, "2026-11-23 14:00": 2},
    ),
    Case(
        name="a schedule above a tracker's maximum is the maximum of both",
        source=_RULES,
        put_at="2026-11-23 12:00",
        document={
            "defaultTarget": 1,
            "scheduledActions": [action("high", "cron(0 0 22 * * *)", 8, timeZone=SHANGHAI)],
            "targetTrackingPolicies": [policy(minCapacity=2, maxCapacity=6)],
        },
        load=1000.0,
        expected={"2026-11-23 12:02": 8, "2026-11-23 12:30": 8},
    ),
    Case(
        name="a value stays until another action triggers, by the half hour",
        source=f"{_RULES}; the expression is {_JAVA}'s",
        put_at="2026-11-23 12:01",
        document={
            "defaultTarget": 9,
            "scheduledActions": [
                action("half", "cron(0 */30 * * * *)", 3),
                action("past", "cron(0 20 * * * *)", 1),
            ],
        },
        expected={
            "2026-11-23 12:19": 3,
            "2026-11-23 12:20": 1,
            "2026-11-23 12:29": 1,
            "2026-11-23 12:30": 3,
            "2026-11-23 13:19": 3,
        },
    ),
    Case(
        name="days of the week by name, as a range, with a question mark for the day of the month",
        source=_CRON,
        put_at="2026-11-27 08:00",
        document={
            "defaultTarget": 9,
            "scheduledActions": [
                action("open", "cron(0 0 9 ? * MON-FRI)", 5),
                action("close", "cron(0 0 18 * * *)", 2),
            ],
        },
        # The 27th is a Friday.
        expected={
            "2026-11-27 08:59": 2,
            "2026-11-27 09:00": 5,
            "2026-11-27 18:00": 2,
            "2026-11-28 09:00": 2,
            "2026-11-29 09:00": 2,
            "2026-11-30 09:00": 5,
        },
    ),
    Case(
        name="days of the week by number, 1 for MON",
        source=f"{_CRON}, which pairs 1-7 with MON-SUN",
        put_at="2026-11-28 12:00",
        document={
            "defaultTarget": 9,
            "scheduledActions": [action("one", "cron(0 0 0 ? * 1)", 5), action("seven", "cron(0 0 0 ? * 7)", 2)],
        },
        # The 29th is a Sunday.
        expected={"2026-11-28 23:59": 5, "2026-11-29 00:00": 2, "2026-11-29 23:59": 2, "2026-11-30 00:00": 5},
    ),
    Case(
        name="months by name and number, days of the month as a list, hours as a range and minutes by steps",
        source=_CRON,
        put_at="2026-11-30 12:00",
        document={
            "defaultTarget": 9,
            "scheduledActions": [
                action("up", "cron(0 30/20 8-9 1,3 DEC ?)", 5, startTime="2026-11-30T00:00:00Z"),
                action("down", "cron(0 40,55 8,9 1-3 12 ?)", 2, startTime="2026-11-30T00:00:00Z"),
            ],
        },
        # up at 8:30, 8:50, 9:30 and 9:50 of the 1st and the 3rd; down at 8:40, 8:55, 9:40 and 9:55 of all three.
        expected={
            "2026-12-01 08:29": 9,
            "2026-12-01 08:30": 5,
            "2026-12-01 08:40": 2,
            "2026-12-01 08:50": 5,
            "2026-12-01 08:55": 2,
            "2026-12-01 09:30": 5,
            "2026-12-01 09:55": 2,
            "2026-12-02 08:30": 2,
            "2026-12-03 08:30": 5,
        },
    ),
    Case(
        name="a tracker scales out to the ceiling of current x metric / target",
        source=f"{_TRACKING}; 10 x 0.85 / 0.6 = 14.2",
        put_at="2026-11-23 12:00",
        document={"defaultTarget": 10, "targetTrackingPolicies": [policy(minCapacity=1, maxCapacity=100)]},
        # 34 requests in flight on 10 instances that serve 4 each.
        load=34.0,
        expected={"2026-11-23 12:10": 15, "2026-11-23 13:00": 15},
    ),
    Case(
        name="a tracker stands where its metric is at the target",
        source=_TRACKING,
        put_at="2026-11-23 12:00",
        document={"defaultTarget": 10, "targetTrackingPolicies": [policy(minCapacity=1, maxCapacity=100)]},
        load=24.0,
        expected={"2026-11-23 12:02": 10, "2026-11-23 15:00": 10},
    ),
    Case(
        name="a tracker scales out to its maximum at most",
        source=f"{_TRACKING}; 10 x 0.85 / 0.6 = 14.2",
        put_at="2026-11-23 12:00",
        document={"defaultTarget": 10, "targetTrackingPolicies": [policy(minCapacity=1, maxCapacity=12)]},
        load=34.0,
        expected={"2026-11-23 12:10": 12, "2026-11-23 15:00": 12},
    ),
    Case(
        name="a tracker scales in to its minimum at least",
        source=f"{_TRACKING}; the speed is the system's, so only where it ends is expected",
        put_at="2026-11-23 12:00",
        document={"defaultTarget": 20, "targetTrackingPolicies": [policy(minCapacity=10, maxCapacity=100)]},
        expected={"2026-11-23 15:00": 10},
    ),
    Case(
        name="of two trackers and a schedule the maximum is used",
        source=f"{_RULES}; {_TRACKING}; 10 x 0.85 / 0.6 = 14.2, 10 x 0.85 / 0.8 = 10.6",
        put_at="2026-11-23 12:00",
        document={
            "defaultTarget": 10,
            "scheduledActions": [action("evening", "cron(0 0 21 * * *)", 20, timeZone=SHANGHAI, **_NIGHT)],
            "targetTrackingPolicies": [
                policy("strict", minCapacity=1, maxCapacity=100),
                policy("loose", metricTarget=0.8, minCapacity=1, maxCapacity=100),
            ],
        },
        load=34.0,
        expected={"2026-11-23 12:10": 15, "2026-11-23 12:59": 15, "2026-11-23 13:00": 20},
    ),
]
QUIET = [case for case in CASES if not case.load]
"""Without a load a tracker comes down to its floor in the end: the least that a document gives."""
