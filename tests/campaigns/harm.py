"""What can go wrong in a life: each harm has a name, a beginning, perhaps an end, and how it is done."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from random import Random

from planner.emulator import CapacityFault, ClockJump, Fault, MetricFault, QuotaFault, StartupFault
from tests.campaigns.life import FLOOR, Life

Do = Callable[[Life], None]


def nothing(_: Life) -> None:
    """It ends by itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Harm:
    """Done at the beginning and at the end of its time. `hinders`: nothing can be healed meanwhile."""

    begin: Do
    end: Do = nothing
    hinders: bool = True


def _faulty(*faults: object) -> Harm:
    """Faults of Function Compute from the beginning to the end."""

    def begin(life: Life) -> None:
        if life.server is not None:
            life.server.emulator.faults.add(*faults)  # type: ignore[arg-type]

    def end(life: Life) -> None:
        if life.server is not None:
            life.server.emulator.faults.clear()

    return Harm(begin=begin, end=end)


def _storm(draw: Random) -> Harm:
    status, code = draw.choice([(429, "ResourceExhausted"), (503, "ResourceThrottled"), (500, "InternalServerError")])
    action = draw.choice(["*", "PutProvisionConfig", "GetProvisionConfig", "DescribeMetricList"])
    return _faulty(Fault(action=action, status=status, code=code, times=10_000))


def _asked_to_wait(_: Random) -> Harm:
    return _faulty(Fault(action="*", status=429, code="Throttling", retry_after_ms=4_000, times=3))


def _conflict(_: Random) -> Harm:
    return _faulty(Fault(action="PutProvisionConfig", status=409, code="ConcurrentUpdateError", times=2))


def _silence(_: Random) -> Harm:
    return _faulty(Fault(action="PutProvisionConfig", latency_seconds=1.6, times=2))


def _cut(when: str) -> Callable[[Random], Harm]:
    return lambda draw: _faulty(
        Fault(action=draw.choice(["PutProvisionConfig", "*"]), cut=when, times=draw.randint(1, 6))  # type: ignore[arg-type]
    )


def _stale(draw: Random) -> Harm:
    return _faulty(Fault(action="GetProvisionConfig", stale=True, times=draw.randint(1, 12)))


def _not_started(_: Random) -> Harm:
    return _faulty(StartupFault(fails=True, times=10_000))


def _partial(draw: Random) -> Harm:
    return _faulty(CapacityFault(share=draw.choice([0.0, 0.3, 0.6]), times=10_000))


def _quota(draw: Random) -> Harm:
    return _faulty(QuotaFault(region_instances=draw.randint(0, 6), times=10_000))


def _far_clock(draw: Random) -> Harm:
    return _faulty(ClockJump(action="*", by_seconds=float(draw.choice([5, 90, 900]))))


def _metrics(fault: MetricFault) -> Callable[[Random], Harm]:
    return lambda _: replace(_faulty(fault), hinders=False)


def _no_fc(_: Random) -> Harm:
    return Harm(begin=Life.power_off, end=Life.power_on)


def _killed(moment: str) -> Callable[[Random], Harm]:
    """A daemon dies at a call, or at once, and is started again after a while."""

    def begin(life: Life) -> None:
        for daemon in life.daemons[:1]:
            if moment == "now":
                life.kill(daemon)
            daemon.dies_at = moment

    def end(life: Life) -> None:
        for daemon in life.daemons:
            daemon.dies_at = ""
        while sum(not daemon.dead for daemon in life.daemons) < life.scene.daemons:
            life.start_daemon()

    return lambda _: Harm(begin=begin, end=end)


def _asleep(_: Random) -> Harm:
    def sleep(life: Life, *, on: bool) -> None:
        for daemon in life.daemons[:1]:
            daemon.sleeps = on

    def wake(life: Life) -> None:
        for daemon in life.daemons:
            daemon.sleeps = False

    return Harm(begin=lambda life: sleep(life, on=True), end=wake)


