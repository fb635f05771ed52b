"""Where the state survives: nowhere, or in one SQLite file that stands a kill -9."""

import json
import sqlite3
from datetime import datetime
from pathlib import Path

from planner.emulator.models.account import Account, Growth
from planner.emulator.models.config import ConfigState
from planner.emulator.models.load import Load


class Storage:
    """One table of JSON documents.

    Contract: when `save` returns, the account is on disk; a process killed at any moment leaves
    the account as of the last `save`, whole (WAL, synchronous=FULL, one transaction).
    """

    def __init__(self, path: Path) -> None:
        """Open or create the file."""
        self._connection = sqlite3.connect(path, check_same_thread=False)
        self._connection.execute("PRAGMA journal_mode=WAL")
        self._connection.execute("PRAGMA synchronous=FULL")
        with self._connection:
            self._connection.execute("CREATE TABLE IF NOT EXISTS document (key TEXT PRIMARY KEY, body TEXT NOT NULL)")
        rows = self._connection.execute("SELECT key, body FROM document")
        self._stored: dict[str, str] = dict(rows.fetchall())

    def save(self, account: Account) -> None:
        """Write what differs from what is stored."""
        documents = _documents(account)
        changed = [(k, body) for k, body in documents.items() if self._stored.get(k) != body]
        gone = [(key,) for key in self._stored if key not in documents]
        with self._connection:
            self._connection.executemany("REPLACE INTO document VALUES (?, ?)", changed)
            self._connection.executemany("DELETE FROM document WHERE key = ?", gone)
        self._stored = documents

    def restore(self, account: Account) -> None:
        """Put the stored state into a new account; nothing if nothing is stored.

        `ValueError` if a config belongs to a function or alias that the account lacks.
        """
        for key, body in sorted(self._stored.items()):
            kind, _, rest = key.partition("/")
            values = json.loads(body)
            if kind == "account":
                account.at = datetime.fromisoformat(values["at"])
                growth_at = datetime.fromisoformat(values["growth_at"])
                account.growth = Growth(allowance=values["allowance"], at=growth_at)
            elif kind == "load":
                name, qualifier, metric = rest.split("/")
                account.loads[name, qualifier, metric] = Load.from_wire(values)
            else:
                config = ConfigState.from_json(values, account.settings)
                _check_owner(account, config)
                account.configs[config.key] = config

    def close(self) -> None:
        """Close the file."""
        self._connection.close()


def _check_owner(account: Account, config: ConfigState) -> None:
    name, qualifier = config.key
    function = account.functions.get(name)
    if function is None or not function.has(qualifier):
        message = f"the database holds a config of '{name}/{qualifier}', which is not defined"
        raise ValueError(message)


def _documents(account: Account) -> dict[str, str]:
    """The account as stored: per key a JSON text."""
    growth = account.growth
    documents: dict[str, object] = {
        "account": {
            "at": account.at.isoformat(),
            "allowance": growth.allowance,
            "growth_at": growth.at.isoformat(),
        }
    }
    documents |= {f"load/{'/'.join(key)}": load.to_wire() for key, load in account.loads.items()}
    documents |= {f"config/{'/'.join(key)}": c.to_json() for key, c in account.configs.items()}
    return {key: json.dumps(body, separators=(",", ":")) for key, body in documents.items()}
