"""Durations as people write them: `90s`, `15m`, `6h`, `2d`, `1h30m`, or ISO 8601 (`PT15M`, `P1DT12H`)."""

from __future__ import annotations

import re
from datetime import timedelta

# Plain groups and look-aheads only: the same text goes into the JSON Schema, whose dialect has no named groups like
# Python's. Six digits a unit can't overflow a timedelta.
_N = "([0-9]{1,6})"
PATTERN = (
    f"^(?=[0-9])(?:{_N}d)?(?:{_N}h)?(?:{_N}m)?(?:{_N}s)?$"
    f"|^P(?=[0-9T])(?:{_N}W)?(?:{_N}D)?(?:T(?=[0-9])(?:{_N}H)?(?:{_N}M)?(?:{_N}S)?)?$"
)
_SHAPE = re.compile(PATTERN)
_UNITS = ("days", "hours", "minutes", "seconds", "weeks", "days", "hours", "minutes", "seconds")
_LETTERS = ((86_400, "d"), (3_600, "h"), (60, "m"), (1, "s"))

HOW = "write 90s, 15m, 6h or 2d"


def parse_duration(text: str) -> timedelta:
    """Read a duration; ValueError in words for people where `text` says none."""
    match = _SHAPE.fullmatch(text)
    if match is None:
        raise ValueError(f"'{text}' is not a duration; {HOW}")
    parts = zip(_UNITS, match.groups(), strict=True)
    return sum((timedelta(**{unit: int(count)}) for unit, count in parts if count), timedelta(0))


def format_duration(duration: timedelta) -> str:
    """Write the shortest text that reads back as `duration` (whole seconds, at least 0): `60s`, `15m`, `1h30m`, `2d`.

    A lone minute stays `60s`, the unit in which start-up times are thought of.
    """
    seconds = int(duration.total_seconds())
    if seconds <= 120:
        return f"{seconds}s"
    text = ""
    for size, letter in _LETTERS:
        count, seconds = divmod(seconds, size)
        text += f"{count}{letter}" if count else ""
    return text
