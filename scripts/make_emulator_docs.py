"""Write docs/emulator-coverage.md: what the local Function Compute covers of the official SDK's client.

    python scripts/make_emulator_docs.py

A test compares the page with what this gives, so the two can't drift apart.
"""

from __future__ import annotations

from pathlib import Path

from planner.emulator.routes.app import COVERED
from planner.emulator.routes.coverage import coverage, page

PAGE = Path(__file__).parents[1] / "docs" / "emulator-coverage.md"

if __name__ == "__main__":
    PAGE.write_text(page(coverage(COVERED)), encoding="utf-8")
    print(f"wrote {PAGE}")
