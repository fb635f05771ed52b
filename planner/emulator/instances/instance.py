"""One instance from its start to its end."""

import asyncio
from collections.abc import Callable, Coroutine
from enum import StrEnum
from typing import Any, Self, TypeVar

from planner.emulator.instances.lifecycle import Calls, InstanceFailed
from planner.emulator.instances.machine import Machine, new_instance_id
from planner.emulator.instances.process import Process
from planner.emulator.instances.spec import ProcessSpec
from planner.emulator.models.config import Key
from planner.emulator.models.document import Json
from planner.emulator.models.function import FunctionSpec

_T = TypeVar("_T")
_EXIT_SECONDS = 1.0


class State(StrEnum):
    """Where an instance stands in its life."""

    STARTING = "starting"
    WARM = "warm"
    ENDING = "ending"
    """No new requests; those in flight finish."""
    ENDED = "ended"


class Instance:
    """A process, the requests that it has, and why it ended. `live` is its whole life."""

    def __init__(
        self,
        machine: Machine,
        key: Key,
        function: FunctionSpec,
        spec: ProcessSpec,
        *,
        on_demand: bool,
        changed: Callable[[], None],
    ) -> None:
        """One that `live` will start; `changed` is called whenever its state or requests change."""
        self.id = new_instance_id()
        self.key = key
        self.function = function
        self.on_demand = on_demand
        self.port = machine.new_port()
        self.state = State.STARTING
        self.healthy = True
        self._doubts = 0
        self.in_flight = 0
        self.born = self.idle_since = machine.now()
        """When it was asked for, and since when it has no request; in the emulator's time."""
        self.failure = ""
        """Why it ended, empty for one that was asked to."""
        self.was_warm = False
        self.settled = asyncio.Event()
        """Set when it is warm, and when it never will be."""
        self._machine, self._spec = machine, spec
        self._calls = Calls(machine=machine, function=function, spec=spec, qualifier=key[1], port=self.port)
        self._changed = changed
        self._retired = asyncio.Event()
        self._over = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._process: Process | None = None

    @property
    def pid(self) -> int | None:
        """The session of its processes, None before it has one."""
        return self._process.pid if self._process else None

    @property
    def log(self) -> str:
        """The newest of its output."""
        return self._process.log.text if self._process else ""

    @property
    def fit(self) -> bool:
        """Whether it may be given a request."""
        return self.state is State.WARM and self.healthy and not self._doubts

    async def doubt(self) -> None:
        """It broke a connection off: give it no request until it is clear whether it lives."""
        self._doubts += 1
        try:
            if not await self._calls.keeps_connections():
                await self.condemn()
        finally:
            self._doubts -= 1

    async def condemn(self) -> None:
        """It does not listen any more: give it no request, and if it does not exit by itself, kill it."""
        self._turn(State.ENDING)
        try:
            async with asyncio.timeout(_EXIT_SECONDS):
                await self._over.wait()
        except TimeoutError:
            self.kill("Function instance does not accept connections")

    def take(self) -> None:
        """Give it a request."""
        self.in_flight += 1
        self._idle.clear()
        self._changed()

    def release(self) -> None:
        """Take a request from it that is over."""
        self.in_flight -= 1
        if not self.in_flight:
            self._idle.set()
            self.idle_since = self._machine.now()
        self._changed()

    def retire(self) -> None:
        """Ask it to end: no new requests, those in flight finish, PreStop, SIGTERM."""
        if self.state is State.WARM:
            self._turn(State.ENDING)
        self._retired.set()

    @property
    def retired(self) -> bool:
        """Whether it was asked to end."""
        return self._retired.is_set()

    def kill(self, reason: str) -> None:
        """End it at once for a reason."""
        if self._process and self.state is not State.ENDED:
            self.failure = self.failure or reason
            self._turn(State.ENDING)
            self._process.kill()

    async def live(self) -> None:
        """Start, serve until asked to end or dead, end. Contract: no process is left afterwards."""
        grace = 0.0
        try:
            await self._live()
            grace = self._machine.settings.termination_grace_seconds
        except (InstanceFailed, OSError) as error:
            self.failure = self.failure or str(error)
        finally:
            self._turn(State.ENDING)
            self._over.set()
            if self._process:
                await self._process.end(grace)
            self.settled.set()
            self._turn(State.ENDED)

    async def _live(self) -> None:
        command = tuple(word.replace("{port}", str(self.port)) for word in self._spec.command)
        environment = self._machine.environment(self.function, self.key, self.port, self.id)
        self._process = await Process.start(command, environment, self._spec.cwd)
        async with _Race() as race:
            exit_ = race.enter(self._process.wait())
            retired = race.enter(self._retired.wait())
            start = race.enter(self._calls.start_up())
            await race.first(exit_, retired, start)
            if self._retired.is_set() and not self.in_flight:
                return
            await race.first(exit_, start)  # a request waits for this start: it is served before the end
            await self._note_exit(exit_)
            start.result()
            self._become_warm()
            race.enter(self._check_health())
            await race.first(exit_, retired)
            await self._note_exit(exit_)
            idle = race.enter(self._idle.wait())
            await race.first(exit_, idle, timeout=self._spec.timeout_seconds)
            await self._calls.pre_stop()

    def _become_warm(self) -> None:
        if self.failure:
            raise InstanceFailed(self.failure)
        self.was_warm = True
        self._turn(State.ENDING if self._retired.is_set() else State.WARM)
        self.idle_since = self._machine.now()
        self.settled.set()

    async def _note_exit(self, exit_: "asyncio.Task[int]") -> None:
        """Raise `InstanceFailed` if the process has ended by itself."""
        if not exit_.done():
            return
        assert self._process is not None
        await self._process.log.rest()
        last = self._process.log.last_line
        message = f"Function instance exited with status {exit_.result()}" + (f": {last}" if last else "")
        raise InstanceFailed(message)

    async def _check_health(self) -> None:
        """Check periodically; who fails too often gets no requests until it is well again.

        Source: https://www.alibabacloud.com/help/en/functioncompute/fc/configure-a-custom-health-check-policy-for-instances-1
        """
        if (check := self._spec.health_check) is None:
            return
        streak = 0
        while True:
            await asyncio.sleep(check.period_seconds)
            differs = await self._calls.passes(check) is not self.healthy
            streak = streak + 1 if differs else 0
            if streak >= (check.failure_threshold if self.healthy else check.success_threshold):
                self.healthy, streak = not self.healthy, 0

    def _turn(self, state: State) -> None:
        if self.state is not State.ENDED:
            self.state = state
            self._changed()

    def to_json(self) -> Json:
        """The admin route's form."""
        return {
            "instanceId": self.id,
            "functionName": self.key[0],
            "qualifier": self.key[1],
            "kind": "on-demand" if self.on_demand else "provisioned",
            "state": self.state,
            "healthy": self.healthy,
            "inFlight": self.in_flight,
            "port": self.port,
            "pid": self.pid,
            "failure": self.failure,
        }


class _Race:
    """Tasks of which the first to be done is awaited; those that are not done end with the block."""

    def __init__(self) -> None:
        self._tasks: list[asyncio.Task[Any]] = []

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def enter(self, step: Coroutine[Any, Any, _T]) -> asyncio.Task[_T]:
        """Begin a step."""
        task = asyncio.create_task(step)
        self._tasks.append(task)
        return task

    async def first(self, *tasks: asyncio.Task[Any], timeout: float | None = None) -> None:
        """Return when one of the tasks is done, or after the timeout in seconds."""
        await asyncio.wait(tasks, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
