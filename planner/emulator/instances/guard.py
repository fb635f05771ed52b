"""Runs a command so that nothing of it outlives the emulator: `python guard.py PARENT COMMAND ...`.

It leads a session of its own and stays the command's parent. When the emulator dies, by kill -9
too, the kernel tells it (PR_SET_PDEATHSIG, Linux), and it kills the whole process group, so that
workers which the command has started go with it. SIGTERM is passed on to the command alone.
"""

import ctypes
import os
import signal
import sys
from types import FrameType

_PR_SET_PDEATHSIG = 1
_NOT_FOUND = 127


def main() -> None:
    """Run the command and end as it ends: its status, or 128 + the signal that ended it."""
    parent, command = int(sys.argv[1]), sys.argv[2:]
    signal.signal(signal.SIGUSR1, _kill_group)
    _signal_at_death_of_parent(signal.SIGUSR1)
    if os.getppid() != parent:
        sys.exit(_NOT_FOUND)  # it died before the kernel was asked to tell
    child = os.fork()
    if not child:
        _signal_at_death_of_parent(signal.SIGKILL)
        _become(command)

    def pass_on(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
        os.kill(child, number)

    signal.signal(signal.SIGTERM, pass_on)
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    sys.exit(code if code >= 0 else 128 - code)


def _signal_at_death_of_parent(number: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, number, 0, 0, 0)


def _kill_group(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
    os.killpg(0, signal.SIGKILL)


def _become(command: list[str]) -> None:
    try:
        os.execvp(command[0], command)  # noqa: S606 - the world's file says what to run
    except OSError as error:
        sys.stderr.write(f"{command[0]}: {error.strerror}\n")
        sys.stderr.flush()
        os._exit(_NOT_FOUND)


if __name__ == "__main__":
    main()
