"""Secrets that stand where others can read them. The secret itself is never repeated."""

from __future__ import annotations

import re
from collections.abc import Iterator

from planner.config.source import Fault, Source
from planner.config.words import SECRETS

_CHAIN = (
    "remove it, and replace it if the file was shared; credentials come from the default credential chain "
    "(environment ALIBABA_CLOUD_ACCESS_KEY_ID and ..._SECRET, ~/.aliyun/config.json, or a RAM role)"
)
_DATABASE = "remove it; the database's password comes from environment PLANNER_DATABASE_URL or ~/.pgpass"

_KEYS = re.compile(r"accesskey|secret|token|passw|credential|privatekey|apikey|^(ak|sk|pwd)$")


def find_leaks(text: str, source: Source) -> Iterator[Fault]:
    """Find keys that are named like secrets, and lines, comments included, that look like holding one."""
    found = set()
    for path, line in source.lines.items():
        key = path[-1] if path else ""
        plain = re.sub("[^a-z]", "", key.lower()) if isinstance(key, str) else ""
        if _KEYS.search(plain):
            found.add(line)
            remedy = _DATABASE if path[0] == "database" else _CHAIN
            yield Fault(line=line, path=path, words=f"secrets don't belong in the file; {remedy}")
    for line, content in enumerate(text.splitlines(), 1):
        for pattern, what in SECRETS:
            if line not in found and pattern.search(content):
                found.add(line)
                remedy = _DATABASE if what == "a password" else _CHAIN
                yield Fault(line=line, words=f"{what} stands here; {remedy}")
