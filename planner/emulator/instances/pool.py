"""The instances of one function and qualifier: as many provisioned ones as asked for, others on demand."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from planner.emulator.errors import NotCovered
from planner.emulator.instances.errors import FunctionNotStarted, ResourceExhausted
from planner.emulator.instances.instance import Instance, State
from planner.emulator.instances.machine import Machine
from planner.emulator.instances.usage import Levels, Usage
from planner.emulator.models.config import Key
from planner.emulator.models.function import FunctionSpec

STOPPING = "the emulator stops"

_FIRST_BACKOFF_SECONDS = 1.0
_LONGEST_BACKOFF_SECONDS = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """The right to send one request to an instance; given back by `Pool.release`."""

    instance: Instance
    start: Literal["warm", "cold"]
    """Whether the instance was warm, or was started for this request."""


class Pool:
    """Belongs to the server's event loop; `want`, `warm`, `on_demand`, `error` and `usage` are safe elsewhere."""

    def __init__(
        self, machine: Machine, key: Key, function: FunctionSpec, *, room: Callable[[FunctionSpec], bool]
    ) -> None:
        """One without instances; `room` says whether the account has any for an on-demand one."""
        self.key = key
        self.function = function
        self.wanted = 0
        """Provisioned instances that there shall be."""
        self.usage = Usage(time.monotonic())
        self._machine = machine
        self._room = room
        self._loop = asyncio.get_running_loop()
        self._instances: list[Instance] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._error = ""
        self._failures = 0
        self._not_before = 0.0
        self._closed = False

    @property
    def instances(self) -> tuple[Instance, ...]:
        """Those that start or are warm, provisioned and on demand."""
        return tuple(i for i in tuple(self._instances) if i.state in (State.STARTING, State.WARM))

    @property
    def warm(self) -> int:
        """Warm provisioned instances: what FC's `current` counts."""
        return sum(not i.on_demand and i.state is State.WARM for i in tuple(self._instances))

    @property
    def on_demand(self) -> int:
        """On-demand instances whose processes exist: they count against the account's quotas."""
        return sum(i.on_demand for i in tuple(self._instances))

    @property
    def error(self) -> str:
        """Why there are fewer warm instances than wanted, as far as that is known."""
        return self._error if self.warm < self.wanted else ""

    def want(self, count: int) -> None:
        """Have so many provisioned instances from now on."""
        if count != self.wanted and not self._closed:
            self.wanted = count
            self._loop.call_soon_threadsafe(self.reconcile)

    def update(self, function: FunctionSpec) -> None:
        """Go on with another state of the function: every instance of the former one is replaced."""
        if function.process != self.function.process:
            for instance in self._instances:
                instance.retire()
        self.function = function
        self.reconcile()

    def reconcile(self) -> None:
        """Start what is missing, unless it is too early or the machine is full; retire what is too much."""
        if self._closed:
            return
        # One that has failed is here until it is gone: its successor comes after the wait that it causes.
        here = [i for i in self._instances if not i.retired]
        provisioned = [i for i in here if not i.on_demand]
        # Those go first that are still starting, then those with the fewest requests.
        provisioned.sort(key=lambda i: (i.state is State.STARTING, -i.in_flight))
        for instance in provisioned[self.wanted :]:
            instance.retire()
        idle = timedelta(seconds=self._machine.settings.on_demand_idle_seconds)
        for instance in here:
            unused = instance.on_demand and instance.state is State.WARM and not instance.in_flight
            if unused and self._machine.now() - instance.idle_since >= idle:
                instance.retire()
        self._start_missing(self.wanted - len(provisioned))

    def _start_missing(self, missing: int) -> None:
        for _ in range(missing):
            if self._loop.time() < self._not_before:
                return
            if self._machine.full:
                self._error = f"the emulator runs at most {self._machine.settings.max_processes} processes"
                return
            self._start(on_demand=False)

    def _start(self, *, on_demand: bool) -> Instance:
        if (spec := self.function.process) is None:
            message = f"function '{self.function.name}' has no process that could serve requests"
            raise NotCovered(message)
        instance = Instance(self._machine, self.key, self.function, spec, on_demand=on_demand, changed=self._note)
        self._instances.append(instance)
        self._machine.alive.append(instance)
        self._note()
        task = self._loop.create_task(self._live(instance))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return instance

    async def _live(self, instance: Instance) -> None:
        try:
            await instance.live()
        finally:
            self._instances.remove(instance)
            self._machine.alive.remove(instance)
            self._machine.ended.append(instance)
            self._note()
        if instance.failure:
            self._error = instance.failure
            self._back_off(was_warm=instance.was_warm)
        self.reconcile()

    def _back_off(self, *, was_warm: bool) -> None:
        """Wait before the next start, after each instance that never got warm twice as long."""
        self._failures = 0 if was_warm else self._failures
        delay = min(_FIRST_BACKOFF_SECONDS * 2**self._failures, _LONGEST_BACKOFF_SECONDS)
        self._failures += 1
        self._not_before = self._loop.time() + delay

    def _note(self) -> None:
        """Something changed: keep the books."""
        provisioned = [i for i in self._instances if not i.on_demand]
        warm = [i for i in provisioned if i.state is State.WARM]
        levels = Levels(
            offered=sum(i.in_flight for i in self._instances),
            served=sum(i.in_flight for i in provisioned),
            kept=sum(i.in_flight for i in self._instances if i.on_demand and i.was_warm),
            capacity=len(warm) * self.function.instance_concurrency,
            warm=len(warm),
            busy=sum(i.in_flight > 0 for i in warm),
            starting=sum(i.state is State.STARTING for i in provisioned),
            on_demand=sum(i.in_flight > 0 for i in self._instances if i.on_demand),
        )
        self.usage.note(time.monotonic(), levels)

    async def acquire(self) -> Lease:
        """A place on the least loaded warm instance, provisioned ones first; else on one started for it.

        Requests that come while an on-demand instance starts wait for it, as many as it can take.
        Contract: `ResourceExhausted` over a limit, `FunctionNotStarted` if the start fails.
        """
        warm = [i for i in self._instances if i.fit and self._has_place(i)]
        if warm:
            instance = min(warm, key=lambda i: (i.on_demand, i.in_flight))
            instance.take()
            self.usage.began()
            return Lease(instance=instance, start="warm")
        instance = self._starting_on_demand() or self._start_on_demand()
        instance.take()
        self.usage.began()
        try:
            await instance.settled.wait()
        except BaseException:
            instance.release()
            raise
        if instance.failure:
            instance.release()
            raise FunctionNotStarted(instance.failure)
        return Lease(instance=instance, start="cold")

    def _has_place(self, instance: Instance) -> bool:
        return instance.in_flight < self.function.instance_concurrency

    def _starting_on_demand(self) -> Instance | None:
        starting = (i for i in self._instances if i.on_demand and i.state is State.STARTING and not i.retired)
        return next((i for i in starting if self._has_place(i)), None)

    def _start_on_demand(self) -> Instance:
        if self.function.image_pull_error:
            raise FunctionNotStarted(self.function.image_pull_error)
        if self._closed:
            raise FunctionNotStarted(STOPPING)
        if self._machine.full:
            message = f"the emulator runs at most {self._machine.settings.max_processes} processes (max_processes)"
            self.usage.began(refused=True)
            raise ResourceExhausted(message)
        if not self._room(self.function):
            message = "the instances of the account in the region are used up"
            self.usage.began(refused=True)
            raise ResourceExhausted(message)
        return self._start(on_demand=True)

    def release(self, lease: Lease) -> None:
        """The request is over."""
        lease.instance.release()

    def shut(self) -> None:
        """Start no instance any more."""
        self._closed = True

    async def close(self) -> None:
        """End every instance in order, and wait until none is left."""
        self.shut()
        for instance in self._instances:
            instance.retire()
        await asyncio.gather(*self._tasks, return_exceptions=True)
