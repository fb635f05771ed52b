"""The sections of a function: one frozen model each, every key with its unit, its range and its default.

The descriptions become the JSON Schema that editors show. Sources of the ranges: Alibaba Cloud API 2023-03-30
(PutProvisionConfigInput, ScheduledAction, TargetTrackingPolicy); the prices are of the pay-as-you-go page of China
of 2025-12-13, for a Tesla-class GPU.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from planner.base import OWNER
from planner.config.fields import (
    SAMPLE,
    Allocation,
    Currency,
    Day,
    Duration,
    Endpoint,
    HistoryFile,
    Instant,
    Lead,
    LiveTarget,
    Metric,
    Url,
    Zone,
    between,
)
from planner.endpoint import is_loopback
from planner.provision import EVALUATION_LAG, MAX_TARGET, MAX_TRACKERS


class Section(BaseModel):
    """Frozen, no unknown keys, no value taken for another kind of value."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


def _not_below(most: int, info: ValidationInfo, floor: str) -> int:
    least = info.data.get(floor)
    if least is not None and most < least:
        raise ValueError(f"{most} is below {floor}, which is {least}; raise the one or lower the other")
    return most


_LOG_NAME = r"^[a-z0-9][a-z0-9_-]{1,61}[a-z0-9]$"


class PrometheusConfig(Section):
    """A Prometheus HTTP API, and what is asked of it."""

    url: Annotated[
        Url,
        Field(
            description="https://host or http://host:port/prefix, before /api/v1; a bearer token comes from "
            "environment PLANNER_PROMETHEUS_TOKEN, and is sent over https or to this machine"
        ),
    ]
    query: Annotated[
        str,
        Field(
            min_length=1,
            max_length=4000,
            description="PromQL that gives one series, the requests in flight; $function stands for the name",
        ),
    ]
    step: Annotated[
        Duration, AfterValidator(between("15s", "1h")), Field(description="Length of an interval of the history")
    ] = timedelta(seconds=60)
    allow_reserved: Annotated[
        bool,
        Field(description="true: also addresses where a cloud keeps its metadata (link-local, 100.64.0.0/10)"),
    ] = False


class SlsConfig(Section):
    """A logstore with Function Compute's request metrics; experimental."""

    project: Annotated[
        str, Field(pattern=_LOG_NAME, description="Project of Log Service, as in the function's logConfig")
    ]
    logstore: Annotated[str, Field(pattern=_LOG_NAME, description="Logstore in it")]
    kept: Annotated[
        Duration, AfterValidator(between("1d", "365d")), Field(description="How long the logstore keeps lines")
    ] = timedelta(days=30)


class HistoryConfig(Section):
    """Where the offered concurrency of the past comes from."""

    source: Annotated[
        Literal["file", "database", "cloudmonitor", "prometheus", "sls"],
        Field(
            description="database: the points of files that `planner collect FILE` stored; cloudmonitor, prometheus, "
            "sls (Log Service, experimental): collected by `planner collect`, by every plan that is stored, and by the "
            "daemon"
        ),
    ] = "file"
    endpoint: Annotated[
        Endpoint | None,
        Field(
            description="Cloud Monitor's or Log Service's host or host:port; null: metrics.<region>.aliyuncs.com (or "
            "fc.endpoint where that is an emulator), <region>.log.aliyuncs.com"
        ),
    ] = None
    protocol: Annotated[
        Literal["https", "http"],
        Field(description="Of endpoint; http is for an emulator on this machine", validate_default=True),
    ] = "https"
    prometheus: Annotated[PrometheusConfig | None, Field(description="Where source is prometheus")] = None
    sls: Annotated[SlsConfig | None, Field(description="Where source is sls")] = None
    file: Annotated[
        HistoryFile | None,
        Field(description="CSV or Parquet, relative to this file's folder, or sample:NAME (bundled)"),
    ] = None
    statistic: Annotated[Literal["mean", "max"], Field(description="What a point says of its interval")] = "mean"
    zone: Annotated[Zone | None, Field(description="IANA zone of timestamps without an offset; null: refused")] = None
    minimum: Annotated[
        Duration, AfterValidator(between("0s", "365d")), Field(description="A shorter history is refused")
    ] = timedelta(minutes=30)
    mean_duration_ms: Annotated[
        float | None,
        Field(
            gt=0,
            le=86_400_000,
            description="Of a request, milliseconds; turns requests turned away (column throttled) into concurrency "
            "where the column duration_ms doesn't say; null: only that column",
        ),
    ] = None

    @field_validator("protocol")
    @classmethod
    def _plain_text_stays_here(cls, protocol: str, info: ValidationInfo) -> str:
        endpoint = info.data.get("endpoint")
        if protocol == "http" and endpoint is not None and not is_loopback(endpoint):
            raise ValueError("http is for a loopback endpoint such as 127.0.0.1:9090; write https")
        return protocol

    @property
    def collected(self) -> bool:
        """Whether the points come from a monitoring system."""
        return self.source in ("cloudmonitor", "prometheus", "sls")

    @property
    def mean_duration(self) -> timedelta | None:
        """How long a request takes."""
        return None if self.mean_duration_ms is None else timedelta(milliseconds=self.mean_duration_ms)

    @property
    def sample(self) -> str | None:
        """Name of the bundled history, or None where `file` is a path or missing."""
        return self.file.removeprefix(SAMPLE) if self.file and self.file.startswith(SAMPLE) else None


