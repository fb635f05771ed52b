"""The emulator's only source of time: real, faster by a fixed factor, or moved by hand."""

import time
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """What the emulator asks for the time."""

    def now(self) -> datetime:
        """The present as an aware UTC datetime; never runs backwards."""
        ...

    def jump(self, by: timedelta) -> None:
        """Be `by` further on at once, as after a suspended machine woke; backwards is a `ValueError`."""
        ...


class ClockNotMovable(Exception):
    """Only a manual clock can be moved by hand."""


class ClockNotReal(ValueError):
    """A clock moved by hand cannot drive instances that are processes: they live in real time."""


class RealClock:
    """The machine's clock, and what it has jumped ahead of it."""

    def __init__(self) -> None:
        """Go with the machine."""
        self._ahead = timedelta(0)

    def now(self) -> datetime:
        """The machine's present."""
        return datetime.now(UTC) + self._ahead

    def jump(self, by: timedelta) -> None:
        """Go on `by` ahead."""
        self._ahead += forward(by)

    def resume(self, at: datetime) -> None:
        """Go on from `at`, where a stored state stopped after a jump, if that lies ahead."""
        self._ahead += max(at - self.now(), timedelta(0))


class FactorClock:
    """Starts at `start` and runs `factor` times as fast as the machine: 1440 is a day a minute."""

    def __init__(self, start: datetime, factor: float) -> None:
        """Begin to run now. `start` must be aware, `factor` positive."""
        if factor <= 0:
            message = "factor must be positive"
            raise ValueError(message)
        self._start = aware(start)
        self._factor = factor
        self._began = time.monotonic()

    def now(self) -> datetime:
        """The start plus the stretched time since."""
        return self._start + timedelta(seconds=(time.monotonic() - self._began) * self._factor)

    def jump(self, by: timedelta) -> None:
        """Go on `by` ahead."""
        self._start += forward(by)

    def resume(self, at: datetime) -> None:
        """Go on from `at`, where a stored state stopped, if that lies ahead."""
        if at > self.now():
            self._start, self._began = at, time.monotonic()


class ManualClock:
    """Stands still until it is moved."""

    def __init__(self, start: datetime) -> None:
        """Stand at `start`, which must be aware."""
        self._now = aware(start)

    def now(self) -> datetime:
        """Where the clock was last put."""
        return self._now

    def move(self, to: datetime) -> None:
        """Stand at `to`; the past raises `ValueError`, since its history has been made."""
        if aware(to) < self._now:
            message = f"the clock stands at {self._now.isoformat()} and cannot go back"
            raise ValueError(message)
        self._now = to.astimezone(UTC)

    def jump(self, by: timedelta) -> None:
        """Stand `by` further on."""
        self.move(self._now + forward(by))

    def resume(self, at: datetime) -> None:
        """Go on from `at`, where a stored state stopped, if that lies ahead."""
        self._now = max(self._now, at)


def aware(moment: datetime) -> datetime:
    """`moment` in UTC; a naive one raises `ValueError`."""
    if moment.tzinfo is None:
        message = f"{moment.isoformat()} carries no zone"
        raise ValueError(message)
    return moment.astimezone(UTC)


def forward(by: timedelta) -> timedelta:
    """`by`; a step backwards raises `ValueError`, since that history has been made."""
    if by < timedelta(0):
        message = "a clock jumps forward only"
        raise ValueError(message)
    return by
