"""The schema of a database: looked at when it is opened, made and changed by the Alembic scripts in `migrations/`."""

from __future__ import annotations

from sqlalchemy import Connection, column, inspect, select, table, text

from planner.errors import StoreError
from planner.resources import resource_dir
from planner.store.engine import Database, connect
from planner.store.records import Upgrade
from planner.store.tables import SCHEMA, VERSION_TABLE, Base

UPGRADE_LOCK = 0x706C616E6E6572
"""Key of PostgreSQL's advisory lock: "planner"."""


def upgrade(url: str) -> Upgrade:
    """Bring the database to the schema of this planner, in one transaction: `planner db upgrade`.

    Doing it twice, or from two machines at once, is harmless. Raises StoreError when the database belongs to somebody
    else, or to a newer planner.
    """
    database = connect(url, create=True)
    try:
        return upgrade_database(database)
    finally:
        database.engine.dispose()


def upgrade_database(database: Database) -> Upgrade:
    """The same on an open database."""
    with database.connected() as connection:
        # SQLite's writing transaction is exclusive already.
        if not database.is_sqlite:
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": UPGRADE_LOCK})
        before = _revision(connection)
        _refuse_newer(before, database.location)
        if not before:
            _refuse_foreign(connection, database)
        if before != SCHEMA:
            _run_scripts(connection)
    return Upgrade(before=before, after=SCHEMA)


def ready(database: Database, *, migrate: bool) -> None:
    """Make sure that the code fits the schema; with `migrate`, a SQLite file is brought up to it.

    A PostgreSQL database is never changed on the quiet: other machines use it.
    """
    with database.reading() as session:
        found = _revision(session.connection())
    if found == SCHEMA:
        return
    _refuse_newer(found, database.location)
    if database.is_sqlite and migrate:
        upgrade_database(database)
        return
    state = f"has schema {found}, this planner needs {SCHEMA}" if found else "has no planner tables yet"
    raise StoreError(f"The database {database.location} {state}.", remedy="Run `planner db upgrade`.")


def _revision(connection: Connection) -> str:
    if not inspect(connection).has_table(VERSION_TABLE):
        return ""
    version = table(VERSION_TABLE, column("version_num"))
    return str(connection.execute(select(version.c.version_num)).scalar() or "")


def _refuse_newer(found: str, location: str) -> None:
    # Revisions are numbers with leading zeros, so they compare as text.
    if found > SCHEMA:
        raise StoreError(
            f"The database {location} has schema {found}; this planner knows {SCHEMA} at most.",
            remedy="Install the planner version that upgraded it, or a newer one.",
        )


def _refuse_foreign(connection: Connection, database: Database) -> None:
    there = set(inspect(connection).get_table_names())
    # A server's database may be shared with others as long as the names don't meet; a file is ours alone.
    foreign = there if database.is_sqlite else there & Base.metadata.tables.keys()
    if foreign:
        raise StoreError(
            f"The database {database.location} holds tables of another program: {', '.join(sorted(foreign)[:3])}.",
            remedy="Give the planner a database of its own.",
        )


def _run_scripts(connection: Connection) -> None:
    # Alembic is slow to import and needed once in the life of a schema.
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415

    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(resource_dir("migrations")).replace("%", "%%"))
    command.upgrade(config, SCHEMA)
