"""Faults on order: what goes wrong with the service, its account, its instances, its clock and its metrics.

One small family. Every fault lasts for so many hits (`times`, after `skip` that pass), or for a time on the emulator's
clock (`from_` and `until`, or `seconds`), or both. What one hit is, each fault says.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import datetime, timedelta
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, ClassVar, Literal, Self, Union, get_args, get_origin

import yaml

from planner.emulator.clock import aware

ANY = "*"
_LONGEST_SECONDS = 366 * 86400.0
"""A year: more than that is a slip of the pen."""
_MOST_SLOWED = 10_000.0

REPLENISHED = "Resources are being replenished"
"""A passing `currentError` that tools have seen (Serverless Devs fc3)."""
NOT_STARTED = "Function instance health check failed on port 9000 in 120 seconds"
"""The vendor's GPU FAQ; that `currentError` shows it is inferred."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ordered:
    """How long a fault lasts, and its JSON form.

    Contract: `ValueError` with one sentence for a fault that can't be carried out.
    """

    kind: ClassVar[str]
    scoped_by: ClassVar[str] = ""
    """The field that names what it hits; none if it hits everything."""
    hits_once: ClassVar[bool] = False
    """Whether a time alone still means one hit."""

    times: int | None = None
    """How many times it hits: once where nothing is said, as often as it can where only a time is."""
    skip: int = 0
    """How many pass unharmed before."""
    from_: datetime | None = None
    """When it begins on the emulator's clock; when it is added where nothing is said."""
    until: datetime | None = None
    """When it is over."""
    seconds: float | None = None
    """Instead of `until`: how long after its beginning it is over."""

    def __post_init__(self) -> None:
        """Refuse what could never be carried out."""
        if complaint := self._complaint_of_time() or self._complaint():
            message = f"{self.kind} fault: {complaint}"
            raise ValueError(message)

    def _complaint_of_time(self) -> str:
        if (self.times is not None and self.times < 1) or self.skip < 0:
            return "times must be 1 or more, and skip 0 or more"
        if self.seconds is not None and not 0 < self.seconds <= _LONGEST_SECONDS:
            return "seconds must be more than 0 and at most a year's"
        if self.seconds is not None and self.until is not None:
            return "until and seconds say the same thing, one of them is enough"
        if any(moment is not None and moment.tzinfo is None for moment in (self.from_, self.until)):
            return "from and until need a zone, as in 2026-11-23T12:00:00Z"
        if self.from_ is not None and self.until is not None and self.until <= self.from_:
            return "until must be later than from"
        return ""

    def _complaint(self) -> str:
        """What is wrong with it besides its time; empty for nothing."""
        return ""

    def scope(self) -> str:
        """The action, function or metric that it hits; `*` is every one."""
        return getattr(self, self.scoped_by) if self.scoped_by else ANY

    def added(self, now: datetime) -> Self:
        """The fault as ordered at `now`: with a beginning, an end or a number of hits."""
        begin = self.from_ or now
        end = self.until if self.seconds is None else begin + timedelta(seconds=self.seconds)
        once = self.times is None and (end is None or self.hits_once)
        return replace(self, from_=begin, until=end, seconds=None, times=1 if once else self.times)

    def covers(self, at: datetime) -> bool:
        """Whether it lasts at `at`."""
        return (self.from_ is None or self.from_ <= at) and not self.over(at)

    def over(self, at: datetime) -> bool:
        """Whether its time is over at `at`."""
        return self.until is not None and self.until <= at

    def to_json(self) -> dict[str, Any]:
        """The admin route's form; `fault_from_json` reads it back."""
        values = {f.name.rstrip("_"): getattr(self, f.name) for f in fields(self)}
        dates = {name: value.isoformat() for name, value in values.items() if isinstance(value, datetime)}
        return {"kind": self.kind, **values, **dates}


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault(Ordered):
    """What happens to calls; a hit is a call of the action.

    The call is first delayed, then either answered with `code` (no effect), or cut, or let
    through. Contract: `status` and `code` go together, and not with a cut.
    """

    kind = "call"
    scoped_by = "action"

    action: str = ANY
    """PutProvisionConfig, GetFunction, ...; `*` is every action."""
    status: int | None = None
    """400 to 599."""
    code: str = ""
    message: str = "injected by a fault"
    retry_after_ms: int | None = None
    """Sent as `x-acs-retry-after`, which the SDK turns into a ThrottlingException."""
    latency_seconds: float = 0.0
    """Real seconds of waiting, whatever the clock."""
    cut: Literal["before", "after"] | None = None
    """Cut the connection without an answer: before the call has its effect, or after."""
    stale: bool = False
    """A read sees each config as it was before its last put or delete."""

    def _complaint(self) -> str:
        if self.cut not in (None, "before", "after"):
            return "cut must be before or after"
        if (self.status is None) != (not self.code) or (self.cut and self.status):
            return "status and code go together, and not with a cut"
        if self.status is not None and not 400 <= self.status <= 599:
            return "status must be from 400 to 599"
        if not 0 <= self.latency_seconds <= _LONGEST_SECONDS:
            return "latency_seconds must be from 0 to a year's"
        return ""

    def describe(self) -> str:
        """One word for the journal."""
        if self.cut:
            return f"cut {self.cut}"
        if self.status is not None:
            return f"{self.status} {self.code}"
        return "stale" if self.stale else "latency"


