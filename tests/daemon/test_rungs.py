"""The daemon on the ladder: through the scheduler's beat, the SDK and the emulator, while tide or metric break."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from planner.base import MINUTE
from planner.config import FunctionConfig
from planner.cycle import RETRY
from planner.errors import HistoryError
from planner.footing import climbs, footing, note_step
from planner.forecasters.prophet import FitError
from planner.history import History
from planner.ladder import SHADOW, Footing, Rung
from planner.pipeline import Reasoned, reasoned
from planner.plan import Plan
from planner.reading import least_values
from planner.store import Point, Run
from tests.daemon.site import ASR, START, Site

HOUR, QUARTER = timedelta(hours=1), 15 * MINUTE
AUTO = "mode: auto, min_interval: 0s, worth_hours: 0"


def steps(site: Site) -> list[Rung]:
    """The rungs that the function came to, in order."""
    return [step.rung for step in reversed(climbs(site.store.control, ASR))]


def quarters(history: History) -> NDArray[np.int64]:
    """How many quarters of an hour each point lies after an hour from the start on."""
    since = pd.DatetimeIndex(history.series.index) - pd.Timestamp(START + HOUR)
    return np.asarray(since // pd.Timedelta(QUARTER), dtype=np.int64)


def swinging(history: History) -> History:
    """From an hour after the start on every other quarter of an hour has nine times the load."""
    since = quarters(history)
    return replace(history, series=history.series * np.where((since >= 0) & (since % 2 == 0), 9.0, 1.0))


def stands(site: Site) -> Footing:
    """Where the function stands now."""
    return footing(site.store.control, ASR, site.clock.now())


def applied(site: Site) -> list[Plan]:
    return [site.store.plan(each.plan_id) for each in reversed(site.store.applied(ASR, limit=99))]


def lowers(plan: Plan, minutes: int = 60) -> bool:
    """Whether the put took something away from what the live document would have given."""
    wanted = least_values(plan.wanted, plan.created_at, minutes)
    return bool((wanted < least_values(plan.live, plan.created_at, minutes)).any())


def test_a_tide_that_breaks_takes_it_down_and_the_shadow_brings_it_back(site: Site) -> None:
    site.changed = swinging
    daemon, _ = site.daemon(f"{AUTO}, plan_every: 15m")
    site.beat(daemon)
    running = []
    while stands(site).rung is Rung.CHAMPION and site.clock.now() < START + 6 * HOUR:
        site.beat(daemon, QUARTER)
        running.append(site.fc.get_provision_config(ASR).target)

    step = stands(site)
    assert step.rung is Rung.LAST_WEEK
    assert step.since <= START + 4 * HOUR
    assert step.sentence.startswith("from champion down to last-week: ")
    assert step.sentence in site.said("plan")
    (served, shadow) = (site.store.plan(each.id) for each in site.store.plans(ASR, limit=2))
    assert served.evidence is not None
    assert shadow.evidence is not None
    assert (served.evidence.forecaster, shadow.evidence.forecaster) == ("lastweek", "seasonal")
    assert shadow.notes[0] == "shadow: on record, not followed"
    daemon.close()
    site.changed = lambda history: history
    other, _ = site.daemon(f"{AUTO}, plan_every: 1h", name="two")
    for _ in range(9):
        site.beat(other, HOUR)
    back = stands(site)
    assert back.rung is Rung.CHAMPION
    assert back.since - step.since >= SHADOW


def test_a_band_that_does_not_keep_what_it_promises_asks_for_a_fit(site: Site) -> None:
    """From an hour after the start on each quarter of an hour has half as much again as the one before."""
    site.changed = lambda history: replace(history, series=history.series * 1.5 ** np.maximum(quarters(history), 0))
    daemon, _ = site.daemon("mode: observe, plan_every: 15m")
    site.beat(daemon)
    first = site.run("fit").began_at
    for _ in range(16):
        site.beat(daemon, QUARTER)
    assert site.run("fit").began_at >= first + 3 * HOUR


def test_a_dead_metric_goes_back_to_the_last_good_schedule_and_lowers_nothing(site: Site) -> None:
    daemon, _ = site.daemon(f"{AUTO}, plan_every: 30m")
    site.beat(daemon)
    site.beat(daemon, HOUR)
    site.metric_ends = site.clock.now()
    for _ in range(6):
        site.beat(daemon, 30 * MINUTE)

    step = stands(site)
    assert (step.rung, step.plan is not None) == (Rung.LAST_GOOD, True)
    assert "the newest metric is 2.5 h old, more than 2.0 h" in step.sentence
    blind = [plan for plan in applied(site) if plan.created_at > site.metric_ends + 30 * MINUTE]
    assert blind, "the fallback was pushed"
    assert not any(lowers(plan, 24 * 60) for plan in blind)

    site.metric_ends = None
    for _ in range(13):
        site.beat(daemon, 30 * MINUTE)
    assert steps(site) == [Rung.LAST_GOOD, Rung.CHAMPION]


def test_a_history_that_cant_be_read_any_more_doesnt_end_the_planning(site: Site) -> None:
    daemon, _ = site.daemon(AUTO)
    site.beat(daemon)

    def gone(_: History) -> History:
        raise HistoryError("the table of points is empty", remedy="Fill it.")

    site.changed = gone
    site.pass_by(QUARTER)
    ran = site.fc.get_provision_config(ASR).target
    site.beat(daemon)
    assert (site.run("plan").failed, steps(site)) == (True, []), "one answer that failed may be the only one"
    site.beat(daemon, RETRY)

    assert not site.run("plan").failed
    assert steps(site) == [Rung.LAST_GOOD]
    assert "from champion down to last-good: no plan can be made: the table of points is empty" in site.said("plan")
    assert site.fc.get_provision_config(ASR).target >= ran


def test_a_step_that_a_wrong_clock_noted_for_next_week_counts_then(site: Site) -> None:
    daemon, _ = site.daemon(AUTO)
    site.beat(daemon)
    later = site.clock.now() + timedelta(days=7)
    note_step(site.store.control, ASR, Footing(rung=Rung.GUARDRAILS, since=later, sentence="said"))
    site.beat(daemon, QUARTER)
    assert stands(site).rung is Rung.CHAMPION
    assert "guardrails" not in site.said("plan")


def test_a_source_that_fails_once_takes_nothing_down(site: Site) -> None:
    daemon, _ = site.daemon(AUTO)
    site.beat(daemon)

    def gone(_: History) -> History:
        raise HistoryError("the table of points is empty", remedy="Fill it.")

    for _ in range(2):
        site.changed = gone
        site.beat(daemon, QUARTER)
        assert site.run("plan").failed
        site.changed = lambda history: history
        site.beat(daemon, RETRY)
        assert not site.run("plan").failed
    assert steps(site) == []


def test_a_plan_that_failed_for_another_reason_is_not_the_first_of_two(site: Site) -> None:
    daemon, _ = site.daemon(AUTO)
    site.beat(daemon)
    site.pass_by(QUARTER)
    now = site.clock.now()
    site.store.control.note_run(Run(function=ASR, job="plan", began_at=now, ended_at=now, failed=True, sentence="429"))

    def gone(_: History) -> History:
        raise HistoryError("the table of points is empty", remedy="Fill it.")

    site.changed = gone
    site.beat(daemon, RETRY)
    assert (site.run("plan").failed, steps(site)) == (True, [])


def test_where_the_champion_cant_be_made_last_week_is_planned_without_a_word(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    def made(settings: FunctionConfig, *rest: object, **named: object) -> Reasoned:
        if settings.forecast.forecaster != "lastweek":
            raise FitError("the optimizer found nothing")
        return reasoned(settings, *rest, **named)  # type: ignore[arg-type]

    daemon, _ = site.daemon(AUTO)
    site.beat(daemon)
    monkeypatch.setattr("planner.rungs.reasoned", made)
    site.beat(daemon, QUARTER)
    failed = []
    for _ in range(4):
        site.beat(daemon, QUARTER if failed else RETRY)
        failed.append(site.run("plan").failed)
    assert (failed, steps(site)) == ([False] * 4, [Rung.LAST_WEEK])


def test_without_a_plan_of_ours_in_force_nothing_takes_a_persons_place(site: Site) -> None:
    def gone(_: History) -> History:
        raise HistoryError("the table of points is empty", remedy="Fill it.")

    site.changed = gone
    daemon, _ = site.daemon(AUTO)
    site.beat(daemon)
    assert (site.run("plan").failed, site.puts(), steps(site)) == (True, 0, [])


def test_where_no_schedule_was_good_one_step_and_the_safe_tracker_remain(site: Site) -> None:
    daemon, _ = site.daemon(AUTO)
    site.beat(daemon)
    now = site.clock.now()
    note_step(site.store.control, ASR, Footing(rung=Rung.GUARDRAILS, since=now, sentence="said"))
    ran = site.fc.get_provision_config(ASR).target
    for _ in range(3):
        site.beat(daemon, QUARTER)

    plan = applied(site)[-1]
    assert [step.instances for step in plan.schedule.steps] == [max(ran, plan.schedule.steps[0].instances)]
    trackers = [policy for policy in plan.wanted.tracking_policies if policy.metric_target == 0.6]
    assert len(trackers) == 2, "from now on, and after the horizon"
    assert site.fc.get_provision_config(ASR).target >= ran
    assert f"on the rung guardrails since {now:%Y-%m-%dT%H:%M:%SZ}" in site.said("plan")


def test_guardrails_rise_in_parts_where_one_push_may_not_bring_all_that_was_needed(site: Site) -> None:
    daemon, _ = site.daemon(f"{AUTO}, max_rise: 5")
    site.beat(daemon)
    before = int(least_values(applied(site)[-1].wanted, site.clock.now(), 24 * 60).max())
    note_step(site.store.control, ASR, Footing(rung=Rung.GUARDRAILS, since=site.clock.now(), sentence="said"))
    site.changed = lambda history: replace(history, series=history.series * 9)
    site.beat(daemon, QUARTER)
    assert [step.instances for step in applied(site)[-1].schedule.steps] == [before + 5]


@pytest.mark.parametrize(("mode", "off"), [("auto", 0), ("auto", 2), ("propose", 0), ("observe", 0)])
def test_a_push_that_leaves_much_cold_which_the_one_before_would_not_is_taken_back(
    site: Site, mode: str, off: int
) -> None:
    """Whether verify comes at full five minutes, or, as from a crontab, two minutes later."""
    daemon, (world,) = site.daemon("mode: auto, min_interval: 0s, worth_hours: 0, plan_every: 2h")
    site.changed = lambda history: replace(history, series=history.series * 2)
    site.beat(daemon)
    first = site.store.last_applied(ASR)
    # A metric that shows half of the load: the next plan asks for half of the instances.
    site.changed = lambda history: replace(history, series=history.series * 1.1)
    site.beat(daemon, HOUR)
    second = site.store.last_applied(ASR)
    assert first is not None
    assert second is not None
    assert second.plan_id != first.plan_id
    section = world.settings.daemon.model_copy(update={"mode": mode})
    daemon._cares[0].world = replace(world, settings=world.settings.model_copy(update={"daemon": section}))
    # What the first plan's 35 instances would serve, and the second one's 21 not.
    site.points = [Point(at=START + n * MINUTE, value=250.0, step=MINUTE) for n in range(120)]
    puts = site.puts()
    site.pass_by(off * MINUTE)
    for _ in range(4):
        site.beat(daemon, 5 * MINUTE)

    step = stands(site)
    assert (step.rung, step.plan) == (Rung.LAST_GOOD, first.plan_id)
    assert "of the load found no warm instance in the " in step.sentence
    assert f"back to plan {first.plan_id}" in step.sentence
    assert (site.puts() > puts) == (mode == "auto")
    if mode == "auto":
        assert not lowers(applied(site)[-1], 24 * 60)
    elif mode == "propose":
        assert f"plan {site.proposal().plan_id}: proposed until " in site.said("plan")
        assert not lowers(site.store.plan(site.proposal().plan_id), 24 * 60)
    else:
        assert "held: observed only" in site.said("plan")
