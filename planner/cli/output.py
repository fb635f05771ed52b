"""Data goes to stdout, talk to stderr."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from planner.errors import EXIT_CODES, PlannerError

if TYPE_CHECKING:
    from rich.console import Console, RenderableType


def out() -> Console:
    """The console for data."""
    from rich.console import Console  # noqa: PLC0415  # `planner --help` stays fast

    return Console(highlight=False)


def err() -> Console:
    """The console for talk."""
    from rich.console import Console  # noqa: PLC0415  # as above

    return Console(stderr=True, highlight=False)


def show(*renderables: RenderableType) -> None:
    """Print data for people."""
    console = out()
    for renderable in renderables:
        console.print(renderable)


def show_json(value: object) -> None:
    """Print data for machines."""
    sys.stdout.write(json.dumps(value, indent=2, ensure_ascii=False, sort_keys=True) + "\n")


def say(text: str) -> None:
    """One line of talk."""
    err().print(text, markup=False, soft_wrap=True)


def report(error: PlannerError) -> int:
    """Say what is wrong, where, and what to do; the error's documented exit code."""
    listed = getattr(error, "faults", ()) or getattr(error, "breaches", ())
    fail(error.message, remedy=error.remedy, details=tuple(str(line) for line in listed))
    return exit_code(error)


def exit_code(error: PlannerError) -> int:
    """The documented code of an error."""
    return next(code for kind, code in EXIT_CODES if isinstance(error, kind))


def fail(message: str, *, remedy: str = "", details: tuple[str, ...] = ()) -> None:
    """What is wrong, where, and what to do."""
    from rich.text import Text  # noqa: PLC0415  # as above

    console = err()
    console.print(Text.assemble(("Error: ", "bold red"), message), soft_wrap=True)
    for line in details:
        console.print(Text(f"  - {line}"), soft_wrap=True)
    if remedy:
        # Remedies are written to stand after a line number too, in lower case.
        console.print(Text.assemble(("What to do: ", "bold"), remedy[0].upper() + remedy[1:]), soft_wrap=True)


@contextmanager
def progress() -> Iterator[Callable[[str], None]]:
    """A spinner with the stage and the time it takes, on a terminal; silent elsewhere."""
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn  # noqa: PLC0415  # as above

    console = err()
    columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("reading", total=None)
        yield lambda stage: bar.update(task, description=stage, refresh=True)
