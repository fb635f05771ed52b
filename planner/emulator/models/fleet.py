"""The instances of one config: asked for, started, warm, destroyed, and what they were used for."""

from bisect import bisect_right
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import Self
from uuid import NAMESPACE_URL, uuid5

from planner.emulator.models.document import Json


def draw_startup(points: tuple[float, ...], seed: str) -> timedelta:
    """A start-up time from evenly spaced points of its quantile function, interpolated.

    Worked: points (10, 30) and a draw of 0.25 give 15 s.
    """
    place = Random(seed).random() * (len(points) - 1)  # noqa: S311 - reproducible, no secret
    low = int(place)
    high = min(low + 1, len(points) - 1)
    return timedelta(seconds=points[low] + (points[high] - points[low]) * (place - low))


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """When an instance was asked for, and as which of its config, from 1 on."""

    number: int
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """An instance, as ListInstances tells of it."""

    id: str
    born: datetime
    warm: bool
    on_demand: bool = False


@dataclass(slots=True, kw_only=True)
class Fleet:
    """Warm instances, and the instants at which the starting ones become warm (sorted)."""

    at: datetime
    warm: int = 0
    starting: list[datetime] = field(default_factory=list)
    launched: int = 0
    """All launches so far: numbers the start-up draws."""
    launches: list[Launch] = field(default_factory=list)
    """Those of the instances that exist: of the warm ones, then of the starting ones in their order."""
    served_seconds: float = 0.0
    capacity_seconds: float = 0.0

    @property
    def count(self) -> int:
        """Warm and starting instances."""
        return self.warm + len(self.starting)

    @property
    def error(self) -> str:
        """Why instances that were asked for do not get warm; simulated ones always do."""
        return ""

    def members(self, arn: str) -> tuple[Member, ...]:
        """The instances; each has one id for its life, made from the function's and qualifier's ARN."""
        return tuple(
            Member(id=str(uuid5(NAMESPACE_URL, f"{arn}/{launch.number}")), born=launch.at, warm=place < self.warm)
            for place, launch in enumerate(self.launches)
        )

    def due(self, to: datetime) -> bool:
        """Whether by `to` an instance gets ready that does not count as warm yet."""
        return bool(self.starting) and self.starting[0] <= to

    def run(self, to: datetime, offered: float, instance_concurrency: int) -> None:
        """Let time pass up to `to` under a constant offered concurrency; instances get warm."""
        while self.starting and self.starting[0] <= to:
            self._pass(self.starting[0], offered, instance_concurrency)
            self.starting.pop(0)
            self.warm += 1
        self._pass(to, offered, instance_concurrency)

    def _pass(self, to: datetime, offered: float, instance_concurrency: int) -> None:
        seconds = (to - self.at).total_seconds()
        if seconds > 0:
            capacity = self.warm * instance_concurrency
            self.capacity_seconds += capacity * seconds
            self.served_seconds += min(offered, capacity) * seconds
            self.at = to

    def take_utilisation(self) -> float | None:
        """Served over possible concurrency since the last call; None if nothing was warm."""
        served, capacity = self.served_seconds, self.capacity_seconds
        self.served_seconds = self.capacity_seconds = 0.0
        return served / capacity if capacity > 0 else None

    def shrink(self, target: int) -> None:
        """Destroy the surplus at once, those that would be warm last first."""
        surplus = self.count - target
        if surplus > 0:
            cancelled = min(surplus, len(self.starting))
            del self.starting[len(self.starting) - cancelled :]
            self.warm -= surplus - cancelled
            del self.launches[self.count :]

    def launch(self, count: int, points: tuple[float, ...], seed: str) -> None:
        """Ask for `count` instances; each is warm after a start-up time of its own."""
        for _ in range(count):
            self.launched += 1
            ready = self.at + draw_startup(points, f"{seed}/{self.launched}")
            place = bisect_right(self.starting, ready)
            self.starting.insert(place, ready)
            self.launches.insert(self.warm + place, Launch(number=self.launched, at=self.at))

    def to_json(self) -> Json:
        """The form in which a fleet is stored."""
        return {
            "at": self.at.isoformat(),
            "warm": self.warm,
            "starting": [moment.isoformat() for moment in self.starting],
            "launched": self.launched,
            "launches": [[launch.number, launch.at.isoformat()] for launch in self.launches],
            "served_seconds": self.served_seconds,
            "capacity_seconds": self.capacity_seconds,
        }

    @classmethod
    def from_json(cls, stored: Json) -> Self:
        """A fleet from its stored form; without launches its instances are the last ones, launched then."""
        starting = [datetime.fromisoformat(moment) for moment in stored["starting"]]
        count = stored["warm"] + len(starting)
        last = [[stored["launched"] - count + place, stored["at"]] for place in range(1, count + 1)]
        launches = [
            Launch(number=number, at=datetime.fromisoformat(moment)) for number, moment in stored.get("launches", last)
        ]
        at = datetime.fromisoformat(stored["at"])
        return cls(**{**stored, "at": at, "starting": starting, "launches": launches})
