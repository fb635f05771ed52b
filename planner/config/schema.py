"""The JSON Schema that editors check a configuration against, generated from the models."""

from __future__ import annotations

import json
from pathlib import Path

from planner.config.durations import PATTERN, format_duration, parse_duration
from planner.config.models import Document

SCHEMA_FILE = Path(__file__).parent.parent / "data" / "config.schema.json"


def schema() -> dict[str, object]:
    """JSON Schema (draft 2020-12) of the file."""
    body = Document.model_json_schema()
    _tidy(body)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **body, "title": "Configuration of planner"}


def schema_text() -> str:
    """Return what `planner/data/config.schema.json` holds."""
    return json.dumps(schema(), indent=2) + "\n"


def _tidy(node: object) -> None:
    """Without titles made from key names and defaults that repeat whole sections; durations as people write them."""
    if isinstance(node, dict):
        if isinstance(node.get("title"), str):
            del node["title"]
        if "$ref" in node:
            node.pop("default", None)
        if node.get("pattern") == PATTERN and "default" in node:
            node["default"] = format_duration(parse_duration(node["default"]))
        for child in node.values():
            _tidy(child)
    elif isinstance(node, list):
        for child in node:
            _tidy(child)
