"""Fits and backtests: when they are due, what they leave on record, and that nobody waits for them."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from threading import Event, current_thread

import pandas as pd

from planner import choices, lookback
from planner.backtest import OURS
from planner.base import MINUTE, FunctionRef
from planner.baselines import STATIC
from planner.cycle import due_jobs
from planner.due import DAY, WEEK, Job, spread
from planner.observing import Observer
from planner.pipeline import Question
from planner.scheduler import DEADLINES, Scheduler
from planner.store import Point, Run
from planner.world import World
from tests.daemon.site import ASR, START, TTS, Site
from tests.daemon.test_scheduler import wait_until

HOUR = timedelta(hours=1)
SELDOM = "mode: observe, plan_every: 1d"


def its_minute(now: datetime, function: FunctionRef = ASR) -> datetime:
    """When the function's next day begins."""
    return now + (spread(str(function)) - (now - datetime.min.replace(tzinfo=now.tzinfo))) % DAY


def backtesting(daemon: Scheduler, days: int) -> World:
    """The same daemon, with so many days to live through anew."""
    care = daemon._cares[0]
    section = care.world.settings.daemon.model_copy(update={"backtest_days": days})
    care.world = replace(care.world, settings=care.world.settings.model_copy(update={"daemon": section}))
    return care.world


def began(site: Site, job: Job) -> datetime:
    return site.run(job).began_at


def test_the_first_plan_is_the_fit_and_the_next_is_due_at_the_functions_own_minute(site: Site) -> None:
    daemon, (world,) = site.daemon(SELDOM)
    assert Job.FIT not in due_jobs(world, START)
    site.beat(daemon)
    assert began(site, Job.FIT) == START
    site.pass_by(its_minute(START) - site.clock.now() - MINUTE)
    assert Job.FIT not in due_jobs(world, site.clock.now())
    site.beat(daemon, MINUTE)
    assert began(site, Job.FIT) == its_minute(START)
    site.beat(daemon, DAY - MINUTE)
    assert began(site, Job.FIT) == its_minute(START)
    site.beat(daemon, MINUTE)
    assert began(site, Job.FIT) == its_minute(START) + DAY
    assert [event.at for event in site.store.control.events(ASR, choices.KIND)] == [
        its_minute(START) + DAY,
        its_minute(START),
        START,
    ]


def test_a_surprise_asks_for_a_fit_but_not_soon_after_another(site: Site) -> None:
    daemon, _ = site.daemon(SELDOM)
    site.beat(daemon)
    site.points = [Point(at=START + n * MINUTE, value=1e6, step=MINUTE) for n in range(1000)]
    site.beat(daemon, 2 * HOUR)
    assert "SURPRISE" in site.said("verify")
    assert began(site, Job.FIT) == START
    site.beat(daemon, HOUR)
    # The verify of this beat asked for it, and it is done with the next one.
    site.beat(daemon, timedelta(seconds=2))
    assert began(site, Job.FIT) == START + 3 * HOUR + timedelta(seconds=2)


def test_a_backtest_is_on_record_and_due_again_a_week_later(site: Site) -> None:
    daemon, _ = site.daemon(SELDOM)
    world = backtesting(daemon, 1)
    site.beat(daemon)
    assert Job.BACKTEST not in site.store.control.last_runs(ASR), "a new function's first hours are for its plan"
    site.beat(daemon, its_minute(START) - START)

    run = site.run(Job.BACKTEST)
    told = lookback.newest(site.store, ASR)
    assert told is not None
    at, found = told
    assert (run.failed, run.sentence, at) == (False, found.sentence, its_minute(START))
    assert (found.days, found.ours.policy, found.objective) == (1, OURS, world.settings.objective.cold_share)
    costs = {account.policy: account.money for account in found.accounts}
    assert found.saved == costs[STATIC] - costs[OURS] > 0
    assert f"less than a {STATIC}" in run.sentence

    page = Observer([world], clock=site.clock).metrics()
    whose = 'function="asr-gpu",qualifier="LATEST"'
    assert f'planner_backtest_cold_ratio{{{whose},policy="{OURS}"}} {found.ours.cold_share!r}' in page
    assert f"planner_backtest_span_seconds{{{whose}}} 86400" in page

    due = [days for days in range(1, 10) if Job.BACKTEST in due_jobs(world, at + days * DAY)]
    assert due[0] <= 7
    assert due == list(range(due[0], 10))


