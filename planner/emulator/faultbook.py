"""The faults still to come, and the one place that uses them up."""

from dataclasses import replace
from datetime import datetime, timedelta
from threading import Lock
from typing import Protocol, TypeVar

from planner.emulator.faults import ANY, AnyFault, ClockJump, Fault, Ordered


class Timeline(Protocol):
    """What the book asks of the emulator that it belongs to."""

    def now(self) -> datetime:
        """The clock's present."""
        ...

    def live(self) -> datetime:
        """Let everything happen up to the present, which is the answer."""
        ...

    def jump(self, by: timedelta) -> None:
        """Put the clock forward, and with it the present."""
        ...


_Kind = TypeVar("_Kind", bound=Ordered)


class FaultBook:
    """The faults still to come, first ordered first served. Safe between threads.

    An order is for the present and what follows: whatever came before is carried out first.
    """

    def __init__(self, timeline: Timeline) -> None:
        """Begin without a fault."""
        self._timeline = timeline
        self._lock = Lock()
        self._faults: list[Ordered] = []

    def pending(self) -> tuple[Ordered, ...]:
        """The faults still to come, or that last."""
        now = self._timeline.live()
        with self._lock:
            self._faults = [fault for fault in self._faults if not fault.over(now)]
            return tuple(self._faults)

    def add(self, *faults: AnyFault) -> None:
        """Order faults."""
        now = self._timeline.live()
        with self._lock:
            self._faults += [fault.added(now) for fault in faults]

    def clear(self) -> None:
        """Forget all of them."""
        self._timeline.live()
        with self._lock:
            self._faults.clear()

    def take(self, action: str) -> Fault | None:
        """The fault that hits this call, used up by one; None if the call is to pass.

        Where a jump of the clock hits it, the clock jumps first.
        """
        if jump := self.hit(ClockJump, action, self._timeline.now()):
            self._timeline.jump(timedelta(seconds=jump.by_seconds))
        return self.hit(Fault, action, self._timeline.now())

    def hit(self, kind: type[_Kind], scope: str, at: datetime) -> _Kind | None:
        """The fault of a kind that hits this action, function or metric at `at`, used up by one; None if it passes."""
        if not self._faults:
            return None
        with self._lock:
            for index, fault in enumerate(self._faults):
                if not isinstance(fault, kind) or fault.scope() not in (ANY, scope) or not fault.covers(at):
                    continue
                if not fault.skip:
                    self._use_up(index, fault)
                    return fault
                self._faults[index] = replace(fault, skip=fault.skip - 1)
            return None

    def _use_up(self, index: int, fault: Ordered) -> None:
        if fault.times is None:
            return
        if fault.times > 1:
            self._faults[index] = replace(fault, times=fault.times - 1)
        else:
            del self._faults[index]
