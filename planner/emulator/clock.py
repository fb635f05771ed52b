"""The emulator's only source of time: real, faster by a fixed factor, or moved by hand."""

import time
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """What the emulator asks for the time."""

    def now(self) -> datetime:
        """The present as an aware UTC datetime; never runs backwards."""
        ...


class ClockNotMovable(Exception):
    """Only a manual clock can be moved by hand."""


class RealClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """The machine's present."""
        return datetime.now(UTC)


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

    def resume(self, at: datetime) -> None:
        """Go on from `at`, where a stored state stopped, if that lies ahead."""
        self._now = max(self._now, at)


def aware(moment: datetime) -> datetime:
    """`moment` in UTC; a naive one raises `ValueError`."""
    if moment.tzinfo is None:
        message = f"{moment.isoformat()} carries no zone"
        raise ValueError(message)
    return moment.astimezone(UTC)
