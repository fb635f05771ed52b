"""Runs, leases, pauses, proposals and events, on SQLite and on a real PostgreSQL."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from planner.base import FunctionRef
from planner.errors import InputError
from planner.store import BOOKS, Event, Pause, Run, Store
from tests.builders import FUNCTION, NOON, a_plan

MINUTE = timedelta(minutes=1)
OTHER = FunctionRef(name="tts-gpu", qualifier="prod")


def a_run(job: str, at: int, *, function: FunctionRef = FUNCTION, failed: bool = False) -> Run:
    began = NOON + at * MINUTE
    return Run(
        function=function, job=job, began_at=began, ended_at=began + MINUTE / 2, failed=failed, sentence=f"{job} {at}"
    )


def a_pause(function: FunctionRef | None = FUNCTION, *, until: int | None = None) -> Pause:
    return Pause(
        function=function, since=NOON, until=None if until is None else NOON + until * MINUTE, who="ann", why="a sale"
    )


class TestRuns:
    def test_the_newest_run_of_each_job_is_the_last_one(self, store: Store) -> None:
        for run in (a_run("plan", 0), a_run("verify", 1), a_run("plan", 15, failed=True)):
            store.control.note_run(run)
        store.control.note_run(a_run("plan", 20, function=OTHER))

        assert dict(store.control.last_runs(FUNCTION)) == {
            "plan": a_run("plan", 15, failed=True),
            "verify": a_run("verify", 1),
        }

    def test_old_runs_go_but_the_newest_of_each_job(self, store: Store) -> None:
        for at in (0, 1, 2):
            store.control.note_run(a_run("verify", at))
        store.control.note_run(a_run("plan", 0))
        store.control.note_run(a_run("plan", 0, function=OTHER))
        store.control.note_run(a_run("plan", 1, function=OTHER))

        assert store.control.forget_runs(FUNCTION, NOON + timedelta(days=1)) == 2
        assert store.control.forget_runs(OTHER, NOON) == 0
        assert dict(store.control.last_runs(FUNCTION)) == {"plan": a_run("plan", 0), "verify": a_run("verify", 2)}

    def test_old_plans_go_but_what_was_sent_or_proposed_and_the_newest(self, store: Store) -> None:
        plans = [a_plan(NOON + at * MINUTE) for at in range(5)]
        numbers = [store.save_plan(plan, who="ann", at=plan.created_at) for plan in plans]
        store.begin(plans[0], who="ann", at=NOON)
        store.control.propose(numbers[1], "why", at=NOON, expires_at=NOON + MINUTE)

        assert store.control.forget_plans(FUNCTION, NOON + 3 * MINUTE) == 1
        assert store.control.forget_plans(OTHER, NOON + timedelta(days=1)) == 0
        assert store.control.forget_plans(FUNCTION, NOON + timedelta(days=1)) == 1
        kept = [plan.id for plan in store.plans(FUNCTION, limit=9)]
        assert kept == [numbers[4], numbers[1], numbers[0]]


class TestLeases:
    LASTS = timedelta(seconds=30)

    def test_nobody_else_gets_it_before_it_runs_out(self, store: Store) -> None:
        first = store.control.take_lease(FUNCTION, "a", now=NOON, lasts=self.LASTS)

        assert first is not None
        assert (first.holder, first.epoch, first.expires_at) == ("a", 1, NOON + self.LASTS)
        assert store.control.take_lease(FUNCTION, "b", now=NOON + self.LASTS - MINUTE / 60, lasts=self.LASTS) is None
        assert store.control.lease(FUNCTION) == first

    def test_its_holder_renews_it_in_the_same_epoch(self, store: Store) -> None:
        store.control.take_lease(FUNCTION, "a", now=NOON, lasts=self.LASTS)
        again = store.control.take_lease(FUNCTION, "a", now=NOON + self.LASTS / 2, lasts=self.LASTS)

        assert again is not None
        assert (again.epoch, again.expires_at) == (1, NOON + 1.5 * self.LASTS)

    @pytest.mark.parametrize("taker", ["a", "b"])
    def test_whoever_takes_one_that_ran_out_begins_a_new_epoch(self, store: Store, taker: str) -> None:
        store.control.take_lease(FUNCTION, "a", now=NOON, lasts=self.LASTS)
        taken = store.control.take_lease(FUNCTION, taker, now=NOON + self.LASTS, lasts=self.LASTS)

        assert taken is not None
        assert (taken.holder, taken.epoch) == (taker, 2)

    def test_what_is_given_up_is_free_at_once_but_not_when_it_is_anothers_by_now(self, store: Store) -> None:
        first = store.control.take_lease(FUNCTION, "a", now=NOON, lasts=self.LASTS)
        assert first is not None
        store.control.give_up(first, now=NOON)
        second = store.control.take_lease(FUNCTION, "b", now=NOON, lasts=self.LASTS)
        store.control.give_up(first, now=NOON)

        assert store.control.lease(FUNCTION) == second

    def test_of_many_who_want_it_at_once_one_gets_it(self, store: Store) -> None:
        with ThreadPoolExecutor(8) as pool:
            taken = list(
                pool.map(
                    lambda name: store.control.take_lease(FUNCTION, name, now=NOON, lasts=self.LASTS), "abcdefgh" * 3
                )
            )

        assert len({lease.holder for lease in taken if lease is not None}) == 1

    def test_functions_have_leases_of_their_own(self, store: Store) -> None:
        taken = [
            store.control.take_lease(function, holder, now=NOON, lasts=self.LASTS)
            for function, holder in ((FUNCTION, "a"), (OTHER, "b"))
        ]
        assert all(taken)
        assert store.control.lease(FunctionRef(name="asr-gpu", qualifier="LATEST")) is None


class TestPauses:
    def test_a_pause_holds_its_function_until_it_is_resumed(self, store: Store) -> None:
        store.control.pause(a_pause())

        assert store.control.paused(FUNCTION, now=NOON) == a_pause()
        assert store.control.paused(OTHER, now=NOON) is None
        assert store.control.resume(FUNCTION)
        assert not store.control.resume(FUNCTION)
        assert store.control.paused(FUNCTION, now=NOON) is None

    def test_a_pause_of_all_holds_each_until_all_are_resumed(self, store: Store) -> None:
        store.control.pause(a_pause(None))

        assert store.control.paused(OTHER, now=NOON) == a_pause(None)
        assert not store.control.resume(OTHER)
        assert store.control.resume(None)
        assert store.control.paused(OTHER, now=NOON) is None

    def test_a_pause_with_an_end_ends_by_itself(self, store: Store) -> None:
        store.control.pause(a_pause(until=60))

        assert store.control.paused(FUNCTION, now=NOON + 59 * MINUTE) == a_pause(until=60)
        assert store.control.paused(FUNCTION, now=NOON + 60 * MINUTE) is None

    def test_the_newest_word_counts(self, store: Store) -> None:
        store.control.pause(a_pause(until=60))
        store.control.pause(a_pause())

        assert store.control.paused(FUNCTION, now=NOON + 600 * MINUTE) == a_pause()


class TestProposals:
    def proposed(self, store: Store) -> int:
        plan_id = store.save_plan(a_plan(), who="the daemon", at=NOON)
        store.control.propose(plan_id, "2 more instances", at=NOON, expires_at=NOON + 60 * MINUTE)
        return plan_id

    def test_a_proposal_waits(self, store: Store) -> None:
        plan_id = self.proposed(store)
        (found,) = store.control.proposals(FUNCTION, limit=5)

        assert (found.plan_id, found.function, found.approved) == (plan_id, FUNCTION, None)
        assert store.control.proposals(OTHER, limit=5) == ()

    def test_proposing_again_changes_nothing(self, store: Store) -> None:
        plan_id = self.proposed(store)
        before = store.control.decide(plan_id, approved=True, who="ann", at=NOON)
        store.control.propose(plan_id, "other words", at=NOON, expires_at=NOON)

        assert store.control.proposals(FUNCTION, limit=5) == (before,)

    @pytest.mark.parametrize("approved", [True, False])
    def test_a_person_decides_once(self, store: Store, approved: bool) -> None:
        plan_id = self.proposed(store)
        decided = store.control.decide(plan_id, approved=approved, who="ann", at=NOON + MINUTE)

        assert (decided.approved, decided.decided_by, decided.decided_at) == (approved, "ann", NOON + MINUTE)
        with pytest.raises(InputError, match="by ann already"):
            store.control.decide(plan_id, approved=not approved, who="bob", at=NOON + MINUTE)

    def test_what_ran_out_can_not_be_approved(self, store: Store) -> None:
        plan_id = self.proposed(store)
        with pytest.raises(InputError, match="ran out at 2026-11-23T13:00:00Z"):
            store.control.decide(plan_id, approved=True, who="ann", at=NOON + 60 * MINUTE)

    def test_an_unknown_plan_is_named(self, store: Store) -> None:
        with pytest.raises(InputError, match="Plan 99 was not proposed"):
            store.control.decide(99, approved=True, who="ann", at=NOON)


def an_event(at: int, *, kind: str = "rung", function: FunctionRef = FUNCTION) -> Event:
    return Event(function=function, kind=kind, at=NOON + at * MINUTE, sentence=f"{kind} {at}", facts='{"n": 1}')


class TestEvents:
    def test_the_newest_of_a_kind_come_first(self, store: Store) -> None:
        for event in (an_event(0), an_event(5), an_event(2, kind="start"), an_event(9, function=OTHER), an_event(3)):
            store.control.note_event(event)

        assert store.control.events(FUNCTION, "rung") == (an_event(5), an_event(3), an_event(0))
        assert store.control.events(FUNCTION, "rung", since=NOON + 3 * MINUTE, limit=1) == (an_event(5),)
        assert store.control.events(FUNCTION, "nothing") == ()

    def test_those_after_a_number_come_in_the_order_in_which_they_were_noted(self, store: Store) -> None:
        for event in (an_event(9), an_event(1, kind="start"), an_event(5), an_event(7, function=OTHER), an_event(8)):
            store.control.note_event(event)

        first, *later = store.control.events_after(FUNCTION, ["rung"], 0, limit=9)
        assert [each.event for each in (first, *later)] == [an_event(9), an_event(5), an_event(8)]
        assert store.control.events_after(FUNCTION, ["rung"], first.number, limit=1) == (later[0],)
        since = store.control.events_after(FUNCTION, ["rung"], 0, since=NOON + 8 * MINUTE, limit=9)
        assert [each.event for each in since] == [an_event(9), an_event(8)]

    def test_book_keeping_is_no_part_of_the_audit(self, store: Store) -> None:
        store.control.note_event(an_event(1, kind=f"{BOOKS}rise"))
        store.control.note_event(an_event(2))
        assert store.audit(FUNCTION, limit=9) == (an_event(2),)

    def test_the_newest_is_the_one_that_happened_last_whenever_it_was_noted(self, store: Store) -> None:
        """Who reads the newest goes by time, and a clock that was set back notes an earlier time later."""
        for event in (an_event(2), an_event(1)):
            store.control.note_event(event)
        assert store.control.forget_events(FUNCTION, NOON + timedelta(days=1)) == 1
        assert store.control.events(FUNCTION, "rung", limit=1) == (an_event(2),)

    def test_old_ones_go_but_the_newest_of_each_kind(self, store: Store) -> None:
        for event in (an_event(0), an_event(1), an_event(2, kind="start"), an_event(0, function=OTHER)):
            store.control.note_event(event)

        assert store.control.forget_events(FUNCTION, NOON + timedelta(days=1)) == 1
        assert store.control.events(FUNCTION, "rung") == (an_event(1),)
        assert store.control.events(FUNCTION, "start") == (an_event(2, kind="start"),)
        assert store.control.events(OTHER, "rung") == (an_event(0, function=OTHER),)
