"""A pool of processes as the account sees it: in the place of simulated instances and their meter."""

import time
from datetime import datetime

from planner.emulator.instances.instance import State
from planner.emulator.instances.pool import Pool
from planner.emulator.instances.usage import Levels, Reader
from planner.emulator.models.config import ConfigState
from planner.emulator.models.fleet import Fleet, Launch, Member
from planner.emulator.models.ledger import MINUTE, Minute
from planner.emulator.models.load import Load
from planner.emulator.models.meter import Meter, Serving

_A_MOMENT_SECONDS = 0.001


class ProcessFleet(Fleet):
    """The provisioned instances of a pool: asked for here, counted there.

    An instance that was asked for and is not warm counts as starting: one that fails is replaced.
    """

    def __init__(self, former: Fleet, pool: Pool) -> None:
        """Ask the pool for as many instances as the former fleet had or had asked for."""
        super().__init__(at=former.at, launched=former.launched)
        self.pool = pool
        self._reader = Reader.of(pool.usage, time.monotonic())
        self._utilisation: float | None = None
        self._ask(former.count)

    @property
    def error(self) -> str:
        """The pool's, for `currentError`."""
        return self.pool.error

    def due(self, to: datetime) -> bool:  # noqa: ARG002
        """Always: processes come and go by themselves."""
        return True

    def run(self, to: datetime, offered: float, instance_concurrency: int) -> None:  # noqa: ARG002
        """See what the pool has got; the offered load of a simulation says nothing here."""
        self.at = max(self.at, to)
        self._count(self.pool.wanted)

    def members(self, arn: str) -> tuple[Member, ...]:  # noqa: ARG002
        """The processes, by the ids that they know themselves by; on-demand ones too."""
        return tuple(
            Member(id=i.id, born=i.born, warm=i.state is State.WARM, on_demand=i.on_demand) for i in self.pool.instances
        )

    def take_utilisation(self) -> float | None:
        """Requests in flight over those that warm instances can take, since the last call.

        Several minutes that are evaluated at once have the same utilisation.
        """
        means, _, seconds = self._reader.take(time.monotonic())
        if seconds > _A_MOMENT_SECONDS:
            self._utilisation = means.served / means.capacity if means.capacity > 0 else None
        return self._utilisation

    def shrink(self, target: int) -> None:
        """Ask for no more than the target; the surplus finishes its requests first."""
        if self.count > target:
            self._ask(target)

    def launch(self, count: int, points: tuple[float, ...], seed: str) -> None:  # noqa: ARG002
        """Ask for so many more; they take the time that they take."""
        self._ask(self.count + count)

    def _ask(self, count: int) -> None:
        for _ in range(count - len(self.launches)):
            self.launched += 1
            self.launches.append(Launch(number=self.launched, at=self.at))
        del self.launches[count:]
        self.pool.want(count)
        self._count(count)

    def _count(self, count: int) -> None:
        self.warm = min(self.pool.warm, count)
        self.starting = [self.at] * (count - self.warm)


class ProcessMeter(Meter):
    """What a pool was used for, minute by minute."""

    def __init__(self, *, at: datetime, pool: Pool) -> None:
        """Begin now."""
        super().__init__(at=at)
        self._pool = pool
        self._reader = Reader.of(pool.usage, time.monotonic())
        self._means = Levels()

    @property
    def empty(self) -> bool:
        """Never: who has had an instance is metered on."""
        return False

    @property
    def on_demand_count(self) -> int:
        """The pool's, until their processes are gone."""
        return self._pool.on_demand

    def missing(self, load: Load | None, fleet: Fleet | None, instance_concurrency: int) -> int:  # noqa: ARG002
        """None: the pool starts them when requests come."""
        return 0

    def run(self, to: datetime, load: Load | None, fleet: Fleet | None, serving: Serving) -> None:  # noqa: ARG002
        """Nothing: the pool sums up what really happens."""
        self.at = to

    def take(self, config: ConfigState | None) -> Minute:
        """The minute that ends at `at`; of several at once each has the same means, the first the requests."""
        means, calls, seconds = self._reader.take(time.monotonic())
        if seconds > _A_MOMENT_SECONDS:
            self._means = means
        minute = MINUTE.total_seconds()
        for name in ("offered", "served", "kept", "warm", "busy", "starting", "on_demand"):
            setattr(self, name, getattr(self._means, name) * minute)
        self.invocations, self.throttles = float(calls.began), float(calls.refused)
        return super().take(config)
