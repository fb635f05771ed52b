"""Whether the daemon lives, whether it is ready, and its metrics: from the records, its beats and what it saw."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from importlib.metadata import version
from threading import Lock

from planner.clock import Clock
from planner.errors import PlannerError, StoreError
from planner.observing import families as f
from planner.observing.exposition import Page
from planner.observing.measures import Measures
from planner.observing.sightings import Noting, Sightings
from planner.world import World

SILENT = timedelta(seconds=60)
"""After so long without a beat the loop counts as stuck: a beat may wait 10 s for the database's lock, and more."""
DISTRIBUTION = "fc-capacity-planner"


class Observer:
    """Looks at one daemon from beside; nothing here sends, writes, or asks Function Compute.

    `worlds` are those that were given, with a port that notes what the daemon sees: the daemon works with them.
    """

    def __init__(self, worlds: Sequence[World], *, clock: Clock) -> None:
        self._clock = clock
        self._started, self._began = clock.now(), clock.monotonic()
        self._beat: float | None = None
        self._seen = Sightings()
        self.worlds = tuple(replace(world, fc=Noting(world.fc, clock, self._seen)) for world in worlds)
        self._measures = {world.function: Measures(world, self._started) for world in self.worlds}
        self._lock = Lock()

    def beaten(self) -> None:
        """Told by the loop each time that it came round."""
        self._beat = self._clock.monotonic()

    def trouble(self) -> str:
        """Why the loop counts as stuck; empty while it goes round. The start counts as a beat."""
        silent = self._silent()
        return "" if silent <= SILENT else f"no beat for {silent.total_seconds():.0f} s"

    def unready(self) -> str:
        """Why nothing can be expected of the daemon yet, or now; empty where it works."""
        if self._beat is None:
            return "no beat yet"
        try:
            for world in self.worlds[:1]:
                world.store.control.lease(world.function)
        except StoreError as error:
            return error.message
        return self.trouble()

    def metrics(self) -> str:
        """The page that Prometheus scrapes; what can't be read is left out, and said in two metrics."""
        page, now = Page(f.FAMILIES), self._clock.now()
        page.add(f.BUILD, 1, {"version": version(DISTRIBUTION)})
        page.add(f.STARTED, self._started, {})
        if self._beat is not None:
            page.add(f.BEAT, now - self._silent(), {})
        # One scrape at a time: each keeps the plans that it read for the next one.
        with self._lock:
            reachable = True
            for world in self.worlds:
                complete = False
                if reachable:
                    try:
                        self._measures[world.function].measure(page, self._seen.live.get(world.function), now)
                        complete = True
                    except StoreError:
                        # Every further question would wait as long, and Prometheus with it.
                        reachable = False
                    except PlannerError:
                        complete = False
                whose = {"function": world.function.name, "qualifier": world.function.qualifier}
                page.add(f.COMPLETE, complete, whose)
        for (function, operation, outcome), count in sorted(self._seen.calls.items(), key=str):
            of = {"function": function.name, "qualifier": function.qualifier}
            page.add(f.CALLS, count, of | {"operation": operation, "outcome": outcome})
        page.add(f.DATABASE, reachable, {})
        return page.text()

    def _silent(self) -> timedelta:
        last = self._began if self._beat is None else self._beat
        return timedelta(seconds=self._clock.monotonic() - last)
