"""What the daemon and the people around it leave each other: runs, leases, pauses, proposals, events."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Select, and_, bindparam, case, delete, func, or_, select, union, union_all, update
from sqlalchemy.orm import contains_eager

from planner.base import FunctionRef, iso
from planner.due import Job
from planner.errors import InputError
from planner.store import convert
from planner.store.engine import Database
from planner.store.records import Event, Lease, NumberedEvent, Pause, Proposal, Run
from planner.store.tables import AttemptRow, EventRow, LeaseRow, PauseRow, PlanRow, ProposalRow, RunRow
from planner.store.upsert import insert_into

EVERYONE = ("", "")
"""Names under which a pause of every function stands."""
_OF_A_FUNCTION = and_(RunRow.function == bindparam("function"), RunRow.qualifier == bindparam("qualifier"))
# Asked each beat of each function: built once, and job by job, each of which is one step in the index. Grouped by job,
# all runs of a month would be looked through.
_NEWEST_RUNS = select(RunRow).where(
    RunRow.id.in_(union_all(*(select(func.max(RunRow.id)).where(_OF_A_FUNCTION, RunRow.job == job) for job in Job)))
)


class Control:
    """A part of the store; every instant comes back in UTC, and StoreError says that the database can't be used."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def note_run(self, run: Run) -> None:
        """Put a run that ended on record."""
        with self._database.writing() as session:
            session.add(
                RunRow(
                    function=run.function.name,
                    qualifier=run.function.qualifier,
                    job=run.job,
                    began_at=run.began_at,
                    ended_at=run.ended_at,
                    failed=run.failed,
                    sentence=run.sentence,
                )
            )

    def last_runs(self, function: FunctionRef) -> Mapping[str, Run]:
        """The newest run of each job, failed or not."""
        with self._database.reading() as session:
            rows = session.scalars(_NEWEST_RUNS, {"function": function.name, "qualifier": function.qualifier})
            return {row.job: _run(row) for row in rows}

    def forget_runs(self, function: FunctionRef, before: datetime) -> int:
        """Drop runs that ended before; how many there were. The newest of each job stays."""
        mine = _mine(RunRow, function)
        newest = select(func.max(RunRow.id)).where(mine).group_by(RunRow.job)
        with self._database.writing() as session:
            gone = session.scalars(
                delete(RunRow).where(mine, RunRow.ended_at < before, RunRow.id.not_in(newest)).returning(RunRow.id)
            )
            return len(gone.all())

    def forget_plans(self, function: FunctionRef, before: datetime) -> int:
        """Drop plans recorded before that were neither sent nor proposed; how many there were. The newest stays."""
        mine = _mine(PlanRow, function)
        newest = select(func.max(PlanRow.id)).where(mine).scalar_subquery()
        of_use = union(select(AttemptRow.plan_id), select(ProposalRow.plan_id))
        with self._database.writing() as session:
            gone = session.scalars(
                delete(PlanRow)
                .where(mine, PlanRow.recorded_at < before, PlanRow.id != newest, PlanRow.id.not_in(of_use))
                .returning(PlanRow.id)
            )
            return len(gone.all())

    def outcomes(self, function: FunctionRef) -> Mapping[str, int]:
        """How many applies on record ended in each kind of outcome; those that have not ended are left out."""
        mine = _mine(PlanRow, function)
        counted = select(AttemptRow.kind, func.count()).join(AttemptRow.plan).where(mine, AttemptRow.kind.is_not(None))
        with self._database.reading() as session:
            return {str(kind): count for kind, count in session.execute(counted.group_by(AttemptRow.kind))}

    def take_lease(
        self, function: FunctionRef, holder: str, *, now: datetime, lasts: timedelta, left: Lease | None = None
    ) -> Lease | None:
        """Take, or renew, the right to act until `now + lasts`; None while somebody else holds it.

        One statement in one transaction decides, whatever the number of takers. A lease that was given up, that ran
        out, or that is still as in `left` (nobody renewed it for long) goes to the next taker with a higher epoch.
        """
        free = or_(LeaseRow.holder == holder, LeaseRow.expires_at <= now)
        if left is not None:
            same = and_(LeaseRow.epoch == left.epoch, LeaseRow.expires_at == left.expires_at)
            free = or_(free, and_(LeaseRow.holder == left.holder, same))
        with self._database.writing() as session:
            fresh = insert_into(session, LeaseRow).values(
                function=function.name,
                qualifier=function.qualifier,
                holder=holder,
                epoch=1,
                expires_at=now + lasts,
            )
            goes_on = and_(LeaseRow.holder == holder, LeaseRow.expires_at > now)
            taken = session.execute(
                fresh.on_conflict_do_update(
                    index_elements=[LeaseRow.function, LeaseRow.qualifier],
                    set_={
                        "holder": holder,
                        "epoch": LeaseRow.epoch + case((goes_on, 0), else_=1),
                        "expires_at": now + lasts,
                    },
                    where=free,
                ).returning(LeaseRow.epoch)
            ).scalar()
        if taken is None:
            return None
        return Lease(function=function, holder=holder, epoch=taken, expires_at=now + lasts)

    def lease(self, function: FunctionRef) -> Lease | None:
        """The newest lease, run out or not; None where nobody ever took one."""
        with self._database.reading() as session:
            row = session.get(LeaseRow, (function.name, function.qualifier))
        if row is None:
            return None
        return Lease(function=function, holder=row.holder, epoch=row.epoch, expires_at=row.expires_at)

    def give_up(self, lease: Lease, *, now: datetime) -> None:
        """Let the next taker have it at once; nothing happens where it is somebody else's by now."""
        with self._database.writing() as session:
            session.execute(
                update(LeaseRow)
                .where(
                    LeaseRow.function == lease.function.name,
                    LeaseRow.qualifier == lease.function.qualifier,
                    LeaseRow.holder == lease.holder,
                    LeaseRow.epoch == lease.epoch,
                )
                .values(expires_at=now)
            )

    def pause(self, pause: Pause) -> None:
        """Let nothing be sent; a pause that is there already is replaced."""
        name, qualifier = _names(pause.function)
        said = {"since": pause.since, "until": pause.until, "who": pause.who, "why": pause.why}
        with self._database.writing() as session:
            fresh = insert_into(session, PauseRow).values(function=name, qualifier=qualifier, **said)
            session.execute(
                fresh.on_conflict_do_update(index_elements=[PauseRow.function, PauseRow.qualifier], set_=said)
            )

    def resume(self, function: FunctionRef | None) -> bool:
        """Take a pause back; whether there was one. A pause of every function is taken back by None only."""
        name, qualifier = _names(function)
        with self._database.writing() as session:
            gone = session.scalars(
                delete(PauseRow)
                .where(PauseRow.function == name, PauseRow.qualifier == qualifier)
                .returning(PauseRow.function)
            )
            return bool(gone.all())

    def paused(self, function: FunctionRef, *, now: datetime) -> Pause | None:
        """The pause that holds the function now: its own, or that of every function."""
        with self._database.reading() as session:
            rows = [session.get(PauseRow, names) for names in (_names(function), EVERYONE)]
        for row in rows:
            if row is not None and (row.until is None or row.until > now):
                whose = FunctionRef(name=row.function, qualifier=row.qualifier) if row.function else None
                return Pause(function=whose, since=row.since, until=row.until, who=row.who, why=row.why)
        return None

    def propose(self, plan_id: int, sentence: str, *, at: datetime, expires_at: datetime) -> None:
        """Put a stored plan before a person; one that was proposed already stays as it is."""
        with self._database.writing() as session:
            fresh = insert_into(session, ProposalRow).values(
                plan_id=plan_id, proposed_at=at, expires_at=expires_at, sentence=sentence, decided_by=""
            )
            session.execute(fresh.on_conflict_do_nothing())

    def proposals(self, function: FunctionRef, *, limit: int) -> tuple[Proposal, ...]:
        """Proposals of a function, newest first."""
        with self._database.reading() as session:
            return tuple(_proposal(row) for row in session.scalars(_proposals(function).limit(limit)))

    def decide(self, plan_id: int, *, approved: bool, who: str, at: datetime) -> Proposal:
        """What a person says to a proposal; InputError where it is unknown, ran out, or was decided before."""
        with self._database.writing() as session:
            row = session.scalar(_waiting(plan_id))
            if row is None:
                raise InputError(f"Plan {plan_id} was not proposed", remedy="`planner status` names what waits.")
            if row.approved is not None:
                said = "approved" if row.approved else "rejected"
                raise InputError(
                    f"Plan {plan_id} was {said} by {row.decided_by} already",
                    remedy="`planner status` names what waits.",
                )
            if row.expires_at <= at:
                raise InputError(
                    f"The proposal of plan {plan_id} ran out at {iso(row.expires_at)}",
                    remedy="The daemon proposes anew while it is wanted; `planner status` names what waits.",
                )
            row.approved, row.decided_at, row.decided_by = approved, at, who
            session.flush()
            return _proposal(row)

    def note_event(self, event: Event) -> None:
        """Put something that happened on record."""
        with self._database.writing() as session:
            session.add(
                EventRow(
                    function=event.function.name,
                    qualifier=event.function.qualifier,
                    kind=event.kind,
                    at=event.at,
                    sentence=event.sentence,
                    facts=event.facts,
                )
            )

    def events(
        self,
        function: FunctionRef,
        kind: str,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        limit: int | None = None,
    ) -> tuple[Event, ...]:
        """Events of a kind from `since` to `until`, both included: the newest first, of one instant those noted last.

        At most `limit`. Who asks for the newest says until when: a clock that was wrong may have noted later ones.
        """
        query = select(EventRow).where(_mine(EventRow, function), EventRow.kind == kind)
        if since is not None:
            query = query.where(EventRow.at >= since)
        if until is not None:
            query = query.where(EventRow.at <= until)
        with self._database.reading() as session:
            rows = session.scalars(query.order_by(EventRow.at.desc(), EventRow.id.desc()).limit(limit))
            return tuple(map(convert.event, rows))

    def newest_event(self, function: FunctionRef, kind: str, *, until: datetime | None = None) -> Event | None:
        """The first of `events`; None where there is none."""
        return next(iter(self.events(function, kind, until=until, limit=1)), None)

    def events_after(
        self, function: FunctionRef, kinds: Iterable[str], number: int, *, since: datetime | None = None, limit: int
    ) -> tuple[NumberedEvent, ...]:
        """Events of these kinds with a higher number, in the order in which they were noted, at most `limit`."""
        query = select(EventRow).where(_mine(EventRow, function), EventRow.kind.in_(list(kinds)), EventRow.id > number)
        if since is not None:
            query = query.where(EventRow.at >= since)
        with self._database.reading() as session:
            rows = session.scalars(query.order_by(EventRow.id).limit(limit))
            return tuple(NumberedEvent(number=row.id, event=convert.event(row)) for row in rows)

    def forget_events(self, function: FunctionRef, before: datetime) -> int:
        """Drop events of before; how many there were. The newest of each kind stays."""
        place = func.row_number().over(partition_by=EventRow.kind, order_by=(EventRow.at.desc(), EventRow.id.desc()))
        placed = select(EventRow.id, place.label("place")).where(_mine(EventRow, function)).subquery()
        newest = select(placed.c.id).where(placed.c.place == 1)
        with self._database.writing() as session:
            gone = session.scalars(
                delete(EventRow)
                .where(_mine(EventRow, function), EventRow.at < before, EventRow.id.not_in(newest))
                .returning(EventRow.id)
            )
            return len(gone.all())


