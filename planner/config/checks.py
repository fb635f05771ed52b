"""What no single key can tell: functions and trackers that don't go together.

They read the plain values, so that their faults come with all others, however much else is wrong.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import cast

from planner.config.source import Path

Found = tuple[Path, str]


def merged(data: Mapping[str, object]) -> dict[str, object]:
    """Put `defaults` under each function: sections merge key by key, lists are replaced whole."""
    defaults, functions = data.get("defaults"), data.get("functions")
    if not isinstance(defaults, dict) or not isinstance(functions, tuple):
        return dict(data)
    return {**data, "functions": tuple(_over(defaults, function) for function in functions)}


def _over(below: object, above: object) -> object:
    if not isinstance(below, dict) or not isinstance(above, dict):
        return above
    return {**below, **{key: _over(below.get(key), value) for key, value in above.items()}}


def conflicts(document: Mapping[str, object]) -> Iterator[Found]:
    """Find functions given twice or under two aliases, trackers of one name, and sources without their settings."""
    functions = document.get("functions")
    seen: dict[str, tuple[int, str]] = {}
    for i, function in enumerate(functions if isinstance(functions, tuple) else ()):
        if not isinstance(function, dict):
            continue
        name, qualifier = function.get("name"), str(function.get("qualifier", "LATEST"))
        if isinstance(name, str):
            first, other = seen.setdefault(name, (i, qualifier))
            if first != i:
                yield ("functions", i, "name"), _twice(name, qualifier, first, other)
        yield from _trackers(function, ("functions", i))
        history = function.get("history")
        if isinstance(history, dict) and history.get("source") == "prometheus" and not history.get("prometheus"):
            yield ("functions", i, "history", "source"), "is prometheus; write history.prometheus with url and query"
        if isinstance(history, dict) and history.get("source") == "sls" and not history.get("sls"):
            yield ("functions", i, "history", "source"), "is sls; write history.sls with project and logstore"
    defaults = document.get("defaults")
    if isinstance(defaults, dict):
        yield from _trackers(defaults, ("defaults",))


def _twice(name: str, qualifier: str, first: int, other: str) -> str:
    if qualifier == other:
        return f"'{name}:{qualifier}' is functions[{first}] already; remove one"
    return (
        f"'{name}' is planned for {other} in functions[{first}] already; metrics are per function, so the load "
        "can't be split between two aliases: keep one"
    )


def _trackers(function: Mapping[str, object], base: Path) -> Iterator[Found]:
    guardrails = function.get("guardrails")
    trackers = guardrails.get("trackers") if isinstance(guardrails, dict) else None
    names: dict[object, int] = {}
    for i, tracker in enumerate(trackers if isinstance(trackers, tuple) else ()):
        name = cast("object", tracker.get("name")) if isinstance(tracker, dict) else None
        if isinstance(name, str) and names.setdefault(name, i) != i:
            path = (*base, "guardrails", "trackers", i, "name")
            yield path, f"'{name}' names trackers[{names[name]}] already; names must be unique"
