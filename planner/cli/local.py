"""emulator and demo: a Function Compute on this machine."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from planner.cli.output import say
from planner.cli.planning import instant
from planner.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from planner.emulator import Clock, World
    from planner.emulator.faults import AnyFault

Read = TypeVar("Read")

EMULATOR_PORT = 9600
"""In config/local.yaml too."""
_NAMED = 5
"""Functions that the first line names."""

Port = Annotated[int, typer.Option(metavar="PORT", min=1, max=65535, help="Loopback port.")]
Functions = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="YAML or JSON file of the functions that exist (default: the bundled one)."),
]
State = Annotated[
    Path | None, typer.Option(metavar="FILE", help="SQLite file that survives a restart; without it nothing does.")
]
Factor = Annotated[
    float, typer.Option(metavar="N", min=0, help="How fast its clock runs: 1440 is a day a minute, 0 stands still.")
]
Start = Annotated[
    str | None, typer.Option(metavar="ISO8601", help="Where its clock starts (ISO 8601 with Z or offset); the present.")
]
Faults = Annotated[
    Path | None, typer.Option(metavar="FILE", help="YAML or JSON file of faults that it has from the start.")
]
Folder = Annotated[
    Path, typer.Argument(metavar="[FOLDER]", help="Folder for the demo's configuration, database and exports.")
]


def emulator(
    port: Port = EMULATOR_PORT,
    functions: Functions = None,
    state: State = None,
    *,
    factor: Factor = 1.0,
    start: Start = None,
    faults: Faults = None,
) -> None:
    """Serve a local Function Compute that the official SDK talks to; its schedules and trackers really fire.

    Give the SDK (of Function Compute or Cloud Monitor) the endpoint
    127.0.0.1:PORT, the protocol http and any keys. A function in FILE has the
    fields of GetFunction, its aliases, and if you like
      traffic: {file: trace.csv}   what it is asked for, or
      process: {command: [...]}    for instances that are real processes.
    What Function Compute doesn't have lies under /_emulator, as JSON:

    GET  /state                   functions, configs, who set each target
    POST /clock                   {"advanceSeconds": 3600}, with --factor 0
    PUT  /functions/NAME/load     {"values": 12}, concurrency by the minute
    PUT  /functions/NAME/traffic  a CSV timestamp,value (text/csv)
    GET  /traffic?function=NAME   minutes, cold share, hours and the bill
    POST /faults                  {"action": "*", "latency_seconds": 3}
    GET  /journal, /coverage      every request; what of the API is covered
    """
    from planner.emulator import serve  # noqa: PLC0415  # `planner --help` stays fast
    from planner.emulator.clock import ClockNotReal  # noqa: PLC0415  # as above

    clock, world, ordered = _clock(factor, instant("--start", start)), read_world(functions), _read_faults(faults)
    names = ", ".join(spec.name for spec in world.functions[:_NAMED])
    names += f" and {more} more" if (more := len(world.functions) - _NAMED) > 0 else ""
    say(f"Function Compute on http://127.0.0.1:{port} with {names}; state: {state or 'in memory'}. Ctrl-C ends it.")
    try:
        serve(world, clock=clock, database=state, port=port, faults=ordered)
    except OSError as error:
        raise port_busy(port, error) from error
    except ClockNotReal as error:
        raise InputError(str(error), remedy="Give --factor 1, or another factor above 0.") from error
    except ValueError as error:
        raise InputError(f"{state} doesn't fit: {error}", remedy="Name another --state file, or a new one.") from error


def demo(folder: Folder = Path("demo"), port: Port = EMULATOR_PORT, functions: Functions = None) -> None:
    """Run the main job once: plan the bundled function from its sample, apply it to a local Function Compute."""
    from planner.cli.demo import run  # noqa: PLC0415  # as above

    run(folder, port=port, world=read_world(functions))


def read_world(file: Path | None) -> World:
    """The functions that exist, and how Function Compute behaves; the bundled ones where no file is named."""
    from planner.emulator import load_world  # noqa: PLC0415  # as above
    from planner.resources import resource_dir  # noqa: PLC0415  # as above

    return _read("functions", file or resource_dir("config") / "emulator.yaml", load_world)


def _read_faults(file: Path | None) -> Sequence[AnyFault]:
    from planner.emulator.faults import load_faults  # noqa: PLC0415  # as above

    return _read("faults", file, load_faults) if file else ()


def _read(name: str, path: Path, load: Callable[[Path], Read]) -> Read:
    """What a file of the emulator holds; what is wrong with it is the person's to mend."""
    try:
        return load(path)
    except OSError as error:
        raise InputError(
            f"{path} can't be read: {error.strerror}", remedy="See docs/emulator.md for the file."
        ) from error
    except ValueError as error:
        what = " ".join(str(error).split())
        raise InputError(
            f"The {name} can't be read from {what}", remedy="See docs/emulator.md for the file."
        ) from error


def port_busy(port: int, error: OSError) -> InputError:
    """The error of a port that can't be served."""
    return InputError(
        f"Port {port} can't be served: {error.strerror}", remedy="Choose another with --port, or end what uses it."
    )


def _clock(factor: float, start: datetime | None) -> Clock:
    from planner.emulator import FactorClock, ManualClock, RealClock  # noqa: PLC0415  # as above

    if factor == 1 and start is None:
        return RealClock()
    begin = start or datetime.now(UTC)
    return FactorClock(begin, factor) if factor else ManualClock(begin)