class ObjectiveConfig(Section):
    """What the service promises."""

    cold_share: Annotated[
        float, Field(gt=0, le=0.5, description="Share of offered concurrency that may find no warm instance")
    ] = 0.001


class ForecastConfig(Section):
    """How the coming load is forecast."""

    forecaster: Annotated[
        Literal["auto", "prophet", "seasonal", "lastweek", "recent", "mean"],
        Field(description="auto: whichever did best on the function's own past"),
    ] = "auto"
    backtest_days: Annotated[int, Field(ge=1, le=90, description="Days of the past on which forecasters compete")] = 14
    seed: Annotated[int, Field(ge=0, le=2**32 - 1, description="Of every random draw")] = 7


ASSUMED_LEAD = timedelta(seconds=60)
"""Where nothing is configured or learnt: twice the vendor's figure for common GPU models."""


def _lead_in_range(lead: timedelta | Literal["auto"]) -> timedelta | Literal["auto"]:
    return lead if lead == "auto" else between("0s", "1h")(lead)


class CapacityConfig(Section):
    """What FC can do and how finely it may be steered."""

    lead: Annotated[
        Lead,
        AfterValidator(_lead_in_range),
        Field(
            description="From FC's evaluation to an instance's first warm request, P90, 0s to 1h; auto: learnt from "
            "the function's own rises, 60s until enough were seen"
        ),
    ] = "auto"
    evaluation_lag: Annotated[
        Duration, AfterValidator(between("0s", "120s")), Field(description="FC acts on a due policy within this time")
    ] = EVALUATION_LAG
    wake: Annotated[
        Duration,
        AfterValidator(between("0s", "1m")),
        Field(description="A hibernating instance serves after this; stated in the plan, chosen by nobody but you"),
    ] = timedelta(seconds=1)
    min_instances: Annotated[int, Field(ge=0, le=MAX_TARGET, description="Instances, never fewer")] = 1
    max_instances: Annotated[
        int, Field(ge=1, le=MAX_TARGET, validate_default=True, description="Instances, never more")
    ] = 100
    dwell: Annotated[
        Duration, AfterValidator(between("0s", "1d")), Field(description="A step is kept at least this long")
    ] = timedelta(minutes=15)
    hold: Annotated[
        Duration,
        AfterValidator(between("0s", "1h")),
        Field(description="So long ahead nothing falls below what the busiest minute of the same time before needed"),
    ] = timedelta(minutes=10)
    growth_per_minute: Annotated[
        int, Field(ge=1, le=MAX_TARGET, description="Instances that FC starts in a minute (300 in the large regions)")
    ] = 100

    @field_validator("max_instances")
    @classmethod
    def _room_above_the_floor(cls, most: int, info: ValidationInfo) -> int:
        return _not_below(most, info, "min_instances")

    @property
    def configured_lead(self) -> timedelta | None:
        """What the owner says; None where it is learnt."""
        return None if self.lead == "auto" else self.lead

    @property
    def start_up(self) -> timedelta:
        """The lead as configured; where it is learnt, what is assumed until it is."""
        return ASSUMED_LEAD if self.lead == "auto" else self.lead


