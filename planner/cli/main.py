"""The application: every command, and the one place where errors become exit codes.

Modules are imported by the command that needs them, so that `planner --help` and completion stay fast.
"""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from planner import __version__
from planner.cli import applying, inspecting, planning, setting_up
from planner.cli.output import fail
from planner.errors import EXIT_CODES, PlannerError

EPILOG = (
    "Exit codes: 0 done or nothing to do · 1 unexpected failure · 2 bad input or configuration · 3 unsafe plan refused "
    "· 4 stale plan · 5 Function Compute unreachable or refused · 6 changes (plan --detailed-exitcode)"
)

app = typer.Typer(
    name="planner",
    help="Plan provisioned GPU instances of Alibaba Cloud Function Compute ahead of the tide.",
    epilog=EPILOG,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for register in (planning.register, applying.register, inspecting.register, setting_up.register):
    register(app)


@app.callback(invoke_without_command=True)
def _options(
    version: Annotated[bool, typer.Option("--version", help="Print the version and stop.", is_eager=True)] = False,
) -> None:
    if version:
        typer.echo(__version__)
        raise typer.Exit


def main() -> None:
    """Run the command line and exit with its code."""
    try:
        app()
    except PlannerError as error:
        fail(error.message, remedy=error.remedy, details=details(error))
        sys.exit(exit_code(error))


def exit_code(error: PlannerError) -> int:
    """The documented code of an error."""
    return next(code for kind, code in EXIT_CODES if isinstance(error, kind))


def details(error: PlannerError) -> tuple[str, ...]:
    """The single faults or breaches of an error that lists them."""
    listed = getattr(error, "faults", ()) or getattr(error, "breaches", ())
    return tuple(str(line) for line in listed)
