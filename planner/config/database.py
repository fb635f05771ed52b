"""Where the database is: the URL in the file, or the one in the environment, made absolute."""

from __future__ import annotations

import os
import re
from pathlib import Path

VARIABLE = "PLANNER_DATABASE_URL"
"""Environment variable that replaces `database.url`, and may carry a password."""

_SQLITE = re.compile(r"^sqlite:///(?P<path>[^?]+)(?P<query>\?.*)?$", re.DOTALL)
_POSTGRES = re.compile(r"^(postgresql|postgres|postgresql\+psycopg)://(?P<rest>.+)$", re.DOTALL)


def check_url(url: str) -> str:
    """Refuse in words what is neither SQLite nor PostgreSQL (ValueError); the URL is never repeated."""
    if _POSTGRES.match(url):
        return url
    sqlite = _SQLITE.match(url)
    if sqlite and sqlite["path"] != ":memory:":
        return url
    if sqlite or url == "sqlite://":
        raise ValueError("is a database in memory, which forgets every plan; write sqlite:///planner.db")
    raise ValueError(
        "is not a database that can be used; write sqlite:///planner.db or postgresql://user@host:5432/planner"
    )


def resolve_url(url: str, folder: Path) -> str:
    """Return the URL for SQLAlchemy: a relative SQLite path begins at `folder`, PostgreSQL gets its driver."""
    if postgres := _POSTGRES.match(url):
        return f"postgresql+psycopg://{postgres['rest']}"
    sqlite = _SQLITE.match(url)
    assert sqlite is not None, "unchecked database URL"
    path = os.path.normpath(folder.absolute() / sqlite["path"])
    return f"sqlite:///{path}{sqlite['query'] or ''}"
