"""The jobs of one function: each looks at the world from scratch and ends with one sentence on record.

An error of one function is its sentence and goes no further; a bug is logged with its traceback besides. Only `plan`
sends anything, through a port that checks the lease.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import assert_never

from planner import custody, rungs, starts, studies, surprises, watch
from planner.apply import apply
from planner.base import MINUTE, floor_to, iso, minutes_between
from planner.due import STUDIES, Cadence, Job, spread
from planner.errors import PlannerError
from planner.freeze import frozen
from planner.gate import Difference, Drift, GateRules, Mode, Ruling, Standing, Verdict, difference, most_at_once, rule
from planner.ledger import promised_beside, promised_today
from planner.notices import alerts
from planner.outcome import OutcomeKind
from planner.plan import Band, Plan
from planner.policies import at_most, freeze_windows, gate_rules
from planner.provision import LiveDocument, holds_ours
from planner.reading import Minutes
from planner.store import Proposal, Run
from planner.world import Finding, Stopping, World

LOG = logging.getLogger("planner.daemon")
RETRY, RETRY_STUDY = 2 * MINUTE, 60 * MINUTE
"""A job that failed is due again after this, if its period isn't shorter; one that takes long later than others."""
SETTLING = 3 * MINUTE
"""Instances that are missing for longer than this, FC's evaluation and the start-up are reported as missing."""
UNSENT = timedelta(days=2)
"""A plan that came to nothing is kept no longer: of 90 kB, each quarter of an hour, they are 260 MB a month."""
REFIT = timedelta(hours=3)
"""Between a fit and one for a surprise or a band that slips, so that what was chosen after it has a chance."""
LOOK_BACK = 3 * watch.SURPRISE
"""Points that are older say nothing of the present."""
REGRET = 5 * MINUTE
"""So often the last pushes are lived through once more, on the load that came: a tenth of what a minute takes."""
MORE = 1.1
"""An approved plan's successor may add and save this much of what was approved: minutes pass, the horizon with them."""
DAEMON = "daemon "
"""Prefix of who acts; a token that no other process has, and whose process it is, follow."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A run as it is on record, and what the record has no place for."""

    run: Run
    finding: Finding


def periods(world: World) -> Mapping[Job, timedelta]:
    """How often each job of the function is due; one that isn't named has nothing to do."""
    usual, daemon = Cadence().periods, world.settings.daemon
    unused = {Job.COLLECT} if world.collect is None else set()
    unused |= set() if daemon.backtest_days else {Job.BACKTEST}
    return {job: period for job, period in usual.items() if job not in unused} | {Job.PLAN: daemon.plan_every}


def cadence(world: World) -> Cadence:
    """When they are due: the daily and weekly ones at the function's own time."""
    return Cadence(periods=periods(world), shift=spread(str(world.function)))


def due_jobs(world: World, now: datetime) -> tuple[Job, ...]:
    """What is due: by the clock, again after a failure, and a plan as soon as a person approved one."""
    clock = cadence(world)
    recorded = world.store.control.last_runs(world.function)
    runs = {job: recorded[job] for job in Job if job in recorded}
    due = set(clock.due(now, {job: run.began_at for job, run in runs.items()}))
    failed = {job: run.ended_at for job, run in runs.items() if job in clock.periods and run.failed}
    due |= {job for job, ended_at in failed.items() if now - ended_at >= _retry(job)}
    if Job.PLAN not in runs or (Job.BACKTEST not in runs and Job.FIT not in due):
        # The first plan is a fit, too; the first backtest comes with the first fit after it.
        due -= {Job.BACKTEST} if Job.PLAN in runs else set(STUDIES)
    approved = _approved(world, now)
    if approved is not None and approved.decided_at is not None:
        last = runs.get(Job.PLAN)
        if last is None or last.began_at <= approved.decided_at:
            due.add(Job.PLAN)
    return tuple(job for job in Job if job in due)


def _retry(job: Job) -> timedelta:
    return RETRY_STUDY if job in STUDIES else RETRY


