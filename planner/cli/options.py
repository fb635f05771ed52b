"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, TypeAlias

import typer

ConfigFile: TypeAlias = Annotated[
    Path, typer.Option("--config", "-c", metavar="FILE", help="Configuration file.", envvar="PLANNER_CONFIG")
]
FunctionName: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--function", "-f", metavar="NAME", help="Function (name or name:qualifier), where several are configured."
    ),
]
AsJson: TypeAlias = Annotated[
    bool, typer.Option("--json", help="Print JSON for machines, and nothing else, on stdout.")
]
PlanName: TypeAlias = Annotated[
    str | None,
    typer.Argument(metavar="[PLAN]", help="Plan id or plan.json; without one the newest stored plan of the function."),
]
Yes: TypeAlias = Annotated[bool, typer.Option("--yes", "-y", help="Don't ask.")]
Limit: TypeAlias = Annotated[int, typer.Option("--limit", metavar="N", min=1, help="How many rows at most.")]
CONFIG = Path("planner.yaml")
"""Where the configuration is looked for when none is named."""
