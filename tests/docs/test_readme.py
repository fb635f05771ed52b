"""What the pages for people say can be typed, exists, and is said in both languages."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer

from planner.cli.main import EPILOG, app

ROOT = Path(__file__).parents[2]
ENGLISH, CHINESE = ROOT / "README.md", ROOT / "README.zh-CN.md"
PAGES = (ENGLISH, CHINESE, *(ROOT / name for name in ("SCOPE.md", "CHANGELOG.md")), *sorted(ROOT.glob("docs/**/*.md")))
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
INLINE = re.compile(r"`(planner [a-z][^`\n]*)`")
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
EAGER = {"--help", "--install-completion"}
HEADING = re.compile(r"^#+ ", re.MULTILINE)


def blocks(page: Path) -> list[tuple[str, str]]:
    """Language and text of each code block."""
    return FENCE.findall(page.read_text(encoding="utf-8"))


def lines() -> set[str]:
    """Every whole command line of planner in a code block."""
    found = set()
    for page in PAGES:
        for language, block in blocks(page):
            if language == "sh":
                parts = (part.strip() for line in block.splitlines() for part in re.split(r"&&|\||;", line))
                found.update(part for part in parts if part.startswith("planner "))
    return found


def mentions() -> set[str]:
    """Every command, perhaps with some options, that a sentence names."""
    return {line for page in PAGES for line in INLINE.findall(prose(page))}


def prose(page: Path) -> str:
    return FENCE.sub("", page.read_text(encoding="utf-8"))


def find(line: str) -> tuple[Any, list[str]]:
    """The command that a line names, and the words after it; the options among them exist."""
    command, words = typer.main.get_command(app), shlex.split(line)[1:]
    while hasattr(command, "commands") and words and not words[0].startswith("-"):
        command, words = command.commands[words[0]], words[1:]
    known = {option for parameter in command.params for option in parameter.opts} | {"--help", "-h"}
    assert {word for word in words if word.startswith("-")} <= known
    return command, words


@pytest.mark.parametrize("line", sorted(lines()))
def test_a_command_line_in_a_block_can_be_typed(line: str) -> None:
    command, words = find(line)
    if not EAGER & set(words):
        command.make_context(command.name, words)


@pytest.mark.parametrize("line", sorted(mentions()))
def test_a_command_in_a_sentence_exists_with_its_options(line: str) -> None:
    find(line)


def test_the_pages_show_commands() -> None:
    assert len(lines()) > 10
    assert len(mentions()) > 10


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_inside_the_repository_lead_somewhere(page: Path) -> None:
    for target in LINK.findall(prose(page)):
        if "://" in target:
            continue
        path, _, anchor = target.partition("#")
        there = (page.parent / path).resolve() if path else page
        assert there.exists(), f"{page.name}: {target}"
        if anchor:
            headings = re.findall(r"^#+ (.*)$", there.read_text(encoding="utf-8"), re.MULTILINE)
            assert anchor in {heading.lower().replace(" ", "-") for heading in headings}, f"{page.name}: {target}"


def test_both_languages_have_the_same_shape() -> None:
    english, chinese = (prose(page) for page in (ENGLISH, CHINESE))
    assert blocks(ENGLISH) == blocks(CHINESE)
    assert HEADING.findall(english) == HEADING.findall(chinese)
    assert sorted(LINK.findall(english)[1:]) == sorted(LINK.findall(chinese)[1:])
    assert english.count("\n| ") == chinese.count("\n| ")


@pytest.mark.parametrize("page", [ENGLISH, CHINESE, ROOT / "docs" / "safety.md"], ids=lambda page: page.name)
def test_every_exit_code_of_the_help_stands_on_the_page(page: Path) -> None:
    codes = re.findall(r"(\d) [a-z]", EPILOG) + re.findall(r"(\d) Function", EPILOG)
    assert len(codes) == 7
    for code in codes:
        assert f"\n| {code} |" in page.read_text(encoding="utf-8")


def test_every_module_stands_on_the_page_of_the_architecture() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    for path in (ROOT / "planner").iterdir():
        if path.suffix == ".py" and path.stem != "__init__":
            assert f"`{path.stem}`" in page, path.name
        elif path.is_dir() and path.name != "__pycache__":
            assert f"`{path.name}/`" in page, path.name
