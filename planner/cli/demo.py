"""The demo: the whole way of the data, on the bundled history and a local Function Compute in this process."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

from rich.rule import Rule

from planner.base import FunctionRef
from planner.cli import applying, inspecting, planning
from planner.cli.local import EMULATOR_PORT, port_busy
from planner.cli.output import err, say, show
from planner.cli.room import Room
from planner.emulator import World, running
from planner.errors import InputError
from planner.provision import ProvisionConfig
from planner.resources import resource_dir

BY_HAND = ProvisionConfig(default_target=26)
"""What somebody set in the console before the planner came: a static peak."""


def run(folder: Path, *, port: int, world: World) -> None:
    """Plan, export, show the difference, apply, verify; everything lands in `folder`."""
    config = _configuration(folder, port)
    with ExitStack() as stack:
        try:
            stack.enter_context(running(world, database=folder / "emulator.db", port=port))
        except OSError as error:
            raise port_busy(port, error) from error
        except ValueError as error:
            raise InputError(
                f"{folder / 'emulator.db'} doesn't fit: {error}", remedy="Name another folder: `planner demo FOLDER`."
            ) from error
        _steps(config, folder / "export")
    _coming_day(config, world)
    _where(folder, port)


def _configuration(folder: Path, port: int) -> Path:
    config = folder / "planner.yaml"
    text = (resource_dir("config") / "local.yaml").read_text(encoding="utf-8")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        config.write_text(text.replace(f":{EMULATOR_PORT}", f":{port}"), encoding="utf-8")
    except OSError as error:
        raise InputError(
            f"{folder} can't be written: {error.strerror}", remedy="Name a folder of yours: `planner demo FOLDER`."
        ) from error
    return config


def _steps(config: Path, export: Path) -> None:
    room = Room.open(config, None)
    if not room.live().exists:
        room.fc.put_provision_config(FunctionRef(name=room.settings.name), BY_HAND)
    _headline("1. Plan: history, forecast, risk, steps, document")
    planning.plan(config, export=export)
    _headline("2. Difference to what Function Compute holds")
    planning.diff(None, config)
    _headline("3. Apply through the official SDK, and follow the instances")
    newest = room.store.plans(room.settings.ref, limit=1)[0]
    applying.apply(str(newest.id), config, yes=True)
    _headline("4. Status")
    inspecting.status(config)


def _coming_day(config: Path, world: World) -> None:
    from planner.cli.comingday import live_through  # noqa: PLC0415  # the rest of the demo needs none of it

    _headline("5. The coming day, which the plan has not seen, on a local Function Compute")
    room = Room.open(config, None)
    plan = room.store.plan(room.store.plans(room.settings.ref, limit=1)[0].id)
    show(
        live_through(
            world,
            room.settings.ref,
            room.history(None, plan.created_at),
            {"as planned": plan.wanted, f"static peak of {BY_HAND.default_target}": BY_HAND},
            start=plan.created_at,
            before=BY_HAND,
        )
    )


def _headline(text: str) -> None:
    err().print()
    err().print(Rule(text, align="left"))


def _where(folder: Path, port: int) -> None:
    _headline("Where things are")
    say(f"schedule   {folder}/export/capacity-schedule.csv and .ics")
    say(f"picture    {folder}/export/plan.png")
    say(f"review     {folder}/export/plan.md, and the documents beside it")
    served = f"--state {folder}/emulator.db" + ("" if port == EMULATOR_PORT else f" --port {port}")
    say(f"again      planner emulator {served}, then planner status --config {folder}/planner.yaml")
