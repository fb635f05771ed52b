"""collect: what a monitoring system or a file knows of the past goes into the database."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from planner.cli.options import CONFIG, AsJson, ConfigFile, FunctionName
from planner.cli.output import err, fail, progress, say, show_json
from planner.cli.room import Room, read_config
from planner.errors import InputError, PlannerError, SourceError

if TYPE_CHECKING:
    from datetime import datetime

    from planner.collect import Collected

File = Annotated[
    Path | None,
    typer.Argument(
        metavar="[FILE]",
        help="CSV or Parquet with the columns timestamp,value, for functions whose history.source is database.",
    ),
]
Since = Annotated[
    str | None,
    typer.Option(
        metavar="ISO8601",
        help="Read again from this instant (Z or offset); without it from a little before the newest stored point, the "
        "first time everything that the source keeps.",
    ),
]


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("collect")(collect)


def collect(
    file: File = None,
    config: ConfigFile = CONFIG,
    function: FunctionName = None,
    since: Since = None,
    json: AsJson = False,
) -> None:
    """Store what Cloud Monitor or Prometheus knows of the functions that are read from there, or a file's points.

    Without a function it is done for each of them. Doing it again is harmless.
    """
    from planner.cli.planning import instant  # noqa: PLC0415  # `planner --help` stays fast

    moment = instant("--since", since)
    if file is None:
        _collect_metrics(_rooms(config, function), moment, json=json)
    elif moment is not None:
        raise InputError("--since is for a monitoring system", remedy="Leave it out: a file is read whole.")
    else:
        _collect_file(Room.open(config, function), file, json=json)


def refresh(room: Room) -> None:
    """Bring a history that is collected up to date before a plan; where that fails, what is stored has to do."""
    if not room.settings.history.collected:
        return
    try:
        _collected(room, None)
    except SourceError as error:
        series = [way.series for way in room.source.ways]
        if room.store.newest_point(room.settings.name, series) is None:
            raise
        say(f"  note: {error.message}. Planned from the points that are stored.")


def _rooms(config: Path, function: str | None) -> list[Room]:
    if function is not None:
        return [Room.open(config, function)]
    read = read_config(config)
    rooms = [Room(config=read, settings=settings) for settings in read.functions if settings.history.collected]
    if not rooms:
        raise InputError(
            f"{read.path} has no function whose history is collected",
            remedy="Set history.source to cloudmonitor, prometheus or sls, or name a file: `planner collect FILE`.",
        )
    return rooms


def _collect_metrics(rooms: list[Room], since: datetime | None, *, json: bool) -> None:
    """Each function, whatever became of the others; the first failure is the command's."""
    found: list[dict[str, object]] = []
    failures: list[PlannerError] = []
    for room in rooms:
        name = str(room.settings.ref)
        try:
            done = _collected(room, since)
        except PlannerError as error:
            failures.append(error)
            found.append({"function": name, "error": error.message})
            continue
        found.append({"function": name, **done.data})
        if not json:
            say(f"{name}: {done.sentence}.")
            for remark in done.remarks:
                say(f"  note: {remark}")
    if json:
        show_json(found)
    for other in failures[1:]:
        fail(other.message, remedy=other.remedy)
    if failures:
        raise failures[0]


def _collected(room: Room, since: datetime | None) -> Collected:
    from planner.collect import collect as bring  # noqa: PLC0415  # as above

    source = room.source
    with _bar(f"{room.settings.name} from {source.name}") as tell:
        return bring(room.settings.ref, source, room.store, room.clock.now(), since=since, tell=tell)


@contextmanager
def _bar(what: str) -> Iterator[Callable[[float], None]]:
    """A progress bar with the time that is left, on a terminal; silent elsewhere."""
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn  # noqa: PLC0415

    console = err()
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(what, total=1.0)
        yield lambda share: bar.update(task, completed=share)


def _collect_file(room: Room, file: Path, *, json: bool) -> None:
    from planner.sources.stored import keep  # noqa: PLC0415  # as above

    with progress() as stage:
        history = room.history(file, room.clock.now())
        stage("storing the points")
        count = keep(room.store, room.settings.name, history)
    if json:
        repairs = [repair.detail for repair in history.repairs]
        show_json([{"function": str(room.settings.ref), "points": count, "remarks": repairs}])
        return
    for repair in history.repairs:
        say(f"  repaired: {repair.detail}")
    say(f"Stored {count} points of {room.settings.name} in {room.store.location}.")
    if room.settings.history.source != "database":
        say(f"  note: plans don't read them: history.source is {room.settings.history.source}; set it to database.")
