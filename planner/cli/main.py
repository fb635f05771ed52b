"""The application: every command, and the one place where errors become exit codes.

Modules are imported by the command that needs them, so that `planner --help` and completion stay fast.
"""

from __future__ import annotations

import atexit
import gc
import os
import sys
from typing import Annotated

import typer

from planner import __version__
from planner.cli import (
    applying,
    backtesting,
    collecting,
    explaining,
    inspecting,
    notifying,
    planning,
    rehearsal,
    running,
    setting_up,
)
from planner.cli.output import fail, report
from planner.errors import PlannerError

EPILOG = (
    "Exit codes: 0 done or nothing to do · 1 unexpected failure · 2 bad input or configuration · 3 unsafe plan refused "
    "· 4 stale plan · 5 Function Compute unreachable or refused · 6 changes (plan --detailed-exitcode)"
)
TRACEBACK = "PLANNER_TRACEBACK"
"""Environment variable: any value lets an error print its traceback."""
RARELY = 300_000
"""Objects after which cyclic garbage is looked for."""

app = typer.Typer(
    name="planner",
    help="Plan provisioned GPU instances of Alibaba Cloud Function Compute ahead of the tide.",
    epilog=EPILOG,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for commands in (
    planning,
    explaining,
    backtesting,
    applying,
    running,
    inspecting,
    notifying,
    collecting,
    rehearsal,
    setting_up,
):
    commands.register(app)


@app.callback(invoke_without_command=True)
def _options(
    version: Annotated[bool, typer.Option("--version", help="Print the version and stop.", is_eager=True)] = False,
) -> None:
    if version:
        typer.echo(__version__)
        raise typer.Exit


def main() -> None:
    """Run the command line and exit with its code."""
    # Typer looks at the parent process for the shell, and a build job has none: the shell is named instead
    # (`planner --show-completion zsh`). Typer has no other switch for that.
    os.environ.setdefault("_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION", "1")
    # A command is a short process full of imported modules, which are no garbage: walking through them every 700
    # objects, and once more at the end, is a quarter of what a plan takes.
    gc.set_threshold(RARELY)
    atexit.register(gc.freeze)
    try:
        app(prog_name="planner")
    except PlannerError as error:
        _trace(error)
        sys.exit(report(error))
    except Exception as error:  # noqa: BLE001  # the last door: whatever comes through is a bug, said in one line
        _trace(error)
        what = " ".join(f"{type(error).__name__}: {error}".split())
        fail(
            f"Unexpected, and a bug of the planner: {what}",
            remedy=f"Run it with {TRACEBACK}=1 and report what it says.",
        )
        sys.exit(1)


def _trace(error: Exception) -> None:
    if os.environ.get(TRACEBACK):
        import traceback  # noqa: PLC0415  # `planner --help` stays fast

        traceback.print_exception(error)
