"""What apply did: the last word of a run, kept in the audit."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from enum import StrEnum

from planner.base import iso

LONGEST_WAIT = 3600
"""Seconds that an apply may wait for the instances."""
LONGEST_APPLY = timedelta(seconds=LONGEST_WAIT) + timedelta(minutes=30)
"""No apply takes longer, tries and retries included."""


class OutcomeKind(StrEnum):
    """How an apply ended."""

    APPLIED = "applied"
    """FC holds the wanted document."""
    UNCHANGED = "unchanged"
    """FC held it already; nothing was sent."""
    STALE = "stale"
    """FC held neither the document that the plan was made against nor the wanted one, or the plan was too old."""
    REFUSED = "refused"
    """The plan was unsafe, or FC refused the document."""
    DRIFTED = "drifted"
    """What was read back is not what was put: another writer."""
    FAILED = "failed"
    """FC couldn't be reached, or what it holds isn't known."""


class Arrival(StrEnum):
    """Whether the instances of the step in effect came."""

    ARRIVED = "arrived"
    STARTING = "starting"
    """Still fewer than wanted when the deadline passed, and FC gave no reason."""
    BLOCKED = "blocked"
    """FC said why in `current_error`."""
    NOT_FOLLOWED = "not_followed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One sentence for people in `message`; digests of the document before and after as read from FC.

    `live_after` is empty where it isn't known. `wanted_instances` is what the step in effect asks for.
    """

    kind: OutcomeKind
    at: datetime
    message: str
    live_before: str = ""
    live_after: str = ""
    arrival: Arrival = Arrival.NOT_FOLLOWED
    wanted_instances: int = 0
    target: int = 0
    current: int = 0
    current_error: str = ""

    @property
    def data(self) -> dict[str, object]:
        """The outcome as plain JSON values."""
        values: dict[str, object] = {field.name: getattr(self, field.name) for field in fields(self)}
        return values | {"kind": self.kind.value, "arrival": self.arrival.value, "at": iso(self.at)}
