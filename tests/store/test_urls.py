"""Which URLs are understood, and that no password leaves them."""

from __future__ import annotations

import sys
import traceback

import pytest

from planner.errors import StoreError
from planner.store import Store, upgrade
from planner.store.engine import connect
from tests.builders import NOON, a_plan
from tests.postgres import Cluster

SECRET = "hunter2-geheim"


def refusal(url: str) -> StoreError:
    """What opening says; the password is in no line of it, cause and all."""
    with pytest.raises(StoreError) as caught:
        Store.open(url, migrate=True)
    assert SECRET not in "".join(traceback.format_exception(caught.value))
    assert SECRET not in caught.value.remedy
    assert caught.value.remedy
    return caught.value


@pytest.mark.parametrize(
    "url",
    [
        pytest.param("", id="nothing"),
        pytest.param("planner.db", id="a bare path"),
        pytest.param(f"//planner:{SECRET}@db/planner", id="no scheme"),
        pytest.param(f"postgresql://planner:{SECRET}@db:port/planner", id="a port in letters"),
    ],
)
def test_what_is_no_url_is_refused_without_being_repeated(url: str) -> None:
    assert refusal(url).message == "The database URL can't be read."


@pytest.mark.parametrize("url", [f"mysql://planner:{SECRET}@db/planner", "sqlite+aiosqlite:///planner.db", "http://db"])
def test_another_database_is_refused(url: str) -> None:
    error = refusal(url)
    assert error.message == f"The planner keeps no records in {url.partition(':')[0]}."
    assert "sqlite:///planner.db" in error.remedy


@pytest.mark.parametrize(
    "url", ["sqlite://", "sqlite:///", "sqlite:///:memory:", "sqlite:///a.db?mode=memory", "sqlite://host/a.db"]
)
def test_sqlite_is_one_file_and_nothing_else(url: str) -> None:
    assert refusal(url).message == "A SQLite URL names one file and nothing else."


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+psycopg", "postgres+psycopg"])
def test_every_spelling_of_postgresql_is_understood(postgres: Cluster, scheme: str) -> None:
    url = scheme + "://" + postgres.new_database().partition("://")[2]
    upgrade(url)
    with Store.open(url, migrate=False) as store:
        assert store.save_plan(a_plan(), who="ann", at=NOON) == 1
        assert store.location.startswith("postgresql://")


@pytest.mark.parametrize(
    "url",
    [
        pytest.param(f"postgresql://planner:{SECRET}@127.0.0.1:1/planner", id="in its place"),
        pytest.param(f"postgres://planner@127.0.0.1:1/planner?password={SECRET}", id="as an option"),
    ],
)
def test_a_server_that_does_not_answer_is_named_without_the_password(url: str) -> None:
    error = refusal(url)
    assert error.message.startswith("The database postgresql://127.0.0.1:1/planner can't be reached: ")
    assert "Connection refused" in error.message


def test_words_of_the_driver_lose_the_password() -> None:
    # An option that is spelled like the password, since the driver repeats a bad option.
    error = refusal(f"postgresql://planner:{SECRET}@127.0.0.1:1/planner?sslmode={SECRET}")
    assert "***" in error.message


def test_a_database_that_does_not_exist_is_named(postgres: Cluster) -> None:
    error = refusal(postgres.url("nowhere"))
    assert "nowhere does not exist" in error.message
    assert "createdb" in error.remedy


def test_a_user_without_rights_is_told_which(postgres: Cluster) -> None:
    url = postgres.new_database()
    database = connect(url, create=True)
    with database.connected() as connection:
        connection.exec_driver_sql("DROP SCHEMA public CASCADE")
        connection.exec_driver_sql("CREATE SCHEMA public")
        connection.exec_driver_sql("DROP ROLE IF EXISTS guest")
        connection.exec_driver_sql("CREATE ROLE guest LOGIN")
        connection.exec_driver_sql("GRANT USAGE ON SCHEMA public TO guest")
    database.engine.dispose()
    with pytest.raises(StoreError, match="does not allow this") as caught:
        upgrade(url.replace("planner@", "guest@"))
    assert "Grant" in caught.value.remedy


def test_without_its_driver_postgresql_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    # An environment without psycopg can't be had otherwise.
    monkeypatch.setitem(sys.modules, "psycopg", None)
    error = refusal(f"postgresql://planner:{SECRET}@db/planner")
    assert "psycopg, which is not installed" in error.message
    assert error.remedy == "pip install 'fc-capacity-planner[postgres]'"
