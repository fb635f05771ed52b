"""A database from a URL: SQLite in one file by default, PostgreSQL for several machines."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.orm import Session
from sqlalchemy.pool import ConnectionPoolEntry, StaticPool

from planner.errors import StoreError
from planner.store.faults import explain

LOCK_WAIT_SECONDS = 10
"""How long a writer waits for another one before it gives up."""
CONNECT_SECONDS = 10
SQLITE_DRIVERS = frozenset({"sqlite", "sqlite+pysqlite"})
POSTGRES_DRIVERS = frozenset({"postgresql", "postgres", "postgresql+psycopg", "postgres+psycopg"})
FORMS = "Write sqlite:///planner.db or postgresql://user@host/database."
BEGIN = "planner_begin"
"""Execution option: the statement that opens a transaction on SQLite."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Database:
    """An engine and the words for it; errors come out as StoreError, and no text holds a password."""

    engine: Engine
    location: str
    """For people: the file, or host and database."""
    secrets: tuple[str, ...]

    @property
    def is_sqlite(self) -> bool:
        """Whether it is one file, without a server."""
        return self.engine.dialect.name == "sqlite"

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A transaction that only reads."""
        with self._explained(), Session(self.engine, expire_on_commit=False) as session, session.begin():
            yield session

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """A transaction that is on disk when the block has ended without an error, and gone otherwise."""
        with self._explained(), Session(self._writer, expire_on_commit=False) as session, session.begin():
            yield session

    @contextmanager
    def connected(self) -> Iterator[Connection]:
        """A bare connection in a writing transaction, for the schema."""
        with self._explained(), self._writer.begin() as connection:
            yield connection

    @property
    def _writer(self) -> Engine:
        # A transaction that starts reading and then wants to write fails at once when another writer was faster;
        # one that says so from the start waits its turn.
        return self.engine.execution_options(**{BEGIN: "BEGIN IMMEDIATE"})

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except DBAPIError as error:
            # A traceback shows the cause too.
            told = any(secret in str(error) for secret in self.secrets)
            raise explain(error, self.location, self.secrets) from (None if told else error)


def connect(url: str, *, create: bool) -> Database:
    """The database behind `url`; `create` lets a missing SQLite file (and its folder) come into being.

    Opens no PostgreSQL connection yet. Raises StoreError for a URL of another kind, a missing driver, or a file
    that can't be used or that everybody may write to.
    """
    parsed = _parse(url)
    if parsed.drivername in SQLITE_DRIVERS:
        return _sqlite(parsed, create=create)
    return _postgres(parsed)


def stand_in(url: str) -> Database:
    """An empty database in memory, with the place of the SQLite file that isn't there."""
    engine = create_engine("sqlite://", poolclass=StaticPool, hide_parameters=True)
    event.listen(engine, "connect", _configure_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return Database(engine=engine, location=str(_file_of(_parse(url))), secrets=())


def _parse(url: str) -> URL:
    try:
        parsed = make_url(url)
    except (SQLAlchemyError, ValueError):
        # Neither the URL nor the parser's words: a URL that can't be read may hold a password anywhere.
        raise StoreError("The database URL can't be read.", remedy=FORMS) from None
    if parsed.drivername not in SQLITE_DRIVERS | POSTGRES_DRIVERS:
        raise StoreError(f"The planner keeps no records in {parsed.drivername}.", remedy=FORMS)
    return parsed


def _sqlite(url: URL, *, create: bool) -> Database:
    if url.query or url.host or url.database in {None, "", ":memory:"}:
        raise StoreError("A SQLite URL names one file and nothing else.", remedy=FORMS)
    path = _file_of(url)
    _prepare_file(path, create=create)
    engine = create_engine(
        URL.create("sqlite", database=str(path)),
        connect_args={"timeout": LOCK_WAIT_SECONDS},
        hide_parameters=True,
    )
    event.listen(engine, "connect", _configure_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return Database(engine=engine, location=str(path), secrets=())


def _file_of(url: URL) -> Path:
    return Path(str(url.database)).expanduser().absolute()


def _prepare_file(path: Path, *, create: bool) -> None:
    try:
        if create:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            os.close(os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600))
        mode = path.stat().st_mode
    except FileNotFoundError as error:
        raise StoreError(f"There is no database at {path}.", remedy="Create it with `planner db upgrade`.") from error
    except OSError as error:
        raise StoreError(
            f"The database {path} can't be opened: {error.strerror}.",
            remedy="Let this user read and write the file and its folder, or configure another place.",
        ) from error
    if not stat.S_ISREG(mode):
        raise StoreError(f"{path} is no file.", remedy=FORMS)
    if mode & stat.S_IWOTH:
        raise StoreError(
            f"Everybody may write to the database {path}, so its records prove nothing.",
            remedy=f"chmod o-w {path}, after a look at who wrote to it.",
        )


def _configure_sqlite(connection: object, _entry: ConnectionPoolEntry) -> None:
    # Python's driver would open transactions by itself, and too late: `_begin_sqlite` does.
    connection.isolation_level = None  # type: ignore[attr-defined]
    for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON"):
        # In WAL mode only FULL syncs at each commit: what is acknowledged survives a power cut.
        connection.execute(f"PRAGMA {pragma}")  # type: ignore[attr-defined]


def _begin_sqlite(connection: Connection) -> None:
    connection.exec_driver_sql(connection.get_execution_options().get(BEGIN, "BEGIN"))


def _postgres(url: URL) -> Database:
    options = {
        "connect_timeout": str(CONNECT_SECONDS),
        "application_name": "planner",
        "options": f"-c lock_timeout={LOCK_WAIT_SECONDS}s",
    }
    address = URL.create("postgresql", host=url.host or _text(url.query.get("host")) or "local socket", port=url.port)
    location = f"{address.render_as_string()}/{url.database or ''}"
    try:
        engine = create_engine(
            url.set(drivername="postgresql+psycopg", query=options | dict(url.query)),
            pool_pre_ping=True,
            hide_parameters=True,
        )
    except ImportError as error:
        raise StoreError(
            f"{location} needs the PostgreSQL driver psycopg, which is not installed ({error}).",
            remedy="pip install 'fc-capacity-planner[postgres]'",
        ) from error
    secrets = (url.password, _text(url.query.get("password")))
    return Database(engine=engine, location=location, secrets=tuple(secret for secret in secrets if secret))


def _text(value: str | tuple[str, ...] | None) -> str:
    return value if isinstance(value, str) else ",".join(value or ())
