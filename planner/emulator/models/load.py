"""Offered load: what a function is asked for, minute by minute, as a test or a trace sets it."""

import math
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Self

from planner.emulator.clock import aware
from planner.emulator.models.document import Json

CONCURRENCY = "Concurrency"
"""The load that instances serve; the other metrics of a load are given as utilisations."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """A value per minute from `start` on; the last one stays, or the series begins again."""

    values: tuple[float, ...]
    start: datetime = datetime(1970, 1, 1, tzinfo=UTC)
    repeat: bool = False
    duration_seconds: float = 1.0
    """The mean duration of a request: with it a concurrency says how many requests there are."""

    def __post_init__(self) -> None:
        """Refuse an empty series, a negative value, no duration and a naive start."""
        if not self.values or not all(0 <= value < math.inf for value in self.values):
            message = "a load needs at least one value, none negative or infinite"
            raise ValueError(message)
        if not 0 < self.duration_seconds < math.inf:
            message = "the mean duration of a load must be positive, in seconds"
            raise ValueError(message)
        aware(self.start)

    @classmethod
    def constant(cls, value: float) -> Self:
        """The same at every time."""
        return cls(values=(value,))

    def at(self, moment: datetime) -> float:
        """The value of the minute that holds `moment`; 0 before the start."""
        minute = int((moment - self.start).total_seconds() // 60)
        if minute < 0:
            return 0.0
        last = len(self.values) - 1
        return self.values[minute % len(self.values) if self.repeat else min(minute, last)]

    def to_wire(self) -> Json:
        """The admin route's form."""
        return {
            "values": list(self.values),
            "start": self.start.isoformat(),
            "repeat": self.repeat,
            "durationSeconds": self.duration_seconds,
        }

    @classmethod
    def from_wire(cls, body: Json) -> Self:
        """The admin route's form: `values` a number or a list, the others optional."""
        values = body["values"]
        series = values if isinstance(values, list) else [values]
        start = body.get("start")
        return cls(
            values=tuple(float(value) for value in series),
            start=aware(datetime.fromisoformat(start)) if start else datetime(1970, 1, 1, tzinfo=UTC),
            repeat=bool(body.get("repeat", False)),
            duration_seconds=float(body.get("durationSeconds", 1.0)),
        )
