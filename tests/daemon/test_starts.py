"""The lead is learnt from rises that verify saw: what is on record of them, and what plans make of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from planner import starts
from planner.apply import apply
from planner.base import MINUTE
from planner.capacity import CapacitySchedule, Step
from planner.config import CapacityConfig
from planner.cycle import carry_out
from planner.due import Job
from planner.emulator import FunctionSpec, Settings, StartupFault
from planner.emulator import World as Region
from planner.lead import ENOUGH, Lead, Rise, Start
from planner.lease import Leases
from planner.pipeline import reasoned
from planner.plan import Plan
from planner.provision import LiveDocument, ProvisionConfig
from planner.store import Store
from planner.world import World
from tests.builders import NOON, a_plan, an_action
from tests.daemon.site import ASR, START, Site, opened

FIRST, LAST = 20.0, 140.0
"""Seconds of the start-up times: any between them alike."""
SLOW = Region(
    functions=(
        FunctionSpec(name=ASR.name, instance_concurrency=8, instance_metrics=True, startup_seconds=(FIRST, LAST)),
    ),
    settings=Settings(evaluation_lag_seconds=0),
)
EACH = 6 * MINUTE


@pytest.fixture
def slow(tmp_path: Path) -> Iterator[Site]:
    with opened(tmp_path, SLOW) as made:
        yield made


def up_and_down(rises: int, *, start: datetime, low: int = 1, high: int = 3) -> Plan:
    """A plan whose steps go up and down in turn, each for EACH."""
    figures = [low, high] * rises
    steps = tuple(Step(at=start + n * EACH, instances=figure, reason="tide") for n, figure in enumerate(figures))
    actions = tuple(an_action(step.at, step.instances, minutes=7) for step in steps)
    return a_plan(
        start,
        function=ASR,
        live=ProvisionConfig(),
        live_exists=False,
        wanted=ProvisionConfig(default_target=low, scheduled_actions=actions),
        schedule=CapacitySchedule(start=start, end=start + len(figures) * EACH, steps=steps),
    )


def watched(site: Site, world: World, minutes: int) -> None:
    for _ in range(minutes):
        site.pass_by(MINUTE)
        assert not carry_out(Job.VERIFY, world).run.failed


def applied(site: Site, plan: Plan) -> World:
    world = site.world("", ASR, Leases(site.store.control, "me", clock=site.clock, ticks=site.clock.monotonic))
    apply(plan, fc=site.fc, audit=site.store, clock=site.clock, who="ann", follow=timedelta(0))
    site.pass_by(timedelta(seconds=2))
    return world


def test_the_learnt_lead_is_the_true_one_to_a_minute_and_a_slower_start_is_seen_soon(slow: Site) -> None:
    plan = up_and_down(26, start=START)
    world = applied(slow, plan)
    watched(slow, world, 16 * 12)
    found = world.lead(slow.clock.now())
    # Two instances are added: the later one's P90 is where each one's share is the root of 0.9.
    true = FIRST + (LAST - FIRST) * 0.9**0.5
    assert found.source == "learnt"
    assert found.seen >= 15
    assert true <= found.whole.total_seconds() <= true + 62

    slow.emulator.faults.add(StartupFault(factor=3.0, seconds=86_400))
    watched(slow, world, 6 * 12)
    assert world.lead(slow.clock.now()).whole.total_seconds() > true + 62


def test_plans_of_a_slow_function_ask_earlier_than_those_of_a_quick_one(site: Site) -> None:
    _, worlds = site.daemon("")
    world = worlds[0]
    begun = {}
    for seconds in (0, 600):
        for n in range(ENOUGH if seconds else 0):
            _note_start(site.store, seconds, site.clock.now() - n * MINUTE)
        lead = world.lead(site.clock.now())
        question = replace(world.ask(START, False), lead=lead)
        made = reasoned(world.settings, question)
        steps, levels = made.plan.schedule.per_minute(), made.decision.levels
        needed = np.repeat(levels.instances, levels.slot // MINUTE)
        for ahead in range(-(-lead.whole // MINUTE) + 1):
            later = needed[ahead : ahead + len(steps)]
            assert (steps[: len(later)] >= later).all(), "a step takes effect a lead before its need"
        assert made.plan.evidence is not None
        assert made.plan.evidence.lead == lead.whole
        assert any(note.startswith("lead: ") for note in made.plan.notes) == bool(seconds)
        begun[seconds] = steps
    rises = {seconds: int(np.flatnonzero(np.diff(steps) > 0)[0]) for seconds, steps in begun.items()}
    assert rises[600] < rises[0]


def _note_start(store: Store, seconds: float, asked_at: datetime) -> None:
    starts.note_end(
        store,
        ASR,
        Start(rise=Rise(asked_at=asked_at, wanted=3, before=1), took=timedelta(seconds=seconds), arrived=True),
        asked_at,
    )


class TestLooks:
    """At NOON one instance is there, and a step to 3 falls due a minute later."""

    @pytest.fixture
    def store(self, tmp_path: Path) -> Iterator[Store]:
        with Store.open(f"sqlite:///{tmp_path / 'planner.db'}", migrate=True) as store:
            yield store

    PLAN = up_and_down(3, start=NOON - 5 * MINUTE)

    def look(
        self, store: Store, seconds: float, current: int, *, target: int = 1, pause: float = 60, ours: bool = True
    ) -> None:
        now = NOON + timedelta(seconds=seconds)
        live = LiveDocument(exists=True, current=current, target=target)
        before = now - timedelta(seconds=pause)
        starts.note_look(store, starts.Look(now=now, before=before, live=live, plan=self.PLAN, as_applied=ours))

    def ends(self, store: Store) -> list[str]:
        return [event.sentence for event in reversed(store.control.events(ASR, starts.ENDED))]

    def test_a_rise_counts_until_the_look_that_finds_it_there(self, store: Store) -> None:
        for seconds, current in ((1, 1), (61, 1), (121, 2), (181, 3), (241, 3)):
            self.look(store, seconds, current)
        assert self.ends(store) == ["the rise to 3 of 2026-11-23T12:01:00Z arrived after at most 121 s"]

    def test_what_was_asked_for_before_teaches_nothing(self, store: Store) -> None:
        for seconds, current in ((1, 1), (61, 3)):
            self.look(store, seconds, current, target=4)
        assert self.ends(store) == []

    def test_a_restart_loses_no_rise(self, store: Store) -> None:
        # Looks keep nothing but records, so each may be another process.
        self.look(store, 1, 1)
        self.look(store, 1, 1)
        self.look(store, 140, 3, pause=139)
        assert self.ends(store) == ["the rise to 3 of 2026-11-23T12:01:00Z arrived after at most 80 s"]

    def test_after_a_long_pause_nobody_knows_when_it_came(self, store: Store) -> None:
        self.look(store, 1, 1)
        self.look(store, 61, 1)
        self.look(store, 281, 3, pause=220)
        assert self.ends(store) == ["the rise to 3 of 2026-11-23T12:01:00Z was cut short, or not looked at, after 1 s"]

    def test_a_step_down_cuts_a_rise_that_did_not_come(self, store: Store) -> None:
        for minute in range(9):
            self.look(store, 60 * minute + 1, 1)
        assert self.ends(store) == [
            "the rise to 3 of 2026-11-23T12:01:00Z was cut short, or not looked at, after 301 s"
        ]

    def test_somebody_elses_document_cuts_it(self, store: Store) -> None:
        self.look(store, 1, 1)
        self.look(store, 61, 1)
        self.look(store, 121, 1, ours=False)
        assert self.ends(store) == ["the rise to 3 of 2026-11-23T12:01:00Z was cut short, or not looked at, after 1 s"]

    def test_what_never_comes_counts_as_longer_than_all(self, store: Store) -> None:
        lasting = replace(self.PLAN, schedule=replace(self.PLAN.schedule, steps=self.PLAN.schedule.steps[:2]))
        for minute in range(30):
            now = NOON + minute * MINUTE + timedelta(seconds=1)
            live = LiveDocument(exists=True, current=1, target=1)
            starts.note_look(store, starts.Look(now=now, before=now - MINUTE, live=live, plan=lasting, as_applied=True))
        assert self.ends(store) == [
            "the rise to 3 of 2026-11-23T12:01:00Z was cut short, or not looked at, after 1021 s"
        ]

    def test_a_put_that_asks_for_more_is_a_rise(self, store: Store) -> None:
        asked = NOON + 90 * timedelta(seconds=1)
        starts.note_put(store, self.PLAN, LiveDocument(exists=True, current=1, target=1), asked)
        starts.note_put(store, self.PLAN, LiveDocument(exists=True, current=1, target=3), asked + MINUTE)
        self.look(store, 121, 3)
        assert self.ends(store) == ["the rise to 3 of 2026-11-23T12:01:30Z arrived after at most 31 s"]

    def test_records_of_rises_are_the_lead_of_plans(self, store: Store) -> None:
        def lead(**keys: str) -> Lead:
            return starts.lead_of(store, ASR, CapacityConfig(**keys), NOON)

        assert lead().source == "assumed"
        for n in range(ENOUGH):
            _note_start(store, 200 + n, NOON - n * MINUTE)
        assert (lead().source, lead().whole) == ("learnt", timedelta(seconds=208))
        assert lead(lead="90s").source == "configured"
