"""The emulated world: functions and settings, given in Python or by a YAML or JSON file."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import yaml

from planner.emulator.models.function import FunctionSpec
from planner.emulator.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What exists, and by which reading of the contract it lives."""

    functions: tuple[FunctionSpec, ...] = ()
    settings: Settings = field(default_factory=Settings)

    @classmethod
    def from_mapping(cls, body: Mapping[str, Any]) -> Self:
        """Read `{settings: {...}, functions: [{functionName: ...}, ...]}`; both are optional."""
        if unknown := sorted(set(body) - {"settings", "functions"}):
            message = f"unknown keys: {', '.join(unknown)}; known: settings, functions"
            raise ValueError(message)
        return cls(
            settings=Settings.from_mapping(body.get("settings") or {}),
            functions=tuple(FunctionSpec.from_wire(entry) for entry in body.get("functions") or ()),
        )


def load_world(path: Path) -> World:
    """Read a world from a file; JSON is YAML too.

    Contract: `ValueError` with the file's name for anything that is no such description,
    `OSError` for a file that cannot be read.
    """
    try:
        return World.from_mapping(yaml.safe_load(path.read_text(encoding="utf-8")) or {})
    except (yaml.YAMLError, ValueError, TypeError, AttributeError) as error:
        message = f"{path}: {error}"
        raise ValueError(message) from error
