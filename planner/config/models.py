"""The shape of the file: where things are, and the functions with their sections."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, ValidationInfo, field_validator

from planner.base import FunctionRef
from planner.config.calendar import CalendarConfig
from planner.config.daemon import DaemonConfig
from planner.config.database import check_url
from planner.config.fields import Endpoint, Name, Qualifier, Region, Zone
from planner.config.notify import NotifyConfig
from planner.config.sections import (
    AllocationConfig,
    CapacityConfig,
    ForecastConfig,
    GuardrailsConfig,
    HistoryConfig,
    ObjectiveConfig,
    PlanConfig,
    PriceConfig,
    SafetyConfig,
    Section,
)
from planner.endpoint import is_loopback, region_host


class FcConfig(Section):
    """Where Function Compute is; without region and endpoint, plans are made against an empty document."""

    region: Annotated[
        Region | None,
        Field(description="Region; the endpoint is then its public one, fcv3.<region>.aliyuncs.com for most"),
    ] = None
    endpoint: Annotated[Endpoint | None, Field(description="host or host:port, in place of the region's endpoint")] = (
        None
    )
    protocol: Annotated[
        Literal["https", "http"], Field(description="http is for an emulator on this machine", validate_default=True)
    ] = "https"

    quota: Annotated[
        int | None,
        Field(ge=1, description="Instances that the functions of this file may have together; null: not checked"),
    ] = None

    @field_validator("protocol")
    @classmethod
    def _plain_text_stays_here(cls, protocol: str, info: ValidationInfo) -> str:
        if protocol == "http" and "endpoint" in info.data and not is_loopback(info.data["endpoint"] or ""):
            raise ValueError("http is for a loopback endpoint such as 127.0.0.1:9090; write https")
        return protocol

    @property
    def address(self) -> str | None:
        """Host or host:port to talk to, or None: plans are made against an empty document."""
        return self.endpoint or (region_host(self.region) if self.region else None)


class DatabaseConfig(Section):
    """Where plans, outcomes and collected points are kept."""

    url: Annotated[
        str,
        AfterValidator(check_url),
        Field(
            description="sqlite:///FILE (relative: to this file's folder) or postgresql://user@host:5432/name; "
            "a password comes from environment PLANNER_DATABASE_URL or pgpass"
        ),
    ] = "sqlite:///planner.db"


class CacheConfig(Section):
    """Where dear fits are kept between plans; it decides how long a plan takes, and nothing of what is in it."""

    folder: Annotated[
        str | None,
        Field(
            min_length=1,
            description="Relative to this file's folder; off: nothing is kept; null: planner in XDG_CACHE_HOME "
            "(~/.cache); environment PLANNER_CACHE replaces it",
        ),
    ] = None


class FunctionDefaults(Section):
    """Keys that functions share."""

    qualifier: Annotated[Qualifier, Field(description="Alias or LATEST")] = "LATEST"
    time_zone: Annotated[Zone, Field(description="IANA zone of day classes, recurring schedules and exports")] = (
        "Asia/Shanghai"
    )
    history: HistoryConfig = HistoryConfig()
    instance_concurrency: Annotated[
        int | None, Field(ge=1, le=200, description="Requests that an instance serves at once; null: ask the function")
    ] = None
    objective: ObjectiveConfig = ObjectiveConfig()
    forecast: ForecastConfig = ForecastConfig()
    calendar: CalendarConfig = CalendarConfig()
    capacity: CapacityConfig = CapacityConfig()
    guardrails: GuardrailsConfig = GuardrailsConfig()
    always_allocate: AllocationConfig = AllocationConfig()
    safety: SafetyConfig = SafetyConfig()
    plan: PlanConfig = PlanConfig()
    price: PriceConfig = PriceConfig()
    daemon: DaemonConfig = DaemonConfig()


class FunctionConfig(FunctionDefaults):
    """One function under the planner's care."""

    name: Annotated[Name, Field(description="Function name")]

    @property
    def ref(self) -> FunctionRef:
        """The function and its alias."""
        return FunctionRef(name=self.name, qualifier=self.qualifier)


class Document(Section):
    """Configuration of the planner."""

    version: Annotated[Literal[1], Field(description="Version of this format")]
    fc: FcConfig = FcConfig()
    database: DatabaseConfig = DatabaseConfig()
    cache: CacheConfig = CacheConfig()
    notify: NotifyConfig = NotifyConfig()
    defaults: Annotated[FunctionDefaults, Field(description="Keys that functions share; a function overrides them")] = (
        FunctionDefaults()
    )
    functions: Annotated[tuple[FunctionConfig, ...], Field(min_length=1, description="The functions to plan")]
