"""The store: what was planned, what was done, what was found, kept across runs and machines."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from functools import lru_cache
from typing import Self, assert_never

from sqlalchemy import ColumnElement, Select, and_, delete, select, true, update
from sqlalchemy.orm import Session, contains_eager, defer

from planner.base import FunctionRef
from planner.errors import PlanFileError, StoreError
from planner.outcome import Outcome, OutcomeKind
from planner.plan import Plan
from planner.plancodec import plan_from_json, plan_to_json
from planner.provision import ScheduledAction, canonical_json
from planner.store import convert, series
from planner.store.control import Control
from planner.store.engine import Database, connect, stand_in
from planner.store.records import BOOKS, Adoption, Attempt, AuditEntry, Event, Point, StoredPlan
from planner.store.schema import ready
from planner.store.tables import AdoptionRow, AttemptRow, Base, EventRow, PlanRow
from planner.store.upsert import insert_into

LARGEST_ID = 2**31 - 1
HELD_PLANS = 64
"""Plans that stay read: the daemon looks at each function's newest and its applied one every minute."""
IN_FORCE = (OutcomeKind.APPLIED.value, OutcomeKind.UNCHANGED.value)
"""After these FC held the document that the plan wanted."""


class Store:
    """The database of one installation. What a writing method returned is on disk.

    Every instant is an aware one and comes back in UTC. Methods raise StoreError when the database can't be used.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    @classmethod
    def open(cls, url: str, *, migrate: bool) -> Self:
        """The store behind a SQLAlchemy URL; `migrate` lets a SQLite file be made, or brought to today's schema."""
        database = connect(url, create=migrate)
        try:
            ready(database, migrate=migrate)
        except BaseException:
            database.engine.dispose()
            raise
        return cls(database)

    @classmethod
    def of_nothing(cls, url: str) -> Self:
        """What a reader sees where the SQLite file isn't there yet; the file isn't made, and nothing is kept."""
        database = stand_in(url)
        Base.metadata.create_all(database.engine)
        return cls(database)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Give the connections back."""
        self._database.engine.dispose()

    @property
    def control(self) -> Control:
        """What the daemon and the people around it leave each other."""
        return Control(self._database)

    @property
    def location(self) -> str:
        """Where the records are, for people; without a password."""
        return self._database.location

    def save_plan(self, plan: Plan, *, who: str, at: datetime) -> int:
        """Put the plan on record and give its id; a plan that is there already keeps its id, author and time."""
        with self._database.writing() as session:
            return _plan_id(session, plan, who=who, at=at)

    def plan(self, plan_id: int) -> Plan:
        """The plan as it was recorded; PlanFileError when there is none, or its content was tampered with."""
        with self._database.reading() as session:
            row = session.get(PlanRow, plan_id) if 0 < plan_id <= LARGEST_ID else None
        if row is None:
            raise PlanFileError(
                f"There is no plan {plan_id} in {self.location}.", remedy="`planner history` lists them."
            )
        return _read(row.payload, f"plan {plan_id} in {self.location}")

    def plans(self, function: FunctionRef | None, *, limit: int) -> tuple[StoredPlan, ...]:
        """The plans of one function or of all, newest first."""
        with self._database.reading() as session:
            rows = session.scalars(_newest_plans(function).limit(limit)).all()
        return tuple(convert.stored_plan(row) for row in rows)

    def begin(self, plan: Plan, *, who: str, at: datetime, forced: bool = False) -> int:
        """Record that `plan` is about to be applied, before anything is sent, and give the attempt's id."""
        with self._database.writing() as session:
            plan_id = _plan_id(session, plan, who=who, at=at)
            row = AttemptRow(plan_id=plan_id, who=who, began_at=at, forced=forced)
            session.add(row)
            session.flush()
            return row.id

    def finish(self, attempt: int, outcome: Outcome) -> None:
        """Record how the attempt ended, once; StoreError when it is unknown or has ended already."""
        with self._database.writing() as session:
            ended = session.scalar(
                update(AttemptRow)
                .where(AttemptRow.id == attempt, AttemptRow.finished_at.is_(None))
                .values(convert.outcome_columns(outcome))
                .returning(AttemptRow.id)
            )
            if ended is None:
                raise StoreError(
                    f"Attempt {attempt} in {self.location} is not waiting for an outcome: it is unknown or has ended.",
                    remedy="`planner history` shows what is recorded.",
                )

    def unfinished(self, function: FunctionRef) -> tuple[Attempt, ...]:
        """Attempts that began and never ended, newest first: running now, or killed."""
        with self._database.reading() as session:
            return _attempts(session, _newest_attempts(function).where(AttemptRow.finished_at.is_(None)))

    def last_outcome(self, function: FunctionRef) -> Attempt | None:
        """The newest attempt that ended; None where none did."""
        with self._database.reading() as session:
            ended = _newest_attempts(function).where(AttemptRow.finished_at.is_not(None))
            return next(iter(_attempts(session, ended.limit(1))), None)

    def applied(self, function: FunctionRef, *, limit: int) -> tuple[Attempt, ...]:
        """Attempts after which FC held what the plan wanted, newest first: what a rollback can go back to."""
        with self._database.reading() as session:
            return _attempts(session, _newest_attempts(function).where(AttemptRow.kind.in_(IN_FORCE)).limit(limit))

    def last_applied(self, function: FunctionRef) -> Attempt | None:
        """The newest of them; None where there is none."""
        return next(iter(self.applied(function, limit=1)), None)

    def audit(self, function: FunctionRef | None, *, limit: int) -> tuple[AuditEntry, ...]:
        """Every plan, every attempt and whatever else happened, of one function or of all, newest first."""
        with self._database.reading() as session:
            events = session.scalars(_newest_events(function).limit(limit)).all()
            plans = session.scalars(_newest_plans(function).limit(limit)).all()
            attempts = _attempts(session, _newest_attempts(function).limit(limit))
        entries: Sequence[AuditEntry] = [*attempts, *map(convert.stored_plan, plans), *map(convert.event, events)]
        return tuple(sorted(entries, key=_recency, reverse=True)[:limit])

    def adopt(self, found: Adoption) -> Adoption:
        """Record what FC held before the planner's first change; what was recorded first stays and is given back."""
        with self._database.writing() as session:
            fresh = insert_into(session, AdoptionRow).values(
                function=found.function.name,
                qualifier=found.function.qualifier,
                complete=found.complete,
                document=canonical_json(found.config.wire()),
                adopted_at=found.adopted_at,
                who=found.who,
            )
            session.execute(fresh.on_conflict_do_nothing())
            return convert.adoption(session.scalars(_adoption(found.function)).one())

    def add_taken(self, function: FunctionRef, taken: Sequence[ScheduledAction]) -> None:
        """Add scheduled actions that a plan takes out to the function's adoption; of one name the newest counts."""
        with self._database.writing() as session:
            row = session.scalars(_adoption(function).with_for_update()).one()
            config = convert.adoption(row).config
            actions = {action.name: action for action in (*config.scheduled_actions, *taken)}
            row.document = canonical_json(replace(config, scheduled_actions=tuple(actions.values())).wire())

    def adoption(self, function: FunctionRef) -> Adoption | None:
        """What a release restores; None where the function isn't adopted."""
        with self._database.reading() as session:
            row = session.scalar(_adoption(function))
        return None if row is None else convert.adoption(row)

    def forget_adoption(self, function: FunctionRef) -> None:
        """After a release: the next adoption is a first one again."""
        with self._database.writing() as session:
            session.execute(
                delete(AdoptionRow).where(
                    AdoptionRow.function == function.name, AdoptionRow.qualifier == function.qualifier
                )
            )

    def save_points(self, function: str, source: str, points: Iterable[Point]) -> None:
        """Keep what a source said of a function; saying it again is harmless, and a later revision wins.

        Metrics are a function's, not an alias's: `function` is its bare name.
        """
        with self._database.writing() as session:
            series.save(session, function, source, points)

    def load_points(self, function: str, source: str, *, start: datetime, end: datetime) -> tuple[Point, ...]:
        """What is kept from `start` up to, not including, `end`, in order of time."""
        with self._database.reading() as session:
            return series.load(session, function, source, start, end)

    def newest_point(self, function: str, sources: Sequence[str], *, before: datetime | None = None) -> Point | None:
        """The latest point that is kept of any of these sources, of those that begin before `before`; None if none."""
        with self._database.reading() as session:
            return series.newest(session, function, sources, before)


