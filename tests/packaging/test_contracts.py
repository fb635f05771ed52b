"""The contracts of import-linter speak of every module that there is."""

from __future__ import annotations

import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_emulator_is_kept_from_every_module_of_the_planner() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]
    (contract,) = (each for each in settings["contracts"] if each["name"].startswith("The emulator imports nothing"))
    modules = {f"planner.{path.stem}" for path in (ROOT / "planner").glob("*.py")} - {"planner.__init__"}
    packages = {f"planner.{path.parent.name}" for path in (ROOT / "planner").glob("*/__init__.py")}
    assert sorted(contract["forbidden_modules"]) == sorted((modules | packages) - {"planner.emulator"})
