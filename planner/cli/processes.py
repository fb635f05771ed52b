"""Who acts, and whether whoever acted before still does."""

from __future__ import annotations

import getpass
import os
import platform
import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import FrameType

from planner.outcome import LONGEST_APPLY

_WHO = re.compile(r".*@(?P<host>.*) pid (?P<pid>\d+)")
_ROUNDING = timedelta(seconds=5)
"""The kernel gives a start in hundredths after a boot time in whole seconds."""


def who() -> str:
    """The person and the process behind a change, for the audit."""
    try:
        person = getpass.getuser()
    except (KeyError, OSError):
        # A container may run as a number without a name.
        person = f"uid {os.getuid()}"
    return f"{person}@{platform.node()} pid {os.getpid()}"


def still_runs(whose: str, since: datetime, now: datetime) -> bool | None:
    """Whether the process that `who` described at `since`, when it began an apply, is alive.

    None: it was on another machine, and may be until no apply takes so long. A process number is given out again, so a
    process that started later is another one.
    """
    match = _WHO.fullmatch(whose)
    if match is None or match["host"] != platform.node():
        return False if now - since > LONGEST_APPLY else None
    if int(match["pid"]) == os.getpid():
        return False
    try:
        os.kill(int(match["pid"]), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    started = _started(int(match["pid"]))
    return started is None or started <= since + _ROUNDING


def _started(pid: int) -> datetime | None:
    """When a process started; None where the system doesn't say (no /proc)."""
    with suppress(OSError, ValueError, IndexError):
        # Field 22 of proc(5), counted after the name, which may hold spaces and brackets.
        ticks = int(Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[19])
        boot = next(
            line for line in Path("/proc/stat").read_text(encoding="utf-8").splitlines() if line.startswith("btime ")
        )
        seconds = int(boot.split()[1]) + ticks / os.sysconf("SC_CLK_TCK")
        return datetime.fromtimestamp(seconds, UTC)
    return None


@contextmanager
def ended_like_ctrl_c() -> Iterator[None]:
    """Let SIGTERM raise KeyboardInterrupt inside the block, so that what was begun is put on record."""

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
