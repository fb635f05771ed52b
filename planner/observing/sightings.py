"""What the daemon saw of Function Compute: noted while it works, so that a scrape asks Function Compute nothing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from planner.base import FunctionRef
from planner.clock import Clock
from planner.fc.port import FunctionCompute, FunctionFacts
from planner.provision import LiveDocument, ProvisionConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """What Function Compute answered, and when."""

    at: datetime
    live: LiveDocument


class Noting:
    """A port that does what the one beneath does, and keeps the newest answer of each function in `seen`."""

    def __init__(self, fc: FunctionCompute, clock: Clock, seen: dict[FunctionRef, Sighting]) -> None:
        self._fc, self._clock, self._seen = fc, clock, seen

    def get_provision_config(self, function: FunctionRef) -> LiveDocument:
        """See the port."""
        return self._noted(function, self._fc.get_provision_config(function))

    def put_provision_config(self, function: FunctionRef, config: ProvisionConfig) -> LiveDocument:
        """See the port."""
        return self._noted(function, self._fc.put_provision_config(function, config))

    def get_function(self, function: FunctionRef) -> FunctionFacts:
        """See the port."""
        return self._fc.get_function(function)

    def _noted(self, function: FunctionRef, live: LiveDocument) -> LiveDocument:
        self._seen[function] = Sighting(at=self._clock.now(), live=live)
        return live
