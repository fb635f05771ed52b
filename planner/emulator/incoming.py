"""JSON and numbers from outside, read so that nothing of them can break what stores or answers them."""

import json
import math
from typing import NoReturn

_DEEPEST = 64
"""Objects and lists within each other; the service's bound is not public, its documents are 4 deep."""
_DIGITS = 18


def read_json(text: str | bytes) -> object:
    """The JSON of a text in UTF-8.

    `ValueError` for what is none, and for what could be kept but not sent again as JSON in UTF-8:
    numbers that are not finite, half a surrogate pair, nesting deeper than 64.
    """
    try:
        value: object = json.loads(text.decode() if isinstance(text, bytes) else text, parse_constant=_refuse)
    except RecursionError:
        message = "the JSON is nested too deeply"
        raise ValueError(message) from None
    _check(value)
    return value


def read_whole(text: str) -> int | None:
    """The number that ASCII digits write, at most 18 of them; None for any other text."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= _DIGITS else None


def _refuse(constant: str) -> NoReturn:
    message = f"{constant} is no number of JSON"
    raise ValueError(message)


def _check(value: object) -> None:
    """Level by level, so that depth costs no stack."""
    level = [value]
    for _ in range(_DEEPEST + 1):
        if not level:
            return
        within: list[object] = []
        for entry in level:
            if isinstance(entry, dict):
                within += [*entry, *entry.values()]
            elif isinstance(entry, list):
                within += entry
            elif isinstance(entry, str):
                entry.encode()
            elif isinstance(entry, float) and not math.isfinite(entry):
                _refuse(str(entry))
        level = within
    message = f"the JSON is nested deeper than {_DEEPEST}"
    raise ValueError(message)