@dataclass(frozen=True, slots=True, kw_only=True)
class CapacityFault(Ordered):
    """The zone has too few machines: of a config's target only a part is created, and `currentError` says so.

    A hit is one ask for missing instances, at a put or an evaluation. Nothing that runs is destroyed.
    """

    kind = "capacity"
    scoped_by = "function"

    function: str = ANY
    share: float | None = None
    """No instance is created beyond this share of the target, rounded down."""
    instances: int | None = None
    """No instance of a config is created beyond so many."""
    error: str = REPLENISHED
    """The `currentError`."""

    def _complaint(self) -> str:
        if self.share is None and self.instances is None:
            return "it needs a share or a number of instances"
        if self.share is not None and not 0 <= self.share < 1:
            return "share must be from 0 to less than 1"
        if self.instances is not None and self.instances < 0:
            return "instances must be 0 or more"
        return "" if self.error else "it needs an error"

    def most(self, target: int) -> int:
        """How many instances of a config with this target can be created."""
        by_share = target if self.share is None else math.floor(target * self.share + 1e-9)
        return by_share if self.instances is None else min(by_share, self.instances)


@dataclass(frozen=True, slots=True, kw_only=True)
class QuotaFault(Ordered):
    """The account's quotas are lowered, never raised; a hit is one ask for missing instances of any config.

    What runs beyond a lowered quota goes on running, as nothing published says otherwise.
    """

    kind = "quota"

    region_instances: int | None = None
    """Instances of account and region."""
    gpu_cards: int | None = None
    """Cards of a type in account and region."""
    gpu_type: str = ANY
    """The type whose cards are cut; `*` is every type."""

    def _complaint(self) -> str:
        given = [value for value in (self.region_instances, self.gpu_cards) if value is not None]
        if not given:
            return "it needs region_instances or gpu_cards"
        return "quotas must be 0 or more" if min(given) < 0 else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StartupFault(Ordered):
    """Instances start slowly or not at all; a hit is one ask for missing instances.

    Those that are asked for while it lasts keep their slow start-up; those on their way before are not hit.
    """

    kind = "startup"
    scoped_by = "function"

    function: str = ANY
    factor: float = 1.0
    """Start-up times are multiplied by it."""
    fails: bool = False
    """No instance gets ready, and `currentError` is `error`."""
    error: str = NOT_STARTED

    def _complaint(self) -> str:
        if not 0 < self.factor <= _MOST_SLOWED:
            return f"factor must be more than 0 and at most {_MOST_SLOWED:g}"
        if self.factor == 1 and not self.fails:
            return "it needs a factor or fails"
        return "" if self.error else "it needs an error"


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockJump(Ordered):
    """The emulator's clock jumps forward, just before a call is carried out: what a suspended machine sees.

    A hit is a call of the action, and there is one unless `times` says more. All that should have happened in between
    happens, minute by minute. A jump backwards is refused, since that history has been made.
    """

    kind = "clock"
    scoped_by = "action"
    hits_once = True

    action: str = ANY
    by_seconds: float = 0.0

    def _complaint(self) -> str:
        if 0 < self.by_seconds <= _LONGEST_SECONDS:
            return ""
        return "by_seconds must be more than 0, as the clock never goes back, and at most a year's"


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricFault(Ordered):
    """Cloud Monitor's points are late, missing, there twice, or nonsense; a hit is one read of points."""

    kind = "metrics"
    scoped_by = "metric"

    metric: str = ANY
    """FunctionProvisionedCurrentInstance, ...; `*` is every metric."""
    late_seconds: float = 0.0
    """Points appear so much later than they would."""
    missing_every: int | None = None
    """Every so-manieth minute, counted from 1970, has no point; 1 leaves none."""
    duplicated: bool = False
    """Every point is there twice."""
    spoiled: Literal["negative", "nan"] | None = None
    """Every value is below zero, or no number."""

    def _complaint(self) -> str:
        if not 0 <= self.late_seconds <= _LONGEST_SECONDS:
            return "late_seconds must be from 0 to a year's"
        if self.missing_every is not None and self.missing_every < 1:
            return "missing_every must be 1 or more"
        if not (self.late_seconds or self.missing_every or self.duplicated or self.spoiled):
            return "it needs late_seconds, missing_every, duplicated or spoiled"
        return ""

    def hides(self, minute: datetime, shown_at: datetime, now: datetime) -> bool:
        """Whether the point of a minute, which would appear at `shown_at`, is not there at `now`."""
        missing = self.missing_every is not None and int(minute.timestamp() // 60) % self.missing_every == 0
        return missing or now < shown_at + timedelta(seconds=self.late_seconds)

    def spoil(self, value: float) -> float:
        """A value as it is shown."""
        return {"negative": -1.0 - value, "nan": math.nan, None: value}[self.spoiled]


AnyFault = Fault | CapacityFault | QuotaFault | StartupFault | ClockJump | MetricFault
_KINDS: Mapping[str, type[AnyFault]] = {cls.kind: cls for cls in get_args(AnyFault)}
_TYPES: Mapping[object, tuple[tuple[type, ...], str]] = {
    bool: ((bool,), "true or false"),
    int: ((int,), "a whole number"),
    float: ((int, float), "a number"),
    str: ((str,), "a text"),
}


def fault_from_json(body: object) -> AnyFault:
    """The admin route's form: `kind` (`call` where nothing is said) and the fields of that fault.

    `ValueError` with one sentence for anything else.
    """
    kind = body.get("kind", Fault.kind) if isinstance(body, dict) else None
    cls = _KINDS.get(str(kind))
    if not isinstance(body, dict) or cls is None:
        message = f"a fault is an object whose kind is one of {', '.join(_KINDS)}, not {kind or body!r}"
        raise ValueError(message)
    known = {f.name.rstrip("_"): f for f in fields(cls)}
    values: dict[str, Any] = {}
    for key in sorted(set(body) - {"kind"}):
        if key not in known:
            message = f"{kind} fault: it has no {key!r}, only {', '.join(known)}"
            raise ValueError(message)
        values[known[key].name] = _typed(f"{kind} fault: {key}", known[key].type, body[key])
    return cls(**values)


def _typed(what: str, hint: object, value: object) -> object:
    """A value as its field's type; a `ValueError` begins with `what`."""
    options = get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)
    if value is None and NoneType in options:
        return None
    if options[0] is datetime:
        return _date(what, value)
    if words := get_args(options[0]):
        fits, wanted = value in words, f"one of {', '.join(words)}"
    else:
        types, wanted = _TYPES[options[0]]
        fits = isinstance(value, types) and (options[0] is bool or not isinstance(value, bool))
    if not fits:
        message = f"{what} must be {wanted}, not {value!r}"
        raise ValueError(message)
    return value


def _date(what: str, value: object) -> datetime:
    try:
        return aware(value if isinstance(value, datetime) else datetime.fromisoformat(str(value)))
    except ValueError as error:
        message = f"{what} must be a date with a zone, as 2026-11-23T12:00:00Z, not '{value}'"
        raise ValueError(message) from error


def load_faults(path: Path) -> tuple[AnyFault, ...]:
    """The faults of a YAML or JSON file: `{faults: [...]}`, as the admin route answers.

    Contract: `ValueError` with the file's name for anything else, `OSError` for a file that
    cannot be read.
    """
    try:
        return _listed(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (yaml.YAMLError, ValueError) as error:
        message = f"{path}: {error}"
        raise ValueError(message) from error


def _listed(body: object) -> tuple[AnyFault, ...]:
    entries = body["faults"] if isinstance(body, dict) and set(body) == {"faults"} else None
    if not entries or not isinstance(entries, list):
        message = "a file of faults is an object with the one key `faults`, a list of at least one"
        raise ValueError(message)
    return tuple(fault_from_json(entry) for entry in entries)
