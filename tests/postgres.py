"""A real, private PostgreSQL for the tests: found or installed, started on a unix socket, gone afterwards.

`python -m tests.postgres` installs the server ahead of time, where it is missing.
"""

from __future__ import annotations

import fcntl
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import psycopg
import pytest

SUPERUSER = "planner"
START_SECONDS = 60
INSTALL_LOCK = Path(tempfile.gettempdir()) / f"planner-postgres-{os.getuid()}.lock"
APT_ENVIRONMENT = {"DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
"""Run level 1 keeps Debian from starting a server of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """A running server that listens on a unix socket in `folder` and nowhere else."""

    folder: Path
    numbers: Iterator[int]

    def url(self, database: str) -> str:
        """For SQLAlchemy."""
        return f"postgresql+psycopg://{SUPERUSER}@/{database}?host={self.folder}"

    def new_database(self) -> str:
        """The URL of a new empty database."""
        name = f"planner_{next(self.numbers)}"
        with psycopg.connect(host=str(self.folder), user=SUPERUSER, dbname="postgres", autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}".encode())
        return self.url(name)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Cluster]:
    """One cluster for each test process; never skipped."""
    with running_cluster() as cluster:
        yield cluster


@contextmanager
def running_cluster() -> Iterator[Cluster]:
    """Start a private cluster; stop and delete it at the end."""
    binaries = server_binaries()
    # Not pytest's folder: a socket's path may have 107 characters.
    folder = Path(tempfile.mkdtemp(prefix="planner-pg-"))
    try:
        account = _account()
        if account.user is not None:
            shutil.chown(folder, user=account.user)
        _start(account, folder, _initdb(binaries, folder)).wait(START_SECONDS)
        server = _start(account, folder, _server(binaries, folder))
        try:
            _wait_until_ready(server, folder)
            yield Cluster(folder=folder, numbers=count(1))
        finally:
            # A fast shutdown: it does not wait for connections that a test forgot.
            server.send_signal(signal.SIGINT)
            server.wait(START_SECONDS)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def server_binaries() -> Path:
    """The folder with `initdb` and `postgres`; installs them where they are missing."""
    found = _find()
    if found is not None:
        return found
    with INSTALL_LOCK.open("w") as lock:
        # Parallel test processes come here together; the first one installs.
        fcntl.flock(lock, fcntl.LOCK_EX)
        found = _find()
        if found is None:
            _install()
            found = _find()
    if found is None:
        raise RuntimeError("apt-get installed postgresql, and still /usr/lib/postgresql/*/bin/initdb is not there")
    return found


def _find() -> Path | None:
    packaged = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: float(path.parent.name))
    on_path = shutil.which("initdb")
    candidates = [*reversed(packaged), *([Path(on_path).resolve().parent] if on_path else [])]
    return next((path for path in candidates if (path / "initdb").exists() and (path / "postgres").exists()), None)


def _install() -> None:
    settings = [f"{key}={value}" for key, value in APT_ENVIRONMENT.items()]
    prefix = ["env", *settings] if os.getuid() == 0 else ["sudo", "-n", "env", *settings]
    for arguments in (["update", "-qq"], ["install", "-y", "-qq", "--no-install-recommends", "postgresql"]):
        command = [*prefix, "apt-get", "-o", "DPkg::Lock::Timeout=300", *arguments]
        try:
            subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=True)
        except (OSError, subprocess.CalledProcessError) as error:
            said = str(getattr(error, "stdout", None) or "")[-2000:]
            raise RuntimeError(
                "The tests need a PostgreSQL server, and installing one failed; install it by hand and retry.\n"
                f"{' '.join(command)}: {error}\n{said}"
            ) from error


@dataclass(frozen=True, slots=True, kw_only=True)
class _Account:
    """Who runs the server; None is who runs the tests."""

    user: str | None
    group: int | None
    extra_groups: list[str] | None


def _account() -> _Account:
    if os.getuid() != 0:
        return _Account(user=None, group=None, extra_groups=None)
    # PostgreSQL refuses root.
    known = {entry.pw_name: entry.pw_gid for entry in pwd.getpwall()}
    user = "postgres" if "postgres" in known else "nobody"
    return _Account(user=user, group=known[user], extra_groups=[])


def _environment() -> dict[str, str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith("PG")}
    return kept | {"LC_ALL": "C", "TZ": "UTC"}


def _initdb(binaries: Path, folder: Path) -> list[str]:
    trusted = ["--auth=trust", "--no-sync", "--encoding=UTF8", "--locale=C"]
    return [str(binaries / "initdb"), "-D", str(folder / "data"), "-U", SUPERUSER, *trusted]


def _server(binaries: Path, folder: Path) -> list[str]:
    settings = {
        "unix_socket_directories": str(folder),
        "listen_addresses": "",
        "fsync": "off",
        "full_page_writes": "off",
        "synchronous_commit": "off",
        # A zone that isn't UTC: what comes back must be UTC all the same.
        "timezone": "Asia/Shanghai",
        "logging_collector": "off",
        "log_min_messages": "fatal",
    }
    options = [part for key, value in settings.items() for part in ("-c", f"{key}={value}")]
    return [str(binaries / "postgres"), "-D", str(folder / "data"), *options]


def _start(account: _Account, folder: Path, command: list[str]) -> subprocess.Popen[bytes]:
    with (folder / "log").open("ab") as log:
        return subprocess.Popen(
            command,
            cwd=folder,
            env=_environment(),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            user=account.user,
            group=account.group,
            extra_groups=account.extra_groups,
        )


def _wait_until_ready(server: subprocess.Popen[bytes], folder: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        if server.poll() is not None:
            raise RuntimeError(f"postgres ended with {server.returncode}\n{(folder / 'log').read_text()[-2000:]}")
        try:
            psycopg.connect(host=str(folder), user=SUPERUSER, dbname="postgres", connect_timeout=5).close()
            return
        except psycopg.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)


if __name__ == "__main__":
    sys.stdout.write(f"PostgreSQL: {server_binaries()}\n")
