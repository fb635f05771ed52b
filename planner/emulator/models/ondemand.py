"""The simulated on-demand instances of a function and qualifier: started for what finds none warm, kept while idle."""

import math
from bisect import bisect_right
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Self

from planner.emulator.models.document import Json
from planner.emulator.models.fleet import draw_startup

_A_TRACE = 1e-9
"""So much of an instance is no need of one more, but rounding."""


def instances_for(concurrency: float, instance_concurrency: int) -> int:
    """How many instances take a concurrency: 9 need three that take 4 at once."""
    return math.ceil(concurrency / instance_concurrency - _A_TRACE)


@dataclass(slots=True, kw_only=True)
class OnDemand:
    """Those that exist, in the order in which requests fill them, which is that in which they get warm."""

    ready: list[datetime] = field(default_factory=list)
    """When each is or became warm; sorted."""
    used: list[datetime] = field(default_factory=list)
    """Until when each was needed; never rises along the list, since the first ones are filled first."""
    needed: int = 0
    """How many the load needed in the last piece of time that was lived through."""
    refused: int = 0
    """Of those asked for last, how many there was no room for; requests for these are answered 429."""
    launched: int = 0
    """All launches so far: numbers the start-up draws."""

    @property
    def count(self) -> int:
        """Warm, idle and starting ones: all take quota."""
        return len(self.ready)

    def warm(self, at: datetime) -> int:
        """Those that are warm at `at`."""
        return bisect_right(self.ready, at)

    def launch(self, count: int, at: datetime, points: tuple[float, ...], seed: str) -> None:
        """Start `count` of them for load that waits; each is warm after a start-up time of its own."""
        for _ in range(count):
            self.launched += 1
            ready = at + draw_startup(points, f"{seed}/{self.launched}")
            self.ready.insert(bisect_right(self.ready, ready), ready)
            # At the end: who is asked for is needed, and so are all that were there before.
            self.used.append(at)

    def use(self, needed: int, to: datetime, idle: timedelta) -> None:
        """So many were needed up to `to`; those end that have been idle for that long by then."""
        self.needed = needed
        busy = min(needed, self.count)
        self.used[:busy] = [to] * busy
        while self.count > busy and self.used[-1] + idle <= to:
            del self.ready[-1], self.used[-1]

    def to_json(self) -> Json:
        """The form in which they are stored."""
        return {
            "ready": [moment.isoformat() for moment in self.ready],
            "used": [moment.isoformat() for moment in self.used],
            "needed": self.needed,
            "refused": self.refused,
            "launched": self.launched,
        }

    @classmethod
    def from_json(cls, stored: Json) -> Self:
        """Instances from their stored form."""
        moments = {name: [datetime.fromisoformat(text) for text in stored[name]] for name in ("ready", "used")}
        return cls(**{**stored, **moments})
