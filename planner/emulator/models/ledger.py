"""What each function lived through, minute by minute: where metrics, reports and bills come from."""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from operator import attrgetter

from planner.emulator.models.config import Key


@dataclass(frozen=True, slots=True, kw_only=True)
class Minute:
    """One whole minute of a function and qualifier; concurrency and instances are means over it."""

    start: datetime
    offered: float
    """Concurrency that was asked for."""
    served: float
    """Of it, what found a warm provisioned instance; the rest waited for an on-demand one."""
    warm: float
    """Provisioned instances that were warm."""
    busy: float
    """Of them, those that had a request; the others are billed as hibernating where that is on."""
    starting: float
    """Provisioned instances that were starting."""
    on_demand: float
    """On-demand instances that served the rest."""
    invocations: float
    """Requests that began."""
    target: int
    """FC's target at the end of the minute."""
    current: int
    """FC's `current` at the end of the minute."""
    always_allocate_cpu: bool
    """The config's flag at the end of the minute: false lets the CPU of idle instances hibernate."""
    always_allocate_gpu: bool
    """The same of the GPU."""


_start = attrgetter("start")


@dataclass(slots=True, kw_only=True)
class Ledger:
    """The newest minutes of every function and qualifier, oldest first, `keep` of each at most."""

    keep: int
    _minutes: dict[Key, list[Minute]] = field(default_factory=dict)

    def add(self, key: Key, minute: Minute) -> None:
        """Append a minute; it must be newer than the last one of its key."""
        minutes = self._minutes.setdefault(key, [])
        if minutes and minutes[-1].start >= minute.start:
            message = f"{minute.start} of {'/'.join(key)} was written before"
            raise ValueError(message)
        minutes.append(minute)
        # Not one by one: a list that loses its first element moves all the others.
        if len(minutes) > self.keep + self.keep // 8:
            del minutes[: -self.keep]

    def keys(self) -> tuple[Key, ...]:
        """Of whom there are minutes, in order."""
        return tuple(sorted(self._minutes))

    def between(self, key: Key, start: datetime, end: datetime) -> Sequence[Minute]:
        """The minutes that begin in [start, end), oldest first."""
        minutes = self._minutes.get(key, [])
        first = bisect_left(minutes, start, max(len(minutes) - self.keep, 0), key=_start)
        return minutes[first : bisect_left(minutes, end, first, key=_start)]
