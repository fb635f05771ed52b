"""Ask an advisory service about every package that a lock file pins, for whatever machine it pins it.

    python scripts/audit.py PIP_AUDIT LOCK...

Ends with 0 where nothing is known of any of them, 1 where something is, 2 where a package was not looked at or nobody
answered: then nothing is known. pip-audit by itself leaves out what another system or another Python would install, and
ends well where it skipped a package.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

SERVICE = "osv"
PIN = re.compile(r"^([A-Za-z0-9][\w.-]*)==([^\s;\\]+)", re.MULTILINE)
Pin = tuple[str, str]
"""Name in its normal form, and version."""


class Unanswered(Exception):
    """Nobody knows: its text says why."""


def normal(name: str) -> str:
    """The form in which names are compared (the packaging specifications, "Names and normalization")."""
    return re.sub(r"[-_.]+", "-", name).lower()


def pins(locks: Iterable[Path]) -> set[Pin]:
    """What the files pin, each once, whatever the condition behind it."""
    texts = (lock.read_text(encoding="utf-8") for lock in locks)
    return {(normal(name), version) for text in texts for name, version in PIN.findall(text)}


def rounds(pinned: set[Pin]) -> Iterator[dict[str, str]]:
    """The pins in parts with one version of a package each: pip-audit takes no more."""
    left = sorted(pinned)
    while left:
        part = dict(left)
        yield part
        left = [pin for pin in left if pin not in part.items()]


def ask(tool: str, part: dict[str, str]) -> list[dict[str, Any]]:
    """What pip-audit says of each package; raises Unanswered."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "pins.txt"
        file.write_text("".join(f"{name}=={version}\n" for name, version in part.items()), encoding="utf-8")
        options = ["--disable-pip", "--no-deps", "--progress-spinner", "off", "--timeout", "20", "--format", "json"]
        command = [tool, *options, "--vulnerability-service", SERVICE, "--requirement", str(file)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    try:
        said: list[dict[str, Any]] = json.loads(done.stdout)["dependencies"]
    except (ValueError, KeyError) as error:
        *_, last = done.stderr.strip().splitlines() or ["it said nothing"]
        raise Unanswered(f"the advisory service ({SERVICE}) can't be asked ({last[:160]})") from error
    heard = {(normal(each["name"]), each["version"]) for each in said if "skip_reason" not in each}
    if missing := sorted(set(part.items()) - heard):
        raise Unanswered(f"not looked at were {', '.join('=='.join(pin) for pin in missing)}")
    return said


def main(arguments: Sequence[str]) -> int:
    """Ask about every pin, and say what is known."""
    tool, *locks = arguments
    pinned = pins(map(Path, locks))
    try:
        said = [each for part in rounds(pinned) for each in ask(tool, part)]
    except Unanswered as error:
        sys.stderr.write(f"The {len(pinned)} pinned packages are not audited: {error}.\n")
        return 2
    known = [(each, advisory) for each in said for advisory in each["vulns"]]
    for each, advisory in known:
        mended = ", ".join(advisory["fix_versions"]) or "no version"
        sys.stdout.write(f"{each['name']} {each['version']}: {advisory['id']}, mended in {mended}\n")
    sys.stdout.write(f"{len(pinned)} pinned packages, {len(known)} advisories ({SERVICE}).\n")
    return 1 if known else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
