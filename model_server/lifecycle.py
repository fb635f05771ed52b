"""The life of an instance: loading, warming up, ready, draining; and what ends it."""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import time
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from enum import StrEnum
from typing import NoReturn, TypeVar

from model_server import frames
from model_server.batching import Batcher
from model_server.errors import Draining, InferenceFailed, NotReady, WorkerLost
from model_server.link import Link

_log = logging.getLogger("model_server")

_Done = TypeVar("_Done")

_WATCH_SECONDS = 0.5
_LOST = "the process with the model has ended"


class State(StrEnum):
    """Where the instance is."""

    LOADING = "loading"
    LOADED = "loaded, not warmed up"
    WARMING = "warming up"
    READY = "ready"
    DRAINING = "draining"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What the model said about itself when it was loaded."""

    seconds: float
    device: str
    labels: tuple[str, ...]
    shapes: tuple[tuple[int, int], ...]
    max_batch: int


class Lifecycle:
    """The state, and who waits for which. `stop(code)` asks the server to end with that exit code."""

    def __init__(
        self,
        link: Link,
        make_batcher: Callable[[About], Batcher],
        rehearse: Callable[[], Awaitable[None]],
        stop: Callable[[int], None],
    ) -> None:
        self._link = link
        self._make_batcher = make_batcher
        self._rehearse = rehearse
        self._stop = stop
        self._began = time.monotonic()
        self._loading: asyncio.Task[About] | None = None
        self._initializing: asyncio.Task[None] | None = None
        self._active = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self._batcher: Batcher | None = None
        self.state = State.LOADING
        self.failure = ""
        """Why the state is FAILED."""
        self.about: About | None = None
        self.ready_seconds: float | None = None
        """From the start to ready."""

    @property
    def active(self) -> int:
        """Invocations in flight."""
        return self._active

    @property
    def waiting(self) -> int:
        """Texts in the queue."""
        return self._batcher.waiting if self._batcher else 0

    async def run(self, *, warm_up: bool, stall_seconds: float) -> None:
        """Load; where nobody will call `initialize`, warm up too, and end the server when that fails; then watch."""
        try:
            await (self.initialize() if warm_up else self._loaded())
        except NotReady:
            if warm_up:
                self._stop(1)
                return
        await self._watch(stall_seconds)

    async def initialize(self) -> None:
        """Wait for the model and warm it up, once, however often and by how many it is called.

        Raises `NotReady` where the model did not load, or an inference did not come out right.
        """
        if self._initializing is None:
            self._initializing = asyncio.create_task(self._or_failed(self._warm_up()))
        await asyncio.shield(self._initializing)

    async def _loaded(self) -> About:
        if self._loading is None:
            self._loading = asyncio.create_task(self._or_failed(self._load()))
        return await asyncio.shield(self._loading)

    async def _load(self) -> About:
        kind, payload = await self._link.loaded
        if kind != frames.LOADED:
            self._fail(payload.decode())
        values = json.loads(payload)
        about = About(**values | {"labels": tuple(values["labels"]), "shapes": tuple(map(tuple, values["shapes"]))})
        self.about = about
        self._move(State.LOADED, "loaded in %.2f s on %s", about.seconds, about.device)
        return about

    async def _or_failed(self, part: Coroutine[None, None, _Done]) -> _Done:
        """Whatever goes wrong in it is a failure that is told, as `NotReady`: else it would be loading for ever."""
        try:
            return await part
        except NotReady:
            raise
        except WorkerLost as error:
            self._fail(str(error))
        except Exception as error:  # noqa: BLE001  # see above
            _log.exception("an error of the server", extra={"action": "error"})
            self._fail(f"the server made an error: {type(error).__name__}: {error}")

    async def _warm_up(self) -> None:
        about = await self._loaded()
        self._move(State.WARMING, "warming up %d shapes", len(about.shapes))
        kind, payload = await self._link.call(frames.WARM)
        if kind != frames.WARMED:
            self._fail(payload.decode())
        gc.collect()
        gc.freeze()  # what is alive now stays alive: no full collection walks it in a request
        self._batcher = self._make_batcher(about)
        await self._ask_itself()
        self.ready_seconds = time.monotonic() - self._began
        seconds = json.loads(payload)["seconds"]
        self._move(State.READY, "ready after %.2f s, of which warming up took %.2f s", self.ready_seconds, seconds)

    async def _ask_itself(self) -> None:
        try:
            await self._rehearse()
        except InferenceFailed as error:
            if self.state is not State.DRAINING:  # which refuses them too
                self._fail(str(error))
        except OSError as error:  # nothing depends on them but the time of the first request from outside
            _log.warning("the server's own requests: %s", error, extra={"action": "rehearse"})
        if self._link.lost.done():
            self._fail(_LOST)
        if self.state is State.FAILED:
            raise NotReady(self.failure)

    async def _watch(self, stall_seconds: float) -> None:
        """End the server when its model's process ends or does not answer any more.

        It is not started again: the platform replaces an instance that ends, with a new life cycle and, when
        the fault is the card's, on another card.
        """
        batch, looks = None, 0
        while not self._link.lost.done():
            await asyncio.wait([self._link.lost], timeout=_WATCH_SECONDS)
            oldest = self._batcher.oldest_batch if self._batcher else None
            # Counted and not timed: while the instance is frozen the clock goes on, and the model does not.
            looks = looks + 1 if oldest is not None and oldest == batch else 0
            batch = oldest
            if looks * _WATCH_SECONDS > stall_seconds:
                _log.critical("the model has not answered for %g s", stall_seconds, extra={"action": "stall"})
                break
        else:
            _log.critical(_LOST, extra={"action": "worker_lost"})
        self.state, self.failure = State.FAILED, "the process with the model has ended or is stuck"
        self._stop(1)

    def enter(self, *, own: bool) -> Batcher:
        """Take part in the work until `leave`, or be refused with `Draining` or `NotReady`.

        `own` are the server's requests to itself, the last part of warming up.
        """
        if self.state is State.DRAINING:
            message = "the instance is draining: it takes no new work"
            raise Draining(message)
        if self._batcher is None or self.state is not (State.WARMING if own else State.READY):
            message = f"the model is {self.state}{': ' if self.failure else ''}{self.failure}"
            raise NotReady(message)
        self._active += 1
        self._idle.clear()
        return self._batcher

    def leave(self) -> None:
        """Have been answered or given up."""
        self._active -= 1
        if not self._active:
            self._idle.set()

    async def drain(self, grace_seconds: float) -> int:
        """Refuse new work and wait for what is in flight: how many are still in flight at the end of the grace."""
        if self.state is not State.FAILED:
            self._move(State.DRAINING, "draining, %d in flight", self._active)
        try:
            async with asyncio.timeout(grace_seconds):
                await self._idle.wait()
        except TimeoutError:
            _log.warning("%d still in flight after %g s", self._active, grace_seconds, extra={"action": "drain"})
        return self._active

    def _move(self, state: State, sentence: str, *values: object) -> None:
        if self.state is not State.DRAINING:  # that is the end, whatever still comes
            self.state = state
        _log.info(sentence, *values, extra={"action": "state", "state": state.value})

    def _fail(self, reason: str) -> NoReturn:
        self.state, self.failure = State.FAILED, reason
        _log.critical("%s", reason, extra={"action": "state", "state": State.FAILED.value})
        raise NotReady(reason)
