"""status and history: what is, what was, and who did it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from planner.base import iso
from planner.cli.options import CONFIG, AsJson, ConfigFile, FunctionName, Limit
from planner.cli.output import out, show, show_json
from planner.cli.processes import still_runs
from planner.cli.room import Room
from planner.errors import FCError

if TYPE_CHECKING:
    from pathlib import Path

    from planner.store import AuditEntry


STYLES = ("bold red", "yellow", "")
"""Of a line, by its urgency."""


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    app.command("status")(status)
    app.command("history")(history)


def status(config: ConfigFile = CONFIG, function: FunctionName = None, json: AsJson = False) -> None:
    """Show what is wanted, held and running, the last outcome and the daemon; a line for each of several functions."""
    from rich.table import Table  # noqa: PLC0415  # `planner --help` stays fast
    from rich.text import Text  # noqa: PLC0415  # as above

    from planner.overview import line  # noqa: PLC0415  # as above
    from planner.status import look  # noqa: PLC0415  # as above

    if function is None and len(Room.open_any(config).config.functions) > 1:
        _overview(config, json=json)
        return
    room = Room.open(config, function)
    live = room.live() if room.connected else None
    found = look(room.on_record, room.settings, live, now=room.clock.now(), still_runs=still_runs)
    if json:
        show_json(found.data)
        return
    rows, told = Table.grid(padding=(0, 2)), line(found)
    for label, text in found.rows():
        rows.add_row(Text(label, style="dim"), Text(text))
    show(Text(f"{told.function}  ", style="bold") + Text(told.matter, style=STYLES[told.urgency]), rows)


def _overview(config: Path, *, json: bool) -> None:
    """A line for each function; where Function Compute doesn't answer for one, its line says so."""
    from rich.text import Text  # noqa: PLC0415  # as above

    from planner.overview import line  # noqa: PLC0415  # as above
    from planner.status import look  # noqa: PLC0415  # as above

    room = Room.open_any(config)
    records, all_data, lines = room.on_record, [], []
    for each in room.config.functions:
        one, live, unreachable = room.of(each.ref), None, ""
        try:
            live = one.live() if one.connected else None
        except FCError as error:
            unreachable = error.message
        found = look(records, one.settings, live, now=one.clock.now(), still_runs=still_runs)
        all_data.append(found.data | {"unreachable": unreachable or None})
        lines.append(line(found, unreachable=unreachable))
    if json:
        show_json(all_data)
        return
    heads = ("function", "mode", "instances", "next", "now")
    rows = [(each.function, each.mode, each.instances, each.coming, each.matter) for each in lines]
    widths = [max(map(len, column)) for column in zip(heads, *rows, strict=True)]
    told = sorted(zip((each.urgency for each in lines), rows, strict=True), key=lambda each: each[0])
    for cells, style in ((heads, "dim"), *((row, STYLES[urgency]) for urgency, row in told)):
        text = Text("  ".join(map(str.ljust, cells, widths)).rstrip(), style=style)
        # A long story is cut; the function's own status has all of it.
        text.truncate(out().width, overflow="ellipsis")
        show(text)


def history(
    config: ConfigFile = CONFIG, function: FunctionName = None, limit: Limit = 30, json: AsJson = False
) -> None:
    """Show the audit, newest first: plans and outcomes with who, when, why and the digest, and what else happened."""
    from rich.text import Text  # noqa: PLC0415  # as above

    room = Room.open(config, function)
    rows = [_row(entry) for entry in room.on_record.audit(room.settings.ref, limit=limit)]
    if json:
        show_json(rows)
        return
    for row in rows:
        whose = "" if row["kind"] == "event" else f"{row['who']}, {str(row['digest'])[:12]}: "
        why = Text(f"    {whose}{row['why']}", style="dim")
        # The whole reason is in --json and in plan.md; a list is for looking over.
        why.truncate(2 * out().width - 8, overflow="ellipsis")
        show(Text(f"{row['at']}  {_what(row)}", style="bold"), why)


def _row(entry: AuditEntry) -> dict[str, object]:
    """One line of the audit for machines; `plan` is the plan's id."""
    from planner.store import Event, StoredPlan  # noqa: PLC0415  # as above

    if isinstance(entry, Event):
        return {"at": iso(entry.at), "kind": "event", "event": entry.kind, "why": entry.sentence}
    common: dict[str, object] = {"who": entry.who, "digest": entry.digest}
    if isinstance(entry, StoredPlan):
        return common | {
            "at": iso(entry.recorded_at),
            "kind": "plan",
            "plan": entry.id,
            "safe": entry.safe,
            "why": entry.why,
        }
    outcome = entry.outcome
    return common | {
        "at": iso(entry.began_at),
        "kind": "apply",
        "apply": entry.id,
        "plan": entry.plan_id,
        "forced": entry.forced,
        "outcome": None if outcome is None else outcome.data,
        "why": "it began and has not ended: running, or killed (see `planner status`)"
        if outcome is None
        else outcome.message,
    }


def _what(row: dict[str, object]) -> str:
    if row["kind"] == "plan":
        return f"plan {row['plan']}{'' if row['safe'] else ', UNSAFE'}"
    if row["kind"] == "event":
        return str(row["event"]).replace("_", " ")
    outcome = row["outcome"]
    ended = outcome["kind"] if isinstance(outcome, dict) else "not ended"
    return f"apply of plan {row['plan']}{', FORCED' if row['forced'] else ''}: {ended}"
