"""`planner run --live-through`: months of the daemon in minutes, against a local Function Compute whose clock stands.

The time of the whole process is that of the local Function Compute: records, leases, plans and log lines bear it. The
daemon looks, finishes what it began, moves that clock one step on, and looks again. APScheduler, which knows the
machine's time only, has no part in it; what is due, and what is done, is the same code.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Event, Lock
from typing import TYPE_CHECKING, Annotated
from urllib.error import HTTPError
from urllib.request import ProxyHandler, Request, build_opener

import typer

from planner.base import utc
from planner.endpoint import is_loopback
from planner.errors import ConfigError, FCUnreachable, InputError

if TYPE_CHECKING:
    from collections.abc import Callable

    from planner.clock import Clock
    from planner.config import FcConfig
    from planner.scheduler import Scheduler

LiveThrough = Annotated[
    str | None,
    typer.Option(
        metavar="SPAN",
        help="Rehearse: live through so much time, 28d, of a local Function Compute (`planner emulator --factor 0`), "
        "as fast as the machine can; its clock is moved on.",
    ),
]
Step = Annotated[str, typer.Option(metavar="SPAN", help="With --live-through: time between two looks, 1s to 1h.")]
SHORTEST, LONGEST = timedelta(seconds=1), timedelta(hours=1)
TIMEOUT_SECONDS = 60
"""An hour of many functions takes the emulator a while."""
PAUSE_SECONDS = 0.002
"""Between two looks at turns under way, in real time: the other time stands still meanwhile."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rehearsal:
    """How long it lasts, and how far the clock goes at once."""

    span: timedelta
    step: timedelta

    @classmethod
    def of(cls, live_through: str | None, step: str) -> Rehearsal | None:
        """As written on the command line; None where nobody asked for one."""
        if live_through is None:
            return None
        span, each = _duration("--live-through", live_through), _duration("--step", step)
        if not SHORTEST <= each <= LONGEST:
            raise InputError(f"--step {step} is not from 1s to 1h", remedy="1m is how often the daemon looks.")
        return cls(span=span, step=each)


class StandingClock:
    """The clock of a local Function Compute, which goes on when somebody waits on it, and then for everybody."""

    def __init__(self, fc: FcConfig) -> None:
        if fc.address is None or fc.protocol != "http" or not is_loopback(fc.address):
            raise ConfigError(
                "--live-through moves the clock of a local Function Compute, and fc names none",
                remedy="Start `planner emulator --factor 0`, and set fc.endpoint: 127.0.0.1:9600, fc.protocol: http.",
            )
        self._url = f"http://{fc.address}/_emulator/clock"
        self._opener = build_opener(ProxyHandler({}))
        self._lock = Lock()
        self._now, kind = self._ask(None)
        if kind != "ManualClock":
            raise ConfigError(
                f"the clock of {fc.address} runs by itself, and --live-through moves it",
                remedy="Start `planner emulator --factor 0`.",
            )
        self._start = self._now

    def now(self) -> datetime:
        """Where the clock stands."""
        return self._now

    def monotonic(self) -> float:
        """Seconds that it was moved since the start: it never goes back."""
        return (self._now - self._start).total_seconds()

    def sleep(self, seconds: float) -> None:
        """Move it on: everything happens at Function Compute that happens in that time."""
        with self._lock:
            self._now, _ = self._ask({"advanceSeconds": seconds})

    def _ask(self, body: dict[str, float] | None) -> tuple[datetime, str]:
        data = None if body is None else json.dumps(body).encode()
        try:
            with self._opener.open(Request(self._url, data=data), timeout=TIMEOUT_SECONDS) as answer:  # noqa: S310  # http, by __init__
                told = json.load(answer)
            return utc(datetime.fromisoformat(told["now"])), str(told["kind"])
        except HTTPError as error:
            with error:
                raise ConfigError(
                    f"{self._url} answered {error.code}: this is no local Function Compute",
                    remedy="Start `planner emulator --factor 0`.",
                ) from error
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise FCUnreachable(
                f"The clock of the local Function Compute can't be reached at {self._url}: {error}",
                remedy="Start `planner emulator --factor 0`, or look why it ended.",
            ) from error


def rehearse(
    stop: Event, scheduler: Scheduler, *, clock: Clock, rehearsal: Rehearsal, beaten: Callable[[], None]
) -> None:
    """Look, and move the clock on when all is done, until the span is over or `stop` is set; then end as ever."""
    begin = clock.now()
    end = begin + rehearsal.span
    try:
        while not stop.is_set() and (now := clock.now()) < end:
            scheduler.once(now, lambda: time.sleep(PAUSE_SECONDS))
            beaten()
            # On the grid still, though a call that had to wait may have moved the clock, even past several looks.
            following = begin + ((clock.now() - begin) // rehearsal.step + 1) * rehearsal.step
            clock.sleep(max((min(following, end) - clock.now()).total_seconds(), 0.0))
    finally:
        scheduler.drain(lambda: time.sleep(PAUSE_SECONDS))
        scheduler.close()


def _duration(option: str, text: str) -> timedelta:
    from planner.config import parse_duration  # noqa: PLC0415  # `planner --help` stays fast

    try:
        return parse_duration(text)
    except ValueError as error:
        raise InputError(f"{option} {text!r} is no duration", remedy="Write 90s, 30m, 12h or 28d.") from error
