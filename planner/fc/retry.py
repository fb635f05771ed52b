"""Ask again, but politely: full jitter, three tries a call, one budget for all calls, the server's wait obeyed.

The SDK repeats nothing by itself, and its own retry options don't cover cut connections (reference: measured on
alibabacloud-tea-openapi 0.4.6), so the loop is ours.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock
from typing import TypeVar

from planner.clock import Clock
from planner.errors import FCError, FCServerError, FCThrottled, FCUnreachable, SourceBusy

Answer = TypeVar("Answer")

ANY_TROUBLE: tuple[type[FCError], ...] = (FCThrottled, FCServerError, FCUnreachable)
"""For reads. A refusal (any other 4xx) is never repeated: the answer would be the same."""
NO_EFFECT: tuple[type[FCError], ...] = (FCThrottled,)
"""For writes: what failed in any other way may have had its effect, and the caller reads back first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """How often and how long: three tries and a shared bucket as in AWS's standard mode, the other figures ours."""

    tries: int = 3
    base_seconds: float = 0.5
    cap_seconds: float = 8.0
    longest_wait_seconds: float = 60.0
    """A server that asks for more is not waited for: the error goes up with its `retry_after`."""
    budget: float = 20.0
    """Retries that may come in a row, whatever the number of functions."""
    refill_per_second: float = 0.1


class RetryBudget:
    """A token bucket that all calls of an API share: an outage costs few retries, not three calls a function."""

    def __init__(self, policy: RetryPolicy, clock: Clock) -> None:
        self._policy, self._clock = policy, clock
        self._tokens, self._seen = policy.budget, clock.monotonic()
        self._lock = Lock()

    def take(self) -> bool:
        """Whether one more retry may be made; it is counted when it may."""
        with self._lock:
            now = self._clock.monotonic()
            grown = self._tokens + (now - self._seen) * self._policy.refill_per_second
            self._tokens, self._seen = min(self._policy.budget, grown), now
            if self._tokens < 1:
                return False
            self._tokens -= 1
            return True


class Budgets:
    """The buckets of one process, one for each API by its host, whichever client or function asks."""

    def __init__(self) -> None:
        self._of: dict[str, RetryBudget] = {}
        self._lock = Lock()

    def of(self, api: str, policy: RetryPolicy, clock: Clock) -> RetryBudget:
        """The bucket of an API; made by the policy of whoever asks first."""
        with self._lock:
            return self._of.setdefault(api, RetryBudget(policy, clock))


class Retrier:
    """Carries calls out within a budget: its own, unless it is given one to share."""

    def __init__(
        self, policy: RetryPolicy, clock: Clock, draw: Callable[[], float], budget: RetryBudget | None = None
    ) -> None:
        self._policy, self._clock, self._draw = policy, clock, draw
        self._budget = budget or RetryBudget(policy, clock)

    def call(self, ask: Callable[[], Answer], again_on: tuple[type[FCError | SourceBusy], ...]) -> Answer:
        """The first answer of `ask`; its last error when tries, budget or patience are used up."""
        tries = 1
        while True:
            try:
                return ask()
            except again_on as error:
                pause = self._pause(tries, error)
                if tries == self._policy.tries or pause > self._policy.longest_wait_seconds or not self._budget.take():
                    raise
            self._clock.sleep(pause)
            tries += 1

    def _pause(self, tries: int, error: FCError | SourceBusy) -> float:
        # Full jitter: uniform from 0 to base * 2^(tries - 1); after the 2nd try with base 0.5 s from 0 to 1 s.
        widest = min(self._policy.cap_seconds, self._policy.base_seconds * 2.0 ** (tries - 1))
        # On top of what the server asks for, or all clients would come back in the same instant.
        return (error.retry_after or 0.0) + widest * self._draw()
