"""Every fault is told, at once, with its line and in our own words."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from planner.config import load_config
from planner.errors import ConfigError
from tests.config.fault_cases import KEYS, SECTIONS, WHOLE

Faults = Callable[[str], tuple[str, ...]]


@pytest.mark.parametrize(("text", "fault"), SECTIONS.values(), ids=SECTIONS)
def test_a_fault_outside_the_functions_is_told_once_with_its_line(faults: Faults, text: str, fault: str) -> None:
    assert faults(f"version: 1\nfunctions:\n- name: f\n\n{text}") == (f"5: {fault}",)


@pytest.mark.parametrize(("text", "fault"), KEYS.values(), ids=KEYS)
def test_a_fault_in_a_function_is_told_with_its_line(faults: Faults, text: str, fault: str) -> None:
    line = (
        f"- {{name: f, {text.removeprefix('{').removesuffix('}')}}}" if text.startswith("{") else f"- {text}\n  name: f"
    )
    assert faults(f"version: 1\n# ...\nfunctions:\n{line}") == (f"4: functions[0].{fault}",)


@pytest.mark.parametrize(("text", "fault"), WHOLE.values(), ids=WHOLE)
def test_a_fault_of_the_whole_file_is_told_with_its_line(faults: Faults, text: str, fault: str) -> None:
    assert faults(text) == (fault,)


def test_all_faults_are_told_at_once_in_order_of_lines(faults: Faults) -> None:
    text = (
        "version: 1\n"
        "functions:\n"
        "- name: f\n"
        "  capacity:\n"
        "    lead: abc\n"
        "    dwell: 10\n"
        "    min_instances: 9\n"
        "    max_instances: 8\n"
        "  qualifer: prod\n"
        "- name: f\n"
        "fc: {region: x}\n"
    )
    assert [fault.split(" ")[0:2] for fault in faults(text)] == [
        ["5:", "functions[0].capacity.lead:"],
        ["6:", "functions[0].capacity.dwell:"],
        ["8:", "functions[0].capacity.max_instances:"],
        ["9:", "functions[0].qualifer:"],
        ["10:", "functions[1].name:"],
        ["11:", "fc.region:"],
    ]


def test_a_fault_begins_with_the_path_that_was_given(tmp_path: Path) -> None:
    file = tmp_path / "planner.yaml"
    file.write_text("version: 1")
    with pytest.raises(ConfigError, match=r"planner\.yaml has 1 fault$") as caught:
        load_config(file, environ={})
    assert caught.value.faults == (f"{file}:1: functions: is missing; add it",)
    assert caught.value.remedy == "correct the lines named"


def test_what_a_function_overrides_is_told_of_the_function(faults: Faults) -> None:
    text = "version: 1\ndefaults: {capacity: {lead: 30s}}\nfunctions:\n- name: f\n  capacity: {lead: x, dwell: y}"
    assert [fault.split(" ")[:2] for fault in faults(text)] == [
        ["5:", "functions[0].capacity.lead:"],
        ["5:", "functions[0].capacity.dwell:"],
    ]


def test_a_secret_is_never_repeated(faults: Faults) -> None:
    text = "version: 1\nfc:\n  region:\n    LTAI5tFakeFakeFake\n  endpoint: 'https://u:hunter2@host'\nfunctions: []\n"
    told = "\n".join(faults(text))
    assert "LTAI5t" not in told
    assert "hunter2" not in told


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no\.yaml does not exist$") as caught:
        load_config(tmp_path / "no.yaml", environ={})
    assert caught.value.remedy == "name the file with --config, or write one with `planner init`"


def test_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"is a folder$") as caught:
        load_config(tmp_path, environ={})
    assert caught.value.remedy == "name the YAML file in it"


def test_a_file_in_another_encoding_is_refused_with_the_line(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_bytes("version: 1\n# 配置\n".encode("gb18030"))
    with pytest.raises(ConfigError, match=r"config\.yaml:2: is not UTF-8$") as caught:
        load_config(file, environ={})
    assert caught.value.remedy == "save the file in UTF-8"


def test_a_path_through_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("version: 1")
    with pytest.raises(ConfigError, match=r"can't be read: Not a directory$"):
        load_config(tmp_path / "config.yaml" / "x", environ={})


VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 99) | st.floats() | st.text("abc019.:- ", max_size=6),
    lambda child: (
        st.lists(child, max_size=2)
        | st.dictionaries(st.sampled_from(["name", "lead", "target", "x"]), child, max_size=2)
    ),
    max_leaves=4,
)
EXAMPLE = yaml.safe_load((Path(__file__).parents[2] / "config" / "example.yaml").read_text(encoding="utf-8"))


def refusal(file: Path, document: object) -> str:
    """What is said about the document, in small letters, or nothing where it is taken."""
    file.write_text(yaml.safe_dump(document))
    try:
        load_config(file, environ={})
    except ConfigError as error:
        return " ".join(error.faults).lower()
    return ""


@settings(max_examples=150)
@given(data=st.data())
def test_whatever_a_value_is_replaced_by_is_taken_or_refused_in_our_words(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    document = copy.deepcopy(EXAMPLE)
    node: Any = document
    while True:
        key = data.draw(st.sampled_from(sorted(node) if isinstance(node, dict) else range(len(node))))
        if not isinstance(node[key], dict | list) or not node[key] or data.draw(st.integers(0, 5)) == 0:
            break
        node = node[key]
    node[key] = data.draw(VALUES)
    told = refusal(tmp_path_factory.getbasetemp() / "fuzzed.yaml", document)
    assert not any(word in told for word in ("pydantic", "input should", "validation", "type=", "typeerror"))
