"""The configuration: one YAML file, read once into frozen values, every fault told at once.

text -> Source (values and lines) -> merged with `defaults` -> Document (pydantic) -> Config
"""

from __future__ import annotations

from planner.config.calendar import CalendarConfig, EntriesConfig
from planner.config.calendar_files import read_calendar
from planner.config.daemon import DaemonConfig
from planner.config.durations import format_duration, parse_duration
from planner.config.example import example_text
from planner.config.freeze import FreezeConfig
from planner.config.load import Config, load_config
from planner.config.models import DatabaseConfig, FcConfig, FunctionConfig
from planner.config.notify import ChannelConfig, NotifyConfig
from planner.config.schema import SCHEMA_FILE, schema, schema_text
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
    TrackerConfig,
)

__all__ = [
    "SCHEMA_FILE",
    "AllocationConfig",
    "CalendarConfig",
    "CapacityConfig",
    "ChannelConfig",
    "Config",
    "DaemonConfig",
    "DatabaseConfig",
    "EntriesConfig",
    "FcConfig",
    "ForecastConfig",
    "FreezeConfig",
    "FunctionConfig",
    "GuardrailsConfig",
    "HistoryConfig",
    "NotifyConfig",
    "ObjectiveConfig",
    "PlanConfig",
    "PriceConfig",
    "SafetyConfig",
    "TrackerConfig",
    "example_text",
    "format_duration",
    "load_config",
    "parse_duration",
    "read_calendar",
    "schema",
    "schema_text",
]
