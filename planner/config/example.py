"""The text that `planner init` writes."""

from __future__ import annotations

from planner.config.schema import SCHEMA_FILE
from planner.resources import resource_dir

_SCHEMA_IN_CHECKOUT = "$schema=../planner/data/config.schema.json"


def example_text() -> str:
    """Return the commented example with every key; its first line names the schema that this planner carries."""
    text = (resource_dir("config") / "example.yaml").read_text(encoding="utf-8")
    return text.replace(_SCHEMA_IN_CHECKOUT, f"$schema={SCHEMA_FILE}")
