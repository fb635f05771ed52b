"""FC's published examples and live tests, each with its source.

These are the emulator's independent footing: the expected figures are the vendor's or were seen
on the live service, not computed by anybody's reading of the rules.
"""

from dataclasses import dataclass, field
from datetime import datetime

import pytest

from tests.emulator.fc import SHANGHAI, Body, action, emulated, policy, utc

_JAVA = "github.com/aliyun/fc-java-sdk FunctionComputeClientTest, against live FC 2.0"
_TERRAFORM = "github.com/aliyun/terraform-provider-alicloud fcv3 acceptance tests, live FC 3.0"
_STRUCT = "help: api-fc-2023-03-30-struct-provisionconfig"
_RULES = "help: fc-3-0 instance-scaling-restrictions-and-rules"
_FC3 = "github.com/devsapp/fc3 help and end-to-end examples"


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A document put at one time, and the targets that the source prints or saw."""

    name: str
    source: str
    put_at: str
    document: Body
    expected: dict[str, int] = field(default_factory=dict)

    def moments(self) -> list[datetime]:
        return [utc(moment) for moment in self.expected]


_WINDOW = {
    "startTime": "2024-08-01T10:00:00",
    "endTime": "2024-08-30T10:00:00",
    "timeZone": SHANGHAI,
}
_DECADE = {"startTime": "2020-10-10T10:10:10Z", "endTime": "2030-10-10T10:10:10Z"}

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
                    1,
                    startTime="2023-08-15T02:04:00.000Z",
                    endTime="2033-08-15T03:04:00.000Z",
                )
            ],
        },
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
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_emulator_does_what_the_source_shows(case: Case) -> None:
    with emulated(at=utc(case.put_at)) as fc:
        answer = fc.put(case.document)
        assert answer["target"] == case.document["defaultTarget"], case.source
        assert len(answer["scheduledActions"]) == len(case.document.get("scheduledActions", []))
        assert fc.targets(case.moments()) == list(case.expected.values()), case.source
