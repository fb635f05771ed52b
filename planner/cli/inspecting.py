"""status and history: what is, what was, and who did it."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import typer

from planner.cli.options import CONFIG, AsJson, ConfigFile, FunctionName, Limit
from planner.cli.output import show, show_json
from planner.cli.room import Room

if TYPE_CHECKING:
    from rich.table import Table

    from planner.store import AuditEntry


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    app.command("status")(status)
    app.command("history")(history)


def status(config: ConfigFile = CONFIG, function: FunctionName = None, json: AsJson = False) -> None:
    """Show what is wanted, what Function Compute holds and runs, and the last outcome."""
    from planner.status import look  # noqa: PLC0415  # `planner --help` stays fast

    room = Room.open(config, function)
    live = room.live() if room.connected else None
    found = look(room.store, room.settings.ref, live, now=room.clock.now())
    if json:
        show_json(found.data)
        return
    table = _table("", str(room.settings.ref))
    for label, text in found.rows():
        table.add_row(label, text)
    show(table)


def history(
    config: ConfigFile = CONFIG, function: FunctionName = None, limit: Limit = 30, json: AsJson = False
) -> None:
    """Show the audit: every plan and every outcome, with who, when, why and the digest."""
    room = Room.open(config, function)
    rows = [_row(entry) for entry in room.store.audit(room.settings.ref, limit=limit)]
    if json:
        show_json(rows)
        return
    table = _table("when (UTC)", "what", "who", "digest", "why")
    for row in rows:
        table.add_row(row["at"], row["what"], row["who"], row["digest"][:12], row["why"])
    show(table)


def _row(entry: AuditEntry) -> dict[str, str]:
    from planner.store import StoredPlan  # noqa: PLC0415  # as above

    if isinstance(entry, StoredPlan):
        safe = "" if entry.safe else ", unsafe"
        return _fields(entry.recorded_at, f"plan {entry.id}{safe}", entry.who, entry.digest, entry.why)
    forced = ", forced" if entry.forced else ""
    if entry.outcome is None:
        what, why = f"apply of plan {entry.plan_id}{forced}: began", "never ended: running, or killed"
        return _fields(entry.began_at, what, entry.who, entry.digest, why)
    what = f"apply of plan {entry.plan_id}{forced}: {entry.outcome.kind.value}"
    return _fields(entry.outcome.at, what, entry.who, entry.digest, entry.outcome.message)


def _fields(at: datetime, what: str, who: str, digest: str, why: str) -> dict[str, str]:
    return {"at": f"{at:%Y-%m-%d %H:%M:%S}", "what": what, "who": who, "digest": digest, "why": why}


def _table(*heads: str) -> Table:
    from rich import box  # noqa: PLC0415  # as above
    from rich.table import Table  # noqa: PLC0415  # as above

    return Table(*heads, box=box.SIMPLE_HEAD, pad_edge=False)
