"""What differs between two documents, in a few words for a message (a plan's changes tell the whole)."""

from __future__ import annotations

from planner.provision import ProvisionConfig

_SHOWN = 4


def difference(expected: ProvisionConfig, found: ProvisionConfig) -> str:
    """One clause naming what `found` has otherwise: `defaultTarget 4 -> 6; scheduledActions: peak added`."""
    before, after = expected.wire(), found.wire()
    parts = [_part(key, before[key], after[key]) for key in before if before[key] != after[key]]
    return "; ".join(part for part in parts if part) or "nothing"


def _part(key: str, before: object, after: object) -> str:
    if not (isinstance(before, list) and isinstance(after, list)):
        return f"{key} {before} -> {after}"
    old, new = ({item["name"]: item for item in items} for items in (before, after))
    words = [f"{name} removed" for name in old if name not in new]
    words += [f"{name} added" for name in new if name not in old]
    words += [f"{name} changed" for name in new if name in old and new[name] != old[name]]
    more = f" and {len(words) - _SHOWN} more" if len(words) > _SHOWN else ""
    return f"{key}: {', '.join(words[:_SHOWN])}{more}" if words else ""
