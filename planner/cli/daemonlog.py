"""The daemon's lines on stderr: a sentence for people, or one JSON object a line for machines."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from enum import StrEnum

from planner.base import iso

FIELDS = ("action", "function", "sentence", "plan")
"""What a record of the daemon carries beside its text."""


class LogForm(StrEnum):
    """How a line looks."""

    TEXT = "text"
    JSON = "json"


class _Lines(logging.Formatter):
    def formatTime(self, record: logging.LogRecord, _format: str | None = None) -> str:  # noqa: N802  # of the base class
        return _at(record)


class _Json(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        said = {"at": _at(record), "level": record.levelname.lower(), "message": record.getMessage()}
        said |= {name: value for name in FIELDS if (value := getattr(record, name, None)) is not None}
        if record.exc_info:
            said["traceback"] = self.formatException(record.exc_info)
        return json.dumps(said, ensure_ascii=False)


@contextmanager
def logged(form: LogForm) -> Iterator[None]:
    """Let the lines of the daemon, and the errors of its timer, appear on stderr while the block runs."""
    handler = logging.StreamHandler()
    handler.setFormatter(_Json() if form is LogForm.JSON else _Lines("%(asctime)s %(levelname)s %(message)s"))
    levels = {"planner.daemon": logging.INFO, "apscheduler": logging.ERROR}
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)
        logging.getLogger(name).addHandler(handler)
    try:
        yield
    finally:
        for name in levels:
            logging.getLogger(name).removeHandler(handler)


def _at(record: logging.LogRecord) -> str:
    return iso(datetime.fromtimestamp(record.created, UTC))
