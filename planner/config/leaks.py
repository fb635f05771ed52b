"""Secrets that stand where others can read them. The secret itself is never repeated."""

from __future__ import annotations

import re
from collections.abc import Iterator

from planner.config.source import Fault, Source

_CHAIN = (
    "remove it and give a new one out if the file was shared; credentials come from the default credential chain "
    "(ALIBABA_CLOUD_ACCESS_KEY_ID and ALIBABA_CLOUD_ACCESS_KEY_SECRET, ~/.aliyun/config.json, or a RAM role)"
)
_DATABASE = "remove it; the database's password comes from environment PLANNER_DATABASE_URL or ~/.pgpass"

_KEYS = re.compile(r"accesskey|secret|token|passw|credential|privatekey|apikey|^(ak|sk|pwd)$")
_TEXTS = (
    (re.compile(r"\bLTAI[0-9A-Za-z]{10,}"), f"an access key stands here; {_CHAIN}"),
    (re.compile(r"\bSTS\.[0-9A-Za-z]{10,}"), f"a security token stands here; {_CHAIN}"),
    (re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY"), f"a private key stands here; {_CHAIN}"),
    (re.compile(r"://[^/\s:@]*:[^\s@]+@|[?&]password="), f"a password stands here; {_DATABASE}"),
)


def find_leaks(text: str, source: Source) -> Iterator[Fault]:
    """Keys that are named like secrets, and lines, comments included, that look like holding one."""
    found = set()
    for path, line in source.lines.items():
        key = path[-1] if path else ""
        plain = re.sub("[^a-z]", "", key.lower()) if isinstance(key, str) else ""
        if _KEYS.search(plain):
            found.add(line)
            remedy = _DATABASE if path[0] == "database" else _CHAIN
            yield Fault(line=line, path=path, words=f"secrets don't belong in the file; {remedy}")
    for line, content in enumerate(text.splitlines(), 1):
        for pattern, words in _TEXTS:
            if line not in found and pattern.search(content):
                found.add(line)
                yield Fault(line=line, words=words)
