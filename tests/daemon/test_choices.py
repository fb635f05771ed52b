"""What the daemon chooses is kept for a day, and followed while it holds."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from planner import choices
from planner.pipeline import Question, choose
from planner.scheduler import Scheduler
from planner.store import Event
from planner.world import World
from tests.daemon.site import ASR, START, Site

HOUR = timedelta(hours=1)
WATCHED = "mode: observe, plan_every: 1h"


def kept(site: Site) -> tuple[Event, ...]:
    """Newest first."""
    return site.store.control.events(ASR, choices.KIND)


def chosen_after(site: Site) -> list[float]:
    """Hours from START to the choice that each plan followed, oldest plan first."""
    plans = [site.store.plan(each.id) for each in reversed(site.store.plans(ASR, limit=99))]
    return [(plan.evidence.chosen_at - START) / HOUR for plan in plans if plan.evidence]


def reborn(site: Site, daemon: Scheduler) -> tuple[Scheduler, World]:
    """The daemon ends, and another one starts."""
    daemon.close()
    again, (world,) = site.daemon(WATCHED)
    return again, world


def test_the_first_plan_chooses_and_the_next_ones_follow(site: Site) -> None:
    daemon, (world,) = site.daemon(WATCHED)
    for _ in range(5):
        site.beat(daemon, HOUR)

    assert chosen_after(site) == [1] * 5
    (event,) = kept(site)
    assert event.sentence.startswith("seasonal; instances that are busy at least ")
    assert choices.newest(site.store, ASR, site.clock.now()) == choose(world.settings, world.ask(event.at, False))


def test_a_restart_finds_the_choice(site: Site) -> None:
    daemon, _ = site.daemon(WATCHED)
    site.beat(daemon)
    again, _ = reborn(site, daemon)
    site.beat(again, HOUR)
    assert chosen_after(site) == [0, 0]
    assert len(kept(site)) == 1


def test_another_configuration_chooses_anew_and_follows_that(site: Site) -> None:
    daemon, _ = site.daemon(WATCHED)
    site.beat(daemon)
    again, world = reborn(site, daemon)
    stricter = world.settings.objective.model_copy(update={"cold_share": 0.0005})
    again._cares[0].world = replace(world, settings=world.settings.model_copy(update={"objective": stricter}))
    site.beat(again, HOUR)
    site.beat(again, HOUR)
    assert chosen_after(site) == [0, 1, 1]


def test_what_other_code_chose_or_days_ago_is_not_followed(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    daemon, _ = site.daemon(WATCHED)
    site.beat(daemon)
    now = site.clock.now()
    assert choices.newest(site.store, ASR, now + choices.LASTS) is not None
    assert choices.newest(site.store, ASR, now + choices.LASTS + HOUR) is None
    # Not a file of the package: the digest of its source stands for an upgrade.
    monkeypatch.setattr(choices, "_code", lambda: "another version")
    assert choices.newest(site.store, ASR, now) is None


def test_of_a_young_function_nothing_is_kept(site: Site) -> None:
    daemon, (world,) = site.daemon(WATCHED)

    def young(now: datetime, adopt: bool) -> Question:
        question = world.ask(now, adopt)
        series = question.history.series[START - 50 * HOUR :]
        return replace(question, history=replace(question.history, series=series))

    daemon._cares[0].world = replace(world, ask=young)
    for _ in range(3):
        site.beat(daemon, HOUR)
    assert chosen_after(site) == [1, 2, 3]
    assert kept(site) == ()