def turn(world: World, due: Sequence[Job], begins: Callable[[Job], None] = lambda _: None) -> Iterator[Told]:
    """Do the jobs that are due, in their order, and the plan that one of them makes due.

    Raises StoreError where a run can't be put on record. Ends early when the daemon is being stopped.
    """
    replan = False
    for job in Job:
        if job not in due and not (job is Job.PLAN and replan):
            continue
        if world.stopping():
            return
        begins(job)
        try:
            told = carry_out(job, world)
        except Stopping:
            return
        replan = replan or told.finding.replan
        yield told


def carry_out(job: Job, world: World) -> Told:
    """Do one job and put it on record, whatever came of it."""
    began = world.clock.now()
    try:
        finding = _JOBS[job](world, began)
    except Stopping:
        raise
    except PlannerError as error:
        finding = Finding(sentence=f"{error.message.rstrip('.')}. {error.remedy}".strip(), failed=True)
    except Exception as error:
        LOG.exception("a bug in %s of %s", job, world.function, extra={"action": "bug"})
        finding = Finding(sentence=f"a bug of the planner: {type(error).__name__}: {error}", failed=True)
    run = Run(
        function=world.function,
        job=job,
        began_at=began,
        ended_at=max(world.clock.now(), began),
        failed=finding.failed,
        sentence=finding.sentence,
    )
    world.store.control.note_run(run)
    alerts.note_of(world.store, run, finding.alerts, repeat_every=world.repeat_every)
    return Told(run=run, finding=finding)


def _collect(world: World, now: datetime) -> Finding:
    assert world.collect is not None, "it is not due where there is nothing to collect"
    return Finding(sentence=world.collect(now))


def _verify(world: World, now: datetime) -> Finding:
    """Whether Function Compute holds and runs what was applied last, and whether the load is as forecast."""
    closed = _close_unfinished(world)
    live = world.fc.get_provision_config(world.function)
    applied = _applied(world)
    late = None if applied is None else custody.late_put(world.store, applied, live.config, now)
    drifted = applied is not None and live.config.digest != applied.wanted.digest
    said = [*closed, watch.document(applied, live, late)]
    if applied is not None:
        before = starts.last_look(world.store, world.function)
        look = starts.Look(now=now, before=before, live=live, plan=applied, as_applied=not drifted)
        starts.note_look(world.store, look)
    if applied is not None and not drifted and holds_ours(applied.wanted):
        said.append(watch.instances(applied, live, now, patience=lambda: world.lead(now).whole + SETTLING))
    surprise = _surprise(world, now)
    heals = late is not None or (drifted and Drift(world.settings.daemon.drift) is not Drift.LEAVE)
    lately = now - watch.SURPRISE
    answers = surprise is not None and _ran_before(world, Job.PLAN, lately)
    if surprise is not None:
        said.append(f"SURPRISE: {surprise[0].sentence}")
        if answers:
            surprises.note(world.store, world.function, *surprise)
    first = _ran_before(world, Job.VERIFY, floor_to(now, REGRET) - timedelta.resolution)
    looks_back = first and not drifted
    regret = rungs.take_back(world, now, pushed_by=DAEMON) if looks_back else ""
    said += filter(None, [regret])
    replan = answers or bool(regret) or (heals and _calm(world, lately, now))
    return Finding(
        sentence="; ".join(said),
        replan=replan,
        refit=surprise is not None and _ran_before(world, Job.FIT, now - REFIT),
        alerts=alerts.of_look(said, live),
    )


