"""`capacity-schedule.ics`: the steps as a calendar that a person subscribes to (RFC 5545).

An event's UID is made of the function, the part and the step's instant, so a renewed calendar replaces what it changed
and keeps the rest. DTSTAMP is when the plan was made: the same plan gives the same bytes. Times are UTC; the reader's
calendar shows its own zone.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from planner.base import iso
from planner.exports.words import Span, headline, spans, verdict
from planner.plan import Plan

if TYPE_CHECKING:
    from icalendar import Event

NAME = "capacity-schedule.ics"
REFRESH = timedelta(hours=1)


def render(plan: Plan) -> str:
    """An event a step: the rolling ones confirmed, one week of the fallback tentative. None makes a person busy."""
    from icalendar import Calendar  # noqa: PLC0415  # `planner --help` stays fast

    # Taken once: the digest walks the whole plan.
    digest = plan.digest
    calendar = Calendar()
    calendar.add("prodid", "-//planner//capacity schedule//EN")
    calendar.add("version", "2.0")
    calendar.add("method", "PUBLISH")
    calendar.add("x-wr-calname", f"{plan.function} capacity")
    calendar.add("x-wr-caldesc", headline(plan))
    calendar.add("x-wr-timezone", plan.time_zone)
    calendar.add("refresh-interval", REFRESH, parameters={"VALUE": "DURATION"})
    calendar.add("x-published-ttl", "PT1H")
    for part, schedule in (("rolling", plan.schedule), ("recurring", plan.recurring)):
        for span in spans(schedule):
            calendar.add_component(_event(plan, span, part, digest))
    text: bytes = calendar.to_ical(sorted=False)
    return text.decode()


def _event(plan: Plan, span: Span, part: str, digest: str) -> Event:
    from icalendar import Event  # noqa: PLC0415  # `planner --help` stays fast

    fallback = part == "recurring"
    instances = f"{span.instances} instance{'' if span.instances == 1 else 's'}"
    event = Event()
    event.add("uid", f"{part}-{iso(span.start)}-{plan.function.name}-{plan.function.qualifier}@planner")
    event.add("dtstamp", plan.created_at)
    event.add("dtstart", span.start)
    event.add("dtend", span.end)
    event.add("summary", f"{plan.function.name}: {instances}{' (fallback)' if fallback else ''}")
    event.add("description", _description(plan, span, digest, fallback=fallback))
    event.add("status", "TENTATIVE" if fallback else "CONFIRMED")
    event.add("transp", "TRANSPARENT")
    event.add("categories", ["capacity", "fallback" if fallback else "plan"])
    return event


def _description(plan: Plan, span: Span, digest: str, *, fallback: bool) -> str:
    change = f" ({span.delta:+d})" if span.delta else ""
    only = ["Only if no newer plan is applied."] if fallback else []
    return "\n".join([f"{span.reason}{change}", *only, f"{plan.function}, plan {digest[:12]}, {verdict(plan)}."])
