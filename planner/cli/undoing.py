"""What a rollback by hand needs beside the apply: the last hours of the load, and a daemon that doesn't undo it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from planner.base import iso
from planner.cli.output import say
from planner.cli.processes import who
from planner.errors import PlannerError

if TYPE_CHECKING:
    from planner.cli.room import Room
    from planner.plan import Plan


def rolled_back(room: Room, earlier: Plan) -> Plan:
    """The plan that goes back: no lower within the next hour than the last one needed, and replayed on the last day.

    Whoever goes back in trouble may have no metrics either: without them the plan is made all the same, and says so.
    """
    from planner import undo  # noqa: PLC0415  # `planner --help` stays fast
    from planner.lately import hour_floor, lately  # noqa: PLC0415  # as above
    from planner.policies import guard_policy, safety_rules, scene_of, sizing_of  # noqa: PLC0415  # as above

    settings, present = room.settings, room.present()
    each = earlier.evidence.instance_concurrency if earlier.evidence else settings.instance_concurrency or 1
    try:
        seen = lately(room.history(None, present.now), present.now, sizing_of(settings, each))
    except PlannerError as error:
        made = undo.rollback(earlier, present, guards=guard_policy(settings), safety=safety_rules(settings))
        note = f"not floored by the last hour's peak, which isn't known: {error.message.rstrip('.')}"
        return replace(made, notes=(note, *made.notes))
    made = undo.rollback(
        earlier, present, guards=guard_policy(settings), safety=safety_rules(settings), floor=hour_floor(seen.needed)
    )
    note = f"no lower within the next hour than the {seen.needed} instances that the last hour's peak needed"
    made = replace(made, notes=(*made.notes, note))
    if seen.load is None:
        return made
    scene = scene_of(settings, made.schedule.start, made.schedule.end, each)
    return undo.replayed(made, seen.load, static_instances=seen.week_peak, scene=scene)


@contextmanager
def daemon_paused(room: Room, plan: Plan) -> Iterator[None]:
    """Keep the daemon from undoing what a person does: paused from before it, until a person resumes.

    Where the plan came to nothing, everything is as before. In mode observe a daemon sends nothing anyhow.
    """
    if room.settings.daemon.mode == "observe":
        yield
        return
    from planner.store import Pause  # noqa: PLC0415  # as above

    store, function, now = room.store, room.settings.ref, room.clock.now()
    before = store.control.paused(function, now=now)
    own = before if before is not None and before.function is not None else None
    why = f"rolled back to the plan of {iso(plan.created_at)}"
    store.control.pause(Pause(function=function, since=now, until=None, who=who(), why=why))
    try:
        yield
    finally:
        attempts = (*store.unfinished(function), *store.applied(function, limit=1))
        if any(attempt.digest == plan.digest for attempt in attempts):
            say(f"Paused {function}, so that the daemon leaves this in place: `planner resume {function}` ends that.")
        elif own is not None:
            store.control.pause(own)
        else:
            store.control.resume(function)
