"""init, config, doctor and db: what prepares the ground."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from planner.cli import local
from planner.cli.options import CONFIG, AsJson, ConfigFile, FunctionName
from planner.cli.output import progress, say, show, show_json
from planner.cli.room import Room, read_config
from planner.errors import ConfigError, InputError


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    app.command("init")(init)
    app.command("doctor")(doctor)
    app.command("emulator")(local.emulator)
    app.command("demo")(local.demo)
    config = typer.Typer(help="Check the configuration.", no_args_is_help=True)
    config.command("check")(check_config)
    app.add_typer(config, name="config")
    database = typer.Typer(help="Look after the database.", no_args_is_help=True)
    database.command("upgrade")(upgrade_database)
    app.add_typer(database, name="db")


def init(
    path: Annotated[Path, typer.Argument(metavar="[FILE]", help="File to write.")] = CONFIG,
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there.")] = False,
) -> None:
    """Write a commented configuration with every key."""
    from planner.config import example_text  # noqa: PLC0415  # `planner --help` stays fast

    if path.exists() and not force:
        raise InputError(f"{path} is there already", remedy="Name another file, or replace it with --force.")
    try:
        path.write_text(example_text(), encoding="utf-8")
    except OSError as error:
        raise InputError(
            f"{path} can't be written: {error.strerror}", remedy="Name a file in a folder of yours."
        ) from error
    say(f"Wrote {path}. Edit it, then run `planner config check --config {path}` and `planner doctor --config {path}`.")


def check_config(config: ConfigFile = CONFIG, json: AsJson = False) -> None:
    """Read the configuration and list every fault at once, with its line and remedy."""
    try:
        read = read_config(config)
        for function in read.functions:
            Room(config=read, settings=function).company()
    except ConfigError as error:
        if json:
            show_json({"path": str(config), "sound": False, "faults": list(error.faults or (error.message,))})
        raise
    functions, notes = [str(function.ref) for function in read.functions], list(read.notes())
    if json:
        show_json({"path": str(config), "sound": True, "functions": functions, "notes": notes})
        return
    typer.echo(f"{config} is sound: {', '.join(functions)}")
    for note in notes:
        typer.echo(f"  note: {note}")


def doctor(config: ConfigFile = CONFIG, function: FunctionName = None, json: AsJson = False) -> None:
    """Check credentials, endpoint, permissions, instance metrics, quota, history, database and clock; say the fix."""
    from planner.cli.doctor import examine  # noqa: PLC0415  # as above
    from planner.cli.findings import table, worst  # noqa: PLC0415  # as above

    room = Room.open(config, function)
    with progress() as stage:
        findings = examine(room, stage)
    if json:
        show_json([finding.data for finding in findings])
    else:
        show(table(findings))
    if code := worst(findings):
        raise typer.Exit(code)


def upgrade_database(config: ConfigFile = CONFIG) -> None:
    """Bring the database to the schema of this planner."""
    from planner.store import upgrade  # noqa: PLC0415  # as above

    done = upgrade(read_config(config).database_url)
    if done.before == done.after:
        say(f"The database has schema {done.after} already.")
    else:
        say(f"The database went from schema {done.before or 'none'} to {done.after}.")
