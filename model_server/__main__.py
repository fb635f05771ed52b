"""`python -m model_server`: the first thing is to obey signals, since what follows takes a while."""

from __future__ import annotations

import signal
import sys


def main() -> int:
    """The exit code, as `start` gives it."""
    early: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda number, _: early.append(number))
    from model_server.process import start  # noqa: PLC0415  # see above

    return start(early)


if __name__ == "__main__":
    sys.exit(main())