def _plan(world: World, now: datetime) -> Finding:
    """Make a plan, put it on record, and push it, propose it or leave it."""
    closed = _close_unfinished(world)
    applied = _applied(world)
    # To put the plan back includes taking out the scheduled actions that somebody else added since.
    reverts = applied is not None and Drift(world.settings.daemon.drift) is Drift.REVERT
    rules = _rules(world, now)
    found = rungs.planned(world, now, adopt=reverts)
    made, most = found.plan, most_at_once(found.plan, rules)
    if most is not None:
        # A part of a rise at once, and the rest with the next plans, is better than none of it.
        made = found.again(at_most(world.settings, most))
    world.leave()
    number = world.store.save_plan(made, who=world.who, at=world.clock.now())
    ruling = rule(made, _standing(world, made, found.metric_end, applied, now), rules)
    finding = _decided(world, made, number, ruling, found.live, now)
    sentence = "; ".join((*closed, f"plan {number}: {finding.sentence}", *found.said))
    refit = found.slips and _ran_before(world, Job.FIT, now - REFIT)
    return replace(finding, sentence=sentence, plan=number, refit=refit)


def _retain(world: World, now: datetime) -> Finding:
    before = now - world.settings.daemon.keep_records
    runs = world.store.control.forget_runs(world.function, before)
    world.store.control.forget_events(world.function, before)
    plans = world.store.control.forget_plans(world.function, max(before, now - UNSENT))
    return Finding(sentence=f"dropped {runs} runs of before {iso(before)} and {plans} plans that came to nothing")


_JOBS: Mapping[Job, Callable[[World, datetime], Finding]] = {
    Job.COLLECT: _collect,
    Job.VERIFY: _verify,
    Job.PLAN: _plan,
    Job.RETAIN: _retain,
    Job.FIT: studies.fit,
    Job.BACKTEST: studies.backtest,
}


def _decided(  # noqa: PLR0917  # what a decision is about
    world: World, made: Plan, number: int, ruling: Ruling, live: LiveDocument, now: datetime
) -> Finding:
    match ruling.verdict:
        case Verdict.PUSH:
            return _push(world, made, ruling, live)
        case Verdict.PROPOSE:
            return _propose(world, number, ruling, now)
        case Verdict.HOLD:
            return Finding(sentence=f"held: {ruling.sentence}")
        case _:
            assert_never(ruling.verdict)


def _push(world: World, made: Plan, ruling: Ruling, live: LiveDocument) -> Finding:
    said: list[str] = []
    custody.adopt(world.store, made, who=world.who, clock=world.clock, say=said.append)
    asked_at = world.clock.now()
    # The instances are looked for by the next verify.
    outcome = apply(
        made, fc=world.fc, audit=world.store, clock=world.clock, who=world.who, follow=timedelta(0), force=False
    )
    custody.settle(world.store, made, outcome)
    if outcome.kind is OutcomeKind.APPLIED:
        starts.note_put(world.store, made, live, asked_at)
    failed = outcome.kind in (OutcomeKind.REFUSED, OutcomeKind.DRIFTED, OutcomeKind.FAILED)
    sentence = " ".join((f"{outcome.kind.value}: {ruling.sentence}; {outcome.message}", *said))
    return Finding(sentence=sentence, failed=failed)


def _propose(world: World, number: int, ruling: Ruling, now: datetime) -> Finding:
    last = _last_proposal(world)
    if last is not None and now < last.expires_at:
        if last.approved is None:
            waits = f"plan {last.plan_id} waits for a person until {iso(last.expires_at)}"
            return Finding(sentence=waits, alerts=(alerts.proposal(last.plan_id, f"{waits}: {last.sentence}"),))
        if last.approved is False:
            until = f"nothing is proposed until {iso(last.expires_at)}"
            return Finding(sentence=f"plan {last.plan_id} was rejected by {last.decided_by}; {until}")
    expires = now + world.settings.daemon.proposal_lasts
    world.store.control.propose(number, ruling.sentence, at=now, expires_at=expires)
    sentence = f"proposed until {iso(expires)}: {ruling.sentence}; `planner approve {number}`"
    return Finding(sentence=sentence, alerts=(alerts.proposal(number, f"plan {number} is {sentence}"),))


