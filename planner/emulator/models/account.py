"""The emulated account in its region: functions, configs, loads, and the room for instances."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Self

from planner.emulator.errors import AliasNotFound, FunctionNotFound, InvalidArgument
from planner.emulator.faultbook import FaultBook
from planner.emulator.models.config import ConfigState, Key
from planner.emulator.models.document import Json
from planner.emulator.models.function import LATEST, FunctionSpec
from planner.emulator.models.ledger import Ledger
from planner.emulator.models.load import CONCURRENCY, Load
from planner.emulator.models.meter import Meter
from planner.emulator.settings import Settings

LoadKey = tuple[str, str, str]
"""Function name, qualifier, metric."""


@dataclass(slots=True, kw_only=True)
class Growth:
    """The region's allowance of new instances: a bucket that refills every minute."""

    allowance: float
    at: datetime

    def refill(self, at: datetime, settings: Settings) -> int:
        """The whole instances that may be asked for at `at`."""
        minutes = max((at - self.at).total_seconds(), 0.0) / 60
        refilled = self.allowance + minutes * settings.refill
        self.allowance, self.at = min(refilled, settings.burst), at
        return int(self.allowance)


@dataclass(frozen=True, slots=True, kw_only=True)
class Leftover:
    """What Get still shows of a config that was deleted."""

    warm: int
    until: datetime


@dataclass(slots=True, kw_only=True)
class Account:
    """Everything that the emulated service knows, as of `at`."""

    settings: Settings
    at: datetime
    growth: Growth
    ledger: Ledger
    faults: FaultBook
    functions: dict[str, FunctionSpec] = field(default_factory=dict)
    changed: dict[str, FunctionSpec | None] = field(default_factory=dict)
    """Functions that the API made or changed, None where it deleted one: these survive a restart."""
    configs: dict[Key, ConfigState] = field(default_factory=dict)
    loads: dict[LoadKey, Load] = field(default_factory=dict)
    meters: dict[Key, Meter] = field(default_factory=dict)
    """The minute that is not over, of who has a config or a load."""
    past: dict[tuple[str, Key], Json | None] = field(default_factory=dict)
    """Per kind and key of a config its answer before the last put or delete, for stale reads."""
    leftovers: dict[tuple[str, Key], Leftover] = field(default_factory=dict)
    """Per kind and key of a config that was deleted what Get still shows of it."""
    launched: dict[Key, int] = field(default_factory=dict)
    """Launches of configs that were deleted: no two instances of a key share a number."""
    processes: bool = False
    """Whether a server runs the instances of functions that have a process. It takes those of a put over a moment on:
    until then none of them gets warm, as a simulated one would."""

    @classmethod
    def new(cls, functions: Iterable[FunctionSpec], settings: Settings, at: datetime, faults: FaultBook) -> Self:
        """An account with these functions and nothing provisioned."""
        return cls(
            settings=settings,
            at=at,
            growth=Growth(allowance=settings.burst, at=at),
            ledger=Ledger(
                keep=timedelta(days=settings.kept_days),
                keep_coarse=timedelta(days=settings.coarse_kept_days),
                most=settings.kept_rows,
            ),
            faults=faults,
            functions={function.name: function for function in functions},
        )

    def function(self, name: str) -> FunctionSpec:
        """The function of this name, or `FunctionNotFound`."""
        try:
            return self.functions[name]
        except KeyError:
            raise FunctionNotFound(name) from None

    def keep_function(self, function: FunctionSpec) -> None:
        """Add a function or replace it, by the API; loads of aliases that it lacks go."""
        self.functions[function.name] = self.changed[function.name] = function
        for key in [key for key in self.loads if key[0] == function.name and not function.has(key[1])]:
            del self.loads[key]

    def drop_function(self, name: str) -> None:
        """Remove a function that has no config, its loads, and what was measured of the present minute."""
        del self.functions[name]
        self.changed[name] = None
        for load in [key for key in self.loads if key[0] == name]:
            del self.loads[load]
        for key in [key for key in self.meters if key[0] == name]:
            del self.meters[key]
        for past in [(kind, key) for kind, key in self.past if key[0] == name]:
            del self.past[past]
        for left in [(kind, key) for kind, key in self.leftovers if key[0] == name]:
            del self.leftovers[left]

    def key(self, name: str, qualifier: str) -> Key:
        """The key of an existing function and alias; no qualifier means LATEST.

        A version number is refused: policies attach to an alias or LATEST only.
        """
        function = self.function(name)
        qualifier = qualifier or LATEST
        if qualifier.isdigit():
            message = f"The Qualifier should be an alias or LATEST (actual: '{qualifier}')"
            raise InvalidArgument(message)
        if not function.has(qualifier):
            raise AliasNotFound(name, qualifier)
        return name, qualifier

    def arn(self, name: str, qualifier: str = "") -> str:
        """`acs:fc:cn-shanghai:124:functions/myFunction/prod`."""
        tail = f"/{qualifier}" if qualifier else ""
        return f"acs:fc:{self.settings.region}:{self.settings.account_id}:functions/{name}{tail}"

    def offered(self, key: Key, at: datetime, metric: str = CONCURRENCY) -> float | None:
        """The load of a metric in the minute of `at`, None if none was set."""
        load = self.loads.get((*key, metric))
        return None if load is None else load.at(at)

    def view(self, key: Key, kind: str | None = None) -> Json | None:
        """The body of Get for a config of this kind or any, None if nothing is set."""
        config = self.configs.get(key)
        if config is None or kind not in (None, config.document.names.kind):
            return None
        return config.view(self.arn(*key))