def _mine(table: type[EventRow | PlanRow | RunRow], function: FunctionRef) -> ColumnElement[bool]:
    return and_(table.function == function.name, table.qualifier == function.qualifier)


def _waiting(plan_id: int) -> Select[ProposalRow]:
    # Locked, so that of two people who decide at once the second learns of the first.
    joined = select(ProposalRow).join(ProposalRow.plan).where(ProposalRow.plan_id == plan_id)
    return joined.options(contains_eager(ProposalRow.plan).defer(PlanRow.payload)).with_for_update(of=ProposalRow)


def _names(function: FunctionRef | None) -> tuple[str, str]:
    return EVERYONE if function is None else (function.name, function.qualifier)


def _proposals(function: FunctionRef) -> Select[ProposalRow]:
    mine = _mine(PlanRow, function)
    joined = select(ProposalRow).join(ProposalRow.plan).where(mine).order_by(ProposalRow.plan_id.desc())
    return joined.options(contains_eager(ProposalRow.plan).defer(PlanRow.payload))


def _run(row: RunRow) -> Run:
    return Run(
        function=FunctionRef(name=row.function, qualifier=row.qualifier),
        job=row.job,
        began_at=row.began_at,
        ended_at=row.ended_at,
        failed=row.failed,
        sentence=row.sentence,
    )


def _proposal(row: ProposalRow) -> Proposal:
    return Proposal(
        plan_id=row.plan_id,
        function=FunctionRef(name=row.plan.function, qualifier=row.plan.qualifier),
        proposed_at=row.proposed_at,
        expires_at=row.expires_at,
        sentence=row.sentence,
        approved=row.approved,
        decided_at=row.decided_at,
        decided_by=row.decided_by,
    )
