"""The scripts make the tables that the code expects, once, and nobody else's database is touched."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, text

from planner import resources
from planner.errors import PlannerError, StoreError
from planner.resources import resource_dir
from planner.store import Store, Upgrade, upgrade
from planner.store.tables import SCHEMA, VERSION_TABLE, Base
from tests.builders import NOON, a_plan
from tests.postgres import Cluster

FRESH = Upgrade(before="", after=SCHEMA)


@contextmanager
def raw(url: str) -> Iterator[Connection]:
    """A connection that knows nothing of the store."""
    engine = create_engine(url)
    with engine.begin() as connection:
        yield connection
    engine.dispose()


def execute(url: str, *statements: str) -> None:
    """Change a database behind the store's back."""
    with raw(url) as connection:
        for statement in statements:
            connection.execute(text(statement))


def test_the_scripts_and_the_models_give_the_same_tables(url: str) -> None:
    upgrade(url)
    with raw(url) as connection:
        context = MigrationContext.configure(
            connection, opts={"compare_type": True, "compare_server_default": True, "version_table": VERSION_TABLE}
        )
        assert compare_metadata(context, Base.metadata) == []


def test_on_sqlite_they_are_the_same_to_the_letter(sqlite_url: str, tmp_path: Path) -> None:
    # Autoincrement and tables without row ids are nothing that Alembic compares.
    upgrade(sqlite_url)
    from_models = f"sqlite:///{tmp_path}/models.db"
    with raw(from_models) as connection:
        Base.metadata.create_all(connection)
    assert statements_of(sqlite_url) == statements_of(from_models)


def statements_of(url: str) -> set[str]:
    """What made the tables and indexes, apart from Alembic's own."""
    with raw(url) as connection:
        found = connection.scalars(text("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL"))
        return {" ".join(statement.split()) for statement in found if VERSION_TABLE not in statement}


def test_the_code_names_the_newest_script() -> None:
    assert ScriptDirectory(str(resource_dir("migrations"))).get_heads() == [SCHEMA]


def test_an_upgrade_starts_from_nothing_and_done_again_changes_nothing(url: str) -> None:
    assert upgrade(url) == FRESH
    with Store.open(url, migrate=False) as store:
        store.save_plan(a_plan(), who="ann", at=NOON)
    assert upgrade(url) == Upgrade(before=SCHEMA, after=SCHEMA)
    with Store.open(url, migrate=False) as store:
        assert store.plan(1) == a_plan()


def test_two_upgrades_at_once_are_harmless(url: str) -> None:
    with get_context("spawn").Pool(3) as pool:
        done = pool.map(upgrade, [url] * 3, chunksize=1)
    assert sorted(step.before for step in done) == ["", SCHEMA, SCHEMA]
    Store.open(url, migrate=False).close()


def test_a_failed_upgrade_leaves_nothing_behind(url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    broken = tmp_path / "migrations"
    (broken / "versions").mkdir(parents=True)
    whole = resource_dir("migrations")
    for script in (whole / "env.py", *(whole / "versions").glob("*.py")):
        (broken / script.relative_to(whole)).write_text(script.read_text())
    script = broken / "versions/0001_first_schema.py"
    script.write_text(script.read_text().replace("    _history()\n", "    op.execute('no such statement')\n"))
    # There is no other way to ship a broken script.
    monkeypatch.setattr("planner.store.schema.resource_dir", lambda _: broken)
    with pytest.raises(StoreError, match="syntax error"):
        upgrade(url)
    monkeypatch.undo()
    assert upgrade(url) == FRESH


def test_sqlite_is_made_on_first_use(sqlite_url: str) -> None:
    with Store.open(sqlite_url, migrate=True) as store:
        assert store.save_plan(a_plan(), who="ann", at=NOON) == 1


def test_without_leave_to_migrate_no_file_is_made(sqlite_url: str, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="There is no database at") as caught:
        Store.open(sqlite_url, migrate=False)
    assert "planner db upgrade" in caught.value.remedy
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("migrate", [True, False])
def test_postgresql_is_never_migrated_on_the_quiet(postgres: Cluster, migrate: bool) -> None:
    with pytest.raises(StoreError, match="has no planner tables yet") as caught:
        Store.open(postgres.new_database(), migrate=migrate)
    assert caught.value.remedy == "Run `planner db upgrade`."


def test_an_empty_file_without_leave_to_migrate_is_left_empty(sqlite_url: str, tmp_path: Path) -> None:
    (tmp_path / "planner.db").touch(mode=0o600)
    with pytest.raises(StoreError, match="has no planner tables yet"):
        Store.open(sqlite_url, migrate=False)
    assert upgrade(sqlite_url) == FRESH


def test_an_older_schema_is_named(url: str) -> None:
    upgrade(url)
    execute(url, f"UPDATE {VERSION_TABLE} SET version_num = '0000'")
    with pytest.raises(StoreError, match=f"has schema 0000, this planner needs {SCHEMA}"):
        Store.open(url, migrate=False)


def test_a_newer_schema_is_left_alone(url: str) -> None:
    upgrade(url)
    execute(url, f"UPDATE {VERSION_TABLE} SET version_num = '0999'")
    for attempt in (lambda: Store.open(url, migrate=True), lambda: upgrade(url)):
        with pytest.raises(StoreError, match=f"has schema 0999; this planner knows {SCHEMA} at most") as caught:
            attempt()
        assert "newer" in caught.value.remedy


def test_another_programs_file_is_refused(sqlite_url: str) -> None:
    execute(sqlite_url, "CREATE TABLE cookies (id INTEGER)")
    for attempt in (lambda: Store.open(sqlite_url, migrate=True), lambda: upgrade(sqlite_url)):
        with pytest.raises(StoreError, match="tables of another program: cookies"):
            attempt()


def test_a_server_database_is_shared_until_the_names_meet(postgres: Cluster) -> None:
    url = postgres.new_database()
    execute(url, "CREATE TABLE cookies (id INTEGER)", "CREATE TABLE plans (id INTEGER)")
    with pytest.raises(StoreError, match="tables of another program: plans"):
        upgrade(url)
    execute(url, "DROP TABLE plans")
    assert upgrade(url) == FRESH


def test_an_upgrade_waits_for_another_one_no_longer_than_for_a_lock(
    postgres: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The real wait is ten seconds.
    monkeypatch.setattr("planner.store.engine.LOCK_WAIT_SECONDS", 1)
    url = postgres.new_database()
    with raw(url) as connection:
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": 0x706C616E6E6572})
        with pytest.raises(StoreError, match="is locked by another process for too long"):
            upgrade(url)


def test_a_table_that_is_gone_says_which_command_helps(url: str) -> None:
    upgrade(url)
    with Store.open(url, migrate=False) as store:
        execute(url, "DROP TABLE adoptions")
        with pytest.raises(StoreError, match="adoptions"):
            store.adoption(a_plan().function)


def test_the_folders_of_a_checkout_and_of_a_wheel_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert (resource_dir("migrations") / "env.py").is_file()
    package = tmp_path / "planner"
    package.mkdir()
    # Where the package lies can't be chosen otherwise.
    monkeypatch.setattr(resources, "PACKAGE", package)
    with pytest.raises(PlannerError, match="incomplete"):
        resource_dir("config")
    (tmp_path / "config").mkdir()
    assert resource_dir("config") == tmp_path / "config"
    (package / "config_files").mkdir()
    assert resource_dir("config") == package / "config_files"
