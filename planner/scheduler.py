"""The daemon's loop and nothing else: what is due is found in `due`, done in `cycle`; schedules are made in `capacity`.

APScheduler gives the heartbeat. Each beat looks at every function: it keeps the lease, asks what is due, and hands a
turn to a bounded pool. A function never overlaps itself, and those that waited longest go first. A beat that was
missed changes nothing, since what is due follows from the records and the time.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from threading import Event

from apscheduler.executors.pool import ThreadPoolExecutor as Beating
from apscheduler.schedulers.background import BackgroundScheduler

from planner.base import MINUTE, FunctionRef
from planner.clock import Clock
from planner.cycle import Told, World, due_jobs, turn
from planner.due import Job
from planner.errors import PlannerError
from planner.lease import Leases
from planner.store import Run

LOG = logging.getLogger("planner.daemon")
BEAT = timedelta(seconds=2)
WORKERS = 4
"""Turns at once."""
STUCK = 10 * BEAT
"""After so long without a beat the clock was set back, and the heartbeat is put on its new time."""
DEADLINES: Mapping[Job, timedelta] = {
    Job.COLLECT: 5 * MINUTE,
    Job.VERIFY: 5 * MINUTE,
    Job.PLAN: 30 * MINUTE,
    Job.RETAIN: 10 * MINUTE,
}
"""A job that takes longer is reported, and its lease is left to run out, so that what it may yet send is refused."""


@dataclass(slots=True, kw_only=True)
class _Care:
    """One function and what is under way for it."""

    world: World
    turn: Future[None] | None = None
    job: Job | None = None
    began: float = 0.0
    """Of the job, on the monotonic clock."""
    overdue: bool = False
    waits_since: datetime | None = None
    held: bool | None = None
    failed: bool = False
    trouble: str = ""

    @property
    def busy(self) -> bool:
        """Whether a turn is under way."""
        return self.turn is not None and not self.turn.done()


class Scheduler:
    """Takes care of functions, one turn after another; `beat` is all that time does to it."""

    def __init__(self, worlds: Sequence[World], leases: Leases, *, clock: Clock, workers: int = WORKERS) -> None:
        self._cares = [_Care(world=world) for world in worlds]
        self._leases, self._clock, self._workers = leases, clock, workers
        self._pool = ThreadPoolExecutor(max_workers=workers, thread_name_prefix="turn")

    def beat(self, now: datetime) -> None:
        """Look at every function once, and begin what is due; an error of one is logged and stops no other."""
        for care in self._cares:
            self._carefully(care, self._look, now)
        self._fill(now)

    def once(self, now: datetime, wait: Callable[[], None]) -> tuple[FunctionRef, ...]:
        """Do what is due at `now` and nothing that comes due meanwhile; the functions with which something failed."""
        for care in self._cares:
            self._carefully(care, self._look, now)
        while any(care.busy or care.waits_since is not None for care in self._cares):
            self._fill(now)
            self.drain(wait)
        return tuple(care.world.function for care in self._cares if care.failed)

    @property
    def busy(self) -> bool:
        """Whether any turn is under way."""
        return any(care.busy for care in self._cares)

    def drain(self, wait: Callable[[], None]) -> None:
        """Wait for the turns under way, and keep their leases meanwhile; `wait` takes about a beat."""
        while self.busy:
            for care in self._cares:
                if care.busy:
                    self._carefully(care, self._watch, self._clock.now())
            wait()

    def close(self) -> None:
        """End after `drain`: the leases are given up, so that another daemon goes on at once."""
        self._pool.shutdown(wait=True)
        for care in self._cares:
            self._carefully(care, lambda each, _: self._leases.give_up(each.world.function), self._clock.now())

    def _fill(self, now: datetime) -> None:
        """Begin turns while there is room, of those first that wait longest."""
        waiting = [care for care in self._cares if care.waits_since is not None]
        room = self._workers - sum(care.busy for care in self._cares)
        for care in sorted(waiting, key=lambda each: each.waits_since or now)[: max(room, 0)]:
            self._carefully(care, self._begin, now)

    def _look(self, care: _Care, now: datetime) -> None:
        if care.busy:
            self._watch(care, now)
            return
        held = self._leases.keep(care.world.function)
        if held != care.held:
            care.held = held
            _log(care, "lease", "this daemon acts" if held else f"{self._holder(care)} acts; this daemon stands by")
        if not held:
            care.waits_since = None
        elif due_jobs(care.world, now):
            care.waits_since = care.waits_since or now

    def _watch(self, care: _Care, now: datetime) -> None:
        """Keep the lease of a turn under way, unless its job is past its deadline."""
        job = care.job
        if job is None:
            self._leases.keep(care.world.function)
            return
        took = timedelta(seconds=self._clock.monotonic() - care.began)
        if took <= DEADLINES[job]:
            self._leases.keep(care.world.function)
        elif not care.overdue:
            care.overdue = True
            sentence = f"still running after {took // MINUTE} min; what it may yet send will be refused"
            run = Run(
                function=care.world.function, job=job, began_at=now - took, ended_at=now, failed=True, sentence=sentence
            )
            care.world.store.control.note_run(run)
            _log(care, job, sentence, level=logging.ERROR)

    def _begin(self, care: _Care, now: datetime) -> None:
        care.waits_since, care.job, care.overdue, care.failed = None, None, False, False
        due = due_jobs(care.world, now)
        care.turn = self._pool.submit(self._turn, care, due)

    def _turn(self, care: _Care, due: Sequence[Job]) -> None:
        def begins(job: Job) -> None:
            care.job, care.began, care.overdue = job, self._clock.monotonic(), False

        def carry_out(each: _Care, _: datetime) -> None:
            for told in turn(each.world, due, begins):
                each.failed = each.failed or told.run.failed
                _log_run(each, told)

        self._carefully(care, carry_out, self._clock.now())

    def _holder(self, care: _Care) -> str:
        lease = care.world.store.control.lease(care.world.function)
        return lease.holder if lease else "another daemon"

    def _carefully(self, care: _Care, what: Callable[[_Care, datetime], None], now: datetime) -> None:
        """The edge between one function and the others; a trouble that goes on is logged once."""
        try:
            what(care, now)
            care.trouble = ""
        except PlannerError as error:
            care.failed = True
            if error.message != care.trouble:
                _log(care, "error", f"{error.message} {error.remedy}".strip(), level=logging.ERROR)
            care.trouble = error.message
        except Exception:
            care.failed = True
            LOG.exception("a bug in the care of %s", care.world.function, extra={"action": "bug"})


def run_until(stop: Event, scheduler: Scheduler, *, clock: Clock, beaten: Callable[[], None]) -> None:
    """Beat until `stop` is set; then finish what is being sent and give the leases up. `beaten` is told each beat."""
    last = clock.monotonic()

    def heartbeat() -> None:
        nonlocal last
        scheduler.beat(clock.now())
        last = clock.monotonic()
        beaten()

    engine = BackgroundScheduler(timezone=UTC, executors={"default": Beating(1)})
    job = engine.add_job(
        heartbeat,
        "interval",
        seconds=BEAT.total_seconds(),
        timezone=UTC,
        next_run_time=clock.now(),
        # However late a beat is, and however many were missed: it is made, once.
        misfire_grace_time=None,
        coalesce=True,
        max_instances=1,
    )
    engine.start()
    try:
        while not stop.wait(BEAT.total_seconds()):
            if clock.monotonic() - last > STUCK.total_seconds():
                job.modify(next_run_time=clock.now())
    finally:
        engine.shutdown(wait=True)
        scheduler.drain(lambda: clock.sleep(BEAT.total_seconds() / 10))
        scheduler.close()


def _log(care: _Care, action: str, sentence: str, *, level: int = logging.INFO, plan: int | None = None) -> None:
    function = str(care.world.function)
    LOG.log(
        level,
        "%s %s: %s",
        function,
        action,
        sentence,
        extra={"action": str(action), "function": function, "sentence": sentence, "plan": plan},
    )


def _log_run(care: _Care, told: Told) -> None:
    level = logging.ERROR if told.run.failed else logging.INFO
    _log(care, told.run.job, told.run.sentence, level=level, plan=told.finding.plan)
