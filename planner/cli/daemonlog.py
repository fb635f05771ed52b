"""The daemon's lines on stderr: a sentence for people, or one JSON object a line for machines."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum

from planner.base import iso
from planner.clock import Clock

FIELDS = ("action", "function", "sentence", "plan")
"""What a record of the daemon carries beside its text."""


class LogForm(StrEnum):
    """How a line looks."""

    TEXT = "text"
    JSON = "json"


class _Lines(logging.Formatter):
    def __init__(self, clock: Clock) -> None:
        super().__init__("%(asctime)s %(levelname)s %(message)s")
        self._clock = clock

    def formatTime(self, _record: logging.LogRecord, _format: str | None = None) -> str:  # noqa: N802  # of the base class
        return iso(self._clock.now())


class _Json(logging.Formatter):
    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock

    def format(self, record: logging.LogRecord) -> str:
        said = {"at": iso(self._clock.now()), "level": record.levelname.lower(), "message": record.getMessage()}
        said |= {name: value for name in FIELDS if (value := getattr(record, name, None)) is not None}
        if record.exc_info:
            said["traceback"] = self.formatException(record.exc_info)
        return json.dumps(said, ensure_ascii=False)


@contextmanager
def logged(form: LogForm, clock: Clock) -> Iterator[None]:
    """Let the lines of the daemon, and the errors of its timer, appear on stderr while the block runs."""
    handler = logging.StreamHandler()
    handler.setFormatter(_Json(clock) if form is LogForm.JSON else _Lines(clock))
    levels = {"planner.daemon": logging.INFO, "apscheduler": logging.ERROR}
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)
        logging.getLogger(name).addHandler(handler)
    try:
        yield
    finally:
        for name in levels:
            logging.getLogger(name).removeHandler(handler)
