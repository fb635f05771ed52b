"""What is measured of one function: read from its records at each scrape, never from Function Compute."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from planner import lookback
from planner.base import MINUTE
from planner.cycle import LOOK_BACK, cadence
from planner.fc.arrival import instances_in_effect
from planner.footing import coverage, footing
from planner.freeze import frozen
from planner.lead import Kind
from planner.observing import families as f
from planner.observing.exposition import Family, Page, Value
from planner.observing.sightings import Sighting
from planner.outcome import OutcomeKind
from planner.plan import Band, Estimate, Plan
from planner.policies import freeze_windows
from planner.provision import holds_ours
from planner.store import Point
from planner.world import World

LONGEST_SIGHT = 10 * MINUTE
"""What was seen longer ago (another daemon acts, or Function Compute doesn't answer) is no figure of the present."""


class Measures:
    """Of one function; a daemon that was `started` then has had to run each job since."""

    def __init__(self, world: World, started: datetime) -> None:
        self._world, self._started = world, started
        self._plans: dict[int, Plan] = {}

    def measure(self, page: Page, seen: Sighting | None, now: datetime) -> None:
        """Add every sample that is known at `now`; StoreError or PlanFileError where one of them can't be read."""
        self._permission(page, now)
        self._jobs(page, now)
        applied, newest = self._read_plans(page)
        self._document(page, seen, applied, now)
        self._schedule(page, applied, now)
        self._load(page, newest, now)
        self._lead(page, now)
        self._forecast(page, newest, now)
        self._plan(page, newest, now)
        self._look_back(page)

    def _add(self, page: Page, family: Family, value: Value | None, **labels: str) -> None:
        function = self._world.function
        page.add(family, value, {"function": function.name, "qualifier": function.qualifier, **labels})

    def _permission(self, page: Page, now: datetime) -> None:
        world, control, daemon = self._world, self._world.store.control, self._world.settings.daemon
        self._add(page, f.INFO, 1, mode=daemon.mode, drift=daemon.drift)
        lease = control.lease(world.function)
        ours = lease is not None and lease.holder == world.who and now < lease.expires_at
        self._add(page, f.LEASE, ours)
        self._add(page, f.LEASE_ENDS, lease.expires_at if lease else None)
        self._add(page, f.PAUSED, control.paused(world.function, now=now) is not None)
        frozen_now = frozen(freeze_windows(world.settings), now, world.settings.time_zone)
        self._add(page, f.FROZEN, frozen_now is not None)
        self._add(page, f.RUNG, footing(control, world.function, now).rung.below_champion)
        waiting = [
            each
            for each in control.proposals(world.function, limit=1)
            if each.approved is None and now < each.expires_at
        ]
        self._add(page, f.PROPOSALS, len(waiting))
        self._add(page, f.PROPOSAL_ENDS, waiting[0].expires_at if waiting else None)

    def _jobs(self, page: Page, now: datetime) -> None:
        runs = self._world.store.control.last_runs(self._world.function)
        clock = cadence(self._world)
        for job, period in clock.periods.items():
            self._add(page, f.JOB_PERIOD, period, task=job.value)
            run = runs.get(job)
            due = clock.after(job, run.began_at) if run else self._started
            self._add(page, f.JOB_LATE, max(now - due, timedelta(0)), task=job.value)
            if run is not None:
                self._add(page, f.JOB_RAN, run.ended_at, task=job.value)
                self._add(page, f.JOB_TOOK, run.ended_at - run.began_at, task=job.value)
                self._add(page, f.JOB_FAILED, run.failed, task=job.value)

    def _look_back(self, page: Page) -> None:
        """What the newest backtest on record found."""
        told = lookback.newest(self._world.store, self._world.function)
        if told is None:
            return
        at, found = told
        self._add(page, f.BACKTEST_AT, at)
        self._add(page, f.BACKTEST_SPAN, timedelta(days=found.days))
        for account in found.accounts:
            self._add(page, f.BACKTEST_COLD, account.cold_share, policy=account.policy)
            self._add(page, f.BACKTEST_HOURS, timedelta(hours=account.instance_hours), policy=account.policy)
        self._add(page, f.BACKTEST_SAVED, found.saved, currency=found.currency)

    def _read_plans(self, page: Page) -> tuple[Plan | None, Plan | None]:
        """The plan that was applied last, and the newest one; either may be missing. What was done goes first."""
        store, function = self._world.store, self._world.function
        ended = store.control.outcomes(function)
        for kind in OutcomeKind:
            self._add(page, f.APPLIES, ended.get(kind.value, 0), outcome=kind.value)
        self._add(page, f.UNFINISHED, len(store.unfinished(function)))
        applied = store.last_applied(function)
        self._add(page, f.APPLIED, applied.began_at if applied else None)
        newest = [each.id for each in store.plans(function, limit=1)]
        wanted = {*newest, *([applied.plan_id] if applied else [])}
        # A plan on record doesn't change, and reading one takes most of a scrape.
        self._plans = {each: self._plans.get(each) or store.plan(each) for each in wanted}
        return (self._plans[applied.plan_id] if applied else None, self._plans[newest[0]] if newest else None)

    def _document(self, page: Page, seen: Sighting | None, applied: Plan | None, now: datetime) -> None:
        self._add(page, f.SEEN, seen.at if seen else None)
        if seen is None or now - seen.at > LONGEST_SIGHT:
            return
        self._add(page, f.TARGET, seen.live.target)
        self._add(page, f.CURRENT, seen.live.current)
        self._add(page, f.DRIFTED, applied is not None and seen.live.config.digest != applied.wanted.digest)

    def _schedule(self, page: Page, applied: Plan | None, now: datetime) -> None:
        # After a release the planner wants nothing here.
        if applied is not None and holds_ours(applied.wanted):
            self._add(page, f.WANTED, _instances(applied, now))
            self._add(page, f.SCHEDULE_STARTS, applied.schedule.start)
            self._add(page, f.SCHEDULE_ENDS, applied.schedule.end)

    def _load(self, page: Page, newest: Plan | None, now: datetime) -> None:
        points = [
            point
            for point in self._world.recent(now - LOOK_BACK, now)
            if point.value is not None and point.at + point.step <= now
        ]
        last = max(points, key=lambda each: each.at, default=None)
        self._add(page, f.ACTUAL, last.value if last else None)
        self._add(page, f.HISTORY_ENDS, _history_end(last, newest))
        self._add(page, f.FRESH_WITHIN, self._world.settings.daemon.fresh_within)

    def _lead(self, page: Page, now: datetime) -> None:
        lead = self._world.lead(now)
        self._add(page, f.LEAD, lead.whole)
        self._add(page, f.LEAD_LEARNT, lead.source == "learnt")
        seen = {each.kind: each.seen for each in lead.learnt}
        for kind in Kind:
            self._add(page, f.RISES, seen.get(kind, 0), kind=kind.name.lower())

    def _forecast(self, page: Page, newest: Plan | None, now: datetime) -> None:
        if newest is not None and newest.evidence is not None:
            for level, value in _quantiles(newest.evidence.band, now).items():
                self._add(page, f.FORECAST, value, level=f"{level:g}")
        kept = coverage(self._world.store.control, self._world.function, now)
        self._add(page, f.COVERAGE, kept.kept / kept.slots if kept and kept.slots else None)

    def _plan(self, page: Page, newest: Plan | None, now: datetime) -> None:
        if newest is None:
            return
        self._add(page, f.PLAN_MADE, newest.created_at)
        self._add(page, f.PLAN_SAFE, newest.safe)
        self._add(page, f.PLANNED, _instances(newest, now))
        self._add(page, f.HORIZON, newest.schedule.end - newest.schedule.start)
        if newest.estimate is not None:
            self._estimate(page, newest.estimate)

    def _estimate(self, page: Page, estimate: Estimate) -> None:
        documents = {"wanted": estimate.wanted, "live": estimate.live, "static_peak": estimate.static_peak}
        for name, cost in documents.items():
            self._add(page, f.COLD, cost.cold_share, document=name)
            self._add(page, f.HOURS, timedelta(hours=cost.instance_hours), document=name)
            self._add(page, f.COST, cost.money, document=name, currency=estimate.currency)
        saved = estimate.static_peak.money - estimate.wanted.money
        self._add(page, f.SAVED, saved, currency=estimate.currency)


def _instances(plan: Plan, now: datetime) -> int | None:
    """What the plan's step in effect asks for; None after its end."""
    return instances_in_effect(plan.schedule, now) if now < plan.schedule.end else None


def _history_end(last: Point | None, newest: Plan | None) -> datetime | None:
    known = [newest.evidence.history_end] if newest is not None and newest.evidence is not None else []
    return max([*known, *([last.at + last.step] if last else [])], default=None)


def _quantiles(band: Band, now: datetime) -> Mapping[float, float]:
    """The quantiles of the slot in which `now` lies, by level; nothing outside the band."""
    slot = (now - band.start) // band.slot
    return {
        level: values[slot] for level, values in zip(band.levels, band.values, strict=True) if 0 <= slot < len(values)
    }
