"""init, config, doctor, collect, db, emulator and demo: what prepares the ground."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from planner.cli.options import CONFIG, AsJson, ConfigFile, FunctionName
from planner.cli.output import progress, say, show, show_json
from planner.cli.room import Room
from planner.errors import InputError, PlannerError

EMULATOR_PORT = 9600

Functions = Annotated[Path | None, typer.Option(help="YAML or JSON file of the functions that exist (default: the bundled one).")]
State = Annotated[Path | None, typer.Option(help="SQLite file that survives a restart; without it nothing does.")]


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    app.command("init")(init)
    app.command("doctor")(doctor)
    app.command("collect")(collect)
    app.command("emulator")(emulator)
    app.command("demo")(demo)
    config = typer.Typer(help="Check the configuration.", no_args_is_help=True)
    config.command("check")(check_config)
    app.add_typer(config, name="config")
    database = typer.Typer(help="Look after the database.", no_args_is_help=True)
    database.command("upgrade")(upgrade_database)
    app.add_typer(database, name="db")


def init(
    path: Annotated[Path, typer.Argument(help="File to write.")] = CONFIG,
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there.")] = False,
) -> None:
    """Write a commented configuration with every key."""
    from planner.config import example_text  # noqa: PLC0415  # `planner --help` stays fast

    if path.exists() and not force:
        raise InputError(f"{path} is there already", remedy="Name another file, or replace it with --force.")
    try:
        path.write_text(example_text(), encoding="utf-8")
    except OSError as error:
        raise InputError(f"{path} can't be written: {error.strerror}", remedy="Name a file in a folder of yours.") from error
    say(f"Wrote {path}. Edit it, then run `planner config check --config {path}` and `planner doctor --config {path}`.")


def check_config(config: ConfigFile = CONFIG, json: AsJson = False) -> None:
    """Read the configuration and list every fault at once, with its line and remedy."""
    import os  # noqa: PLC0415  # as above

    from planner.config import load_config  # noqa: PLC0415  # as above

    read = load_config(config, environ=os.environ)
    if json:
        show_json({"path": str(config), "functions": [str(f.ref) for f in read.functions], "notes": list(read.notes())})
        return
    say(f"{config} is sound: {', '.join(str(function.ref) for function in read.functions)}.")
    for note in read.notes():
        say(f"  note: {note}")


def doctor(config: ConfigFile = CONFIG, function: FunctionName = None, json: AsJson = False) -> None:
    """Check credentials, endpoint, permissions, instance metrics, quota, history, database and clock."""
    from planner.cli.doctor import examine, table  # noqa: PLC0415  # as above

    room = Room.open(config, function)
    with progress() as stage:
        findings = examine(room, stage)
    if json:
        show_json([finding.data for finding in findings])
    else:
        show(table(findings))
    code = next((finding.exit_code for finding in findings if finding.exit_code), 0)
    if code:
        raise typer.Exit(code)


def collect(
    file: Annotated[Path, typer.Argument(help="CSV or Parquet with the columns timestamp,value.")],
    config: ConfigFile = CONFIG,
    function: FunctionName = None,
) -> None:
    """Store a file's points, for functions whose history.source is database; doing it again is harmless."""
    from planner.sources.stored import keep  # noqa: PLC0415  # as above

    room = Room.open(config, function)
    with progress() as stage:
        history = room.history(file, room.clock.now())
        stage("storing the points")
        count = keep(room.store, room.settings.name, history)
    for repair in history.repairs:
        say(f"  repaired: {repair.detail}")
    say(f"Stored {count} points of {room.settings.name} in {room.store.location}.")


def upgrade_database(config: ConfigFile = CONFIG) -> None:
    """Bring the database to the schema of this planner."""
    import os  # noqa: PLC0415  # as above

    from planner.config import load_config  # noqa: PLC0415  # as above
    from planner.store import upgrade  # noqa: PLC0415  # as above

    done = upgrade(load_config(config, environ=os.environ).database_url)
    if done.before == done.after:
        say(f"The database has schema {done.after} already.")
    else:
        say(f"The database went from schema {done.before or 'none'} to {done.after}.")


def emulator(
    port: Annotated[int, typer.Option(min=1, max=65535, help="Loopback port.")] = EMULATOR_PORT,
    functions: Functions = None,
    state: State = None,
    factor: Annotated[float, typer.Option(min=0, help="How fast its clock runs: 1440 is a day a minute, 0 stands still.")] = 1.0,
    start: Annotated[str | None, typer.Option(help="Where its clock starts (ISO 8601 with Z); the present.")] = None,
) -> None:
    """Serve a local Function Compute that the official SDK talks to; its schedules and trackers really fire."""
    from planner.emulator import Clock, FactorClock, ManualClock, RealClock, load_world, serve  # noqa: PLC0415  # as above
    from planner.resources import resource_dir  # noqa: PLC0415  # as above

    begin = datetime.now(UTC)
    if start is not None:
        try:
            begin = datetime.fromisoformat(start).astimezone(UTC)
        except ValueError as error:
            raise InputError(f"--start {start!r} is no instant", remedy="Write 2026-11-22T00:00:00Z.") from error
    clock: Clock = FactorClock(begin, factor) if factor else ManualClock(begin)
    if factor == 1 and start is None:
        clock = RealClock()
    try:
        world = load_world(functions or resource_dir("config") / "emulator.yaml")
    except (ValueError, OSError) as error:
        raise InputError(f"the functions can't be read: {error}", remedy="See docs/emulator.md for the file.") from error
    names = ", ".join(spec.name for spec in world.functions)
    say(f"Function Compute on http://127.0.0.1:{port} with {names}; state: {state or 'in memory'}. Ctrl-C ends it.")
    try:
        serve(world, clock=clock, database=state, port=port)
    except OSError as error:
        raise PlannerError(f"port {port} can't be served: {error.strerror}", remedy="Choose another with --port.") from error


def demo(
    folder: Annotated[Path, typer.Argument(help="Folder for the demo's configuration, database and exports.")] = Path("demo"),
) -> None:
    """Run the main job once: plan the bundled function from its sample, apply it to a local Function Compute."""
    from planner.cli.demo import run  # noqa: PLC0415  # as above

    run(folder)
