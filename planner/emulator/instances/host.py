"""The pools of an emulator: kept in step with its account, within what this machine may be burdened with.

The account is not told of processes. Several times a second the host looks at it: a config of a
function with a process gets a fleet that is a pool's, and a pool whose config is gone is emptied.
"""

import asyncio

import aiohttp

from planner.emulator.clock import ManualClock
from planner.emulator.instances.fleet import ProcessFleet, ProcessMeter
from planner.emulator.instances.machine import Machine
from planner.emulator.instances.pool import STOPPING, Pool
from planner.emulator.instances.process import memory_of_sessions
from planner.emulator.models.account import Account
from planner.emulator.models.config import Key
from planner.emulator.models.document import Json
from planner.emulator.models.emulator import Emulator
from planner.emulator.models.fleet import Fleet
from planner.emulator.models.function import FunctionSpec
from planner.emulator.models.room import Room

_LOOK_SECONDS = 0.25
_WEIGH_SECONDS = 1.0


class NoInstance(LookupError):
    """No instance of this id exists or has ended lately."""


class Host:
    """Belongs to the server's event loop, from `start` to `stop`."""

    def __init__(self, emulator: Emulator) -> None:
        """One for this emulator."""
        self.emulator = emulator
        self._pools: dict[Key, Pool] = {}
        self._meters: dict[Key, ProcessMeter] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._machine: Machine | None = None

    @property
    def machine(self) -> Machine:
        """What the instances share; there is none before `start`."""
        assert self._machine is not None
        return self._machine

    async def start(self) -> None:
        """Begin to look after the account. On a clock moved by hand there is nothing to look after."""
        emulator = self.emulator
        with emulator.account() as account:
            settings, account.processes = account.settings, not isinstance(emulator.clock, ManualClock)
        self._machine = Machine(
            settings=settings,
            now=emulator.now,
            next_request_id=lambda: emulator.journal.next_request_id(emulator.now()),
            # A connection for each request: one that is kept might be closed while a request is on its way.
            session=aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0, force_close=True),
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
            ),
        )
        if not isinstance(emulator.clock, ManualClock):
            self._tasks = [asyncio.create_task(self._look()), asyncio.create_task(self._weigh())]

    async def stop(self) -> None:
        """End every instance in order; when it returns no process is left."""
        for task in self._tasks:
            task.cancel()
        ended = await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.gather(*(pool.close() for pool in self._pools.values()))
        await self.machine.session.close()
        for outcome in ended:
            if isinstance(outcome, Exception):
                raise outcome

    def kill(self) -> None:
        """Kill every instance and start no other, so that requests in flight get an answer now."""
        for pool in self._pools.values():
            pool.shut()
        for instance in self.machine.alive:
            instance.kill(STOPPING)

    def pool(self, key: Key) -> Pool:
        """The pool of an existing function and qualifier, made if it is the first time."""
        if key not in self._pools:
            with self.emulator.account() as account:
                function, at = account.function(key[0]), account.at
                pool = Pool(self.machine, key, function, room=self._room)
                self._pools[key] = pool
                self._meters[key] = ProcessMeter(at=at, pool=pool)
                if function.process:
                    account.meters[key] = self._meters[key]  # at once, since its instances take quota
        return self._pools[key]

    def instances(self) -> Json:
        """Every instance that exists or has ended lately, for the admin route."""
        return {"instances": [i.to_json() for i in (*self.machine.alive, *self.machine.ended)]}

    def log(self, instance_id: str) -> Json:
        """The newest output of an instance, `NoInstance` if it is unknown."""
        for instance in (*self.machine.alive, *self.machine.ended):
            if instance.id == instance_id:
                return {"instanceId": instance_id, "log": instance.log}
        raise NoInstance(instance_id)

    async def _look(self) -> None:
        """Evaluate the account on time, keep it and the pools in step, and see to the pools."""
        while True:
            if self._pools or self.emulator.has_processes():
                with self.emulator.account() as account:
                    for key in self._with_process(account):
                        self.pool(key)
                    self._match(account)
            for pool in self._pools.values():
                pool.reconcile()
            await asyncio.sleep(_LOOK_SECONDS)

    def _with_process(self, account: Account) -> list[Key]:
        functions = account.functions
        return [key for key in account.configs if (function := functions.get(key[0])) and function.process]

    def _match(self, account: Account) -> None:
        for key, pool in self._pools.items():
            function, config = account.functions.get(key[0]), account.configs.get(key)
            real = function is not None and function.process is not None and function.has(key[1])
            if config is None or not real:
                pool.want(0)
            if config is not None and real is not isinstance(config.fleet, ProcessFleet):
                config.fleet = ProcessFleet(config.fleet, pool) if real else Fleet(at=config.fleet.at)
            if real:
                account.meters[key] = self._meters[key]
            elif account.meters.get(key) is self._meters[key]:
                del account.meters[key]
            if function is not None and function is not pool.function:
                pool.update(function)

    def _room(self, function: FunctionSpec) -> bool:
        """Take the room of one more on-demand instance from the account, if there is any."""
        with self.emulator.account() as account:
            return Room.of(account).admit(function, account.at)

    async def _weigh(self) -> None:
        """Kill what uses more memory than its function has, or than this emulator's processes may."""
        while True:
            await asyncio.sleep(_WEIGH_SECONDS)
            if not self.machine.alive:
                continue
            found = await asyncio.to_thread(memory_of_sessions)
            for instance in self.machine.alive:
                limit = min(instance.function.memory_mb, self.machine.settings.max_process_memory_mb)
                used = found.get(instance.pid or 0, 0) / 2**20
                if used > limit:
                    instance.kill(f"Function instance used {used:.0f} MB of memory; {limit} MB are its limit")
