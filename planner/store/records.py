"""What the store hands out: plain frozen values."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from planner.base import FunctionRef
from planner.outcome import Outcome
from planner.provision import ProvisionConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredPlan:
    """A plan on record; `Store.plan` gives the plan itself. `who` had it made, `why` says in words what it is for."""

    id: int
    function: FunctionRef
    digest: str
    created_at: datetime
    recorded_at: datetime
    who: str
    safe: bool
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """An apply on record. Without an outcome it began and never finished: nobody wrote down what FC holds since.

    `forced` says that a person overrode the safety verdict.
    """

    id: int
    plan_id: int
    function: FunctionRef
    digest: str
    who: str
    began_at: datetime
    forced: bool
    outcome: Outcome | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Adoption:
    """What release restores: what FC held before the planner's first change, and the schedules taken out since.

    `complete` is False where our policies were there before the record: then the default and `alwaysAllocate*` of
    `config` say nothing, since those in FC may have been our own.
    """

    function: FunctionRef
    config: ProvisionConfig
    complete: bool
    adopted_at: datetime
    who: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One interval of a stored history, from `at` for `step`; a value of None is a gap, not zero."""

    at: datetime
    value: float | None
    step: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Upgrade:
    """The database's revision before and after; empty where it had none."""

    before: str
    after: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A run of recurring work that ended, with one sentence on what came of it."""

    function: FunctionRef
    job: str
    began_at: datetime
    ended_at: datetime
    failed: bool
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """The right to act on a function until `expires_at`; a new holder has a higher `epoch`."""

    function: FunctionRef
    holder: str
    epoch: int
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    """Nothing is sent; `function` None: for any function. `until` None: until a person resumes."""

    function: FunctionRef | None
    since: datetime
    until: datetime | None
    who: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """A plan that was put before a person. `approved` None: nobody has said anything yet."""

    plan_id: int
    function: FunctionRef
    proposed_at: datetime
    expires_at: datetime
    sentence: str
    approved: bool | None
    decided_at: datetime | None
    decided_by: str


BOOKS = "."
"""Kinds of events that begin so are book-keeping of the daemon, and no part of the audit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happened to a function and is looked at again later, with one sentence for people.

    `facts` is JSON that only the module reads that wrote events of this `kind`.
    """

    function: FunctionRef
    kind: str
    at: datetime
    sentence: str
    facts: str = "{}"


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberedEvent:
    """An event and its number on record, which grows."""

    number: int
    event: Event


AuditEntry = StoredPlan | Attempt | Event
"""One line of the audit."""
