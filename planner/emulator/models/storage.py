"""Where the state survives: nowhere, or in one SQLite file that stands a kill -9."""

import json
import sqlite3
from collections.abc import Iterator
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from operator import attrgetter
from pathlib import Path

from planner.emulator.models.account import Account, Growth, LoadKey
from planner.emulator.models.config import ConfigState, Key
from planner.emulator.models.document import Json
from planner.emulator.models.function import FunctionSpec
from planner.emulator.models.ledger import Minute
from planner.emulator.models.load import Load
from planner.emulator.models.meter import Meter

_MEASURED = [field.name for field in fields(Minute)][1:]
"""The columns of a minute after its start."""
_measures = attrgetter(*_MEASURED)
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


class Storage:
    """One table of JSON documents, and one of the ledger's minutes, which only grows and is cut off.

    Contract: when `save` returns, the account is on disk; a process killed at any moment leaves
    the account as of the last `save`, whole (WAL, synchronous=FULL, one transaction).
    """

    def __init__(self, path: Path) -> None:
        """Open or create the file; `ValueError` if another version's minutes are in it."""
        self._connection = sqlite3.connect(path, check_same_thread=False)
        self._connection.execute("PRAGMA journal_mode=WAL")
        self._connection.execute("PRAGMA synchronous=FULL")
        with self._connection:
            self._connection.execute("CREATE TABLE IF NOT EXISTS document (key TEXT PRIMARY KEY, body TEXT NOT NULL)")
            self._connection.execute(
                "CREATE TABLE IF NOT EXISTS minute (start INTEGER, function TEXT, qualifier TEXT, "
                f"{', '.join(_MEASURED)}, PRIMARY KEY (start, function, qualifier)) WITHOUT ROWID"
            )
        columns = [row[1] for row in self._connection.execute("PRAGMA table_info(minute)")]
        if columns[3:] != _MEASURED:
            self.close()
            message = f"the minutes in {path} have other columns than this version's"
            raise ValueError(message)
        self._unwritten_from = _LONG_AGO
        self._loads: dict[LoadKey, tuple[Load, str]] = {}
        rows = self._connection.execute("SELECT key, body FROM document")
        self._stored: dict[str, str] = dict(rows.fetchall())

    def save(self, account: Account) -> None:
        """Write what differs from what is stored, and append the new minutes."""
        documents = _documents(account) | self._load_documents(account)
        minutes = list(self._new_minutes(account))
        changed = [(k, body) for k, body in documents.items() if self._stored.get(k) != body]
        gone = [(key,) for key in self._stored if key not in documents]
        with self._connection:
            self._connection.executemany("REPLACE INTO document VALUES (?, ?)", changed)
            self._connection.executemany("DELETE FROM document WHERE key = ?", gone)
            if minutes:
                marks = ", ".join("?" * len(minutes[0]))
                self._connection.executemany(f"INSERT INTO minute VALUES ({marks})", minutes)  # noqa: S608 - only marks
                # On disk old minutes are no means: these are made anew at each start.
                settings = account.settings
                expired = account.at - timedelta(days=max(settings.kept_days, settings.coarse_kept_days))
                oldest = max(expired, account.ledger.oldest)
                self._connection.execute("DELETE FROM minute WHERE start < ?", (int(oldest.timestamp()),))
        self._stored, self._unwritten_from = documents, _minute_of(account.at)

    def _load_documents(self, account: Account) -> dict[str, str]:
        """The loads as stored; a trace can be long, so its text is made once."""
        self._loads = {
            key: known if (known := self._loads.get(key)) and known[0] is load else (load, _text(load.to_wire()))
            for key, load in account.loads.items()
        }
        return {f"load/{'/'.join(key)}": text for key, (_, text) in self._loads.items()}

    def _new_minutes(self, account: Account) -> Iterator[tuple[object, ...]]:
        keys = account.ledger.keys()
        for key in keys:
            for minute in account.ledger.between(key, self._unwritten_from, account.at):
                yield int(minute.start.timestamp()), *key, *_measures(minute)

    def restore(self, account: Account) -> None:
        """Put the stored state into a new account; nothing if nothing is stored.

        `ValueError` if a config belongs to a function or alias that the account lacks. A load of
        such a one is left out: no call of the API could take it away.
        """
        # Functions first: configs and loads belong to them.
        for key, body in sorted(self._stored.items(), key=lambda row: (not row[0].startswith("function/"), row[0])):
            kind, _, rest = key.partition("/")
            values = json.loads(body)
            if kind == "account":
                account.at = datetime.fromisoformat(values["at"])
                growth_at = datetime.fromisoformat(values["growth_at"])
                account.growth = Growth(allowance=values["allowance"], at=growth_at)
                account.launched = {(name, alias): count for name, alias, count in values.get("launched", ())}
            elif kind == "function":
                _restore_function(account, rest, values)
            elif kind == "load":
                name, qualifier, metric = rest.split("/")
                if _exists(account, (name, qualifier)):
                    account.loads[name, qualifier, metric] = Load.from_wire(values)
            elif kind == "meter":
                name, qualifier = rest.split("/")
                if _exists(account, (name, qualifier)):
                    account.meters[name, qualifier] = Meter.from_json(values)
            else:
                config = ConfigState.from_json(values, account.settings)
                _check_owner(account, config)
                account.configs[config.key] = config
        self._restore_minutes(account)

    def _restore_minutes(self, account: Account) -> None:
        columns = ", ".join(("start", "function", "qualifier", *_MEASURED))
        rows = self._connection.execute(f"SELECT {columns} FROM minute ORDER BY start")  # noqa: S608 - names of fields
        for start, name, qualifier, *values in rows:
            measured = dict(zip(_MEASURED, values, strict=True))
            for flag in ("always_allocate_cpu", "always_allocate_gpu"):
                measured[flag] = bool(measured[flag])
            minute = Minute(start=datetime.fromtimestamp(start, UTC), **measured)
            account.ledger.add((name, qualifier), minute)
        self._unwritten_from = _minute_of(account.at)

    def close(self) -> None:
        """Close the file."""
        self._connection.close()


