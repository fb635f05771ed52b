"""The plan as a JSON file and back: what was exported, reviewed and stored is exactly what is applied.

The reader takes nothing on trust and converts nothing: a whole number in a field of fractions stays one, since the
digest is taken of the text of the values. (A validating library would coerce them and the digest would differ.)
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import fields
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cache
from types import NoneType, UnionType
from typing import get_args, get_origin, get_type_hints

from planner.base import iso, utc
from planner.errors import PlanFileError
from planner.plan import FORMAT, Plan
from planner.provision import ProvisionConfig, ScheduledAction, TrackingPolicy

SHOWN_FAULTS = 3
SHOWN_CHARACTERS = 40
MAKE_ANOTHER = "Make a new plan with `planner plan`; an exported plan is not for editing."
WIRE_TYPES = (ProvisionConfig, ScheduledAction, TrackingPolicy)
WIRE_NAMES = {
    "always_allocate_cpu": "alwaysAllocateCPU",
    "always_allocate_gpu": "alwaysAllocateGPU",
    "tracking_policies": "targetTrackingPolicies",
}


def plan_to_json(plan: Plan) -> str:
    """The plan's `data` and its digest as indented JSON, byte for byte the same for the same plan."""
    body = plan.data | {"digest": plan.digest}
    return json.dumps(body, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n"


def plan_from_json(text: str, *, source: str) -> Plan:
    """The plan in `text`; `source` names it in the errors.

    Raises PlanFileError when the text is no JSON, of another format, lacks a key, has an unknown or a mistyped one,
    or does not match its own digest.
    """
    body = _object_in(text, source)
    if body.get("format") != FORMAT:
        raise PlanFileError(
            f"{source} has plan format {_shown(body.get('format'))}; this planner reads format {FORMAT}.",
            remedy=f"Read it with the planner that wrote it. {MAKE_ANOTHER}",
        )
    reader = _Reader()
    digest = reader.read(str, body.pop("digest", None), "digest")
    plan = reader.read(Plan, body, "")
    if reader.faults or not isinstance(plan, Plan):
        shown = "; ".join(reader.faults[:SHOWN_FAULTS])
        more = len(reader.faults) - SHOWN_FAULTS
        raise PlanFileError(
            f"{source} is not a plan: {shown}" + (f"; and {more} more" if more > 0 else "") + ".", remedy=MAKE_ANOTHER
        )
    if plan.digest != digest:
        raise PlanFileError(f"The content of {source} does not match its digest: edited by hand?", remedy=MAKE_ANOTHER)
    return plan


def _object_in(text: str, source: str) -> dict[str, object]:
    try:
        body = json.loads(text, object_pairs_hook=_unique, parse_constant=_no_constant)
        # A lone surrogate is JSON, but no text.
        text.encode()
        json.dumps(body, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        raise PlanFileError(f"{source} can't be read as JSON: {error}", remedy=MAKE_ANOTHER) from error
    if not isinstance(body, dict):
        raise PlanFileError(f"{source} is not a plan: it holds no JSON object.", remedy=MAKE_ANOTHER)
    return body


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    body = dict(pairs)
    if len(body) < len(pairs):
        # Readers differ in which one counts: what was reviewed would not be what is applied.
        raise ValueError("a key occurs twice in one object")
    return body


def _no_constant(name: str) -> object:
    raise ValueError(f"{name} is no number of JSON")


class _Bad:
    """What the reader gives for a value that it refused; the fault is on its list."""


_BAD = _Bad()


class _Reader:
    """Reads plain JSON values into the types of the plan, and keeps a list of every fault with its path."""

    def __init__(self) -> None:
        self.faults: list[str] = []

    def read(self, hint: object, value: object, path: str) -> object:
        """`value` as a `hint`, or the mark of a refused value."""
        if hint in _SCALARS:
            return self._scalar(hint, value, path)
        if isinstance(hint, UnionType):
            (inner,) = (arm for arm in get_args(hint) if arm is not NoneType)
            return None if value is None else self.read(inner, value, path)
        if get_origin(hint) is tuple:
            return self._tuple(get_args(hint), value, path)
        if isinstance(hint, type) and issubclass(hint, StrEnum):
            return self._word(hint, value, path)
        assert isinstance(hint, type)
        return self._record(hint, value, path)

    def _scalar(self, hint: object, value: object, path: str) -> object:
        words, convert = _SCALARS[hint]
        try:
            return convert(value)
        except (TypeError, ValueError, OverflowError):
            return self._refuse(path, f"{words} is wanted, {_shown(value)} is there")

    def _word(self, hint: type[StrEnum], value: object, path: str) -> object:
        words = [word.value for word in hint]
        if value in words:
            return hint(value)
        return self._refuse(path, f"one of {', '.join(words)} is wanted, {_shown(value)} is there")

    def _tuple(self, hints: tuple[object, ...], value: object, path: str) -> object:
        if not isinstance(value, list):
            return self._refuse(path, f"a list is wanted, {_shown(value)} is there")
        if hints[-1] is Ellipsis:
            hints = hints[:1] * len(value)
        if len(hints) != len(value):
            return self._refuse(path, f"{len(hints)} values are wanted, {len(value)} are there")
        items = [
            self.read(hint, item, f"{path}[{index}]")
            for index, (hint, item) in enumerate(zip(hints, value, strict=True))
        ]
        return _BAD if _BAD in items else tuple(items)

    def _record(self, hint: type, value: object, path: str) -> object:
        if not isinstance(value, dict):
            return self._refuse(path, f"an object is wanted, {_shown(value)} is there")
        spec = _keys(hint)
        for key in value.keys() - spec.keys():
            self._refuse(_below(path, key), "unknown key")
        given: dict[str, object] = {}
        for key, (name, inner, omitted) in spec.items():
            if key in value:
                given[name] = self.read(inner, value[key], _below(path, key))
            elif not omitted:
                given[name] = self._refuse(_below(path, key), "missing")
        return _BAD if value.keys() - spec.keys() or _BAD in given.values() else hint(**given)

    def _refuse(self, path: str, fault: str) -> _Bad:
        self.faults.append(f"{path}: {fault}")
        return _BAD


def _exactly(kind: type) -> Callable[[object], object]:
    def checked(value: object) -> object:
        # A truth value is an int to Python; to a reader of the file it is not.
        if type(value) is not kind:
            raise TypeError
        return value

    return checked


def _number(value: object) -> object:
    if type(value) not in (int, float):
        raise TypeError
    # Python reads 1e999 as infinity.
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError
    return value


def _instant(value: object) -> datetime:
    if not isinstance(value, str):
        raise TypeError
    moment = utc(datetime.fromisoformat(value))
    if iso(moment) != value:
        raise ValueError
    return moment


def _span(value: object) -> timedelta:
    if type(value) is not int:
        raise TypeError
    return timedelta(seconds=value)


_SCALARS: Mapping[object, tuple[str, Callable[[object], object]]] = {
    str: ("a text", _exactly(str)),
    bool: ("true or false", _exactly(bool)),
    int: ("a whole number", _exactly(int)),
    float: ("a number", _number),
    datetime: ("a UTC time like 2026-11-22T00:05:00Z", _instant),
    timedelta: ("a whole number of seconds", _span),
}


@cache
def _keys(record: type) -> Mapping[str, tuple[str, object, bool]]:
    """By JSON key: the field, its type, and whether the key may be left out (unset keys of FC's words are)."""
    hints = get_type_hints(record)
    wire = record in WIRE_TYPES
    return {
        (_camel(field.name) if wire else field.name): (field.name, hints[field.name], wire and field.default is None)
        for field in fields(record)
    }


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return WIRE_NAMES.get(name) or first + "".join(part.capitalize() for part in rest)


def _below(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key


def _shown(value: object) -> str:
    shown = json.dumps(value, ensure_ascii=False)
    return shown if len(shown) <= SHOWN_CHARACTERS else shown[:SHOWN_CHARACTERS] + "..."