class TrackerConfig(Section):
    """A metric-tracking policy of yours, kept beside the planner's own."""

    name: Annotated[str, Field(min_length=1, max_length=128, description="Unique; planner- is the planner's")]
    metric: Annotated[Metric, Field(description="What is tracked")]
    target: Annotated[float, Field(gt=0, le=1, description="Utilisation, a ratio")]
    min_instances: Annotated[int, Field(ge=0, le=MAX_TARGET, description="Instances")]
    max_instances: Annotated[int, Field(ge=1, le=MAX_TARGET, description="Instances")]
    from_: Annotated[Instant | None, Field(alias="from", description="ISO 8601 with offset; null: always")] = None
    to: Annotated[Instant | None, Field(description="ISO 8601 with offset; null: for ever")] = None

    @field_validator("name")
    @classmethod
    def _not_ours(cls, name: str) -> str:
        if name.startswith(OWNER):
            raise ValueError(f"'{name}' begins with {OWNER}, which marks the planner's own policies; choose another")
        return name

    @field_validator("max_instances")
    @classmethod
    def _room_above_the_floor(cls, most: int, info: ValidationInfo) -> int:
        return _not_below(most, info, "min_instances")

    @field_validator("to")
    @classmethod
    def _ends_after_it_begins(cls, end: Instant | None, info: ValidationInfo) -> Instant | None:
        start = info.data.get("from_")
        if start and end and end <= start:
            raise ValueError("is not after from; write a later instant or leave it out")
        return end


class GuardrailsConfig(Section):
    """Metric-tracking policies beside the schedule."""

    enabled: Annotated[bool, Field(description="false: no tracker (for a function without instance metrics)")] = True
    live: Annotated[
        LiveTarget,
        Field(description="Target of the guard beside the schedule: auto, off, or a ratio above 0, at most 1"),
    ] = "auto"
    fallback_target: Annotated[
        float, Field(gt=0, le=1, description="Target of the tracker that takes over at the horizon, a ratio")
    ] = 0.6
    trackers: Annotated[tuple[TrackerConfig, ...], Field(max_length=MAX_TRACKERS, description="Trackers of yours")] = ()


class AllocationConfig(Section):
    """Whether idle instances keep their resources (true), hibernate (false), or stay as they are (keep)."""

    cpu: Annotated[Allocation, Field(description="alwaysAllocateCPU")] = "keep"
    gpu: Annotated[Allocation, Field(description="alwaysAllocateGPU")] = "keep"


class SafetyConfig(Section):
    """What makes a plan unsafe."""

    max_drop: Annotated[
        float, Field(gt=0, le=1, description="Share of today's capacity that a plan may take away at once")
    ] = 0.5
    max_cost_ratio: Annotated[
        float, Field(gt=0, description="Instance-hours over those of a static peak of last week")
    ] = 1.5
    history_max_age: Annotated[
        Duration,
        AfterValidator(between("1m", "365d")),
        Field(description="An older last point makes the history stale"),
    ] = timedelta(hours=6)
    quota: Annotated[
        int | None, Field(ge=1, description="Instances that the account may run in the region; null: not checked")
    ] = None


class PlanConfig(Section):
    """The plan itself."""

    valid_for: Annotated[
        Duration,
        AfterValidator(between("1m", "1d")),
        Field(description="A plan older than this, or than half its horizon, is not applied"),
    ] = timedelta(minutes=15)


Factor = Annotated[float, Field(ge=0)]


class PriceConfig(Section):
    """Price of one instance: compute units (CU) a second, and what a unit costs."""

    currency: Annotated[Currency, Field(description="Of cu")] = "CNY"
    cu: Annotated[Factor, Field(description="Price of one CU")] = 0.00011
    gpu_cu_per_gb_second: Annotated[Factor, Field(description="CU for a GB of GPU memory a second, active")] = 2.1
    gpu_idle_cu_per_gb_second: Annotated[Factor, Field(description="The same, hibernating")] = 0.5
    cpu_cu_per_second: Annotated[Factor, Field(description="CU for a vCPU a second, active")] = 1.0
    memory_cu_per_gb_second: Annotated[Factor, Field(description="CU for a GB of memory a second, active")] = 0.15
    memory_idle_cu_per_gb_second: Annotated[Factor, Field(description="The same, hibernating")] = 0.10
    gpu_gb: Annotated[Factor, Field(description="GPU memory of an instance, GB")] = 16
    vcpu: Annotated[Factor, Field(description="vCPUs of an instance")] = 8
    memory_gb: Annotated[Factor, Field(description="Memory of an instance, GB")] = 32
    dated: Annotated[Day, Field(description="Day of the price page")] = date(2025, 12, 13)
    source: Annotated[str, Field(min_length=1, max_length=500, description="Where the prices stand, for people")] = (
        "help.aliyun.com, Function Compute, pay as you go"
    )
