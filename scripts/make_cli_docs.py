"""Write docs/cli.md from the application: every command, argument and option, and the exit codes.

    python scripts/make_cli_docs.py

A test compares the page with what this gives, so the two can't drift apart.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer

from planner.cli.main import TRACEBACK, app

PAGE = Path(__file__).parents[1] / "docs" / "cli.md"
CODES = (
    ("0", "done, or nothing to do"),
    ("1", "unexpected failure: the database, another writer, instances that are late, a bug"),
    ("2", "bad input or configuration"),
    ("3", "unsafe plan: it is exported and stored, and `apply` refuses it without `--force`"),
    ("4", "stale: the live document is not the one that the plan was made against, or the plan is too old"),
    ("5", "Function Compute can't be reached, refuses, or can't start the instances"),
    ("6", "`plan --detailed-exitcode` only: the plan changes something"),
)
INTRODUCTION = f"""# The command line

Written by `scripts/make_cli_docs.py` from the application itself; `planner COMMAND --help` says the same.

Data goes to stdout and talk to stderr; with `--json` stdout holds one JSON value and nothing else, also when the
command fails after it. An error is one sentence and what to do; `{TRACEBACK}=1` adds the traceback.

`planner --show-completion bash` (zsh, fish) prints the completion script of a shell; `--install-completion` installs
it.

## Exit codes

| code | meaning |
|---|---|
"""


def page() -> str:
    """The whole page."""
    root = typer.main.get_command(app)
    codes = "".join(f"| {code} | {meaning} |\n" for code, meaning in CODES)
    commands = "\n".join("\n".join(_section(command, name)) for name, command in _commands(root, "planner"))
    return f"{INTRODUCTION}{codes}\n## Commands\n\n{commands}"


def _commands(group: Any, prefix: str) -> Iterator[tuple[str, Any]]:  # noqa: ANN401  # the library's own type is private
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from _commands(command, f"{prefix} {name}")
        else:
            yield f"{prefix} {name}", command


def _section(command: Any, name: str) -> Iterator[str]:  # noqa: ANN401  # as above
    yield f"### {name}\n"
    for paragraph in inspect.cleandoc(command.help or "").split("\n\n"):
        # Lines that were set by hand stay as they are.
        yield f"```text\n{paragraph}\n```\n" if "\n" in paragraph else f"{paragraph}\n"
    yield "| | | default |"
    yield "|---|---|---|"
    for parameter in command.params:
        yield f"| {_names(parameter)} | {_text(parameter)} | {_default(parameter)} |"
    yield ""


def _names(parameter: Any) -> str:  # noqa: ANN401  # as above
    if parameter.param_type_name == "argument":
        return f"`{parameter.metavar}`"
    names = ", ".join(f"`{name}`" for name in sorted(parameter.opts, key=len, reverse=True))
    return names if parameter.is_flag else f"{names} {parameter.metavar}"


def _text(parameter: Any) -> str:  # noqa: ANN401  # as above
    variable = f" Environment: `{parameter.envvar}`." if getattr(parameter, "envvar", None) else ""
    return f"{parameter.help}{variable}".replace("|", "\\|")


def _default(parameter: Any) -> str:  # noqa: ANN401  # as above
    if parameter.required:
        return "required"
    return "" if parameter.default is None or parameter.default is False else f"`{parameter.default}`"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print(f"wrote {PAGE}")
