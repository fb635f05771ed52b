"""What the instances of a function and qualifier were used for: sums over real time."""

from dataclasses import dataclass, fields
from threading import Lock
from typing import NamedTuple, Self


@dataclass(frozen=True, slots=True, kw_only=True)
class Levels:
    """How things stand at a moment, or their means over a time."""

    offered: float = 0.0
    """Requests in flight, those included that wait for a cold start."""
    served: float = 0.0
    """Of them, those on provisioned instances."""
    kept: float = 0.0
    """Of them, those on warm on-demand instances."""
    capacity: float = 0.0
    """Requests that the warm provisioned instances could take at once."""
    warm: float = 0.0
    """Warm provisioned instances."""
    busy: float = 0.0
    """Of them, those with a request."""
    starting: float = 0.0
    """Provisioned instances that are starting."""
    on_demand: float = 0.0
    """On-demand instances with a request, those included that start for one."""

    def plus(self, other: Self, times: float) -> Self:
        """Field by field this, and so many times the other."""
        pairs = ((field.name, getattr(self, field.name), getattr(other, field.name)) for field in fields(self))
        return type(self)(**{name: mine + times * others for name, mine, others in pairs})


class Calls(NamedTuple):
    """Requests."""

    began: int
    """All, those included that were refused."""
    refused: int
    """Answered 429."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """Sums since the beginning: level-seconds, their seconds, and requests."""

    sums: Levels
    seconds: float
    calls: Calls


class Usage:
    """Sums the levels up. Safe to read from another thread than the one that notes."""

    def __init__(self, now: float) -> None:
        """Begin at `now`, in seconds of a monotonic clock."""
        self._lock = Lock()
        self._began = self._at = now
        self._levels = self._sums = Levels()
        self._calls = Calls(0, 0)

    def note(self, now: float, levels: Levels) -> None:
        """From now on things stand so."""
        with self._lock:
            self._sums = self._sums.plus(self._levels, now - self._at)
            self._at, self._levels = now, levels

    def began(self, *, refused: bool = False) -> None:
        """A request began, or was refused."""
        with self._lock:
            self._calls = Calls(self._calls.began + 1, self._calls.refused + refused)

    def totals(self, now: float) -> Totals:
        """The sums up to `now`."""
        with self._lock:
            sums = self._sums.plus(self._levels, now - self._at)
            return Totals(sums=sums, seconds=now - self._began, calls=self._calls)


@dataclass(slots=True)
class Reader:
    """Takes a usage minute by minute."""

    usage: Usage
    last: Totals

    @classmethod
    def of(cls, usage: Usage, now: float) -> Self:
        """One that begins now."""
        return cls(usage, usage.totals(now))

    def take(self, now: float) -> tuple[Levels, Calls, float]:
        """The means since the last call, the requests since, and the seconds since."""
        totals, last = self.usage.totals(now), self.last
        seconds = totals.seconds - last.seconds
        means = Levels().plus(totals.sums.plus(last.sums, -1), 1 / seconds) if seconds > 0 else Levels()
        self.last = totals
        began, refused = totals.calls.began - last.calls.began, totals.calls.refused - last.calls.refused
        return means, Calls(began, refused), seconds
