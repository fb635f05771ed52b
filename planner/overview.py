"""Many functions on one screen: a line each, and those that need a person first."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum

from planner.status import Status


class Urgency(IntEnum):
    """Who has to look, the most urgent first."""

    TROUBLE = 0
    """Something is wrong: capacity, the document or a job."""
    WAITS = 1
    """Somebody stopped the daemon, or it waits for somebody."""
    QUIET = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One function: what it has of what it should have, the next step, and what is the matter."""

    function: str
    mode: str
    instances: str
    coming: str
    matter: str
    urgency: Urgency


def line(found: Status, *, unreachable: str = "") -> Line:
    """The function's line; `unreachable` says why Function Compute could not be asked."""
    matters = [*_troubles(found, unreachable), *_waits(found)]
    urgency = min((level for level, _ in matters), default=Urgency.QUIET)
    return Line(
        function=str(found.function),
        mode=found.care.mode,
        instances=_instances(found),
        coming=_coming(found),
        matter="; ".join(text for _, text in matters) or _quiet(found),
        urgency=urgency,
    )


def _troubles(found: Status, unreachable: str) -> Iterator[tuple[Urgency, str]]:
    live, wanted = found.live, found.wanted_instances
    if unreachable:
        yield Urgency.TROUBLE, unreachable
    if any(one.running is False for one in found.unfinished):
        yield Urgency.TROUBLE, "an apply never ended"
    if found.as_applied is False and not found.unfinished:
        yield Urgency.TROUBLE, "DRIFTED: somebody else changed the document"
    if live is not None and wanted is not None and live.current < wanted:
        yield Urgency.TROUBLE, f"{wanted - live.current} instances are MISSING, or starting"
    if live is not None and live.current_error:
        yield Urgency.TROUBLE, f"Function Compute says: {live.current_error}"
    if found.applied is not None and not found.released and found.now >= found.applied.schedule.end:
        yield Urgency.TROUBLE, "the schedule ended; its fallback serves"
    for job, run in sorted(found.care.runs.items()):
        if run.failed:
            yield Urgency.TROUBLE, f"{job} FAILED: {run.sentence}"


def _waits(found: Status) -> Iterator[tuple[Urgency, str]]:
    care = found.care
    if care.lease is None and care.mode != "observe":
        yield Urgency.TROUBLE, "no daemon acts"
    if care.pause is not None:
        yield Urgency.WAITS, f"paused by {care.pause.who}"
    if care.freeze is not None:
        yield Urgency.WAITS, care.freeze.sentence
    if care.proposal is not None:
        yield Urgency.WAITS, f"waits for `planner approve {care.proposal.plan_id}`"


def _instances(found: Status) -> str:
    if found.live is None:
        return "?"
    wanted = found.wanted_instances
    return str(found.live.current) if wanted is None else f"{found.live.current} of {wanted}"


def _coming(found: Status) -> str:
    steps = found.applied.schedule.steps if found.applied is not None and not found.released else ()
    coming = next((step for step in steps if step.at > found.now), None)
    return "" if coming is None else f"{coming.instances} at {coming.at:%H:%MZ}"


def _quiet(found: Status) -> str:
    if found.released:
        return "released"
    return "no plan was applied yet" if found.applied is None else "as applied"
