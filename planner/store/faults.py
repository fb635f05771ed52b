"""What a database says when it fails, as a sentence and a remedy."""

from __future__ import annotations

import sqlite3

from sqlalchemy.exc import DBAPIError

from planner.errors import StoreError

HIDDEN = "***"
_BUSY = ("is locked by another process for too long", "Look for a stuck planner or an open database shell; then retry.")
_FULL = ("has no room left", "Free some space. Nothing was recorded, so nothing was sent either.")
_DAMAGED = ("is damaged", "Restore a backup.")
_READ_ONLY = ("can't be written", "Let this user write the database (for SQLite: the file and its folder).")
_LOGIN = ("refuses the login", "Check user and password; PGPASSWORD or ~/.pgpass keep it out of the configuration.")
_UNREACHABLE = ("can't be reached", "Check that the server runs and that host, port and database are right.")
_SCHEMA = ("lacks a table or a column", "Run `planner db upgrade`.")

_SQLITE = {
    "SQLITE_BUSY": _BUSY,
    "SQLITE_LOCKED": _BUSY,
    "SQLITE_NOTADB": ("is a file, but no SQLite database", "Configure another file; this one was left as it is."),
    "SQLITE_CORRUPT": _DAMAGED,
    "SQLITE_READONLY": _READ_ONLY,
    "SQLITE_CANTOPEN": _READ_ONLY,
    "SQLITE_PERM": _READ_ONLY,
    "SQLITE_FULL": _FULL,
    "SQLITE_IOERR": ("failed to read or write the disk", "Check the disk. Nothing was recorded."),
}
"""By the beginning of SQLite's error name."""
_POSTGRES = {
    "55P03": _BUSY,
    "40P01": _BUSY,
    "28": _LOGIN,
    "3D000": ("does not exist", "Create it with createdb, then run `planner db upgrade`."),
    "42501": ("does not allow this", "Grant the user CONNECT on the database, USAGE and CREATE on the schema."),
    "42P01": _SCHEMA,
    "42703": _SCHEMA,
    "53100": _FULL,
    "53300": ("has no connection left", "Raise max_connections, or end some sessions."),
    "25006": ("is read-only", "Point the planner at the primary server."),
    "08": _UNREACHABLE,
    "57P": ("is starting or stopping", "Wait a moment and retry."),
    "XX": _DAMAGED,
}
"""By the beginning of the SQLSTATE."""
_CONNECTING = (
    ("password authentication failed", _LOGIN),
    ("no password supplied", _LOGIN),
    ('database "', _POSTGRES["3D000"]),
)
"""A refused connection has no SQLSTATE: by its text."""


def explain(error: DBAPIError, location: str, secrets: tuple[str, ...]) -> StoreError:
    """The error in words for people, without `secrets`."""
    cause = error.orig or error
    sentence, remedy = _sentence(cause)
    said = " ".join(str(cause).split())
    for secret in secrets:
        said = said.replace(secret, HIDDEN)
    return StoreError(f"The database {location} {sentence}: {said}", remedy=remedy)


def _sentence(cause: BaseException) -> tuple[str, str]:
    otherwise = ("failed", "`planner doctor` checks the database.")
    if isinstance(cause, sqlite3.Error):
        # Errors that Python itself raises carry no name.
        name = getattr(cause, "sqlite_errorname", "")
        return next((words for start, words in _SQLITE.items() if name.startswith(start)), otherwise)
    state = getattr(cause, "sqlstate", None)
    if state:
        return next((words for start, words in _POSTGRES.items() if state.startswith(start)), otherwise)
    if "connection" in str(cause):
        return next((words for text, words in _CONNECTING if text in str(cause)), _UNREACHABLE)
    return otherwise
