"""How a fault speaks of a value or a key; a value that looks like a secret is never repeated."""

from __future__ import annotations

import re
from collections.abc import Iterable
from difflib import get_close_matches

LONGEST = 40
"""Characters of a text that are repeated in a fault."""
SECRETS = (
    (re.compile(r"\bLTAI[0-9A-Za-z]{10,}"), "an access key"),
    (re.compile(r"\bSTS\.[0-9A-Za-z]{10,}"), "a security token"),
    (re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY"), "a private key"),
    (re.compile(r"://[^/\s:@]*:[^/\s@]+@|[?&](ssl)?password="), "a password"),
)
"""What a secret looks like, and what it is called."""


def show(value: object) -> str:
    """Write the value as it would stand in YAML, short enough for one line."""
    match value:
        case None | bool():
            return {None: "null", True: "true", False: "false"}[value]
        case str() if any(pattern.search(value) for pattern, _ in SECRETS):
            return "the text"
        case str():
            short = value if len(value) <= LONGEST else value[: LONGEST - 1] + "…"
            return "'" + "".join(c if c.isprintable() else "?" for c in short) + "'"
        case dict():
            return "a mapping"
        case list() | tuple():
            return "a list"
        case _:
            return str(value)


def nearest(text: str, choices: Iterable[str]) -> str:
    """Find the choice that `text` was probably meant to be, or nothing."""
    plain = {choice.lower().replace("-", "_"): choice for choice in choices}
    found = get_close_matches(text.lower().replace("-", "_"), plain, n=1, cutoff=0.7)
    return plain[found[0]] if found else ""


def did_you_mean(text: str, choices: Iterable[str]) -> str:
    """Return the remedy for a word that is none of `choices`."""
    options = list(choices)
    close = nearest(text, options)
    return f"did you mean {close}?" if close else f"choose one of {', '.join(options)}"
