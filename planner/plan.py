"""The plan: a complete value that a person reviews and `apply` carries out, looking at nothing else."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass, fields
from datetime import datetime, timedelta
from enum import StrEnum

from planner.base import FunctionRef, iso
from planner.capacity import CapacitySchedule, DayPattern
from planner.guard import GuardWindow
from planner.provision import ProvisionConfig, canonical_json

FORMAT = 1
"""Of the plan file; a reader refuses any other."""


class ChangeKind(StrEnum):
    """What happens to one part of the document."""

    ADD = "add"
    CHANGE = "change"
    REMOVE = "remove"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One difference between the live document and the wanted one, with its reason."""

    kind: ChangeKind
    part: str
    """`defaultTarget`, `alwaysAllocateCPU`, `alwaysAllocateGPU`, `scheduledActions` or `targetTrackingPolicies`."""
    name: str
    """Of the action or policy; empty for the scalars."""
    before: str
    after: str
    reason: str

    @property
    def data(self) -> dict[str, object]:
        """The change as plain JSON values."""
        return {field.name: plain(getattr(self, field.name)) for field in fields(self)}


class Rule(StrEnum):
    """What a safe plan keeps."""

    DROP = "drop_too_deep"
    RISE = "rise_too_dear"
    STALE = "history_stale"
    QUOTA = "quota"
    FOREIGN = "foreign_schedule"
    LIMIT = "too_many_policies"


@dataclass(frozen=True, slots=True, kw_only=True)
class Breach:
    """One safety rule that the plan breaks, and what a person can do about it."""

    rule: Rule
    detail: str
    remedy: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """Of one document over the horizon, on the expected load.

    `money` is in the currency of the configured price table; `cold_share` is what the replay expects (a ratio).
    """

    instance_hours: float
    money: float
    cold_share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """The wanted document beside today's and beside a static peak, over the same hours and the same expected load."""

    currency: str
    wanted: Cost
    live: Cost
    static_peak: Cost
    static_instances: int
    recurring_daily_hours: float
    """Instance-hours a day of the recurring fallback after the horizon, when the last trigger wins."""
    recurring_daily_hours_max: float
    """The same under the other reading, where the maximum among schedules wins."""

    @property
    def price_of_an_hour(self) -> float:
        """What an instance-hour of the wanted document costs on average; 0 where it has none."""
        return self.wanted.money / self.wanted.instance_hours if self.wanted.instance_hours > 0 else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Band:
    """Forecast quantiles of the peak concurrency a slot, thinned for people: `values[level][slot]`."""

    start: datetime
    slot: timedelta
    levels: tuple[float, ...]
    values: tuple[tuple[float, ...], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Recent:
    """The last days of history as slot peaks, for the picture; a gap is None."""

    start: datetime
    slot: timedelta
    peaks: tuple[float | None, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What was read and what was concluded from it."""

    history_source: str
    history_digest: str
    history_start: datetime
    history_end: datetime
    history_step: timedelta
    repairs: tuple[str, ...]
    forecaster: str
    forecaster_reason: str
    scores: tuple[tuple[str, float, str], ...]
    """(forecaster, WQL, excuse) in order of merit."""
    chosen_at: datetime
    """When forecaster and policies were chosen: with the plan, or by an earlier fit."""
    policy: str
    """By what the steps were sized and guarded."""
    policy_reason: str
    near_policy: str
    """The same until `near_end`: what a plan that is renewed each hour is followed for."""
    near_reason: str
    near_end: datetime
    guard: tuple[GuardWindow, ...]
    """The live guard's metric targets; empty where the owner switched it off."""
    instance_concurrency: int
    lead: timedelta
    """From asking FC to the first warm request, evaluation lag included."""
    recent: Recent
    band: Band


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What was read, what is wanted, the ordered changes, the safety verdict and the cost.

    Times are UTC. `endpoint` is the Function Compute that was read (empty: none): no other takes the plan.
    `time_zone` is for people. `lacked` says in words what could not be read (no endpoint: the plan is made against an
    empty document). `live_exists` is False where FC held no config. `patterns` is the fallback that takes over at
    `schedule.end` (empty: none), `recurring` one week of it as steps. `estimate` and `evidence` are None in a plan
    that was not forecast (a release). `notes` are for the reviewer.
    """

    function: FunctionRef
    time_zone: str
    created_at: datetime
    valid_until: datetime
    endpoint: str = ""
    live: ProvisionConfig
    live_exists: bool
    lacked: tuple[str, ...]
    wanted: ProvisionConfig
    schedule: CapacitySchedule
    recurring: CapacitySchedule
    patterns: tuple[DayPattern, ...] = ()
    changes: tuple[Change, ...]
    breaches: tuple[Breach, ...]
    estimate: Estimate | None = None
    evidence: Evidence | None = None
    notes: tuple[str, ...] = ()
    format: int = FORMAT

    @property
    def safe(self) -> bool:
        """Whether no safety rule is broken."""
        return not self.breaches

    @property
    def data(self) -> dict[str, object]:
        """The plan as plain JSON values, without its digest; documents in the words of the wire."""
        body = plain(asdict(self))
        assert isinstance(body, dict)
        return body | {"live": self.live.wire(), "wanted": self.wanted.wire()}

    @property
    def digest(self) -> str:
        """SHA-256 of `data`: what was reviewed is what is applied."""
        return hashlib.sha256(canonical_json(self.data).encode()).hexdigest()


def plain(value: object) -> object:
    """A value of the plan as JSON has it: instants as text, spans as seconds, tuples as lists."""
    match value:
        case dict():
            return {key: plain(item) for key, item in value.items()}
        case list() | tuple():
            return [plain(item) for item in value]
        case datetime():
            return iso(value)
        case timedelta():
            return int(value.total_seconds())
        case StrEnum():
            return value.value
        case _:
            return value
