"""Prometheus' own checker for the tests: found, or unpacked beside the packages from Debian's archive.

`python -m tests.promtool` fetches it ahead of time, where it is missing. Nothing is installed on the machine: of the
package `prometheus` one program is kept.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HOME = Path(sys.prefix) / "promtool"
"""In the environment of the tests."""
INSTALL_LOCK = Path(tempfile.gettempdir()) / f"planner-promtool-{os.getuid()}.lock"
FETCH_SECONDS = 300


def promtool(*arguments: str, stdin: str = "", folder: Path | None = None) -> str:
    """What `promtool` says, on both streams; AssertionError with its words where it objects."""
    done = subprocess.run(
        [str(binary()), *arguments],
        cwd=folder,
        input=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def binary() -> Path:
    """The program; fetched where it is missing."""
    found = shutil.which("promtool")
    if found is not None:
        return Path(found)
    kept = HOME / "promtool"
    with INSTALL_LOCK.open("w") as lock:
        # Parallel test processes come here together; the first one fetches.
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not kept.exists():
            _fetch(kept)
    return kept


def _fetch(kept: Path) -> None:
    kept.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=kept.parent) as name:
        folder = Path(name)
        try:
            _download(folder)
        except RuntimeError:
            # A fresh machine has no lists of packages yet.
            _run([*([] if os.getuid() == 0 else ["sudo", "-n"]), "apt-get", "update", "-qq"], folder)
            _download(folder)
        (package,) = folder.glob("prometheus_*.deb")
        _run(["dpkg-deb", "-x", package.name, "unpacked"], folder)
        (folder / "unpacked" / "usr" / "bin" / "promtool").rename(kept)


def _download(folder: Path) -> None:
    _run(["apt-get", "download", "-qq", "prometheus"], folder)


def _run(command: list[str], folder: Path) -> None:
    try:
        subprocess.run(
            command,
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=FETCH_SECONDS,
            check=True,
        )
    except (OSError, subprocess.SubprocessError) as error:
        said = str(getattr(error, "stdout", None) or "")[-2000:]
        raise RuntimeError(
            "The tests need Prometheus' promtool, and fetching it failed; put it on the PATH and retry.\n"
            f"{' '.join(command)}: {error}\n{said}"
        ) from error


if __name__ == "__main__":
    sys.stdout.write(f"promtool: {binary()}\n")