def _wrong_clock(draw: Random) -> Harm:
    off = draw.choice([1, 30, 90, 3_600, 86_400, 7 * 86_400]) * draw.choice([-1, 1])

    def begin(life: Life) -> None:
        for daemon in life.daemons[:1]:
            daemon.clock.off = timedelta(seconds=off)

    def end(life: Life) -> None:
        for daemon in life.daemons:
            daemon.clock.off = timedelta(0)

    return Harm(begin=begin, end=end)


def _locked(_: Random) -> Harm:
    held: list[sqlite3.Connection] = []

    def begin(life: Life) -> None:
        if life.database.startswith("sqlite"):
            with suppress(sqlite3.OperationalError):  # it may be locked already, or gone
                held.append(sqlite3.connect(life.folder / "planner.db", timeout=1, check_same_thread=False))
                held[-1].execute("BEGIN IMMEDIATE")

    def end(_: Life) -> None:
        for connection in held:
            connection.close()

    return Harm(begin=begin, end=end)


def _full(_: Random) -> Harm:
    def fill(life: Life, *, full: bool) -> None:
        life.full = full

    return Harm(begin=lambda life: fill(life, full=True), end=lambda life: fill(life, full=False))


def _gone(_: Random) -> Harm:
    """The file of the database is moved away, with what belongs to it, and comes back."""

    def move(life: Life, one: str, other: str) -> None:
        for daemon in life.daemons:
            daemon.store.close()
        for file in life.folder.glob(f"planner.db{one}*"):
            if one or not file.name.endswith("away"):
                file.rename(life.folder / file.name.replace(f"planner.db{one}", f"planner.db{other}"))

    def begin(life: Life) -> None:
        if life.database.startswith("sqlite"):
            move(life, "", ".away")
            (life.folder / "planner.db").mkdir()

    def end(life: Life) -> None:
        if (life.folder / "planner.db").is_dir():
            (life.folder / "planner.db").rmdir()
            move(life, ".away", "")

    return Harm(begin=begin, end=end)


def _edit(draw: Random) -> Harm:
    """Somebody sets another default in the console; once a revert has undone it, it doesn't come back."""
    default = draw.randint(FLOOR, 30)

    def begin(life: Life) -> None:
        if life.server is not None:
            life.put_by_hand(replace(life.held(), default_target=default))

    return Harm(begin=begin, hinders=False)


def _late_put(_: Random) -> Harm:
    """A put of a daemon that everybody took for lost arrives: the document of an earlier attempt."""

    def begin(life: Life) -> None:
        ours = [put.config for put in life.puts if put.ours]
        if life.server is not None and len(ours) > 1:
            life.put_by_hand(ours[-2])

    return Harm(begin=begin, hinders=False)


HARMS: Mapping[str, Callable[[Random], Harm]] = {
    "429/5xx storm": _storm,
    "asked to wait": _asked_to_wait,
    "409": _conflict,
    "time-out": _silence,
    "cut before the effect": _cut("before"),
    "cut after the effect": _cut("after"),
    "stale reads": _stale,
    "currentError": _not_started,
    "partial capacity": _partial,
    "quota": _quota,
    "Function Compute's clock jumps": _far_clock,
    "metrics missing": _metrics(MetricFault(missing_every=1, times=10_000)),
    "metrics with gaps": _metrics(MetricFault(missing_every=3, times=10_000)),
    "metrics late": _metrics(MetricFault(late_seconds=900, times=10_000)),
    "metrics twice": _metrics(MetricFault(duplicated=True, times=10_000)),
    "metrics negative": _metrics(MetricFault(spoiled="negative", times=10_000)),
    "metrics NaN": _metrics(MetricFault(spoiled="nan", times=10_000)),
    "Function Compute killed": _no_fc,
    "daemon killed": _killed("now"),
    "daemon killed at a read": _killed("get"),
    "daemon killed before a put": _killed("before"),
    "daemon killed after a put": _killed("after"),
    "daemon suspended": _asleep,
    "daemon's clock wrong": _wrong_clock,
    "database locked": _locked,
    "database gone": _gone,
    "disk full": _full,
    "foreign edit": _edit,
    "late put of ours": _late_put,
}
