"""Where the files that travel with the package lie: in the wheel inside it, in a checkout beside it."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from planner.errors import PlannerError

PACKAGE = Path(__file__).resolve().parent
IN_THE_WHEEL = {"migrations": "migrations", "config": "config_files"}


def resource_dir(name: Literal["migrations", "config"]) -> Path:
    """The folder of that name in a checkout, wherever the installation keeps it."""
    installed = PACKAGE / IN_THE_WHEEL[name]
    checkout = PACKAGE.parent / name
    for folder in (installed, checkout):
        if folder.is_dir():
            return folder
    raise PlannerError(
        f"The installation is incomplete: {installed} is missing.", remedy="Install the planner again with pip."
    )
