"""The files in `config/` and the JSON Schema beside the package."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import jsonschema
import pytest
import yaml

from planner.config import (
    SCHEMA_FILE,
    DatabaseConfig,
    FcConfig,
    FunctionConfig,
    HistoryConfig,
    example_text,
    load_config,
    schema,
    schema_text,
)
from planner.config.source import Source, parse
from planner.errors import ConfigError

FOLDER = Path(__file__).parents[2] / "config"
FILES = sorted(set(FOLDER.glob("*.yaml")) - {FOLDER / "emulator.yaml"})
"""The configurations of the planner; emulator.yaml describes the local Function Compute."""
Json = dict[str, object]


def plain(text: str) -> Json:
    """The text as editors read it."""
    source = parse(text)
    assert isinstance(source, Source)
    return cast("Json", json.loads(json.dumps(source.data)))


def keys(node: Json, definitions: dict[str, Json]) -> Iterator[str]:
    """Every key that a schema knows, dotted."""
    if "$ref" in node:
        node = definitions[str(node["$ref"]).rpartition("/")[2]]
    if "items" in node:
        yield from keys(cast("Json", node["items"]), definitions)
    for option in cast("list[Json]", node.get("anyOf", [])):
        yield from keys(option, definitions)
    for key, child in cast("dict[str, Json]", node.get("properties", {})).items():
        yield key
        yield from (f"{key}.{deeper}" for deeper in keys(child, definitions))


def uncommented(text: str) -> str:
    """The example with its commented list items, and its commented section, in force."""
    text = re.sub(r"\b(trackers|campaigns|ignore|days|freeze|channels): \[\]", r"\1:", text)
    text = text.replace("prometheus: null ", "prometheus: ").replace("sls: null ", "sls: ")
    return re.sub(r"^( +)# (- |  )", r"\1\2", text, flags=re.MULTILINE)


def test_the_schema_file_is_up_to_date() -> None:
    remedy = "run: python -c 'from planner.config import *; SCHEMA_FILE.write_text(schema_text())'"
    assert SCHEMA_FILE.read_text(encoding="utf-8") == schema_text(), remedy


def test_the_schema_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(schema())


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_shipped_file_loads_and_names_a_schema_that_takes_it(path: Path) -> None:
    load_config(path, environ={})
    text = path.read_text(encoding="utf-8")
    named = text.splitlines()[0].removeprefix("# yaml-language-server: $schema=")
    assert (FOLDER / named).resolve() == SCHEMA_FILE
    jsonschema.validate(plain(text), json.loads(SCHEMA_FILE.read_text(encoding="utf-8")))


def test_three_files_are_shipped() -> None:
    assert [path.name for path in FILES] == ["example.yaml", "local.yaml", "traces.yaml"]


def test_the_example_holds_the_defaults() -> None:
    config = load_config(FOLDER / "example.yaml", environ={})
    assert config.fc == FcConfig(region="cn-hangzhou")
    assert config.database == DatabaseConfig()
    history = HistoryConfig(file="sample:text-moderation")
    assert config.functions == (FunctionConfig(name="text-moderation", history=history),)


def test_the_example_writes_every_key() -> None:
    text = (FOLDER / "example.yaml").read_text(encoding="utf-8")
    source = parse(uncommented(text))
    assert isinstance(source, Source)
    written = {".".join(step for step in path if isinstance(step, str)) for path in source.lines}
    body = schema()
    known = set(keys(body, cast("dict[str, Json]", body["$defs"])))
    assert {key for key in known if not key.startswith("defaults.")} == written - {""}


def test_the_commented_lists_of_the_example_are_sound(tmp_path: Path) -> None:
    text = (FOLDER / "example.yaml").read_text(encoding="utf-8")
    file = tmp_path / "config.yaml"
    file.write_text(uncommented(text))
    config = load_config(file, environ={})
    assert [channel.name for channel in config.notify.channels] == ["oncall"]
    function = config.function()
    assert function.history.prometheus is not None
    assert function.history.sls is not None
    assert [tracker.name for tracker in function.guardrails.trackers] == ["gpu-memory"]
    assert [campaign.name for campaign in function.calendar.campaigns] == ["singles day", "double twelve"]
    assert [len(function.calendar.ignore), len(function.calendar.days), len(function.daemon.freeze)] == [1, 1, 3]


def test_a_new_file_names_the_installed_schema() -> None:
    first, rest = example_text().split("\n", 1)
    assert first == f"# yaml-language-server: $schema={SCHEMA_FILE}"
    assert rest == (FOLDER / "example.yaml").read_text(encoding="utf-8").split("\n", 1)[1]


def test_older_readers_of_yaml_read_the_example_alike() -> None:
    text = (FOLDER / "example.yaml").read_text(encoding="utf-8").replace("2025-12-13", "'2025-12-13'")
    assert json.loads(json.dumps(yaml.safe_load(text))) == plain(text)


@pytest.mark.parametrize(
    "text",
    [
        "version: 2\nfunctions: [{name: f}]",
        "functions: [{name: f}]",
        "version: 1\nfunctions: []",
        "version: 1\nfunctions: [{}]",
        "version: 1\nfunctions: [{name: f, led: 5s}]",
        "version: 1\nfunctions: [{name: f, qualifier: '3'}]",
        "version: 1\nfunctions: [{name: f, qualifier: latest}]",
        "version: 1\nfunctions: [{name: f, capacity: {lead: abc}}]",
        "version: 1\nfunctions: [{name: f, capacity: {lead: 60}}]",
        "version: 1\nfunctions: [{name: f, instance_concurrency: 201}]",
        "version: 1\nfunctions: [{name: f, guardrails: {live: 1.5}}]",
        "version: 1\nfunctions: [{name: f, guardrails: {live: false}}]",
        "version: 1\nfunctions: [{name: f, always_allocate: {gpu: on}}]",
        "version: 1\nfunctions: [{name: f, forecast: {forecaster: propet}}]",
        "version: 1\nfunctions: [{name: f, objective: {cold_share: 0}}]",
    ],
)
def test_schema_and_reader_refuse_the_same(text: str, tmp_path: Path) -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(plain(text), schema())
    file = tmp_path / "config.yaml"
    file.write_text(text)
    with pytest.raises(ConfigError, match=r"1 fault$"):
        load_config(file, environ={})
