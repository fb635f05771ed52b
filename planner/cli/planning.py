"""plan, diff and export: everything that decides and shows, and changes nothing on Function Compute."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from planner.base import iso
from planner.cli.collecting import refresh
from planner.cli.options import CONFIG, AsJson, ConfigFile, FunctionName, PlanName
from planner.cli.output import progress, say, show, show_json
from planner.cli.processes import who
from planner.cli.room import Room
from planner.errors import InputError, UnsafePlan

if TYPE_CHECKING:
    from planner.plan import Plan

CHANGES = 6
"""Exit code of `plan --detailed-exitcode` when the plan changes something."""
SHORTEST, LONGEST = timedelta(hours=1), timedelta(days=7)
CLOCKS_DIFFER = timedelta(minutes=1)
"""A `--now` so little ahead of this machine's clock is the present on another machine."""

History = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="CSV or Parquet with the columns timestamp,value (offered concurrency; or what was served, and throttled, "
        "duration_ms, limit); replaces the source.",
    ),
]
Now = Annotated[
    str | None,
    typer.Option(
        metavar="ISO8601", help="Plan as if it were this instant (ISO 8601 with Z or offset); later history is ignored."
    ),
]
Horizon = Annotated[str, typer.Option(metavar="SPAN", help="How far to plan, 1h to 7d: 90m, 24h, 2d.")]
Export = Annotated[
    Path | None, typer.Option(metavar="DIR", help="Write the plan's documents and pictures into this folder.")
]
DryRun = Annotated[
    bool,
    typer.Option(
        "--dry-run",
        help="Store no plan (plan never writes to Function Compute anyway); fits are kept, --cache off: none.",
    ),
]
Cache = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR",
        help="Folder of fits kept between plans, in place of PLANNER_CACHE and the configured one; off: keep none.",
    ),
]
Adopt = Annotated[
    bool,
    typer.Option(
        "--adopt", help="Let the plan take out scheduled actions that somebody else made; `release` brings them back."
    ),
]
Detailed = Annotated[
    bool, typer.Option("--detailed-exitcode", help="Exit with 6 when the plan changes something, 0 when not.")
]


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    app.command("plan")(plan)
    app.command("diff")(diff)
    app.command("export")(export_plan)


def plan(  # noqa: PLR0917  # typer makes each an option
    config: ConfigFile = CONFIG,
    function: FunctionName = None,
    history: History = None,
    now: Now = None,
    horizon: Horizon = "24h",
    export: Export = None,
    dry_run: DryRun = False,
    adopt: Adopt = False,
    cache: Cache = None,
    detailed_exitcode: Detailed = False,
    json: AsJson = False,
) -> None:
    """Plan one function: forecast, choose the risk, find the steps, show what would change."""
    from planner.pipeline import make_plan  # noqa: PLC0415  # `planner --help` stays fast

    moment, span = instant("--now", now), horizon_of(horizon)
    room = Room.open(config, function)
    if not dry_run:
        _refuse_later(moment, room.clock.now())
        if history is None:
            refresh(room)
    fits = room.fits(cache)
    with progress() as stage:
        question = room.question(history=history, now=moment, horizon=span, adopt=adopt)
        # Opened before the work, so that a database that can't be used is told at once.
        store = None if dry_run else room.store
        made = make_plan(room.settings, question, stage, fits=fits)
        files = _exported(made, export, stage)
    number = None if store is None else store.save_plan(made, who=who(), at=room.clock.now())
    if json:
        extra = {"digest": made.digest, "id": number, "safe": made.safe, "files": [str(path) for path in files]}
        show_json(made.data | extra)
    else:
        _show_plan(made, files, number)
    _refuse_unsafe(made)
    if detailed_exitcode and made.changes:
        raise typer.Exit(CHANGES)


