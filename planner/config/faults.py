"""From what pydantic found to faults: our own words, a remedy, and the line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import takewhile
from typing import get_args

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from planner.config.models import Document
from planner.config.source import Fault, Path, Source
from planner.config.words import nearest, show

_NUMBERS = {
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "finite_number": "a finite number",
}
_KINDS = {
    "string_type": ("a text", "write a text"),
    "bool_type": ("a switch", "write true or false"),
    "tuple_type": ("a list", "begin each item with -"),
    "model_type": ("a section", "write its keys below it, indented"),
    "date_type": ("a date", "write one like 2025-12-13"),
}
_FIXED = {
    "missing": "is missing; add it",
    "string_too_short": "is empty; write it",
    "too_short": "is empty; write at least one",
}


def translate(error: ValidationError, source: Source, root: type[BaseModel] = Document) -> Iterator[Fault]:
    """Make one fault of each error of `root`; what a function has from `defaults` is told of `defaults`."""
    for item in error.errors(include_url=False):
        path = tuple(item["loc"])
        if item["type"] == "too_short" and item["input"]:
            continue  # pydantic counts the items that it accepted; what is wrong with the others is told anyway
        yield place(path, words(item, path, root), source)


def place(path: Path, words: str, source: Source) -> Fault:
    """Put the fault at the line of its key, or of the nearest section that is written down."""
    path = _origin(path, source.lines)
    known = next(path[:n] for n in range(len(path), -1, -1) if path[:n] in source.lines)
    return Fault(line=source.lines[known], path=path, words=words)


def _origin(path: Path, lines: Mapping[Path, int]) -> Path:
    if path[:1] != ("functions",) or len(path) < 3:
        return path
    # Sections merge key by key and lists are replaced whole, so the first list ends the comparison.
    keys = tuple(takewhile(lambda step: isinstance(step, str), path[2:]))

    def written(base: Path) -> int:
        return next(n for n in range(len(keys), -1, -1) if base + keys[:n] in lines or n == 0)

    return ("defaults", *path[2:]) if written(("defaults",)) > written(path[:2]) else path


def words(item: ErrorDetails, path: Path, root: type[BaseModel]) -> str:
    """Say what is wrong with the value at `path` of a document of the model `root`, and what to write."""
    kind, value = item["type"], item["input"]
    match kind:
        case "value_error":
            return str(item["ctx"]["error"])
        case "extra_forbidden":
            return _unknown(path, root)
        case "literal_error":
            return _choice(value, _field(path, root))
        case "greater_than" | "greater_than_equal" | "less_than_equal":
            return f"{show(value)} is out of range; write {_range(_field(path, root))}"
        case "too_long" | "string_too_long":
            return f"is too long; the most is {_limits(_field(path, root))['max_length']}"
        case _:
            return _FIXED.get(kind) or _kind(kind, value, path, root)


def _kind(kind: str, value: object, path: Path, root: type[BaseModel]) -> str:
    if kind in _NUMBERS:
        wanted, remedy = _NUMBERS[kind], f"write {_range(_field(path, root))}"
    else:
        wanted, remedy = _KINDS[kind]
    if value is None:
        return f"is empty; {remedy}, or remove the key"
    if wanted == "a text" and isinstance(value, int | float):
        remedy = f"write '{show(value)}', in quotes"
    return f"{show(value)} is not {wanted}; {remedy}"


def _unknown(path: Path, root: type[BaseModel]) -> str:
    key, here = str(path[-1]), _keys(_section(path[:-1], root))
    if homes := [name for name, field in here.items() if key in _keys(_inner(field))]:
        return f"is not a key here; it belongs under {' or '.join(homes)}"
    if close := nearest(key, here):
        return f"is not a key here; did you mean {close}?"
    return f"is not a key here; the keys are {', '.join(here)}"


def _choice(value: object, field: FieldInfo) -> str:
    choices = [str(choice) for choice in get_args(field.annotation)]
    close = nearest(value, choices) if isinstance(value, str) else ""
    remedy = f"did you mean {close}?" if close else f"write {' or '.join(choices)}"
    return f"{show(value)} is no choice; {remedy}"


def _range(field: FieldInfo) -> str:
    limits = _limits(field)
    most = f" and at most {limits['le']}" if "le" in limits else ""
    if "gt" in limits:
        return f"more than {limits['gt']}{most}"
    return f"{limits['ge']} to {limits['le']}" if most else f"at least {limits['ge']}"


def _limits(field: FieldInfo) -> dict[str, object]:
    """Return the limits that the field was declared with, by their names in `Field`."""
    names = ("gt", "ge", "le", "max_length")
    return {name: getattr(mark, name) for mark in field.metadata for name in names if hasattr(mark, name)}


def _field(path: Path, root: type[BaseModel]) -> FieldInfo:
    return _keys(_section(path[:-1], root))[str(path[-1])]


def _section(path: Path, root: type[BaseModel]) -> type[BaseModel] | None:
    """Return the section at `path`; the steps into lists are passed over."""
    section: type[BaseModel] | None = root
    for step in path:
        section = section if isinstance(step, int) else _inner(_keys(section)[step])
    return section


def _keys(section: type[BaseModel] | None) -> dict[str, FieldInfo]:
    fields = section.model_fields if section else {}
    return {field.alias or name: field for name, field in fields.items()}


def _inner(field: FieldInfo) -> type[BaseModel] | None:
    """Return the section that a field holds, itself or in a list."""
    candidates = (field.annotation, *get_args(field.annotation))
    return next((c for c in candidates if isinstance(c, type) and issubclass(c, BaseModel)), None)
