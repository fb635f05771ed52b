"""What the daemon saw of Function Compute: noted while it works, so that a scrape asks Function Compute nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime

from planner.base import FunctionRef
from planner.clock import Clock
from planner.errors import FCError, FCServerError, FCThrottled, FCUnreachable
from planner.fc.port import FunctionCompute, FunctionFacts
from planner.provision import LiveDocument, ProvisionConfig

OK = "ok"
OUTCOMES: Mapping[type[FCError], str] = {
    FCUnreachable: "unreachable",
    FCThrottled: "throttled",
    FCServerError: "server_error",
}
"""What comes of a call, besides `ok` and `refused`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """What Function Compute answered, and when."""

    at: datetime
    live: LiveDocument


@dataclass(frozen=True, slots=True, kw_only=True)
class Sightings:
    """What a daemon saw: the newest answer of each function, and its calls by operation and by what came of them."""

    live: dict[FunctionRef, Sighting] = field(default_factory=dict)
    calls: Counter[tuple[FunctionRef, str, str]] = field(default_factory=Counter)


class Noting:
    """A port that does what the one beneath does, and notes in `seen` what came of it."""

    def __init__(self, fc: FunctionCompute, clock: Clock, seen: Sightings) -> None:
        self._fc, self._clock, self._seen = fc, clock, seen

    def get_provision_config(self, function: FunctionRef) -> LiveDocument:
        """See the port."""
        with self._counted(function, "GetProvisionConfig"):
            live = self._fc.get_provision_config(function)
        return self._noted(function, live)

    def put_provision_config(self, function: FunctionRef, config: ProvisionConfig) -> LiveDocument:
        """See the port."""
        with self._counted(function, "PutProvisionConfig"):
            live = self._fc.put_provision_config(function, config)
        return self._noted(function, live)

    def get_function(self, function: FunctionRef) -> FunctionFacts:
        """See the port."""
        with self._counted(function, "GetFunction"):
            return self._fc.get_function(function)

    @contextmanager
    def _counted(self, function: FunctionRef, operation: str) -> Iterator[None]:
        outcome = OK
        try:
            yield
        except FCError as error:
            outcome = next((name for kind, name in OUTCOMES.items() if isinstance(error, kind)), "refused")
            raise
        finally:
            self._seen.calls[function, operation, outcome] += 1

    def _noted(self, function: FunctionRef, live: LiveDocument) -> LiveDocument:
        self._seen.live[function] = Sighting(at=self._clock.now(), live=live)
        return live
