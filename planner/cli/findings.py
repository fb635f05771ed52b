"""What an examination finds: a sentence for each check, the fix where one is needed, and the exit code of all."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from planner.cli.output import exit_code
from planner.errors import PlannerError

if TYPE_CHECKING:
    from rich.console import RenderableType

RELEVANCE = (2, 5, 1)
"""Which exit code counts when several checks failed: what the user can mend first."""


class Verdict(StrEnum):
    """What came of one check."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One check: a sentence on what was found, the fix where there is one, and the exit code if it failed."""

    check: str
    verdict: Verdict
    detail: str
    fix: str = ""
    code: int = 0

    @property
    def exit_code(self) -> int:
        """The code that `planner doctor` ends with because of this finding."""
        return self.code if self.verdict is Verdict.FAILED else 0

    @property
    def data(self) -> dict[str, object]:
        """The finding as plain JSON values."""
        return {"check": self.check, "verdict": self.verdict.value, "detail": self.detail, "fix": self.fix}


Findings = tuple[Finding, ...]


def worst(findings: Findings) -> int:
    """The exit code of the whole examination: 0 unless a check failed."""
    codes = {finding.exit_code for finding in findings}
    return next((code for code in RELEVANCE if code in codes), 0)


def table(findings: Findings) -> RenderableType:
    """The findings for people: a line each, the fix under it."""
    from rich.table import Table  # noqa: PLC0415  # `planner --help` stays fast
    from rich.text import Text  # noqa: PLC0415  # as above

    styles = {Verdict.OK: "green", Verdict.WARNING: "yellow", Verdict.FAILED: "bold red", Verdict.SKIPPED: "dim"}
    grid = Table.grid(padding=(0, 2))
    for finding in findings:
        text = Text(finding.detail)
        if finding.fix:
            text += Text(f"\nFix: {finding.fix}", style="bold" if finding.exit_code else "")
        grid.add_row(Text(finding.verdict.value, style=styles[finding.verdict]), Text(finding.check), text)
    return grid


def failed(check: str, error: PlannerError) -> Finding:
    """A check that an error ended: its message and its remedy."""
    listed = "; ".join(getattr(error, "faults", ()))
    detail = f"{error.message}: {listed}" if listed else error.message
    return Finding(check=check, verdict=Verdict.FAILED, detail=detail, fix=error.remedy, code=exit_code(error))


def unconfigured(check: str) -> Finding:
    """A check that needs Function Compute where none is configured."""
    return skipped(check, "no Function Compute is configured (fc.region or fc.endpoint)")


def skipped(check: str, why: str) -> Finding:
    """A check that could not be made."""
    return Finding(check=check, verdict=Verdict.SKIPPED, detail=why)
