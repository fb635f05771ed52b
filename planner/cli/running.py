"""run, pause, resume, approve and reject: the daemon, and what people tell it."""

from __future__ import annotations

import gc
import secrets
import signal
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Annotated

import typer

from planner.base import iso
from planner.cli.daemonlog import LogForm, logged
from planner.cli.notify import notify
from planner.cli.notifying import told
from planner.cli.observing import Listen, TokenFile, shown
from planner.cli.options import CONFIG, ConfigFile
from planner.cli.output import say
from planner.cli.processes import still_runs, who
from planner.cli.rehearsing import LiveThrough, Rehearsal, StandingClock, Step, rehearse
from planner.cli.room import Room
from planner.errors import ConfigError, InputError, PlannerError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import datetime
    from types import FrameType

    from planner.base import FunctionRef
    from planner.clock import Clock
    from planner.lease import Leases
    from planner.observing import Observer
    from planner.pipeline import Question
    from planner.scheduler import Scheduler
    from planner.store import Point, Store
    from planner.world import World

USUALLY = (10_000, 10, 10)
"""Objects of each generation after which cyclic garbage is looked for."""
CONNECT, READ = timedelta(seconds=3), timedelta(seconds=5)
"""Time-outs of a put: it is over well before the lease that it was begun under."""


Once = Annotated[bool, typer.Option("--once", help="Do what is due now and end; exit code 1 where something failed.")]
Log = Annotated[LogForm, typer.Option("--log", metavar="FORM", help="Lines on stderr: text, or json for machines.")]
Whose = Annotated[
    str | None, typer.Argument(metavar="[FUNCTION]", help="Function (name or name:qualifier); every one without it.")
]
For = Annotated[str | None, typer.Option("--for", metavar="SPAN", help="Until then: 90m, 2h, 1d; else until resume.")]
Why = Annotated[str | None, typer.Option("--why", metavar="TEXT", help="What the status and the audit will say.")]
PlanId = Annotated[int, typer.Argument(metavar="ID", help="Id of the proposed plan; `planner status` names it.")]


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    app.command("run")(run)
    app.command("pause")(pause)
    app.command("resume")(resume)
    app.command("approve")(approve)
    app.command("reject")(reject)


def run(  # noqa: PLR0917  # typer makes each an option
    config: ConfigFile = CONFIG,
    once: Once = False,
    log: Log = LogForm.TEXT,
    listen: Listen = None,
    token_file: TokenFile = None,
    live_through: LiveThrough = None,
    step: Step = "1m",
) -> None:
    """Take care of every configured function until SIGTERM or SIGINT: verify, plan, and push what each may."""
    from planner.observing import Observer  # noqa: PLC0415  # `planner --help` stays fast
    from planner.scheduler import Scheduler  # noqa: PLC0415  # as above

    room, rehearsal = _room(config), Rehearsal.of(live_through, step)
    if rehearsal is not None:
        if once:
            raise InputError("--once and --live-through exclude each other", remedy="Give one of them.")
        room = replace(room, clock=StandingClock(room.config.fc))
    # The command line looks for cyclic garbage rarely, since commands are short; this one is not.
    gc.set_threshold(*USUALLY)
    stop, leases = Event(), _leases(room, rehearsed=rehearsal is not None)
    worlds = [_world(room.of(each.ref), room.store, leases, stop) for each in room.config.functions]
    observer = Observer(worlds, clock=room.clock)
    scheduler = Scheduler(observer.worlds, leases, clock=room.clock)
    with (
        logged(log, room.clock),
        told(room, worlds, leases.holder, rehearsed=rehearsal is not None),
        _stopped_by_signals(stop),
        shown(observer, listen, token_file, once=once),
    ):
        if once:
            _once(scheduler, room.clock)
            return
        notify("READY=1")
        _until(stop, scheduler, room.clock, rehearsal, partial(_beaten, observer))
        notify("STOPPING=1")


def _room(config: Path) -> Room:
    room = Room.open_any(config)
    if not room.connected:
        raise ConfigError(
            f"{room.config.path} names no Function Compute", remedy="Set fc.region or fc.endpoint; see docs/daemon.md."
        )
    return room


def _leases(room: Room, *, rehearsed: bool) -> Leases:
    from planner.cycle import DAEMON  # noqa: PLC0415  # as above
    from planner.lease import Leases, boot_seconds  # noqa: PLC0415  # as above

    # Two containers may have one host name and one process number.
    name = f"{DAEMON}{secrets.token_hex(3)} of {who()}"
    return Leases(room.store.control, name, clock=room.clock, ticks=room.clock.monotonic if rehearsed else boot_seconds)


def _until(
    stop: Event, scheduler: Scheduler, clock: Clock, rehearsal: Rehearsal | None, beaten: Callable[[], None]
) -> None:
    from planner.scheduler import run_until  # noqa: PLC0415  # as above

    if rehearsal is None:
        run_until(stop, scheduler, clock=clock, beaten=beaten)
    else:
        rehearse(stop, scheduler, clock=clock, rehearsal=rehearsal, beaten=beaten)


def _once(scheduler: Scheduler, clock: Clock) -> None:
    try:
        failed = scheduler.once(clock.now(), lambda: clock.sleep(0.1))
    finally:
        scheduler.close()
    if failed:
        raise PlannerError(f"Something failed with {', '.join(map(str, failed))}", remedy="The lines above say what.")


