"""The SQLite file: who may touch it, what a commit promises, and what is said when it can't be used."""

from __future__ import annotations

import os
import resource
import signal
import sqlite3
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from planner.errors import StoreError
from planner.store import Store, upgrade
from planner.store.engine import connect
from tests.builders import FUNCTION, NOON, a_plan

NOBODY = 65_534


def refusal(url: str) -> StoreError:
    """What opening says."""
    with pytest.raises(StoreError) as caught:
        Store.open(url, migrate=True)
    assert caught.value.remedy
    return caught.value


def in_a_child(work: Callable[[], None]) -> str:
    """What StoreError `work` ends with in a process of its own, which may change its user or its limits."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            work()
            said = "no error"
        except StoreError as error:
            said = f"{error.message} | {error.remedy}"
        except BaseException as error:  # noqa: BLE001 - told to the parent
            said = repr(error)
        os.write(writing, said.encode()[:4000])
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        said = pipe.read()
    os.waitpid(child, 0)
    return said


def without_privileges() -> None:
    """Root may write everywhere; the tests may run as root."""
    if os.getuid() == 0:
        os.setgid(NOBODY)
        os.setuid(NOBODY)


def mode_of(path: Path) -> int:
    """Permission bits."""
    return stat.S_IMODE(path.stat().st_mode)


def test_the_file_and_its_folder_belong_to_their_maker_alone(tmp_path: Path) -> None:
    path = tmp_path / "state" / "planner.db"
    with Store.open(f"sqlite:///{path}", migrate=True) as store:
        store.save_plan(a_plan(), who="ann", at=NOON)
        assert [mode_of(found) for found in sorted(path.parent.iterdir())] == [0o600] * 3
    assert mode_of(path.parent) == 0o700


def test_a_commit_is_synced_and_foreign_keys_hold(sqlite_url: str) -> None:
    database = connect(sqlite_url, create=True)
    with database.reading() as session:
        connection = session.connection()
        found = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        }
    database.engine.dispose()
    assert found == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 10_000}


def test_a_home_folder_may_be_written_with_a_tilde(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    with Store.open("sqlite:///~/planner.db", migrate=True) as store:
        assert store.location == f"{tmp_path}/planner.db"


def test_a_file_that_everybody_may_write_is_refused(sqlite_url: str, tmp_path: Path) -> None:
    path = tmp_path / "planner.db"
    upgrade(sqlite_url)
    path.chmod(0o666)
    error = refusal(sqlite_url)
    assert error.message == f"Everybody may write to the database {path}, so its records prove nothing."
    assert error.remedy.startswith(f"chmod o-w {path}")


def test_a_file_of_another_kind_is_left_as_it_was(sqlite_url: str, tmp_path: Path) -> None:
    text = "a diary, not a database\n" * 100
    (tmp_path / "planner.db").write_text(text)
    assert "is a file, but no SQLite database" in refusal(sqlite_url).message
    assert (tmp_path / "planner.db").read_text() == text


def test_a_folder_is_no_database(tmp_path: Path) -> None:
    (tmp_path / "planner.db").mkdir()
    assert "Is a directory" in refusal(f"sqlite:///{tmp_path}/planner.db").message


def test_a_pipe_is_no_database(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "planner.db", 0o600)
    assert "is no file" in refusal(f"sqlite:///{tmp_path}/planner.db").message


def test_a_file_where_the_folder_should_be_is_named(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("")
    assert "can't be opened" in refusal(f"sqlite:///{tmp_path}/state/planner.db").message


@pytest.fixture
def reachable(tmp_path: Path) -> Path:
    """A folder that another user can reach and only its owner can write."""
    for folder in (tmp_path, *tmp_path.parents):
        if folder.stat().st_uid == os.getuid() and not folder.stat().st_mode & stat.S_IXOTH:
            folder.chmod(folder.stat().st_mode | stat.S_IXOTH)
    return tmp_path


def test_a_folder_that_cannot_be_written_is_named(reachable: Path) -> None:
    reachable.chmod(0o555)

    def open_it() -> None:
        without_privileges()
        Store.open(f"sqlite:///{reachable}/planner.db", migrate=True)

    assert in_a_child(open_it) == (
        f"The database {reachable}/planner.db can't be opened: Permission denied. | "
        "Let this user read and write the file and its folder, or configure another place."
    )


def test_a_database_that_cannot_be_written_is_named(sqlite_url: str, reachable: Path) -> None:
    upgrade(sqlite_url)
    (reachable / "planner.db").chmod(0o444)
    reachable.chmod(0o555)

    def open_it() -> None:
        without_privileges()
        Store.open(sqlite_url, migrate=False)

    assert "can't be written" in in_a_child(open_it)


def test_a_full_disk_is_an_error_before_anything_is_acknowledged(sqlite_url: str, tmp_path: Path) -> None:
    with Store.open(sqlite_url, migrate=True) as store:
        store.begin(a_plan(), who="ann", at=NOON)
    size = (tmp_path / "planner.db").stat().st_size

    def fill_it() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
        with Store.open(sqlite_url, migrate=False) as small:
            while True:
                small.begin(a_plan(), who="ann" * 1000, at=NOON)

    assert "Nothing was recorded" in in_a_child(fill_it)
    with Store.open(sqlite_url, migrate=False) as store:
        assert store.begin(a_plan(), who="bob", at=NOON) == len(store.unfinished(FUNCTION))
    assert integrity(tmp_path / "planner.db") == "ok"


def test_a_database_that_stays_locked_is_an_error(sqlite_url: str, tmp_path: Path) -> None:
    upgrade(sqlite_url)
    with pytest.MonkeyPatch.context() as patch:
        # The real wait is ten seconds.
        patch.setattr("planner.store.engine.LOCK_WAIT_SECONDS", 0.2)
        store = Store.open(sqlite_url, migrate=False)
    other = sqlite3.connect(tmp_path / "planner.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreError, match="is locked by another process for too long") as caught:
        store.begin(a_plan(), who="ann", at=NOON)
    assert "stuck planner" in caught.value.remedy
    assert store.plans(None, limit=9) == (), "a reader does not wait for a writer"
    other.execute("ROLLBACK")
    other.close()
    assert store.begin(a_plan(), who="ann", at=NOON) == 1
    store.close()


def test_a_damaged_file_is_an_error(sqlite_url: str, tmp_path: Path) -> None:
    path = tmp_path / "planner.db"
    with Store.open(sqlite_url, migrate=True) as store:
        store.save_plan(a_plan(), who="ann", at=NOON)
    # Everything behind the page with the table of contents.
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * (path.stat().st_size - 4096))
    with pytest.raises(StoreError, match="is damaged") as caught, Store.open(sqlite_url, migrate=False) as store:
        store.plans(None, limit=9)
    assert caught.value.remedy == "Restore a backup."


def integrity(path: Path) -> str:
    """SQLite's own check of every page."""
    connection = sqlite3.connect(path)
    try:
        return str(connection.execute("PRAGMA integrity_check").fetchone()[0])
    finally:
        connection.close()
