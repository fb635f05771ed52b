"""What the files of `deploy/` hold, read as their tools read them."""

from __future__ import annotations

import json
import re
import shlex
from configparser import RawConfigParser
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
Json = dict[str, Any]


class _Repeating(dict[str, str]):
    """A section of a unit file: a key that stands several times has several lines."""

    def __setitem__(self, key: str, value: str) -> None:
        if isinstance(value, list) and key in self:
            value = [*self[key], *value]
        super().__setitem__(key, value)


def unit() -> dict[str, dict[str, list[str]]]:
    """Sections, keys and values of the systemd unit."""
    parser = RawConfigParser(dict_type=_Repeating, strict=False, delimiters=("=",), empty_lines_in_values=False)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string((DEPLOY / "planner.service").read_text(encoding="utf-8"))
    return {name: {key: value.split("\n") for key, value in parser[name].items()} for name in parser.sections()}


def compose() -> Json:
    """The Compose file."""
    found: Json = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))
    return found


def kubernetes() -> dict[str, Json]:
    """The objects, by kind; one of each."""
    documents = list(yaml.safe_load_all((DEPLOY / "kubernetes.yaml").read_text(encoding="utf-8")))
    found = {each["kind"]: each for each in documents}
    assert len(found) == len(documents)
    return found


def policy() -> Json:
    """The RAM policy."""
    found: Json = json.loads((DEPLOY / "ram-policy.json").read_text(encoding="utf-8"))
    return found


def instructions() -> list[tuple[str, str]]:
    """Name and arguments of each instruction of the Dockerfile, in order; lines that go on are joined."""
    text = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
    lines = re.sub(r"^\s*#.*\n", "", text, flags=re.MULTILINE).replace("\\\n", " ").splitlines()
    pairs = (line.split(maxsplit=1) for line in lines if line.strip())
    return [(name, " ".join(arguments.split())) for name, arguments in pairs]


def stages() -> list[list[tuple[str, str]]]:
    """The instructions, stage by stage; what stands before the first is left out."""
    found: list[list[tuple[str, str]]] = []
    for instruction in instructions():
        if instruction[0] == "FROM":
            found.append([])
        if found:
            found[-1].append(instruction)
    return found


def command_lines() -> dict[str, list[str]]:
    """The words after `planner` of every command line that a file starts, by where it stands."""
    (exec_start,) = unit()["Service"]["ExecStart"]
    services = compose()["services"]
    pod = kubernetes()["Deployment"]["spec"]["template"]["spec"]
    (default,) = (arguments for name, arguments in instructions() if name == "CMD")
    return {
        "planner.service": shlex.split(exec_start)[1:],
        "Dockerfile": json.loads(default),
        **{f"compose.yaml, {name}": services[name]["command"] for name in ("planner", "upgrade")},
        **{f"kubernetes.yaml, {each['name']}": each["args"] for each in (*pod["initContainers"], *pod["containers"])},
    }
