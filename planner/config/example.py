"""The text that `planner init` writes."""

from __future__ import annotations

from planner.config.schema import SCHEMA_FILE
from planner.resources import resource_dir

_SCHEMA_IN_CHECKOUT = "$schema=../planner/data/config.schema.json"


def example_text() -> str:
    """The commented example with every key; its first line names the schema where this planner is installed."""
    text = (resource_dir("config") / "example.yaml").read_text(encoding="utf-8")
    return text.replace(_SCHEMA_IN_CHECKOUT, f"$schema={SCHEMA_FILE}")
