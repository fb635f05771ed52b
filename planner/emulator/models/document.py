"""The stored document of a function and qualifier, as FC keeps and echoes it."""

from dataclasses import dataclass, field, fields
from typing import Any, Self

Json = dict[str, Any]
"""A JSON object as it travels; read into a type before any rule looks at it."""


def _wire(name: str) -> str:
    """`schedule_expression` as it is called on the wire."""
    head, *rest = name.split("_")
    return head + "".join(part.upper() if part in ("cpu", "gpu") else part.title() for part in rest)


class _Flat:
    """A dataclass whose fields are the wire's in snake case; None is left out."""

    __slots__ = ()

    def to_wire(self) -> Json:
        """The wire form."""
        values = {_wire(f.name): getattr(self, f.name) for f in fields(self)}  # type: ignore[arg-type]
        return {name: value for name, value in values.items() if value is not None}

    @classmethod
    def from_wire(cls, values: Json) -> Self:
        """The object of a wire form that has been checked; keys that it lacks are ignored."""
        named = {f.name: values.get(_wire(f.name)) for f in fields(cls)}  # type: ignore[arg-type]
        return cls(**named)


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
class Document:
    """What a put leaves behind. The defaults are those of a first put that names nothing."""

    default_target: int = 0
    always_allocate_cpu: bool = True
    always_allocate_gpu: bool = True
    scheduled_actions: tuple[ScheduledAction, ...] = field(default=())
    target_tracking_policies: tuple[TrackingPolicy, ...] = field(default=())

    def to_wire(self) -> Json:
        """The stored fields as Get returns them."""
        return {
            "defaultTarget": self.default_target,
            "alwaysAllocateCPU": self.always_allocate_cpu,
            "alwaysAllocateGPU": self.always_allocate_gpu,
            "scheduledActions": [action.to_wire() for action in self.scheduled_actions],
            "targetTrackingPolicies": [p.to_wire() for p in self.target_tracking_policies],
        }

    @classmethod
    def from_wire(cls, values: Json) -> Self:
        """The document of a wire form that has been checked."""
        return cls(
            default_target=values["defaultTarget"],
            always_allocate_cpu=values["alwaysAllocateCPU"],
            always_allocate_gpu=values["alwaysAllocateGPU"],
            scheduled_actions=tuple(ScheduledAction.from_wire(entry) for entry in values["scheduledActions"]),
            target_tracking_policies=tuple(
                TrackingPolicy.from_wire(entry) for entry in values["targetTrackingPolicies"]
            ),
        )
