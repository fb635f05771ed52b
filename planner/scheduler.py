"""The daemon's loop and nothing else: what is due is found in `due`, done in `cycle`; schedules are made in `capacity`.

APScheduler gives the heartbeat. Each beat looks at every function: it keeps the lease, asks what is due, and hands a
turn to a bounded pool. A function never overlaps itself, and those that waited longest go first. A beat that was
missed changes nothing, since what is due follows from the records and the time.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from threading import Event

from apscheduler.executors.pool import ThreadPoolExecutor as Beating
from apscheduler.schedulers.background import BackgroundScheduler

from planner.base import MINUTE, FunctionRef
from planner.clock import Clock
from planner.cycle import Told, due_jobs, turn
from planner.due import STUDIES, Job
from planner.errors import PlannerError
from planner.lease import Leases
from planner.store import Run
from planner.world import World

LOG = logging.getLogger("planner.daemon")
BEAT = timedelta(seconds=2)
WORKERS = 4
"""Turns at once."""
STUDENTS = 1
"""Studies at once, beside the turns: they are many minutes of work that nobody waits for."""
STUCK = 10 * BEAT
"""After so long without a beat the clock was set back, and the heartbeat is put on its new time."""
DEADLINES: Mapping[Job, timedelta] = {
    Job.COLLECT: 5 * MINUTE,
    Job.VERIFY: 5 * MINUTE,
    Job.PLAN: 30 * MINUTE,
    Job.RETAIN: 10 * MINUTE,
    Job.FIT: 30 * MINUTE,
    Job.BACKTEST: 60 * MINUTE,
}
"""A job that takes longer is reported, and its lease is left to run out, so that what it may yet send is refused."""


@dataclass(slots=True, kw_only=True)
class _Lane:
    """Jobs of one function of which one is done at a time."""

    jobs: tuple[Job, ...]
    pool: Executor
    turn: Future[None] | None = None
    job: Job | None = None
    began: float = 0.0
    """Of the job, on the monotonic clock."""
    overdue: bool = False
    waits_since: datetime | None = None

    @property
    def busy(self) -> bool:
        """Whether a turn is under way."""
        return self.turn is not None and not self.turn.done()


@dataclass(slots=True, kw_only=True)
class _Care:
    """One function and what is under way for it: turns that act, and studies beside them, which send nothing."""

    world: World
    acts: _Lane
    studies: _Lane
    refit: bool = False
    held: bool | None = None
    failed: bool = False
    trouble: str = ""

    @property
    def lanes(self) -> tuple[_Lane, _Lane]:
        """Both."""
        return self.acts, self.studies

    @property
    def busy(self) -> bool:
        """Whether anything is under way."""
        return any(lane.busy for lane in self.lanes)

    def due(self, now: datetime) -> tuple[Job, ...]:
        """What is due of both, a fit that was asked for included."""
        found = due_jobs(self.world, now)
        return tuple(job for job in Job if job in found or (job is Job.FIT and self.refit))


class Scheduler:
    """Takes care of functions, one turn after another; `beat` is all that time does to it."""

    def __init__(self, worlds: Sequence[World], leases: Leases, *, clock: Clock, workers: int = WORKERS) -> None:
        self._leases, self._clock = leases, clock
        self._pools = {
            ThreadPoolExecutor(max_workers=workers, thread_name_prefix="turn"): workers,
            ThreadPoolExecutor(max_workers=STUDENTS, thread_name_prefix="study"): STUDENTS,
        }
        turns, studies = self._pools
        acts = tuple(job for job in Job if job not in STUDIES)
        self._cares = [
            _Care(world=world, acts=_Lane(jobs=acts, pool=turns), studies=_Lane(jobs=STUDIES, pool=studies))
            for world in worlds
        ]

    def beat(self, now: datetime) -> None:
        """Look at every function once, and begin what is due; an error of one is logged and stops no other."""
        for care in self._cares:
            self._carefully(care, self._look, now)
        self._fill(now)

    def once(self, now: datetime, wait: Callable[[], None]) -> tuple[FunctionRef, ...]:
        """Do what is due at `now` and nothing that comes due meanwhile; the functions with which something failed."""
        for care in self._cares:
            care.failed = False
            self._carefully(care, self._look, now)
        while any(lane.busy or lane.waits_since is not None for care in self._cares for lane in care.lanes):
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
        for pool in self._pools:
            pool.shutdown(wait=True)
        for care in self._cares:
            self._carefully(care, lambda each, _: self._leases.give_up(each.world.function), self._clock.now())

    def _fill(self, now: datetime) -> None:
        """Begin turns while there is room, of those first that wait longest."""
        for pool, workers in self._pools.items():
            each = [(care, lane) for care in self._cares for lane in care.lanes if lane.pool is pool]
            waiting = [(lane.waits_since, care, lane) for care, lane in each if lane.waits_since is not None]
            room = workers - sum(lane.busy for _, lane in each)
            for _, care, lane in sorted(waiting, key=lambda one: one[0])[: max(room, 0)]:
                self._carefully(care, partial(self._begin, lane), now)

    def _look(self, care: _Care, now: datetime) -> None:
        if care.busy:
            self._watch(care, now)
        if care.acts.busy:
            return
        held = self._leases.keep(care.world.function)
        if held != care.held:
            care.held = held
            _log(care, "lease", "this daemon acts" if held else f"{self._holder(care)} acts; this daemon stands by")
        due = care.due(now) if held else ()
        for lane in care.lanes:
            if not held:
                lane.waits_since = None
            elif not lane.busy and set(due) & set(lane.jobs):
                lane.waits_since = lane.waits_since or now

    def _watch(self, care: _Care, now: datetime) -> None:
        """Keep the lease of a turn under way, unless its job is past its deadline; report what is."""
        late = [lane for lane in care.lanes if lane.busy and self._is_late(lane)]
        if care.acts not in late:
            self._leases.keep(care.world.function)
        for lane in late:
            self._report(care, lane, now)

    def _is_late(self, lane: _Lane) -> bool:
        return lane.job is not None and self._took(lane) > DEADLINES[lane.job]

    def _took(self, lane: _Lane) -> timedelta:
        return timedelta(seconds=self._clock.monotonic() - lane.began)

    def _report(self, care: _Care, lane: _Lane, now: datetime) -> None:
        """Put a job that is late on record, once."""
        job, took = lane.job, self._took(lane)
        if job is not None and not lane.overdue:
            lane.overdue = True
            refused = "" if job in STUDIES else "; what it may yet send will be refused"
            sentence = f"still running after {took // MINUTE} min{refused}"
            run = Run(
                function=care.world.function, job=job, began_at=now - took, ended_at=now, failed=True, sentence=sentence
            )
            care.world.store.control.note_run(run)
            _log(care, job, sentence, level=logging.ERROR)

    def _begin(self, lane: _Lane, care: _Care, now: datetime) -> None:
        lane.waits_since, lane.job, lane.overdue = None, None, False
        due = tuple(job for job in care.due(now) if job in lane.jobs)
        if lane is care.studies:
            care.refit = False
        lane.turn = lane.pool.submit(self._turn, care, lane, due)

    def _turn(self, care: _Care, lane: _Lane, due: Sequence[Job]) -> None:
        def begins(job: Job) -> None:
            lane.job, lane.began, lane.overdue = job, self._clock.monotonic(), False

        def carry_out(each: _Care, _: datetime) -> None:
            for told in turn(each.world, due, begins):
                each.failed = each.failed or told.run.failed
                # A fit that is over answers what asked for it meanwhile.
                each.refit = told.run.job is not Job.FIT and (each.refit or told.finding.refit)
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
