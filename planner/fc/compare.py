"""What differs between two documents, in a few words for a message (a plan's changes tell the whole)."""

from __future__ import annotations

from planner.diff import changes
from planner.plan import Change, ChangeKind
from planner.provision import ProvisionConfig

_SHOWN = 5
_WORDS = {ChangeKind.ADD: "added", ChangeKind.REMOVE: "removed", ChangeKind.CHANGE: "changed"}


def difference(expected: ProvisionConfig, found: ProvisionConfig) -> str:
    """One clause naming what `found` has otherwise: `defaultTarget 4 instead of 2, peak added`."""
    parts = [_words(change) for change in changes(expected, found, {})]
    more = [f"{len(parts) - _SHOWN} more"] if len(parts) > _SHOWN else []
    return ", ".join(parts[:_SHOWN] + more)


def _words(change: Change) -> str:
    if change.name:
        return f"{change.name} {_WORDS[change.kind]}"
    return f"{change.part} {change.after} instead of {change.before}"
