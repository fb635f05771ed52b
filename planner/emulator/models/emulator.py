"""The emulator as a value to hold: the account behind a lock, its clock, faults and journal."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import RLock

from planner.emulator.clock import Clock, ClockNotMovable, ClockNotReal, FactorClock, ManualClock, RealClock, aware
from planner.emulator.faultbook import FaultBook
from planner.emulator.models.account import Account
from planner.emulator.models.bill import bill
from planner.emulator.models.config import Key
from planner.emulator.models.document import Json
from planner.emulator.models.evaluation import advance
from planner.emulator.models.function import LATEST, FunctionSpec
from planner.emulator.models.journal import Journal
from planner.emulator.models.load import CONCURRENCY, Load
from planner.emulator.models.operations import OPERATIONS, WRITES, Call
from planner.emulator.models.report import Report, Totals
from planner.emulator.models.storage import Storage
from planner.emulator.models.traffic import Trace
from planner.emulator.models.validation import METRIC_TYPES
from planner.emulator.world import World

_FIRST = datetime(1970, 1, 1, tzinfo=UTC)


class Emulator:
    """A local FC 3.0, without its wire.

    Every use first lets the account live up to the clock's present, so that schedules and
    trackers have fired on every minute in between; nothing runs in the background. Safe to use
    from the server's thread and a test's at the same time.
    """

    def __init__(
        self,
        world: World,
        *,
        clock: Clock | None = None,
        database: Path | None = None,
    ) -> None:
        """Start, or go on from `database` where that holds a state; real time by default.

        `ValueError` if the stored state is of functions that are not given.
        """
        self.clock = clock or RealClock()
        for function in world.functions:
            self._check(function)
        self._lock = RLock()
        self.faults = FaultBook(self)
        self.journal = Journal()
        self.settings, self.credentials = world.settings, dict(world.credentials)
        self._account = Account.new(world.functions, world.settings, self.clock.now(), self.faults)
        self._storage = Storage(database) if database else None
        if self._storage:
            self._storage.restore(self._account)
        if isinstance(self.clock, ManualClock | FactorClock | RealClock):
            self.clock.resume(self._account.at)
        self._prices = world.prices
        for key, trace in world.traffic.items():
            self._take_up(key, trace)

    def _take_up(self, key: Key, trace: Trace) -> None:
        """Offer a trace of the world's file; one that is stored already goes on where it stands."""
        function = self._account.functions.get(key[0])
        if function is None or not function.has(key[1]):
            return  # the API deleted it
        load, place = trace.begin(self.clock.now()), (*key, CONCURRENCY)
        stored = self._account.loads.get(place)
        if stored is None or trace.shift == "none" or replace(stored, start=load.start) != load:
            self._account.loads[place] = load

    @contextmanager
    def account(self, *, changes: bool = False, looks: bool = False) -> Iterator[Account]:
        """The account at the present; on disk afterwards if it changed or was evaluated.

        Who only looks at functions and configs (`looks`) doesn't wait until the minute that is not
        over has been measured up to the present.
        """
        with self._lock:
            evaluated = advance(self._account, self.clock.now(), looks=looks)
            try:
                yield self._account
            finally:
                if self._storage and (changes or evaluated):
                    self._storage.save(self._account)

    def call(self, action: str, call: Call) -> Json | None:
        """Carry out an action of the API; `ApiError` for a refusal, None for an empty answer."""
        with self.account(changes=action in WRITES, looks=action not in WRITES) as account:
            return OPERATIONS[action](account, call)

    def now(self) -> datetime:
        """The clock's present."""
        return self.clock.now()

    def live(self) -> datetime:
        """Let the account live up to the clock's present, which is the answer."""
        with self.account() as account:
            return account.at

    def jump(self, by: timedelta) -> None:
        """Put any clock forward, as for a machine that was suspended; backwards is a `ValueError`."""
        with self._lock:
            self.clock.jump(by)

    def advance(self, by: timedelta) -> datetime:
        """Move a manual clock on; every minute on the way is evaluated. The new present."""
        return self.move_to(self.clock.now() + by)

    def move_to(self, to: datetime) -> datetime:
        """Move a manual clock to `to`; `ClockNotMovable` for another, `ValueError` for the past."""
        with self._lock:
            if not isinstance(self.clock, ManualClock):
                message = "only a manual clock can be moved by hand"
                raise ClockNotMovable(message)
            self.clock.move(to)
            with self.account(changes=True) as account:
                return account.at

    def offer(self, function: str, load: Load | Trace, *, qualifier: str = LATEST, metric: str = CONCURRENCY) -> None:
        """Set what is offered to a function and alias from now on, by values or by a trace.

        `metric` is `Concurrency`, or `CPUUtilization` or `GPUMemUtilization` for the trackers
        on those. Replaces the load set before.
        """
        if metric not in (CONCURRENCY, *METRIC_TYPES[1:]):
            message = f"metric must be one of {CONCURRENCY}, {', '.join(METRIC_TYPES[1:])}"
            raise ValueError(message)
        with self.account(changes=True) as account:
            set_to = load.begin(account.at) if isinstance(load, Trace) else load
            account.loads[(*account.key(function, qualifier), metric)] = set_to

    def report(
        self, function: str, qualifier: str = LATEST, start: datetime | None = None, end: datetime | None = None
    ) -> Report:
        """What a function and alias lived through in the minutes that begin in [start, end), and its bill.

        From the first minute that is kept, and up to the present, where nothing is given. Minutes
        that are not over are not in it. `ValueError` if its GPU type has no price.
        """
        with self.account() as account:
            key = account.key(function, qualifier)
            begin, stop = aware(start or _FIRST), aware(end or account.at)
            minutes = account.ledger.between(key, begin, stop)
            return Report(
                key=key,
                start=minutes[0].start if start is None and minutes else begin,
                end=stop,
                minutes=minutes,
                totals=Totals.of(minutes),
                bill=bill(minutes, account.function(function), self._prices),
            )

    def put_function(self, function: FunctionSpec) -> None:
        """Add a function or replace it, for instance with instance metrics on. Not stored."""
        with self.account() as account:
            self._check(function)
            account.functions[function.name] = function

    def _check(self, function: FunctionSpec) -> None:
        if function.process and isinstance(self.clock, ManualClock):
            message = (
                f"function '{function.name}' has a process, which lives in real time: a clock that is moved by hand "
                "cannot drive it; use a real clock or one with a factor"
            )
            raise ClockNotReal(message)

    def has_processes(self) -> bool:
        """Whether instances of some function are processes; lets no time pass."""
        with self._lock:
            return any(function.process for function in self._account.functions.values())

    def config(self, function: str, qualifier: str = LATEST) -> Json | None:
        """The config as Get would answer it, None if nothing is set."""
        with self.account() as account:
            return account.view(account.key(function, qualifier))

    def state(self) -> Json:
        """Everything, for people: functions, and per config who set the target, and instances."""
        with self.account() as account:
            configs = [
                {**config.view(account.arn(*key)), "state": config.to_json()}
                for key, config in sorted(account.configs.items())
            ]
            functions = [f.to_wire(account.arn(f.name)) for f in account.functions.values()]
            return {"now": account.at.isoformat(), "functions": functions, "configs": configs}

    def close(self) -> None:
        """Close the database, if there is one."""
        if self._storage:
            self._storage.close()