def _beaten(observer: Observer) -> None:
    notify("WATCHDOG=1")
    observer.beaten()


def pause(function: Whose = None, config: ConfigFile = CONFIG, span: For = None, why: Why = None) -> None:
    """Let the daemon send nothing for a function, or for any; it goes on watching, planning and recording."""
    from planner.config import parse_duration  # noqa: PLC0415  # as above
    from planner.store import Pause  # noqa: PLC0415  # as above

    room, named = _named(config, function)
    now = room.clock.now()
    try:
        until = None if span is None else now + parse_duration(span)
    except ValueError as error:
        raise InputError(f"--for {span!r} is no duration", remedy="Write 90m, 2h or 1d.") from error
    room.store.control.pause(Pause(function=named, since=now, until=until, who=who(), why=why or ""))
    end = f"until {iso(until)}" if until else f"until `planner resume{f' {named}' if named else ''}`"
    say(f"Paused {named or 'every function'} {end}: nothing is sent.")


def resume(function: Whose = None, config: ConfigFile = CONFIG) -> None:
    """Take a pause back: that of a function, or without a name that of every function."""
    room, named = _named(config, function)
    if not room.store.control.resume(named):
        raise InputError(
            f"There is no pause of {named or 'every function'}", remedy="`planner status` says what is paused, by whom."
        )
    still = room.store.control.paused(named, now=room.clock.now()) if named else None
    rest = "; every function is paused still, `planner resume` takes that back" if still else ""
    say(f"Resumed {named or 'every function'}{rest}.")


def approve(plan: PlanId, config: ConfigFile = CONFIG) -> None:
    """Let the daemon push the function's next plan, which it makes at once, if it adds little more than this one."""
    room = Room.open_any(config)
    said = room.store.control.decide(plan, approved=True, who=who(), at=room.clock.now())
    say(f"Approved plan {plan} of {said.function}: the daemon plans anew and pushes, until {iso(said.expires_at)}.")


def reject(plan: PlanId, config: ConfigFile = CONFIG) -> None:
    """Let nothing come of a proposal, and no other be made until it would have run out."""
    room = Room.open_any(config)
    said = room.store.control.decide(plan, approved=False, who=who(), at=room.clock.now())
    say(f"Rejected plan {plan} of {said.function}; nothing is proposed until {iso(said.expires_at)}.")


def _named(config: Path, function: str | None) -> tuple[Room, FunctionRef | None]:
    if function is None:
        return Room.open_any(config), None
    room = Room.open(config, function)
    return room, room.settings.ref


def _world(room: Room, store: Store, leases: Leases, stop: Event) -> World:
    """The ports of one function; `room` is its own, so that no two functions share a client."""
    from planner.collect import collect  # noqa: PLC0415  # as above
    from planner.fc.retry import RetryPolicy  # noqa: PLC0415  # as above
    from planner.fc.sdk import Connection, connect  # noqa: PLC0415  # as above
    from planner.lease import Guarded  # noqa: PLC0415  # as above
    from planner.world import World  # noqa: PLC0415  # as above

    settings = room.settings
    address = f"{room.config.fc.protocol}://{room.config.fc.address}"
    once = Connection(endpoint=address, connect_timeout=CONNECT, read_timeout=READ)
    sends = connect(once, clock=room.clock, retry=RetryPolicy(tries=1))

    def ask(now: datetime, adopt: bool) -> Question:  # a port of two plain arguments
        return room.question(history=None, now=now, horizon=settings.daemon.horizon, adopt=adopt)

    series = _series(room)

    def recent(start: datetime, end: datetime) -> Sequence[Point]:
        # The ways in which a load is told stand in order of trust.
        told = (store.load_points(settings.name, name, start=start, end=end) for name in series)
        return next(filter(None, told), ())

    def fetch(now: datetime) -> str:
        return collect(settings.ref, room.source, store, now).sentence

    return World(
        settings=settings,
        store=store,
        fc=Guarded(room.fc, sends, leases),
        clock=room.clock,
        who=leases.holder,
        still_runs=still_runs,
        ask=ask,
        recent=recent,
        collect=fetch if settings.history.collected else None,
        fits=room.fits(None),
        others=tuple(each.ref for each in room.config.functions if each.ref != settings.ref),
        shared_quota=room.config.fc.quota,
        repeat_every=room.config.notify.repeat_every,
        stopping=stop.is_set,
    )


def _series(room: Room) -> tuple[str, ...]:
    """Where stored points that go on are, the most trusted first; a file doesn't go on."""
    from planner.sources.stored import SERIES  # noqa: PLC0415  # as above

    if room.settings.history.collected:
        return tuple(way.series for way in room.source.ways if not way.inferred)
    return (SERIES,) if room.settings.history.source == "database" else ()


@contextmanager
def _stopped_by_signals(stop: Event) -> Iterator[None]:
    """Let SIGTERM and SIGINT set `stop`; a second one has its usual effect."""
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}

    def ask(number: int, _frame: FrameType | None) -> None:
        stop.set()
        signal.signal(number, before[signal.Signals(number)])

    for number in before:
        signal.signal(number, ask)
    try:
        yield
    finally:
        for number, usual in before.items():
            signal.signal(number, usual)
