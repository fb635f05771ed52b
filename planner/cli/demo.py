"""The demo: the whole way of the data, on the bundled history and a local Function Compute in this process."""

from __future__ import annotations

from pathlib import Path

from rich.rule import Rule

from planner.base import FunctionRef
from planner.cli import applying, inspecting, planning
from planner.cli.output import err, say
from planner.cli.room import Room
from planner.cli.setting_up import EMULATOR_PORT
from planner.emulator import load_world, running
from planner.errors import PlannerError
from planner.provision import MetricType, ProvisionConfig, TrackingPolicy
from planner.resources import resource_dir

BY_HAND = ProvisionConfig(
    default_target=20,
    tracking_policies=(
        TrackingPolicy(
            name="team-gpu-memory",
            metric_type=MetricType.GPU_MEMORY,
            metric_target=0.9,
            min_capacity=1,
            max_capacity=24,
        ),
    ),
)
"""What somebody set in the console before the planner came: a static peak and a tracker of their own."""


def run(folder: Path) -> None:
    """Plan, export, show the difference, apply, verify; everything lands in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    config = folder / "planner.yaml"
    config.write_text((resource_dir("config") / "local.yaml").read_text(encoding="utf-8"), encoding="utf-8")
    try:
        world = load_world(resource_dir("config") / "emulator.yaml")
        with running(world, database=folder / "emulator.db", port=EMULATOR_PORT):
            _steps(config, folder / "export")
    except OSError as error:
        raise PlannerError(
            f"the local Function Compute can't be served on port {EMULATOR_PORT}: {error.strerror}",
            remedy="End the process that uses the port.",
        ) from error
    _where(folder)


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


def _headline(text: str) -> None:
    err().print(Rule(text, align="left"))


def _where(folder: Path) -> None:
    _headline("Where things are")
    say(f"schedule   {folder}/export/capacity-schedule.csv and .ics")
    say(f"picture    {folder}/export/plan.png")
    say(f"review     {folder}/export/plan.md, and the documents beside it")
    say(f"again      planner emulator --state {folder}/emulator.db, then planner status --config {folder}/planner.yaml")
