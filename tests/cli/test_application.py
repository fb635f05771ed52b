"""The application as a whole: it is documented, it starts fast, and shells can complete it."""

from __future__ import annotations

import runpy
import subprocess
import sys
from pathlib import Path

import pytest

from planner.cli.main import EPILOG
from planner.errors import EXIT_CODES
from tests.cli.conftest import Planner

ROOT = Path(__file__).parents[2]
SLOW = ("numpy", "pandas", "sqlalchemy", "pydantic", "prophet", "matplotlib", "alibabacloud_fc20230330", "pyarrow")
COMMANDS = (
    "plan",
    "diff",
    "export",
    "apply",
    "rollback",
    "release",
    "run",
    "pause",
    "resume",
    "approve",
    "reject",
    "status",
    "history",
    "init",
    "doctor",
    "collect",
    "emulator",
    "demo",
    "config check",
    "db upgrade",
)


def test_the_page_of_the_command_line_is_up_to_date() -> None:
    made = runpy.run_path(str(ROOT / "scripts" / "make_cli_docs.py"))["page"]()

    assert (ROOT / "docs" / "cli.md").read_text(encoding="utf-8") == made, "run scripts/make_cli_docs.py"
    for command in COMMANDS:
        assert f"### planner {command}\n" in made


def test_every_option_is_explained() -> None:
    rows = [row for row in (ROOT / "docs" / "cli.md").read_text(encoding="utf-8").splitlines() if row.startswith("| `")]

    assert len(rows) > 50
    assert [row for row in rows if row.split("|")[2].strip() in ("", "None")] == []


def test_help_tells_the_exit_codes_that_errors_have(planner: Planner) -> None:
    ran = planner("--help")

    assert ran.code == 0
    said = " ".join(ran.out.split())
    for code in {code for _, code in EXIT_CODES} | {0, 6}:
        assert f" {code} " in EPILOG
    assert "Exit codes: 0 done or nothing to do · 1 unexpected failure" in said


def test_without_a_command_it_shows_the_help(planner: Planner) -> None:
    assert "Usage: planner" in planner().out + planner().err


def test_version(planner: Planner) -> None:
    assert planner("--version").out.count(".") == 2


@pytest.mark.parametrize("command", ["--help", "plan --help", "run --help", "emulator --help", "--version"])
def test_help_imports_nothing_slow(command: str) -> None:
    script = f"""
import sys
from planner.cli.main import main
sys.argv = ["planner", *{command!r}.split()]
try:
    main()
except SystemExit:
    pass
print(*sorted({{name.partition(".")[0] for name in sys.modules}}))
"""
    told = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    # Typer itself reads a command's options with pydantic.
    slow = set(SLOW) - (set() if command == "--help" else {"pydantic"})
    assert set(told.stdout.splitlines()[-1].split()) & slow == set()


@pytest.mark.parametrize(
    ("shell", "word"), [("bash", "complete -o"), ("zsh", "#compdef planner"), ("fish", "complete --command planner")]
)
def test_the_completion_of_a_shell_is_printed_where_no_shell_is(shell: str, word: str) -> None:
    told = subprocess.run(
        [sys.executable, "-c", "from planner.cli import main; main()", "--show-completion", shell],
        capture_output=True,
        text=True,
        check=True,
        env={"PATH": "/usr/bin:/bin"},
        start_new_session=True,
    )

    assert word in told.stdout
    assert told.stderr == ""


def test_commands_complete() -> None:
    told = subprocess.run(
        [sys.executable, "-c", "from planner.cli import main; main()"],
        capture_output=True,
        text=True,
        check=False,
        env={
            "PATH": "/usr/bin:/bin",
            "_PLANNER_COMPLETE": "complete_bash",
            "COMP_WORDS": "planner ro",
            "COMP_CWORD": "1",
        },
    )

    assert told.stdout.split() == ["rollback"]
