"""What goes on record around an apply, and what is given back."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from planner.base import MINUTE
from planner.clock import ManualClock
from planner.custody import adopt, close_unfinished, earlier_plan, restored, settle, to_restore
from planner.errors import InputError
from planner.fc.memory import MemoryFunctionCompute
from planner.outcome import LONGEST_APPLY, Outcome, OutcomeKind
from planner.plan import Plan
from planner.provision import LiveDocument, ProvisionConfig, ScheduledAction
from planner.store import Store
from planner.undo import Present, release, release_to_zero
from tests.builders import FUNCTION, NOON, a_config, a_plan, an_action

NIGHT = ScheduledAction(name="night", schedule_expression="cron(0 0 22 * * *)", target=2)
SALE = an_action(NOON, 9, name="sale")
OURS = a_config(2, default=6)
FOUND = ProvisionConfig(default_target=4, always_allocate_cpu=False, scheduled_actions=(NIGHT,))
BESIDE_OURS = replace(OURS, scheduled_actions=(*OURS.scheduled_actions, SALE))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(f"sqlite:///{tmp_path}/planner.db", migrate=True) as opened:
        yield opened


@pytest.fixture
def said() -> list[str]:
    return []


def applied(store: Store, plan: Plan, clock: ManualClock, said: list[str]) -> None:
    """What an apply that went well leaves on record."""
    adopt(store, plan, who="ann", clock=clock, say=said.append)
    clock.sleep(1)
    attempt = store.begin(plan, who="ann", at=clock.now())
    outcome = Outcome(kind=OutcomeKind.APPLIED, at=clock.now(), message="", live_after=plan.wanted.digest)
    store.finish(attempt, outcome)
    settle(store, plan, outcome)
    clock.sleep(1)


def present(live: ProvisionConfig) -> Present:
    live_document = LiveDocument(config=live, exists=True)
    return Present(function=FUNCTION, time_zone="UTC", now=NOON, valid_for=15 * MINUTE, live=live_document)


class TestAdoption:
    def test_a_schedule_that_is_taken_out_later_comes_back_with_the_first(
        self, store: Store, clock: ManualClock, said: list[str]
    ) -> None:
        applied(store, a_plan(live=FOUND), clock, said)
        applied(store, a_plan(live=BESIDE_OURS), clock, said)

        found = to_restore(store, present(OURS), default=None)

        assert found == replace(FOUND, scheduled_actions=(NIGHT, SALE))
        assert said == []

    def test_a_schedule_that_is_kept_is_not_recorded_again(
        self, store: Store, clock: ManualClock, said: list[str]
    ) -> None:
        applied(store, a_plan(live=FOUND), clock, said)
        applied(store, a_plan(live=BESIDE_OURS, wanted=BESIDE_OURS), clock, said)

        assert to_restore(store, present(OURS), default=None) == FOUND

    def test_a_default_beside_policies_of_ours_is_not_taken_for_what_was_found(
        self, store: Store, clock: ManualClock, said: list[str]
    ) -> None:
        live = replace(BESIDE_OURS, always_allocate_gpu=False)
        for _ in range(2):
            applied(store, a_plan(live=live), clock, said)

        with pytest.raises(InputError, match=r"isn't known in .*planner\.db, where its record began 2026-11-23") as no:
            to_restore(store, present(live), default=None)

        assert "--default N" in no.value.remedy
        assert "--to-zero" in no.value.remedy
        assert to_restore(store, present(live), default=3) == ProvisionConfig(
            default_target=3, always_allocate_gpu=False, scheduled_actions=(SALE,)
        )
        (once,) = said
        assert "a release will need --default N" in once

    def test_without_any_record_a_default_can_be_named_and_a_named_one_wins(
        self, store: Store, clock: ManualClock, said: list[str]
    ) -> None:
        with pytest.raises(InputError, match=r"isn't known in .*planner\.db$"):
            to_restore(store, present(OURS), default=None)
        assert to_restore(store, present(OURS), default=3).default_target == 3

        applied(store, a_plan(live=FOUND), clock, said)

        assert to_restore(store, present(OURS), default=3) == replace(FOUND, default_target=3)

    def test_where_nothing_of_ours_is_there_is_nothing_to_release(self, store: Store) -> None:
        with pytest.raises(InputError, match="is not adopted"):
            to_restore(store, present(FOUND), default=5)

    def test_an_incomplete_record_that_nothing_came_of_gives_way_to_a_complete_one(
        self, store: Store, clock: ManualClock, said: list[str]
    ) -> None:
        adopt(store, a_plan(live=OURS), who="ann", clock=clock, say=said.append)
        clock.sleep(1)
        applied(store, a_plan(live=FOUND), clock, said)

        assert to_restore(store, present(OURS), default=None) == FOUND


class TestRelease:
    def test_it_says_what_went_and_what_came_back(self) -> None:
        words = restored(release(FOUND, present(BESIDE_OURS)))
        assert words == (
            "Released asr-gpu:prod: removed 1 policy, default target 4, alwaysAllocateCPU off, alwaysAllocateGPU on; "
            "back: 'night'."
        )

    def test_to_zero_nothing_comes_back(self) -> None:
        assert restored(release_to_zero(present(BESIDE_OURS))).startswith("Released asr-gpu:prod: removed 2 policies, ")


def test_the_plan_to_go_back_to_is_the_last_that_left_another_document(
    store: Store, clock: ManualClock, said: list[str]
) -> None:
    first, second = a_plan(wanted=a_config(3)), a_plan(wanted=a_config(5))
    for plan in (first, second, replace(second, notes=("again",))):
        applied(store, plan, clock, said)

    assert earlier_plan(store, FUNCTION) == first


def test_with_one_document_there_is_nothing_to_go_back_to(store: Store, clock: ManualClock, said: list[str]) -> None:
    assert earlier_plan(store, FUNCTION) is None
    applied(store, a_plan(), clock, said)
    assert earlier_plan(store, FUNCTION) is None


class TestClosing:
    @pytest.mark.parametrize(
        ("passed", "waits"),
        [(0, 10.0), (4, 6.0), (10, 0.0), (3600, 0.0), (-7 * 86_400, 10.0)],
        ids=["at once", "soon", "late", "much later", "begun by a clock that was a week ahead"],
    )
    def test_a_put_of_a_killed_apply_gets_time_to_arrive(
        self, store: Store, fc: MemoryFunctionCompute, clock: ManualClock, said: list[str], passed: int, waits: float
    ) -> None:
        store.begin(a_plan(), who="ann@here pid 1", at=clock.now() - timedelta(seconds=passed))

        close_unfinished(store, fc, FUNCTION, clock=clock, still_runs=lambda *_: False, say=said.append)

        assert sum(clock.slept) == waits
        assert [f"waiting {waits:.0f} s" in line for line in said] == ([True, False] if waits else [False])
        assert store.unfinished(FUNCTION) == ()

    @pytest.mark.parametrize(("runs", "words"), [(True, "is running"), (None, "is under way on another machine")])
    def test_an_apply_that_runs_or_may_run_elsewhere_is_left_alone(
        self,
        store: Store,
        fc: MemoryFunctionCompute,
        clock: ManualClock,
        said: list[str],
        runs: bool | None,
        words: str,
    ) -> None:
        store.begin(a_plan(), who="ann@there pid 1", at=clock.now())
        clock.sleep(60)

        with pytest.raises(InputError, match=words) as refused:
            close_unfinished(store, fc, FUNCTION, clock=clock, still_runs=lambda *_: runs, say=said.append)

        assert "since 2026-11-23T12:00:00Z (ann@there pid 1)" in refused.value.message
        assert ("2026-11-23T13:30:00Z" in refused.value.remedy) is (runs is None)
        assert timedelta(minutes=90) == LONGEST_APPLY
        assert len(store.unfinished(FUNCTION)) == 1
        assert (said, clock.slept) == ([], [60])
