"""The loop: who acts, in which order, how long, and how it ends. Time is moved by hand; turns run in real threads."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from threading import Event, Timer, current_thread

import pytest

from planner.base import MINUTE, FunctionRef
from planner.clock import SystemClock
from planner.errors import FCRefused, HistoryError, StoreError
from planner.fc.memory import MemoryFunctionCompute
from planner.fc.port import FunctionCompute, FunctionFacts
from planner.lease import LASTS, Guarded, Leases, NotHeld
from planner.outcome import OutcomeKind
from planner.pipeline import Question
from planner.provision import LiveDocument, ProvisionConfig
from planner.scheduler import DEADLINES, Scheduler, run_until
from planner.store import Control, Lease
from planner.world import World
from tests.daemon.site import ASR, START, TTS, Site

BEAT = timedelta(seconds=2)


def wait_until(what: Callable[[], object]) -> None:
    end = time.monotonic() + 30
    while not what():
        assert time.monotonic() < end
        time.sleep(0.002)


def held_up(world: World, gate: Event) -> World:
    """A world whose plans wait for the gate."""

    def ask(now: datetime, adopt: bool) -> Question:
        assert gate.wait(30)
        return world.ask(now, adopt)

    return replace(world, ask=ask)


def in_a_study() -> bool:
    return current_thread().name.startswith("study")


class StandsStill:
    """A port whose first put waits for the gate, as if the process was suspended there."""

    def __init__(self, fc: FunctionCompute, gate: Event) -> None:
        self._fc, self._gate, self.reached = fc, gate, Event()

    def get_provision_config(self, function: FunctionRef) -> LiveDocument:
        return self._fc.get_provision_config(function)

    def put_provision_config(self, function: FunctionRef, config: ProvisionConfig) -> LiveDocument:
        self.reached.set()
        assert self._gate.wait(30)
        return self._fc.put_provision_config(function, config)

    def get_function(self, function: FunctionRef) -> FunctionFacts:
        return self._fc.get_function(function)


def put_worlds(daemon: Scheduler, *worlds: World) -> None:
    for care, world in zip(daemon._cares, worlds, strict=True):
        care.world = world


class TestLeases:
    def test_of_two_daemons_one_acts_and_the_other_goes_on_where_it_is_gone(self, site: Site) -> None:
        one, _ = site.daemon("mode: auto")
        two, _ = site.daemon("mode: auto", name="two")
        site.beat(one)
        site.beat(two)
        for _ in range(20):
            site.beat(one, timedelta(seconds=5))
            site.beat(two)
        lease = site.store.control.lease(ASR)
        assert lease is not None
        assert (site.puts(), lease.holder) == (1, "daemon of me@one pid 1")

        seen = site.run("verify")
        site.beat(two, LASTS + BEAT)
        lease = site.store.control.lease(ASR)
        assert lease is not None
        assert (lease.holder, lease.epoch) == ("daemon of me@two pid 1", 2)
        assert site.run("verify") != seen

    def test_a_graceful_end_lets_the_other_go_on_at_once(self, site: Site) -> None:
        one, _ = site.daemon("")
        two, _ = site.daemon("", name="two")
        site.beat(one)
        one.close()
        site.beat(two, timedelta(seconds=1))
        lease = site.store.control.lease(ASR)
        assert lease is not None
        assert lease.holder == "daemon of me@two pid 1"

    def test_who_was_killed_with_a_clock_a_week_ahead_is_replaced_as_soon_as_anybody(self, site: Site) -> None:
        one, _ = site.daemon("mode: observe")
        site.beat(one)
        one.close()
        two, _ = site.daemon("mode: auto", name="two")
        ahead = site.clock.now() + timedelta(days=7)
        site.store.begin(site.store.plan(1), who="daemon of me@one pid 1", at=ahead)
        assert site.store.control.take_lease(ASR, "daemon of me@one pid 1", now=ahead, lasts=LASTS)
        site.beat(two)
        site.beat(two, LASTS)
        lease = site.store.control.lease(ASR)
        assert lease is not None
        assert (lease.holder, site.puts()) == ("daemon of me@one pid 1", 0)
        site.beat(two, BEAT)
        lease = site.store.control.lease(ASR)
        assert lease is not None
        assert (lease.holder, lease.epoch) == ("daemon of me@two pid 1", 3)
        site.beat(two, 15 * MINUTE)
        assert (site.puts(), site.store.unfinished(ASR)) == (1, ())
        assert site.clock.now() < START + timedelta(minutes=17), "it waited for nothing that lies a week ahead"

    def test_a_slow_look_at_a_lease_counts_from_its_end(self, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
        """What was read had been renewed while the taker waited for the database."""
        control, holder = site.store.control, "daemon of me@one pid 1"
        two = Leases(control, "two", clock=site.clock, ticks=site.clock.monotonic)
        take = Control.take_lease

        def slowly(self: Control, *rest: object, **named: object) -> Lease | None:
            site.clock.sleep(11)
            assert take(self, ASR, holder, now=site.clock.now() + timedelta(days=7), lasts=LASTS)
            return take(self, *rest, **named)  # type: ignore[arg-type]

        with monkeypatch.context() as slow:
            slow.setattr(Control, "take_lease", slowly)
            assert not two.keep(ASR)
        site.clock.sleep(LASTS.total_seconds() - 9)
        assert not two.keep(ASR)
        site.clock.sleep(10)
        assert two.keep(ASR)

    def test_who_renews_its_lease_keeps_it_whatever_its_clock_says(self, site: Site) -> None:
        two, _ = site.daemon("mode: auto", name="two")
        for n in range(10):
            ahead = site.clock.now() + timedelta(days=7)
            assert site.store.control.take_lease(ASR, "daemon of me@one pid 1", now=ahead, lasts=LASTS), n
            site.beat(two, LASTS / 2)
        assert site.puts() == 0

    def test_a_daemon_that_stood_still_before_its_put_sends_nothing(self, site: Site) -> None:
        one, (world,) = site.daemon("mode: auto")
        gate = Event()
        stopped = StandsStill(world.fc, gate)
        put_worlds(one, replace(world, fc=stopped))
        one.beat(site.clock.now())
        wait_until(stopped.reached.is_set)
        # Meanwhile another daemon closes the attempt, plans and pushes.
        site.pass_by(LASTS + BEAT)
        two, _ = site.daemon("mode: auto", name="two")
        site.beat(two)
        assert "was interrupted and not applied" in site.said("plan")
        assert site.puts() == 1
        held = site.fc.get_provision_config(ASR).config
        gate.set()
        wait_until(lambda: not one.busy)

        assert site.puts() == 1
        assert site.fc.get_provision_config(ASR).config == held
        assert site.run("plan").failed
        assert site.store.unfinished(ASR) == ()


def guarded(site: Site, ticks: Callable[[], float]) -> tuple[Guarded, Leases, MemoryFunctionCompute]:
    memory = MemoryFunctionCompute({ASR.name: FunctionFacts()})
    leases = Leases(site.store.control, "one", clock=site.clock, ticks=ticks)
    return Guarded(memory, memory, leases), leases, memory


class TestTheDoor:
    def test_it_opens_only_under_a_lease(self, site: Site) -> None:
        fc, leases, memory = guarded(site, site.clock.monotonic)
        with pytest.raises(NotHeld):
            fc.put_provision_config(ASR, ProvisionConfig())
        assert leases.keep(ASR)
        fc.put_provision_config(ASR, ProvisionConfig())
        assert len(memory.puts()) == 1

    def test_a_lease_of_somebody_else_closes_it(self, site: Site) -> None:
        fc, leases, memory = guarded(site, site.clock.monotonic)
        assert leases.keep(ASR)
        site.pass_by(2 * LASTS)
        assert site.store.control.take_lease(ASR, "two", now=site.clock.now(), lasts=LASTS)
        with pytest.raises(NotHeld, match="not surely ours"):
            fc.put_provision_config(ASR, ProvisionConfig())
        assert memory.puts() == ()

    def test_one_that_ran_out_and_was_taken_anew_closes_it_once(self, site: Site) -> None:
        fc, leases, memory = guarded(site, site.clock.monotonic)
        assert leases.keep(ASR)
        site.pass_by(2 * LASTS)
        with pytest.raises(NotHeld):
            fc.put_provision_config(ASR, ProvisionConfig())
        assert memory.puts() == ()

    def test_a_slow_database_uses_up_the_lease(self, site: Site) -> None:
        # Each look at the clock is 6 s later: the answer took so long, and too little is left for a put.
        seconds = iter(range(0, 6000, 12))
        fc, leases, memory = guarded(site, lambda: float(next(seconds)))
        assert leases.keep(ASR)
        with pytest.raises(NotHeld):
            fc.put_provision_config(ASR, ProvisionConfig())
        assert memory.puts() == ()

    def test_a_database_that_cant_be_reached_closes_it(self, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
        fc, leases, memory = guarded(site, site.clock.monotonic)
        assert leases.keep(ASR)

        def locked(*_: object, **__: object) -> None:
            raise StoreError("The database is locked.")

        # A database that fails at this very call can't be had otherwise.
        monkeypatch.setattr(leases._control, "take_lease", locked)
        with pytest.raises(NotHeld, match="can't be renewed: The database is locked"):
            fc.put_provision_config(ASR, ProvisionConfig())
        assert memory.puts() == ()

    def test_that_it_stayed_closed_is_no_unknown(self, site: Site) -> None:
        daemon, (world,) = site.daemon("mode: auto")
        other = Leases(site.store.control, "nobody", clock=site.clock, ticks=site.clock.monotonic)
        put_worlds(daemon, replace(world, fc=Guarded(site.fc, site.fc, other)))
        site.beat(daemon)

        last = site.store.last_outcome(ASR)
        assert last is not None
        assert last.outcome is not None
        assert (last.outcome.kind, site.puts()) == (OutcomeKind.REFUSED, 0)
        assert last.outcome.message.startswith("Nothing was written: The lease of asr-gpu:LATEST is not surely ours")
        assert issubclass(NotHeld, FCRefused)


class TestTurns:
    def test_who_waited_longest_goes_first(self, site: Site) -> None:
        daemon, worlds = site.daemon("", ASR, TTS, workers=1)
        gate = Event()
        put_worlds(daemon, held_up(worlds[0], gate), worlds[1])
        daemon.beat(site.clock.now())
        wait_until(lambda: daemon._cares[0].acts.job == "plan")
        site.pass_by(MINUTE)
        daemon.beat(site.clock.now())
        assert (daemon._cares[0].acts.busy, daemon._cares[1].acts.busy) == (True, False), "one worker, and no overlap"
        gate.set()
        wait_until(lambda: not daemon.busy)
        # Both are due now; the first had its turn.
        site.beat(daemon)
        assert site.run("verify", TTS).began_at == site.clock.now()
        assert site.run("verify", ASR).began_at == START
        site.beat(daemon)
        assert site.run("verify", ASR).began_at == site.clock.now()

    def test_a_job_past_its_deadline_is_shown_and_its_lease_runs_out(self, site: Site) -> None:
        one, (world,) = site.daemon("mode: auto")
        gate = Event()
        put_worlds(one, held_up(world, gate))
        one.beat(site.clock.now())
        wait_until(lambda: one._cares[0].acts.job == "plan")
        site.pass_by(DEADLINES[one._cares[0].acts.job or next(iter(DEADLINES))] + MINUTE)
        for _ in range(3):
            one.beat(site.clock.now())
        assert (site.run("plan").failed, site.said("plan")) == (
            True,
            "still running after 31 min; what it may yet send will be refused",
        )
        two, _ = site.daemon("mode: auto", name="two")
        site.beat(two)
        assert site.puts() == 1
        gate.set()
        wait_until(lambda: not one.busy)
        assert site.puts() == 1

    def test_a_stop_finishes_nothing_but_what_is_being_sent(self, site: Site) -> None:
        daemon, (world,) = site.daemon("mode: auto")
        stop, gate = Event(), Event()
        put_worlds(daemon, replace(held_up(world, gate), stopping=stop.is_set))
        daemon.beat(site.clock.now())
        wait_until(lambda: daemon._cares[0].acts.job == "plan")
        stop.set()
        gate.set()
        wait_until(lambda: not daemon.busy)
        daemon.close()

        assert site.puts() == 0
        assert "plan" not in site.store.control.last_runs(ASR), "the next daemon finds it due"
        lease = site.store.control.lease(ASR)
        assert lease is not None
        assert lease.expires_at <= site.clock.now()

    def test_once_does_everything_that_is_due_and_nothing_twice(self, site: Site) -> None:
        daemon, worlds = site.daemon("mode: auto", ASR, TTS, workers=1)

        def broken(*_: object) -> None:
            raise RuntimeError("boom")

        put_worlds(daemon, replace(worlds[0], ask=broken), worlds[1])
        failed = daemon.once(site.clock.now(), lambda: time.sleep(0.002))
        assert (failed, site.puts()) == ((ASR,), 1)

    def test_once_names_a_plan_that_failed_though_a_study_came_after_it(self, site: Site) -> None:
        daemon, worlds = site.daemon("mode: observe", ASR, TTS)
        site.beat(daemon)
        site.pass_by(timedelta(days=2))

        def broken(*_: object) -> Question:
            raise HistoryError("no points")

        choosing = replace(worlds[1], ask=lambda *asked: broken() if not in_a_study() else worlds[1].ask(*asked))
        put_worlds(daemon, worlds[0], choosing)
        assert daemon.once(site.clock.now(), lambda: time.sleep(0.002)) == (TTS,)

    def test_an_error_of_the_database_stops_no_beat(self, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
        daemon, _ = site.daemon("mode: auto")

        def locked(*_: object, **__: object) -> None:
            raise StoreError("The database is locked.")

        # As above.
        with monkeypatch.context() as broken:
            broken.setattr("planner.store.control.Control.take_lease", locked)
            site.beat(daemon)
            site.beat(daemon, MINUTE)
        assert site.puts() == 0
        site.beat(daemon, MINUTE)
        assert site.puts() == 1


def test_the_heartbeat_beats_until_it_is_told_to_stop(site: Site) -> None:
    daemon, _ = site.daemon("")
    stop, beats = Event(), []

    def beaten() -> None:
        beats.append(None)
        if len(beats) == 2:
            stop.set()

    run_until(stop, daemon, clock=SystemClock(), beaten=beaten)
    assert len(beats) >= 2
    assert not daemon.busy


class SetBack(SystemClock):
    """An hour fast until somebody mends it, right after the first look; monotonic time runs thirty times as fast."""

    looks = 0

    def now(self) -> datetime:
        self.looks += 1
        return super().now() + (timedelta(hours=1) if self.looks == 1 else timedelta(0))

    def monotonic(self) -> float:
        return 30 * super().monotonic()


def test_a_clock_that_is_set_back_holds_the_heartbeat_up_for_a_moment_only(site: Site) -> None:
    daemon, _ = site.daemon("")
    stop = Event()
    watchman = Timer(30, stop.set)
    watchman.start()
    beats: list[int] = []

    def beaten() -> None:
        beats.append(1)
        stop.set()

    run_until(stop, daemon, clock=SetBack(), beaten=beaten)
    watchman.cancel()
    assert beats
