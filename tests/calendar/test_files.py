"""Company files in YAML, CSV and iCalendar say the same, and faults are told with their place."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from pathlib import Path

import pytest

from planner.config import EntriesConfig, read_calendar
from planner.errors import ConfigError

YAML = """\
campaigns:
- {name: '11.11', start: 2026-11-10T20:00, end: 2026-11-12T00:00, uplift: 1.8, ramp_up: 30m}
- {name: launch, start: 2026-12-01, end: 2026-12-02, at_least: 12}
ignore:
- {start: 2026-10-08T10:00+08:00, end: 2026-10-08T12:00+08:00, why: load test}
days:
- {day: 2027-02-12, kind: holiday, name: spring}
- {day: 2027-02-13, kind: holiday, name: spring}
"""
CSV = """\
kind,name,start,end,uplift,like,at_least,ramp_up,ramp_down
campaign,11.11,2026-11-10T20:00,2026-11-12T00:00,1.8,,,30m,
campaign,launch,2026-12-01,2026-12-02,,,12,,

ignore,load test,2026-10-08T10:00+08:00,2026-10-08T12:00+08:00,,,,,
holiday,spring,2027-02-12,2027-02-13,,,,,
"""


def events(*bodies: str) -> str:
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:test"]
    for number, body in enumerate(bodies):
        lines += ["BEGIN:VEVENT", f"UID:{number}", "DTSTAMP:20260101T000000Z", *body.splitlines(), "END:VEVENT"]
    return "\r\n".join([*lines, "END:VCALENDAR", ""])


ICS = events(
    "SUMMARY:11.11\nDTSTART:20261110T200000\nDTEND:20261112T000000\nX-PLANNER-UPLIFT:1.8\nX-PLANNER-RAMP-UP:30m",
    "SUMMARY:a meeting\nDTSTART:20261111T100000\nDTEND:20261111T110000",
    "SUMMARY:launch\nDTSTART;VALUE=DATE:20261201\nDTEND;VALUE=DATE:20261203\nCATEGORIES:marketing,at_least=12",
    "SUMMARY:load test\nDTSTART;TZID=Asia/Shanghai:20261008T100000\nDURATION:PT2H\nX-PLANNER-KIND:ignore",
    "SUMMARY:spring\nDTSTART;VALUE=DATE:20270212\nDTEND;VALUE=DATE:20270214\nCATEGORIES:kind=holiday",
)


def read(folder: Path, name: str, text: str) -> EntriesConfig:
    path = folder / name
    path.write_text(text, encoding="utf-8", newline="")
    return read_calendar(path)


@pytest.mark.parametrize(("name", "text"), [("a.yaml", YAML), ("a.csv", CSV), ("a.ics", ICS)])
def test_the_three_kinds_say_the_same(tmp_path: Path, name: str, text: str) -> None:
    found = read(tmp_path, name, text)
    sale, launch = found.campaigns
    assert (sale.name, sale.uplift, sale.ramp_up) == ("11.11", 1.8, timedelta(minutes=30))
    assert (sale.first, sale.stop) == (datetime(2026, 11, 10, 20), datetime(2026, 11, 12))
    assert (launch.first, launch.stop, launch.at_least) == (datetime(2026, 12, 1), datetime(2026, 12, 3), 12)
    (test,) = found.ignore
    assert test.first == datetime.fromisoformat("2026-10-08T02:00:00Z")
    assert test.stop - test.first == timedelta(hours=2)
    assert [(d.day, d.kind, d.name) for d in found.days] == [
        (date(2027, 2, 12), "holiday", "spring"),
        (date(2027, 2, 13), "holiday", "spring"),
    ]


HEAD = "kind,name,start,end,uplift,like,at_least\n"
FAULTS = {
    "a missing column": ("a.csv", "kind,name\n", "a.csv:1: the column start is missing; the first line is kind,name,"),
    "a misspelt column": ("a.csv", "kind,name,start,upift\n", "a.csv:1: 'upift' is not a column; did you mean uplift?"),
    "an unknown kind": ("a.csv", HEAD + "sale,x,2026-11-11,,2,,\n", "a.csv:2: kind: 'sale' is no kind; choose one of"),
    "no number": ("a.csv", HEAD + "campaign,x,2026-11-11,,lots,,\n", "a.csv:2: uplift: 'lots' is not a number; write"),
    "a day that is none": (
        "a.csv",
        HEAD + "campaign,x,2026-11-31,,2,,\n",
        "a.csv:2: start: '2026-11-31' is no day or time; write 2026-11-11, 2026-11-10T20:00, or add an offset to it",
    ),
    "no measure": ("a.csv", HEAD + "campaign,x,2026-11-11,,,,\n", "a.csv:2: doesn't say how much; add uplift"),
    "two measures": (
        "a.csv",
        HEAD + "campaign,x,2026-11-11,,2,2025-11-11,\n",
        "a.csv:2: has uplift and like; keep one",
    ),
    "a model in the future": (
        "a.csv",
        HEAD + "campaign,x,2026-11-11,,,2026-11-11,\n",
        "a.csv:2: is like 2026-11-11, which is not before it; name an earlier day",
    ),
    "an end before the start": (
        "a.csv",
        HEAD + "ignore,x,2026-11-11,2026-11-10,,,\n",
        "a.csv:2: ends '2026-11-10', which is not after '2026-11-11'; correct one",
    ),
    "half an offset": (
        "a.csv",
        HEAD + "ignore,x,2026-11-11T00:00Z,2026-11-12T00:00,,,\n",
        "a.csv:2: start and end must both carry an offset, or neither",
    ),
    "an uplift of a day off": ("a.csv", HEAD + "holiday,x,2026-11-11,,2,,\n", "a.csv:2: uplift: belongs to a campaign"),
    "a day off with a time": (
        "a.csv",
        HEAD + "holiday,x,2026-11-11T09:00,2026-11-11T18:00,,,\n",
        "a.csv:2: start: '2026-11-11T09:00' has a time of day, and a holiday is whole days; write a date",
    ),
    "a day worked until a time": (
        "a.csv",
        HEAD + "workday,x,2026-11-11,2026-11-12T00:00,,,\n",
        "a.csv:2: end: '2026-11-12T00:00' has a time of day, and a workday is whole days; write a date",
    ),
    "a day off of some hours in a calendar": (
        "a.ics",
        events("SUMMARY:x\nDTSTART:20261111T090000\nDTEND:20261111T180000\nX-PLANNER-KIND:holiday"),
        "a.ics: event 1 (x): start: '2026-11-11 09:00:00' has a time of day, and a holiday is whole days; write a date",
    ),
    "no name": ("a.csv", HEAD + "ignore,,2026-11-11,,,,\n", "a.csv:2: name: is missing; add it"),
    "a comma too many": (
        "a.csv",
        HEAD + "ignore,a,b,2026-11-11,,,,,,\n",
        "a.csv:2: has more values than columns; quote",
    ),
    "an unknown key": (
        "a.yaml",
        "campaigns:\n- name: x\n  start: 2026-11-11\n  end: 2026-11-11\n  upift: 2\n",
        "a.yaml:5: campaigns[0].upift: is not a key here; did you mean uplift?",
    ),
    "a list": ("a.yaml", "- x\n", "a.yaml:1: is a list, not keys and values; begin with campaigns:, ignore: or days:"),
    "a country in a company file": ("a.yaml", "country: CN\n", "a.yaml:1: country: is not a key here; the keys are"),
    "a recurring event": (
        "a.ics",
        events("SUMMARY:x\nDTSTART:20261111T000000\nDTEND:20261112T000000\nRRULE:FREQ=YEARLY\nX-PLANNER-UPLIFT:2"),
        "a.ics: event 1 (x): recurs, which is not read; write each date as an event of its own",
    ),
    "no event for the planner": (
        "a.ics",
        events("SUMMARY:x\nDTSTART:20261111T000000\nDTEND:20261112T000000"),
        "a.ics: none of its 1 events is for the planner; add X-PLANNER-UPLIFT:1.8",
    ),
    "an event in an unknown zone": (
        "a.ics",
        events(
            "SUMMARY:x\nDTSTART;TZID=Mars/Base:20261111T000000\nDTEND;TZID=Mars/Base:20261112T000000\nX-PLANNER-UPLIFT:2"
        ),
        "a.ics: event 1 (x): DTSTART names the zone Mars/Base, which is not known",
    ),
    "an event without a time": (
        "a.ics",
        events("SUMMARY:x\nX-PLANNER-UPLIFT:2"),
        "a.ics: event 1 (x): has no sound time",
    ),
    "no calendar at all": ("a.ics", "hello", "a.ics: is not iCalendar"),
}


@pytest.mark.parametrize(("name", "text", "fault"), FAULTS.values(), ids=FAULTS)
def test_a_fault_is_told_with_file_and_place(tmp_path: Path, name: str, text: str, fault: str) -> None:
    with pytest.raises(ConfigError, match=r"1 fault$") as caught:
        read(tmp_path, name, text)
    (told,) = caught.value.faults
    assert told.removeprefix(f"{tmp_path}/").startswith(fault), told


def test_every_fault_of_a_file_is_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"2 faults$"):
        read(tmp_path, "a.csv", HEAD + "campaign,x,2026-11-31,,2,,\ncampaign,x,2026-11-11,,,,\n")


def test_a_file_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nowhere.csv does not exist") as caught:
        read_calendar(tmp_path / "nowhere.csv")
    assert "calendar.files" in caught.value.remedy
