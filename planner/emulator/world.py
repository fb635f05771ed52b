"""The emulated world: functions, traffic, prices and settings, given in Python or by a YAML or JSON file."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import yaml

from planner.emulator.models.bill import Prices
from planner.emulator.models.config import Key
from planner.emulator.models.function import LATEST, FunctionSpec
from planner.emulator.models.traffic import Trace, TraceFormat, read_trace
from planner.emulator.settings import Settings

_KEYS = ("settings", "prices", "credentials", "functions")


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What exists, and by which reading of the contract it lives."""

    functions: tuple[FunctionSpec, ...] = ()
    settings: Settings = field(default_factory=Settings)
    prices: Prices = field(default_factory=Prices)
    credentials: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Secrets by access key: with any of them signatures are verified, without one every request is let in."""
    traffic: Mapping[Key, Trace] = field(default_factory=dict)
    """What functions and aliases are asked for from the start on."""

    def __post_init__(self) -> None:
        """Refuse traffic of a function or alias that does not exist."""
        known = {function.name: function for function in self.functions}
        for name, qualifier in self.traffic:
            if name not in known or not known[name].has(qualifier):
                message = f"traffic is for '{name}/{qualifier}', which is not defined"
                raise ValueError(message)

    @classmethod
    def from_mapping(cls, body: Mapping[str, Any], folder: Path = Path()) -> Self:
        """Read `{settings: {...}, prices: {...}, credentials: {...}, functions: [...]}`; all are optional.

        A function may have `traffic`: `{file: trace.csv, ...}` with the fields of `TraceFormat` and a
        `qualifier`, or a list of them. Its file is searched from `folder`.
        """
        if unknown := sorted(set(body) - set(_KEYS)):
            message = f"unknown keys: {', '.join(unknown)}; known: {', '.join(_KEYS)}"
            raise ValueError(message)
        functions, traffic = [], {}
        for entry in body.get("functions") or ():
            fields = dict(entry)
            offered = fields.pop("traffic", None) or []
            function = FunctionSpec.from_wire(fields)
            functions.append(function)
            for described in offered if isinstance(offered, list) else [offered]:
                key, trace = _trace(function, dict(described), folder)
                traffic[key] = trace
        return cls(
            settings=Settings.from_mapping(body.get("settings") or {}),
            prices=Prices.from_mapping(body.get("prices") or {}),
            credentials={str(key): str(secret) for key, secret in (body.get("credentials") or {}).items()},
            functions=tuple(functions),
            traffic=traffic,
        )


def _trace(function: FunctionSpec, described: dict[str, object], folder: Path) -> tuple[Key, Trace]:
    qualifier = str(described.pop("qualifier", LATEST))
    if not (file := described.pop("file", None)):
        message = f"traffic of '{function.name}' needs a file"
        raise ValueError(message)
    form = TraceFormat.from_mapping(described)
    return (function.name, qualifier), read_trace(folder / str(file), form)


def load_world(path: Path) -> World:
    """Read a world from a file; JSON is YAML too.

    Contract: `ValueError` with the file's name for anything that is no such description,
    `OSError` for a file that cannot be read.
    """
    try:
        return World.from_mapping(yaml.safe_load(path.read_text(encoding="utf-8")) or {}, path.parent)
    except (yaml.YAMLError, ValueError, TypeError, AttributeError) as error:
        message = f"{path}: {error}"
        raise ValueError(message) from error
