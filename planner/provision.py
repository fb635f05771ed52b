"""The FC document: what PutProvisionConfig takes and GetProvisionConfig gives back.

Values keep the words and the date texts of the wire, so a policy that a person made goes back byte for byte.
Source of names and limits: Alibaba Cloud API 2023-03-30, structures PutProvisionConfigInput, ScheduledAction and
TargetTrackingPolicy.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from planner.base import OWNER

MAX_ACTIONS = 100
MAX_TRACKERS = 100
MAX_TARGET = 10_000
EVALUATION_LAG = timedelta(seconds=120)
"""FC evaluates a new document and acts on a due policy within this time (live tests of fc-java-sdk wait no longer)."""


class MetricType(StrEnum):
    """What the API can track. The vendor's older page names two more; the API does not take them."""

    CONCURRENCY = "ProvisionedConcurrencyUtilization"
    CPU = "CPUUtilization"
    GPU_MEMORY = "GPUMemUtilization"


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduledAction:
    """At an instant (`at(...)`) or on a beat (`cron(...)`, six fields) the schedule's value becomes `target`."""

    name: str
    schedule_expression: str
    target: int
    start_time: str | None = None
    end_time: str | None = None
    time_zone: str | None = None

    @property
    def ours(self) -> bool:
        """Whether the planner made it."""
        return self.name.startswith(OWNER)

    def wire(self) -> dict[str, object]:
        """The JSON object that FC takes; unset keys are left out."""
        return _without_none(
            name=self.name,
            scheduleExpression=self.schedule_expression,
            target=self.target,
            startTime=self.start_time,
            endTime=self.end_time,
            timeZone=self.time_zone,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackingPolicy:
    """Keeps a metric near `metric_target` between `min_capacity` and `max_capacity` instances."""

    name: str
    metric_type: str
    metric_target: float
    min_capacity: int
    max_capacity: int
    start_time: str | None = None
    end_time: str | None = None
    time_zone: str | None = None

    @property
    def ours(self) -> bool:
        """Whether the planner made it."""
        return self.name.startswith(OWNER)

    def wire(self) -> dict[str, object]:
        """The JSON object that FC takes; unset keys are left out."""
        return _without_none(
            name=self.name,
            metricType=self.metric_type,
            metricTarget=self.metric_target,
            minCapacity=self.min_capacity,
            maxCapacity=self.max_capacity,
            startTime=self.start_time,
            endTime=self.end_time,
            timeZone=self.time_zone,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ProvisionConfig:
    """A whole document. A put replaces the stored one, so every field is always sent."""

    default_target: int = 0
    always_allocate_cpu: bool = True
    always_allocate_gpu: bool = True
    scheduled_actions: tuple[ScheduledAction, ...] = ()
    tracking_policies: tuple[TrackingPolicy, ...] = ()

    def wire(self) -> dict[str, object]:
        """The body of PutProvisionConfig."""
        return {
            "alwaysAllocateCPU": self.always_allocate_cpu,
            "alwaysAllocateGPU": self.always_allocate_gpu,
            "defaultTarget": self.default_target,
            "scheduledActions": [action.wire() for action in self.scheduled_actions],
            "targetTrackingPolicies": [policy.wire() for policy in self.tracking_policies],
        }

    @property
    def digest(self) -> str:
        """SHA-256 of the document; the order of the policies does not count."""
        body = self.wire()
        for key in ("scheduledActions", "targetTrackingPolicies"):
            items = body[key]
            assert isinstance(items, list)
            body[key] = sorted(items, key=lambda item: str(item["name"]))
        return hashlib.sha256(canonical_json(body).encode()).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveDocument:
    """What FC holds for a function at the moment of reading.

    `target` is the value computed from the policies in effect (not what was stored), `current` the instances that
    exist, `current_error` FC's words on why they don't. A function without a config has `exists` False.
    """

    config: ProvisionConfig = ProvisionConfig()
    exists: bool = False
    target: int = 0
    current: int = 0
    current_error: str = ""


def holds_ours(document: ProvisionConfig) -> bool:
    """Whether a document has a policy of ours; one that was released has none."""
    return any(action.ours for action in document.scheduled_actions) or any(
        policy.ours for policy in document.tracking_policies
    )


def canonical_json(value: object) -> str:
    """Compact JSON with sorted keys: the form whose digest is taken."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def config_from_wire(body: Mapping[str, object]) -> ProvisionConfig:
    """A document from FC's JSON (camelCase keys; unknown keys are ignored, null lists are empty)."""
    default = body.get("defaultTarget")
    return ProvisionConfig(
        default_target=_whole(default if default is not None else body.get("target") or 0),
        always_allocate_cpu=_flag(body.get("alwaysAllocateCPU")),
        always_allocate_gpu=_flag(body.get("alwaysAllocateGPU")),
        scheduled_actions=tuple(
            ScheduledAction(
                name=str(item["name"]),
                schedule_expression=str(item["scheduleExpression"]),
                target=_whole(item["target"]),
                start_time=_text(item.get("startTime")),
                end_time=_text(item.get("endTime")),
                time_zone=_text(item.get("timeZone")),
            )
            for item in _objects(body.get("scheduledActions"))
        ),
        tracking_policies=tuple(
            TrackingPolicy(
                name=str(item["name"]),
                metric_type=str(item["metricType"]),
                metric_target=float(str(item["metricTarget"])),
                min_capacity=_whole(item["minCapacity"]),
                max_capacity=_whole(item["maxCapacity"]),
                start_time=_text(item.get("startTime")),
                end_time=_text(item.get("endTime")),
                time_zone=_text(item.get("timeZone")),
            )
            for item in _objects(body.get("targetTrackingPolicies"))
        ),
    )


def _without_none(**fields: object) -> dict[str, object]:
    return {key: value for key, value in fields.items() if value is not None}


def _objects(value: object) -> Iterable[Mapping[str, object]]:
    return value if isinstance(value, list) else ()


def _whole(value: object) -> int:
    return int(str(value))


def _flag(value: object) -> bool:
    # Absent means FC's documented default, always allocated.
    return True if value is None else bool(value)


def _text(value: object) -> str | None:
    return str(value) if value else None
