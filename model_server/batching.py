"""The queue before the model: admission by permit, then greedy batches of what waits.

No timed window: a batch leaves as soon as the model can take one, with whatever is there. Measured, a
window costs a lone client two thirds of its rate and gains a crowd nothing. Texts of one length class
share a batch, since a batch costs what its longest text costs.
"""

from __future__ import annotations

import asyncio
import math
import time
from bisect import bisect_left
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from json.encoder import encode_basestring
from typing import Protocol

from model_server import frames
from model_server.errors import CallError, InferenceFailed, Overloaded, WorkerLost
from model_server.metrics import Metrics

Ask = Callable[[bytes, bytes, Callable[[bytes, bytes], None]], None]
"""`Link.ask`."""

_BYTES_PER_TOKEN = 4
"""UTF-8 bytes of a token, about: 3 of a Han character, 5 to 6 of an English word with its space."""


class Admission:
    """Room for texts that are admitted and not yet answered. Refusing at once beats waiting for a deadline."""

    def __init__(self, texts: int, seconds_per_text: Callable[[], float]) -> None:
        self._texts = texts
        self._seconds_per_text = seconds_per_text
        self.held = 0

    def take(self, texts: int) -> None:
        """Room for so many texts, until they are given back. Raises `Overloaded`."""
        if self.held + texts > self._texts:
            message = f"{self.held} texts wait already, {self._texts} at most: try again later"
            raise Overloaded(message, retry_after=max(1, math.ceil(self.held * self._seconds_per_text())))
        self.held += texts

    def give(self, texts: int) -> None:
        """Give back."""
        self.held -= texts


class Waiter(Protocol):
    """Who waits for the answers to a request's texts: `deliver` or `fail` is called, once, unless it is over."""

    over: bool
    """Nobody waits any more: what is not computed need not be."""

    def deliver(self, lines: Sequence[bytes]) -> None:
        """One JSON object a text, in order."""

    def fail(self, error: CallError) -> None:
        """`WorkerLost` or `InferenceFailed`."""


@dataclass(slots=True, eq=False)
class _Job:
    """A request's texts, and the answers that are there."""

    texts: Sequence[str]
    waiter: Waiter
    queued_at: float
    answers: list[bytes] = field(init=False)
    missing: int = field(init=False)

    def __post_init__(self) -> None:
        self.answers = [b""] * len(self.texts)
        self.missing = len(self.texts)

    def fail(self, error: CallError) -> None:
        if not self.waiter.over:
            self.waiter.fail(error)

    def settle(self, index: int, line: bytes) -> None:
        if not line:
            self.fail(InferenceFailed("the model raised an error on this text"))
        self.answers[index] = line
        self.missing -= 1
        if not self.missing and not self.waiter.over:
            self.waiter.deliver(self.answers)


_Piece = tuple[_Job, int]
"""A text of a job, by index."""


class Batcher:
    """Texts in, encoded answers out. Lives on the serving loop; the model does not."""

    def __init__(self, ask: Ask, *, max_batch: int, lengths: Sequence[int], in_flight: int, metrics: Metrics) -> None:
        self._ask = ask
        self._max_batch = max_batch
        self._bounds = [length * _BYTES_PER_TOKEN for length in sorted(set(lengths))][:-1]
        self._lanes: list[deque[_Piece]] = [deque() for _ in range(len(self._bounds) + 1)]
        self._in_flight = in_flight
        self._sent: deque[float] = deque()
        self._metrics = metrics
        self._scheduled = False
        self._sweeping = False

    @property
    def waiting(self) -> int:
        """Texts that are in no batch yet."""
        return sum(map(len, self._lanes))

    @property
    def oldest_batch(self) -> float | None:
        """When the oldest batch that is with the model was sent, on the monotonic clock."""
        return self._sent[0] if self._sent else None

    def submit(self, texts: Sequence[str], waiter: Waiter) -> None:
        """Compute the texts, unless the waiter is over before its turn."""
        job = _Job(texts, waiter, time.monotonic())
        for index, text in enumerate(texts):
            size = len(text) if text.isascii() else len(text.encode())
            self._lanes[bisect_left(self._bounds, size)].append((job, index))
        if not self._scheduled:
            self._scheduled = True
            # After everything that arrived in this turn of the loop.
            asyncio.get_running_loop().call_soon(self._pump)

    def forget(self) -> None:
        """Let go of the texts whose waiters are over: behind a model that is stuck they would pile up."""
        if not self._sweeping:
            self._sweeping = True
            # Once for all that are given up in this turn of the loop.
            asyncio.get_running_loop().call_soon(self._sweep)

    def _sweep(self) -> None:
        self._sweeping = False
        for lane in self._lanes:
            kept = [piece for piece in lane if not piece[0].waiter.over]
            lane.clear()
            lane.extend(kept)

    def _pump(self) -> None:
        self._scheduled = False
        while self._has_room() and (batch := self._take()):
            # `json.dumps` would take several times as long.
            payload = f"[{','.join([encode_basestring(job.texts[index]) for job, index in batch])}]".encode()
            now = time.monotonic()
            try:
                self._ask(frames.PREDICT, payload, partial(self._answered, batch))
            except WorkerLost as error:
                for job, _ in batch:
                    job.fail(error)
                continue
            self._sent.append(now)
            self._metrics.batches.observe(len(batch))
            for job, index in batch:
                if index == 0:
                    self._metrics.queued.observe(now - job.queued_at)

    def _has_room(self) -> bool:
        """Whether the model is free, or a batch ahead is worth it: a small one grows until its turn."""
        if not self._sent:
            return True
        return len(self._sent) < self._in_flight and 2 * self.waiting >= self._max_batch

    def _take(self) -> list[_Piece]:
        """What waits in the lane whose head waits longest, as much as a batch takes."""
        while any(self._lanes):
            lane = min((lane for lane in self._lanes if lane), key=lambda lane: lane[0][0].queued_at)
            batch: list[_Piece] = []
            while lane and len(batch) < self._max_batch:
                job, index = lane.popleft()
                if not job.waiter.over:
                    batch.append((job, index))
            if batch:
                return batch
        return []

    def _answered(self, batch: list[_Piece], kind: bytes, payload: bytes) -> None:
        self._sent.popleft()
        if kind == frames.ANSWERS:
            (seconds,) = frames.SECONDS.unpack_from(payload)
            lines = payload[frames.SECONDS.size :].split(b"\n")
            for (job, index), line in zip(batch, lines, strict=True):
                job.settle(index, line)
            self._metrics.computed.observe(seconds)
        else:
            for job, _ in batch:
                job.fail(WorkerLost(payload.decode()))
        self._pump()
