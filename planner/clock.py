"""The clock as a port: the shell reads time and waits through it, so that tests do neither."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Protocol

from planner.base import utc


class Clock(Protocol):
    """Wall time for records, monotonic time for deadlines, and the only way to wait."""

    def now(self) -> datetime:
        """The present instant in UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds on a clock that no correction of the wall time moves."""
        ...

    def sleep(self, seconds: float) -> None:
        """Wait."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """The present instant in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds on the machine's monotonic clock."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait for real."""
        time.sleep(seconds)


class ManualClock:
    """A clock that moves only by sleeping on it; keeps what was slept."""

    def __init__(self, start: datetime) -> None:
        self._start = utc(start)
        self._passed = 0.0
        self.slept: list[float] = []

    def now(self) -> datetime:
        """The start and all sleep since."""
        return self._start + timedelta(seconds=self._passed)

    def monotonic(self) -> float:
        """Seconds slept since the start."""
        return self._passed

    def sleep(self, seconds: float) -> None:
        """Move on at once."""
        self.slept.append(seconds)
        self._passed += seconds
