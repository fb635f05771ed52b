"""Find the plan that a command speaks of: an id in the database, a file, or the newest."""

from __future__ import annotations

import os
from pathlib import Path

from planner.cli.room import Room
from planner.errors import PlanFileError
from planner.plan import Plan
from planner.plancodec import plan_from_json


def open_with_plan(config_file: Path, function: str | None, named: str | None) -> tuple[Room, Plan]:
    """The plan by id or file name, and the room of its function; without a name the newest of the function.

    A named plan says which function is meant, so `function` is only needed without one.
    """
    if named is None:
        room = Room.open(config_file, function)
        return room, _newest(room)
    room = Room.open_any(config_file)
    plan = room.on_record.plan(int(named)) if named.isdecimal() else _from_file(Path(named))
    label = f"Plan {named}" if named.isdecimal() else named
    if plan.function not in {known.ref for known in room.config.functions}:
        raise PlanFileError(
            f"{label} is for {plan.function}, which {room.config.path} doesn't plan",
            remedy="Name its configuration with --config.",
        )
    if function is not None and (asked := room.config.function(function).ref) != plan.function:
        raise PlanFileError(
            f"{label} is for {plan.function}, not for {asked}", remedy="Leave --function out, or name another plan."
        )
    return room.of(plan.function), plan


def _newest(room: Room) -> Plan:
    store = room.on_record
    newest = store.plans(room.settings.ref, limit=1)
    if not newest:
        raise PlanFileError(
            f"There is no plan of {room.settings.ref} in {store.location}", remedy="Make one: `planner plan`."
        )
    return store.plan(newest[0].id)


def _from_file(path: Path) -> Plan:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = os.strerror(error.errno) if isinstance(error, OSError) and error.errno else "it is not UTF-8 text"
        raise PlanFileError(
            f"{path} can't be read as a plan: {why}",
            remedy="Name a plan's id (`planner history`) or an exported plan.json.",
        ) from error
    return plan_from_json(text, source=path.name)