def diff(
    plan: PlanName = None,
    config: ConfigFile = CONFIG,
    function: FunctionName = None,
    json: AsJson = False,
) -> None:
    """Show what a plan would change on Function Compute as it is now."""
    from planner.cli.lookup import open_with_plan  # noqa: PLC0415  # as above
    from planner.diff import changes  # noqa: PLC0415  # as above
    from planner.exports.terminal import diff_view  # noqa: PLC0415  # as above

    room, wanted = open_with_plan(config, function, plan)
    reasons = {change.name: change.reason for change in wanted.changes}
    found = changes(room.live().config, wanted.wanted, reasons)
    if json:
        show_json({"function": str(wanted.function), "digest": wanted.digest, "changes": [c.data for c in found]})
    else:
        show(diff_view(found))


def export_plan(
    folder: Annotated[Path, typer.Option("--export", metavar="DIR", help="Folder to write to.")],
    plan: PlanName = None,
    config: ConfigFile = CONFIG,
    function: FunctionName = None,
    json: AsJson = False,
) -> None:
    """Write the documents and pictures of a stored plan into a folder, and print their paths."""
    from planner.cli.lookup import open_with_plan  # noqa: PLC0415  # as above

    _, found = open_with_plan(config, function, plan)
    with progress() as stage:
        files = _exported(found, folder, stage)
    if json:
        show_json({"digest": found.digest, "files": [str(path) for path in files]})
        return
    for path in files:
        typer.echo(path)


def _exported(made: Plan, folder: Path | None, stage: Callable[[str], None]) -> tuple[Path, ...]:
    from planner.exports import export  # noqa: PLC0415  # as above

    if folder is None:
        return ()
    stage("drawing and writing the exports")
    return export(made, folder)


def _show_plan(made: Plan, files: tuple[Path, ...], number: int | None) -> None:
    from planner.exports.terminal import plan_view  # noqa: PLC0415  # as above

    show(plan_view(made))
    if files:
        say(f"Exported {len(files)} files to {files[0].parent}: plan.md to read, plan.png to look at.")
    if number is None:
        return
    if made.safe:
        say(f"Stored as plan {number}: `planner apply {number}` carries it out until {made.valid_until:%H:%M} UTC.")
    else:
        say(f"Stored as plan {number}.")


def _refuse_later(moment: datetime | None, now: datetime) -> None:
    """A stored plan can be applied, and one for later would be applied too early."""
    if moment is not None and moment > now + CLOCKS_DIFFER:
        raise InputError(
            f"--now {iso(moment)} has not come yet, and a stored plan could be applied: too early",
            remedy="Add --dry-run to look at it, or leave --now out.",
        )


def _refuse_unsafe(made: Plan) -> None:
    if not made.safe:
        raise UnsafePlan(
            f"The plan for {made.function} is unsafe, so `planner apply` refuses it.",
            remedy=" ".join(dict.fromkeys(breach.remedy for breach in made.breaches)),
            breaches=tuple(f"{breach.rule.value}: {breach.detail}" for breach in made.breaches),
        )


def instant(option: str, text: str | None) -> datetime | None:
    """An instant that a person gave, in UTC; InputError for anything else, `option` named."""
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
        aware = None if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise InputError(f"{option} {text!r} is no instant", remedy="Write 2026-11-22T00:00:00Z.") from error
    if aware is None:
        raise InputError(f"{option} {text!r} has no zone", remedy="Add Z or an offset such as +08:00.")
    return aware


def duration(option: str, text: str, *, remedy: str) -> timedelta:
    """A duration that a person gave; InputError for anything else, `option` named."""
    from planner.config.durations import parse_duration  # noqa: PLC0415  # as above

    try:
        return parse_duration(text)
    except ValueError as error:
        raise InputError(f"{option} {text!r} is no duration", remedy=remedy) from error


def horizon_of(text: str) -> timedelta:
    """How far to plan; InputError for what is no span of an hour to a week."""
    span = duration("--horizon", text, remedy="Write 90m, 24h or 2d.")
    if not SHORTEST <= span <= LONGEST:
        raise InputError(f"--horizon {text} is outside 1h to 7d", remedy="Write 24h, or another span within a week.")
    return span
