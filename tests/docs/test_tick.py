"""The worked example in docs/tick.md is what a run gives today.

GOLDEN=write pytest tests/docs    writes its figures and the picture of the README anew
"""

from __future__ import annotations

import os
import re
from io import BytesIO

from PIL import Image

from tests.docs.example import ROOT, Example

PAGE = ROOT / "docs" / "tick.md"
PICTURE = ROOT / "docs" / "images" / "plan.png"
BLOCK = re.compile(r"<!-- example: (\w+) -->\n```text\n(.*?)\n```", re.DOTALL)


def test_the_worked_example_shows_todays_figures() -> None:
    example = Example()
    blocks = example.blocks()
    if os.environ.get("GOLDEN") == "write":
        fresh = BLOCK.sub(
            lambda found: f"<!-- example: {found[1]} -->\n```text\n{blocks[found[1]]}\n```",
            PAGE.read_text(encoding="utf-8"),
        )
        PAGE.write_text(fresh, encoding="utf-8")
        PICTURE.parent.mkdir(exist_ok=True)
        # Without transparency and well packed it is small enough for the repository.
        with Image.open(BytesIO(example.picture())) as drawn:
            drawn.convert("RGB").save(PICTURE, optimize=True)
    quoted = dict(BLOCK.findall(PAGE.read_text(encoding="utf-8")))
    assert quoted == blocks, "the figures moved: GOLDEN=write .venv/bin/pytest tests/docs"


def test_the_picture_of_the_readme_is_small() -> None:
    assert PICTURE.stat().st_size < 200_000