def _minute_of(at: datetime) -> datetime:
    """The beginning of the minute that is not over at `at`, the first one that is in no ledger yet."""
    return at.replace(second=0, microsecond=0)


def _exists(account: Account, key: Key) -> bool:
    function = account.functions.get(key[0])
    return function is not None and function.has(key[1])


def _restore_function(account: Account, name: str, values: Json | None) -> None:
    """A function as the API left it, whatever the world says of it; None if it was deleted."""
    account.changed[name] = None if values is None else FunctionSpec.from_wire(values)
    if function := account.changed[name]:
        account.functions[name] = function
    else:
        account.functions.pop(name, None)


def _check_owner(account: Account, config: ConfigState) -> None:
    if not _exists(account, config.key):
        message = f"the database holds a config of '{'/'.join(config.key)}', which is not defined"
        raise ValueError(message)


def _documents(account: Account) -> dict[str, str]:
    """The account but for its loads and past minutes, as stored: per key a JSON text."""
    growth = account.growth
    documents: dict[str, object] = {
        "account": {
            "at": account.at.isoformat(),
            "allowance": growth.allowance,
            "growth_at": growth.at.isoformat(),
            "launched": [[*key, count] for key, count in account.launched.items()],
        }
    }
    documents |= {f"meter/{'/'.join(key)}": meter.to_json() for key, meter in account.meters.items()}
    documents |= {f"function/{name}": f.to_json() if f else None for name, f in account.changed.items()}
    documents |= {f"config/{'/'.join(key)}": c.to_json() for key, c in account.configs.items()}
    return {key: _text(body) for key, body in documents.items()}


def _text(body: object) -> str:
    return json.dumps(body, separators=(",", ":"))