@lru_cache(maxsize=HELD_PLANS)
def _read(payload: str, source: str) -> Plan:
    # Known by its whole text, so that one that was tampered with is read, and refused.
    return plan_from_json(payload, source=source)


def _plan_id(session: Session, plan: Plan, *, who: str, at: datetime) -> int:
    known = select(PlanRow.id).where(PlanRow.digest == plan.digest)
    found = session.scalar(known)
    if found is None:
        fresh = insert_into(session, PlanRow).values(
            digest=plan.digest,
            function=plan.function.name,
            qualifier=plan.function.qualifier,
            created_at=plan.created_at,
            recorded_at=at,
            who=who,
            safe=plan.safe,
            why=convert.why(plan),
            payload=plan_to_json(plan),
        )
        # Another machine may have been faster since the look.
        session.execute(fresh.on_conflict_do_nothing(index_elements=[PlanRow.digest]))
        found = session.scalars(known).one()
    return found


def _of(function: FunctionRef | None) -> ColumnElement[bool]:
    if function is None:
        return true()
    return and_(PlanRow.function == function.name, PlanRow.qualifier == function.qualifier)


def _newest_plans(function: FunctionRef | None) -> Select[PlanRow]:
    return select(PlanRow).where(_of(function)).order_by(PlanRow.id.desc()).options(defer(PlanRow.payload))


def _newest_attempts(function: FunctionRef | None) -> Select[AttemptRow]:
    joined = select(AttemptRow).join(AttemptRow.plan).where(_of(function)).order_by(AttemptRow.id.desc())
    return joined.options(contains_eager(AttemptRow.plan).defer(PlanRow.payload))


def _newest_events(function: FunctionRef | None) -> Select[EventRow]:
    told = EventRow.kind.not_like(f"{BOOKS}%")
    newest = select(EventRow).where(told).order_by(EventRow.at.desc(), EventRow.id.desc())
    if function is None:
        return newest
    return newest.where(EventRow.function == function.name, EventRow.qualifier == function.qualifier)


def _attempts(session: Session, query: Select[AttemptRow]) -> tuple[Attempt, ...]:
    return tuple(convert.attempt(row) for row in session.scalars(query))


def _adoption(function: FunctionRef) -> Select[AdoptionRow]:
    return select(AdoptionRow).where(AdoptionRow.function == function.name, AdoptionRow.qualifier == function.qualifier)


def _recency(entry: AuditEntry) -> tuple[datetime, int, int]:
    # At one instant the plan was there before its attempt, and what was noted of either after both.
    match entry:
        case StoredPlan():
            return entry.recorded_at, 0, entry.id
        case Attempt():
            return entry.began_at, 1, entry.id
        case Event():
            return entry.at, 2, 0
        case _:
            assert_never(entry)