def test_a_function_that_is_too_new_for_a_backtest_says_so_and_is_not_asked_again_at_once(site: Site) -> None:
    daemon, _ = site.daemon(SELDOM)
    backtesting(daemon, 1)
    site.changed = lambda history: replace(
        history, series=history.series.loc[pd.Timestamp(START) - pd.Timedelta(DAY) :]
    )
    site.beat(daemon)
    site.beat(daemon, its_minute(START) - START)
    run = site.run(Job.BACKTEST)
    assert not run.failed
    assert run.sentence.startswith("not yet: ")
    assert Job.BACKTEST not in due_jobs(daemon._cares[0].world, run.ended_at + DAY / 2)


def test_a_study_that_failed_is_tried_again_after_an_hour(site: Site) -> None:
    daemon, (world,) = site.daemon(SELDOM)
    site.beat(daemon)
    began_at = its_minute(START)
    site.store.control.note_run(
        Run(function=ASR, job=Job.FIT, began_at=began_at, ended_at=began_at, failed=True, sentence="no points")
    )
    assert Job.FIT not in due_jobs(world, began_at + HOUR - MINUTE)
    assert Job.FIT in due_jobs(world, began_at + HOUR)


class Held:
    """A world whose studies wait for the gate once it is shut."""

    def __init__(self, world: World) -> None:
        self._world, self.gate, self.reached = world, Event(), Event()
        self.gate.set()

    def ask(self, now: datetime, adopt: bool) -> Question:
        if current_thread().name.startswith("study"):
            self.reached.set()
            assert self.gate.wait(60)
        return self._world.ask(now, adopt)


def test_nobody_waits_for_a_slow_study(site: Site) -> None:
    daemon, worlds = site.daemon(SELDOM, ASR, TTS)
    held = Held(worlds[0])
    daemon._cares[0].world = replace(worlds[0], ask=held.ask)
    site.beat(daemon)
    site.pass_by(its_minute(START) - START)
    held.gate.clear()
    daemon.beat(site.clock.now())
    wait_until(held.reached.is_set)
    daemon._cares[0].refit = True
    for _ in range(3):
        wait_until(lambda: not any(care.acts.busy for care in daemon._cares))
        site.pass_by(MINUTE)
        daemon.beat(site.clock.now())
    wait_until(lambda: not any(care.acts.busy for care in daemon._cares))
    assert {site.run("verify", each).began_at for each in (ASR, TTS)} == {site.clock.now()}
    assert began(site, Job.FIT) == START

    site.pass_by(DEADLINES[Job.FIT])
    daemon.beat(site.clock.now())
    wait_until(lambda: site.run("fit").failed)
    assert site.said("fit").startswith("still running after 33 min")
    held.gate.set()
    daemon.drain(lambda: site.clock.sleep(0.0))
    assert not site.run("fit").failed
    assert not daemon._cares[0].refit, "what asked meanwhile is answered"


def test_a_stop_leaves_a_backtest_between_two_plans(site: Site) -> None:
    daemon, (world,) = site.daemon(SELDOM)
    asked: list[None] = []

    def stopping() -> bool:
        asked.append(None)
        return len(asked) > 5

    settings = backtesting(daemon, 1).settings
    site.beat(daemon)
    daemon._cares[0].world = replace(world, settings=settings, stopping=stopping)
    site.beat(daemon, its_minute(START) - START)
    assert Job.BACKTEST not in site.store.control.last_runs(ASR)
    assert lookback.newest(site.store, ASR) is None


def test_names_are_spread_over_the_week_and_its_hours() -> None:
    minutes = [spread(f"function-{number}:LATEST") for number in range(1000)]
    assert len({at // DAY for at in minutes}) == 7
    by_hour = [sum(at % DAY // HOUR == hour for at in minutes) for hour in range(24)]
    assert min(by_hour) > 20
    assert max(by_hour) < 70
    assert all(timedelta(0) <= at < WEEK for at in minutes)
