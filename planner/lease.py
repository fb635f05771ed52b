"""The right to act on a function, and the door that a document passes only while that right is surely ours.

A lease lies in the database that daemons share. Its holder counts its time from before it asked, on a clock that goes
on while the machine is suspended, so that it stops sending before anybody else may begin. Takers compare the end on
record with their own wall clock: machines that share a database have to agree on the time within a few seconds. An end
that lies far ahead, by a clock that was wrong, holds nobody up: what nobody renewed while a taker watched is free.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from threading import Lock

from planner.base import FunctionRef
from planner.clock import Clock
from planner.errors import FCRefused, StoreError
from planner.fc.port import FunctionCompute, FunctionFacts
from planner.provision import LiveDocument, ProvisionConfig
from planner.store import Control, Lease

LASTS = timedelta(seconds=20)
"""How long the others wait after a holder was killed."""
RENEWED = LASTS / 2
"""A lease with less left is renewed."""
SENDING = timedelta(seconds=9)
"""A put, its time-outs included, is over within this; with less left none is begun."""


class NotHeld(FCRefused):
    """The lease is not surely ours, so nothing was sent."""


def boot_seconds() -> float:
    """Seconds since the machine started, those in which it was suspended included."""
    # Systems without CLOCK_BOOTTIME (macOS) count suspended time in CLOCK_MONOTONIC.
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Held:
    lease: Lease
    ends: float
    """On the clock of `ticks`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Watched:
    """A lease of somebody else, and since when it has been the same, on the clock of `ticks`."""

    lease: Lease
    since: float


class Leases:
    """The leases of one daemon, `holder`. `ticks` gives seconds on a clock that nobody sets."""

    def __init__(
        self, control: Control, holder: str, *, clock: Clock, ticks: Callable[[], float] = boot_seconds
    ) -> None:
        self._control, self.holder, self._clock, self._ticks = control, holder, clock, ticks
        self._held: dict[FunctionRef, _Held] = {}
        self._others: dict[FunctionRef, _Watched] = {}
        self._lock = Lock()

    def keep(self, function: FunctionRef) -> bool:
        """Take the lease, or renew it when half of it is gone; whether it is ours. Raises StoreError."""
        with self._lock:
            held = self._held.get(function)
            if held is not None and held.ends - self._ticks() > RENEWED.total_seconds():
                return True
            return self._take(function) is not None

    def confirm(self, function: FunctionRef) -> None:
        """Renew it right before something is sent; NotHeld where it ran out meanwhile or can't be renewed."""
        with self._lock:
            before = self._held.get(function)
            try:
                taken = self._take(function)
            except StoreError as error:
                raise NotHeld(f"The lease of {function} can't be renewed: {error.message}") from error
            # A higher epoch: it ran out since the plan was made, so another daemon may have acted.
            same = before is not None and taken is not None and taken.lease.epoch == before.lease.epoch
            if not same or taken is None or taken.ends - self._ticks() < SENDING.total_seconds():
                raise NotHeld(f"The lease of {function} is not surely ours any more")

    def give_up(self, function: FunctionRef) -> None:
        """Let the next taker have it at once; nothing happens where it isn't ours."""
        with self._lock:
            held = self._held.pop(function, None)
            if held is not None:
                self._control.give_up(held.lease, now=self._clock.now())

    def _take(self, function: FunctionRef) -> _Held | None:
        asked, other = self._ticks(), self._others.get(function)
        left = other.lease if other is not None and asked - other.since > LASTS.total_seconds() else None
        lease = self._control.take_lease(function, self.holder, now=self._clock.now(), lasts=LASTS, left=left)
        if lease is None:
            self._held.pop(function, None)
            found = self._control.lease(function)
            if found is not None and (other is None or found != other.lease):
                # From now on: it may have been renewed while this waited for the database.
                self._others[function] = _Watched(lease=found, since=self._ticks())
            return None
        self._others.pop(function, None)
        self._held[function] = _Held(lease=lease, ends=asked + LASTS.total_seconds())
        return self._held[function]


class Guarded:
    """Function Compute as a daemon uses it: `reads` try again, `sends` is asked once, and only under a lease."""

    def __init__(self, reads: FunctionCompute, sends: FunctionCompute, leases: Leases) -> None:
        self._reads, self._sends, self._leases = reads, sends, leases

    def get_provision_config(self, function: FunctionRef) -> LiveDocument:
        """See the port."""
        return self._reads.get_provision_config(function)

    def put_provision_config(self, function: FunctionRef, config: ProvisionConfig) -> LiveDocument:
        """See the port; NotHeld, and nothing is sent, where the lease is not surely ours for as long as a put takes."""
        self._leases.confirm(function)
        return self._sends.put_provision_config(function, config)

    def get_function(self, function: FunctionRef) -> FunctionFacts:
        """See the port."""
        return self._reads.get_function(function)
