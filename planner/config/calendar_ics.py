"""Rows of an iCalendar file: the events that say something to the planner.

An event is for the planner where it has a property X-PLANNER-UPLIFT, -LIKE, -AT-LEAST, -RAMP-UP, -RAMP-DOWN or -KIND,
or a category such as `uplift=1.8` (calendars that people edit by hand rarely offer properties). Others are passed over.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta

from icalendar import Calendar, Event

KEYS = ("kind", "uplift", "like", "at_least", "ramp_up", "ramp_down")
RECURRING = ("RRULE", "RDATE", "RECURRENCE-ID")
HOW = "add X-PLANNER-UPLIFT:1.8, or the category uplift=1.8, to an event that is meant"


def rows_of_ics(text: str) -> Iterator[tuple[str, Mapping[str, object] | str]]:
    """Rows with the columns of a CSV file, or what is wrong with one; the place is the event's number and title."""
    try:
        events = [event for event in Calendar.from_ical(text).walk("VEVENT") if isinstance(event, Event)]
    except ValueError as error:
        yield "", f"is not iCalendar: {str(error).splitlines()[0]}; export it anew"
        return
    meant = [(number, event, said) for number, event in enumerate(events, 1) if (said := _said(event))]
    if not meant:
        yield "", f"none of its {len(events)} events is for the planner; {HOW}"
    for number, event, said in meant:
        title = str(event.get("SUMMARY", "")).strip()
        yield f"event {number} ({title or 'no title'})", _row(event, title, said)


def _said(event: Event) -> dict[str, object]:
    """What properties and categories say to the planner."""
    said: dict[str, object] = {}
    for category in event.categories:
        key, equals, value = str(category).partition("=")
        if equals and key.strip().lower().replace("-", "_") in KEYS:
            said[key.strip().lower().replace("-", "_")] = value.strip()
    for key in KEYS:
        value = event.get(f"X-PLANNER-{key.upper().replace('_', '-')}")
        if value is not None:
            said[key] = str(value).strip()
    return said


def _row(event: Event, title: str, said: Mapping[str, object]) -> Mapping[str, object] | str:
    if any(name in event for name in RECURRING):
        return "recurs, which is not read; write each date as an event of its own"
    try:
        start, end = event.start, event.end
    except ValueError as error:
        return f"has no sound time: {error}; give it DTSTART and DTEND"
    for name in ("DTSTART", "DTEND"):
        named = event[name].params.get("TZID") if name in event else None
        if named and isinstance(start, datetime) and start.tzinfo is None:
            return f"{name} names the zone {named}, which is not known; use an IANA name such as Asia/Shanghai"
    row: dict[str, object] = {"kind": "campaign", "start": start, "end": end, **said}
    if not isinstance(end, datetime):
        row["end"] = end - timedelta(days=1)  # an all-day event ends before the day that DTEND names
    return row | ({"name": title} if title else {})
