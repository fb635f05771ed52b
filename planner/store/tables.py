"""The tables: typed models that never leave this package."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import DateTime, Dialect, Double, ForeignKey, Index, MetaData, Text, TypeDecorator, UniqueConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped, MappedAsDataclass, mapped_column, relationship

from planner.base import utc

SCHEMA = "0003"
"""The newest revision in `migrations/versions`: what this code reads and writes."""
VERSION_TABLE = "planner_schema"
"""Holds the revision of the database; a name of our own, since PostgreSQL databases are shared."""


class UtcDateTime(TypeDecorator[datetime]):
    """An instant: aware on the way in, aware UTC on the way out, whatever the database does between."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, _dialect: Dialect) -> datetime | None:
        """In UTC; SQLite keeps the digits and forgets the zone."""
        return None if value is None else utc(value)

    def process_result_value(self, value: datetime | None, _dialect: Dialect) -> datetime | None:
        """PostgreSQL answers in the zone of the session, SQLite without one."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class CleanText(TypeDecorator[str]):
    """Text from outside: what PostgreSQL can't hold (NUL, half a surrogate pair) becomes a visible mark."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, _dialect: Dialect) -> str | None:
        """Storable text."""
        if value is None:
            return None
        return value.replace("\0", "\N{REPLACEMENT CHARACTER}").encode("utf-8", "replace").decode("utf-8")


class Base(MappedAsDataclass, DeclarativeBase, kw_only=True):
    """Of every table."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {datetime: UtcDateTime, str: CleanText}  # noqa: RUF012 - SQLAlchemy's declaration


class PlanRow(Base):
    """A plan as it was made; `payload` is the plan file, the other columns repeat what lists need."""

    __tablename__ = "plans"
    __table_args__ = (Index(None, "function", "qualifier", "id"), {"sqlite_autoincrement": True})

    id: Mapped[int] = mapped_column(primary_key=True, init=False)
    digest: Mapped[str] = mapped_column(unique=True)
    function: Mapped[str]
    qualifier: Mapped[str]
    created_at: Mapped[datetime]
    recorded_at: Mapped[datetime]
    who: Mapped[str]
    safe: Mapped[bool]
    why: Mapped[str]
    payload: Mapped[str]


class AttemptRow(Base):
    """An apply: written before anything is sent, completed with its outcome; no `kind` = begun, never finished."""

    __tablename__ = "attempts"
    __table_args__ = ({"sqlite_autoincrement": True},)

    id: Mapped[int] = mapped_column(primary_key=True, init=False)
    plan_id: Mapped[int] = mapped_column(ForeignKey("plans.id"), index=True)
    plan: Mapped[PlanRow] = relationship(init=False, lazy="joined", innerjoin=True)
    who: Mapped[str]
    began_at: Mapped[datetime]
    forced: Mapped[bool]
    finished_at: Mapped[datetime | None] = mapped_column(default=None)
    kind: Mapped[str | None] = mapped_column(default=None)
    message: Mapped[str] = mapped_column(default="")
    live_before: Mapped[str] = mapped_column(default="")
    live_after: Mapped[str] = mapped_column(default="")
    arrival: Mapped[str] = mapped_column(default="")
    wanted_instances: Mapped[int] = mapped_column(default=0)
    target: Mapped[int] = mapped_column(default=0)
    current: Mapped[int] = mapped_column(default=0)
    current_error: Mapped[str] = mapped_column(default="")


class AdoptionRow(Base):
    """What a release of the function restores; kept until then."""

    __tablename__ = "adoptions"

    function: Mapped[str] = mapped_column(primary_key=True)
    qualifier: Mapped[str] = mapped_column(primary_key=True)
    complete: Mapped[bool]
    document: Mapped[str]
    adopted_at: Mapped[datetime]
    who: Mapped[str]


class SeriesRow(Base):
    """A stored history: one function read from one source."""

    __tablename__ = "series"
    __table_args__ = (UniqueConstraint("function", "source"),)

    id: Mapped[int] = mapped_column(primary_key=True, init=False)
    function: Mapped[str]
    source: Mapped[str]


class PointRow(Base):
    """One interval of a series that begins at `at` and lasts `step_seconds`; no value = a gap."""

    __tablename__ = "points"
    __table_args__ = ({"sqlite_with_rowid": False},)

    series_id: Mapped[int] = mapped_column(ForeignKey("series.id"), primary_key=True)
    at: Mapped[datetime] = mapped_column(primary_key=True)
    value: Mapped[float | None] = mapped_column(Double)
    step_seconds: Mapped[int]


class RunRow(Base):
    """A run of the daemon's recurring work on a function that ended."""

    __tablename__ = "runs"
    __table_args__ = (Index(None, "function", "qualifier", "job", "id"), {"sqlite_autoincrement": True})

    id: Mapped[int] = mapped_column(primary_key=True, init=False)
    function: Mapped[str]
    qualifier: Mapped[str]
    job: Mapped[str]
    began_at: Mapped[datetime]
    ended_at: Mapped[datetime]
    failed: Mapped[bool]
    sentence: Mapped[str]


class LeaseRow(Base):
    """Who may act on a function, until when. `epoch` grows each time that another one takes over."""

    __tablename__ = "leases"

    function: Mapped[str] = mapped_column(primary_key=True)
    qualifier: Mapped[str] = mapped_column(primary_key=True)
    holder: Mapped[str]
    epoch: Mapped[int]
    expires_at: Mapped[datetime]


class PauseRow(Base):
    """Nothing is sent for a function (of every one where both names are empty) until a person resumes it."""

    __tablename__ = "pauses"

    function: Mapped[str] = mapped_column(primary_key=True)
    qualifier: Mapped[str] = mapped_column(primary_key=True)
    since: Mapped[datetime]
    until: Mapped[datetime | None]
    who: Mapped[str]
    why: Mapped[str]


class ProposalRow(Base):
    """A plan that waits for a person, or what the person said."""

    __tablename__ = "proposals"

    plan_id: Mapped[int] = mapped_column(ForeignKey("plans.id"), primary_key=True)
    plan: Mapped[PlanRow] = relationship(init=False, lazy="joined", innerjoin=True)
    proposed_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    sentence: Mapped[str]
    approved: Mapped[bool | None] = mapped_column(default=None)
    decided_at: Mapped[datetime | None] = mapped_column(default=None)
    decided_by: Mapped[str] = mapped_column(default="")


class EventRow(Base):
    """Something that happened to a function and is looked at again later; `facts` is JSON of the kind's own module."""

    __tablename__ = "events"
    __table_args__ = (Index(None, "function", "qualifier", "kind", "at"), {"sqlite_autoincrement": True})

    id: Mapped[int] = mapped_column(primary_key=True, init=False)
    function: Mapped[str]
    qualifier: Mapped[str]
    kind: Mapped[str]
    at: Mapped[datetime]
    sentence: Mapped[str]
    facts: Mapped[str]
