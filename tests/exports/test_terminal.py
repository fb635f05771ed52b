"""The terminal views: 80 columns, no meaning in colour alone, and no name taken for markup."""

from __future__ import annotations

import io

import pytest
from rich.console import Console, RenderableType

from planner.exports.terminal import diff_view, plan_view
from planner.exports.words import clock
from planner.plan import Change, ChangeKind, Plan
from tests.builders import a_plan
from tests.exports import plans
from tests.exports.conftest import REWRITE, Golden

ALL = [plans.a_tide, plans.dead_nights, plans.a_huge_peak, plans.an_unsafe, plans.a_release, a_plan]
every_plan = pytest.mark.parametrize("plan", [make() for make in ALL], ids=[make.__name__ for make in ALL])


def shown(view: RenderableType, width: int = 80) -> str:
    """The text of a view, without colour."""
    console = Console(file=io.StringIO(), width=width, color_system=None, legacy_windows=False)
    console.print(view)
    file = console.file
    assert isinstance(file, io.StringIO)
    return file.getvalue()


@every_plan
@pytest.mark.parametrize("width", [80, 120])
def test_a_plan_fits_the_terminal_and_shows_every_step(plan: Plan, width: int) -> None:
    text = shown(plan_view(plan), width)
    assert all(len(line) <= width for line in text.splitlines())
    rows = " ".join(text.split())
    for step in plan.schedule.steps:
        assert f"{clock(step.at, plan.time_zone)} {step.instances} " in rows
    assert ("SAFE" if plan.safe else "UNSAFE: 3 breaches") in text
    assert "…" not in text


def test_an_unsafe_plan_says_why_and_the_remedy_without_colour() -> None:
    text = " ".join(shown(plan_view(plans.an_unsafe())).split())
    assert "! drop too deep: 14 instances fall to 2 at 23:10" in text
    assert "remedy: raise the floor, or pass --force" in text
    assert "could not be read: the live document" in text


def test_dead_nights_are_dots_in_the_day() -> None:
    assert "·····" in shown(plan_view(plans.dead_nights()))


def test_a_difference_counts_and_marks_every_kind() -> None:
    text = shown(diff_view(plans.a_tide().changes))
    assert "changes:" in text
    for mark in ("+ planner-", "- planner-", "~ defaultTarget"):
        assert mark in text
    assert all(len(line) <= 80 for line in text.splitlines())


def test_no_difference_is_said() -> None:
    assert "No changes" in shown(diff_view(()))


def test_a_name_in_brackets_is_not_markup() -> None:
    change = Change(
        kind=ChangeKind.REMOVE, part="scheduledActions", name="[red]x[/]", before="[bold]", after="", reason="[y]"
    )
    assert "[red]x[/]" in shown(diff_view([change]))


@pytest.mark.parametrize("kind", ["a_tide", "an_unsafe"])
def test_the_terminal_is_its_golden(kind: str, golden: Golden) -> None:
    plan: Plan = getattr(plans, kind)()
    fresh = (shown(plan_view(plan)) + "\n" + shown(diff_view(plan.changes))).encode()
    assert fresh == golden(f"terminal/{kind}.txt", fresh), f"if you mean it: {REWRITE}"
