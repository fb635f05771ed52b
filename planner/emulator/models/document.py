"""The stored document of a function and qualifier, as FC keeps and echoes it."""

from dataclasses import dataclass, field, fields
from functools import cache
from typing import Any, ClassVar, Self

Json = dict[str, Any]
"""A JSON object as it travels; read into a type before any rule looks at it."""


def _wire(name: str) -> str:
    """`schedule_expression` as it is called on the wire."""
    head, *rest = name.split("_")
    return head + "".join(part.upper() if part in ("cpu", "gpu") else part.title() for part in rest)


@cache
def _names(cls: type) -> tuple[tuple[str, str], ...]:
    """The fields of a class, each with its name on the wire; every read and every save asks for them."""
    return tuple((f.name, _wire(f.name)) for f in fields(cls))


class _Flat:
    """A dataclass whose fields are the wire's in snake case; None is left out."""

    __slots__ = ()

    def to_wire(self) -> Json:
        """The wire form."""
        values = ((wire, getattr(self, name)) for name, wire in _names(type(self)))  # type: ignore[arg-type]
        return {wire: value for wire, value in values if value is not None}

    @classmethod
    def from_wire(cls, values: Json) -> Self:
        """The object of a wire form that has been checked; keys that it lacks are ignored."""
        return cls(**{name: values.get(wire) for name, wire in _names(cls)})  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduledAction(_Flat):
    """An entry of `scheduledActions`."""

    name: str
    schedule_expression: str
    target: int
    start_time: str | None = None
    end_time: str | None = None
    time_zone: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackingPolicy(_Flat):
    """An entry of `targetTrackingPolicies`."""

    name: str
    metric_type: str
    metric_target: float
    min_capacity: int
    max_capacity: int
    start_time: str | None = None
    end_time: str | None = None
    time_zone: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """What the API of one kind of config calls things.

    Both kinds do the same: the provision config, and the scaling config of newer SDKs (struct pages
    of PutProvisionConfigInput, PutScalingConfigInput and ScalingConfigStatus).
    """

    kind: str
    default: tuple[str, ...]
    """The static number of instances; the first name is the one in answers."""
    scalars: tuple[tuple[str, str, type], ...]
    """The other single fields: name on the wire, field of the document, type."""
    schedules: str
    trackers: str
    low: str
    high: str
    """The bounds of a tracker."""
    target: str
    current: str
    """In answers: the target of the moment, and the instances that are warm."""
    listing: str


PROVISION = Names(
    kind="provision",
    default=("defaultTarget", "target"),
    scalars=(
        ("alwaysAllocateCPU", "always_allocate_cpu", bool),
        ("alwaysAllocateGPU", "always_allocate_gpu", bool),
    ),
    schedules="scheduledActions",
    trackers="targetTrackingPolicies",
    low="minCapacity",
    high="maxCapacity",
    target="target",
    current="current",
    listing="provisionConfigs",
)
SCALING = Names(
    kind="scaling",
    default=("minInstances",),
    scalars=(
        ("residentPoolId", "resident_pool_id", str),
        ("enableOnDemandScaling", "enable_on_demand_scaling", bool),
        ("enableMixMode", "enable_mix_mode", bool),
        ("requestDispatchPolicy", "request_dispatch_policy", str),
    ),
    schedules="scheduledPolicies",
    trackers="horizontalScalingPolicies",
    low="minInstances",
    high="maxInstances",
    target="targetInstances",
    current="currentInstances",
    listing="scalingConfigs",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """What a put leaves behind. The defaults are those of a first put that names nothing."""

    names: ClassVar[Names] = PROVISION

    default_target: int = 0
    always_allocate_cpu: bool = True
    always_allocate_gpu: bool = True
    scheduled_actions: tuple[ScheduledAction, ...] = field(default=())
    target_tracking_policies: tuple[TrackingPolicy, ...] = field(default=())

    def to_wire(self) -> Json:
        """The stored fields as Get returns them."""
        names = self.names
        renamed = {"minCapacity": names.low, "maxCapacity": names.high}
        return {
            names.default[0]: self.default_target,
            **{wire: getattr(self, own) for wire, own, _ in names.scalars},
            names.schedules: [action.to_wire() for action in self.scheduled_actions],
            names.trackers: [
                {renamed.get(key, key): value for key, value in policy.to_wire().items()}
                for policy in self.target_tracking_policies
            ],
        }

    @classmethod
    def from_wire(cls, values: Json) -> Self:
        """The document of a wire form that has been checked."""
        names = cls.names
        scalars = {own: values[wire] for wire, own, _ in names.scalars}
        return cls(
            default_target=values[names.default[0]],
            scheduled_actions=tuple(ScheduledAction.from_wire(entry) for entry in values[names.schedules]),
            target_tracking_policies=tuple(read_tracker(entry, names) for entry in values[names.trackers]),
            **scalars,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ScalingDocument(Document):
    """What a put of a scaling config leaves behind.

    It has no `alwaysAllocate*`: its instances are always active. The pages give no defaults: those
    here are their examples, and on-demand instances, which FC makes unless it is told not to.
    """

    names: ClassVar[Names] = SCALING

    resident_pool_id: str = ""
    enable_on_demand_scaling: bool = True
    enable_mix_mode: bool = False
    request_dispatch_policy: str = "Balanced"


def read_tracker(entry: Json, names: Names) -> TrackingPolicy:
    """A tracker whose bounds are called as in `names`."""
    return TrackingPolicy.from_wire({**entry, "minCapacity": entry[names.low], "maxCapacity": entry[names.high]})