def _rules(world: World, now: datetime) -> GateRules:
    """What the owner allows; an approval lets the next plan do what the approved one did, and a little more."""
    rules = replace(gate_rules(world.settings), shared_quota=world.shared_quota)
    approved = _approved(world, now)
    if approved is None:
        return rules
    said, little = difference(world.store.plan(approved.plan_id)), rules.worth_hours
    allowed = Difference(added=MORE * said.added + little, saved=MORE * said.saved + little)
    return replace(rules, approved=allowed)


def _approved(world: World, now: datetime) -> Proposal | None:
    """The newest proposal, if a person approved it, it didn't run out, and nothing was applied since.

    None where nobody is asked.
    """
    if Mode(world.settings.daemon.mode) is not Mode.PROPOSE:
        return None
    last = _last_proposal(world)
    if last is None or not last.approved or last.decided_at is None or now >= last.expires_at:
        return None
    applied = world.store.last_applied(world.function)
    used = applied is not None and last.decided_at <= applied.began_at <= now
    return None if used else last


def _last_proposal(world: World) -> Proposal | None:
    return next(iter(world.store.control.proposals(world.function, limit=1)), None)


def _standing(world: World, made: Plan, newest: datetime | None, applied: Plan | None, now: datetime) -> Standing:
    last = world.store.last_applied(world.function)
    settings = world.settings
    return Standing(
        now=now,
        applied=applied,
        # By a clock that was wrong it may lie in the future, and then it is no reason to wait.
        pushed_at=last.began_at if last and last.began_at <= now else None,
        held=custody.held(world.store, settings, applied, now),
        fresh=newest is not None and now - newest <= settings.daemon.fresh_within,
        undoes=custody.undoes(world.store, settings, made, applied, now),
        again=settings.daemon.plan_every,
        closing=frozen(freeze_windows(settings), now + settings.daemon.plan_every, settings.time_zone),
        spent_hours=_spent(world, now),
        beside=None if world.shared_quota is None else _beside(world, made),
    )


def _spent(world: World, now: datetime) -> float:
    daemon = world.settings.daemon
    if daemon.max_daily_hours is None and daemon.max_daily_money is None:
        return 0.0
    return promised_today(world.store, world.function, zone=world.settings.time_zone, now=now)


def _beside(world: World, made: Plan) -> Minutes:
    minutes = minutes_between(made.schedule.start, made.schedule.end)
    return promised_beside(world.store, world.others, made.schedule.start, minutes)


def _close_unfinished(world: World) -> list[str]:
    """What became of applies whose process is gone, a sentence each."""
    said: list[str] = []

    def still_runs(whose: str, since: datetime, now: datetime) -> bool | None:
        # We hold the lease, so another daemon's ran out, and it stopped sending before. Our own are over, too: a
        # function has one turn at a time.
        return False if whose.startswith(DAEMON) else world.still_runs(whose, since, now)

    custody.close_unfinished(
        world.store, world.fc, world.function, clock=world.clock, still_runs=still_runs, say=said.append
    )
    return [sentence.rstrip(".") for sentence in said]


def _applied(world: World) -> Plan | None:
    last = world.store.last_applied(world.function)
    return None if last is None else world.store.plan(last.plan_id)


def _surprise(world: World, now: datetime) -> tuple[watch.Surprise, Band] | None:
    """What was above the newest plan's forecast, and that forecast."""
    newest = next(iter(world.store.plans(world.function, limit=1)), None)
    points = [point for point in world.recent(now - LOOK_BACK, now) if point.at + point.step <= now]
    if newest is None or not points:
        return None
    evidence = world.store.plan(newest.id).evidence
    found = None if evidence is None else watch.surprise(evidence.band, points)
    return None if evidence is None or found is None else (found, evidence.band)


def _ran_before(world: World, job: Job, moment: datetime) -> bool:
    last = world.store.control.last_runs(world.function).get(job)
    return last is None or last.began_at <= moment


def _calm(world: World, since: datetime, now: datetime) -> bool:
    """Whether fewer than two documents were sent since then: with another tool that insists nobody races."""
    sent = world.store.applied(world.function, limit=2)
    return sum(since < each.began_at <= now for each in sent) < 2
