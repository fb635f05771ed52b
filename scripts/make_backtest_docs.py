"""Write the worked example of docs/backtest.md, and its picture, from a run of the command that the page shows.

python scripts/make_backtest_docs.py
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "backtest.md"
PICTURE = ROOT / "docs" / "images" / "backtest.png"
COMMAND = re.compile(r"^planner (backtest .*)$", re.MULTILINE)
BLOCK = re.compile(r"(<!-- backtest -->\n```text\n).*?(```\n<!-- end -->)", re.DOTALL)
RUN = "from planner.cli.main import main; main()"


def main() -> None:
    """Run the page's first command in the repository's root, its files in a folder that is thrown away."""
    text = PAGE.read_text(encoding="utf-8")
    found = COMMAND.search(text)
    if found is None:
        sys.exit(f"{PAGE} shows no `planner backtest` command; write one into its first block")
    words = shlex.split(found[1])
    with tempfile.TemporaryDirectory() as folder:
        words[words.index("--out") + 1] = folder
        said = subprocess.run(
            [sys.executable, "-c", RUN, *words],
            cwd=ROOT,
            env=os.environ | {"COLUMNS": "80", "NO_COLOR": "1"},
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        ).stdout
        # Without transparency and well packed it is small enough for the repository.
        with Image.open(Path(folder) / "backtest.png") as drawn:
            drawn.convert("RGB").quantize(128).save(PICTURE, optimize=True)
    said = "\n".join(line.rstrip() for line in said.splitlines()) + "\n"
    PAGE.write_text(BLOCK.sub(lambda block: block[1] + said + block[2], text), encoding="utf-8")
    print(f"wrote {PAGE} and {PICTURE}")


if __name__ == "__main__":
    main()
