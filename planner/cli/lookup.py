"""Find the plan that a command speaks of: an id in the database, a file, or the newest."""

from __future__ import annotations

from pathlib import Path

from planner.cli.room import Room
from planner.errors import PlanFileError
from planner.plan import Plan
from planner.plancodec import plan_from_json


def find_plan(room: Room, named: str | None) -> Plan:
    """The plan by id or file name; without either the newest of the function."""
    if named is None:
        newest = room.store.plans(room.settings.ref, limit=1)
        if not newest:
            raise PlanFileError(
                f"There is no plan of {room.settings.ref} in {room.store.location}", remedy="Make one: `planner plan`."
            )
        return room.store.plan(newest[0].id)
    if named.isdigit():
        return room.store.plan(int(named))
    path = Path(named)
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise PlanFileError(
            f"{named} can't be read as a plan: {error}", remedy="Name a plan's id or an exported plan.json."
        ) from error
    found = plan_from_json(text, source=path.name)
    if found.function != room.settings.ref:
        raise PlanFileError(
            f"{path.name} is a plan for {found.function}, not for {room.settings.ref}",
            remedy="Name its function with --function, or its configuration with --config.",
        )
    return found
