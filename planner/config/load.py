"""From a file to a `Config`, or to every fault in it at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import ValidationError

from planner.config.cache import resolve_cache
from planner.config.checks import conflicts, merged
from planner.config.database import VARIABLE, check_url, resolve_url
from planner.config.faults import place, translate
from planner.config.leaks import find_leaks
from planner.config.models import DatabaseConfig, Document, FcConfig, FunctionConfig
from planner.config.notify import NotifyConfig
from planner.config.source import Fault, parse
from planner.config.words import did_you_mean, show
from planner.endpoint import is_loopback
from planner.errors import ConfigError
from planner.provision import EVALUATION_LAG

VERSION = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """A file that was read without a fault; `defaults` are already under each function."""

    path: Path
    fc: FcConfig
    database: DatabaseConfig
    database_url: str = field(repr=False)
    """For SQLAlchemy, absolute; from environment PLANNER_DATABASE_URL where that is set, so it may hold a password."""
    cache_folder: Path | None
    """Absolute; None: fits are not kept. From environment PLANNER_CACHE where that is set."""
    functions: tuple[FunctionConfig, ...]
    notify: NotifyConfig

    @property
    def folder(self) -> Path:
        """Absolute folder of the file: relative paths in it begin here."""
        return self.path.absolute().parent

    def resolve(self, path: str) -> Path:
        """Make a path from the file absolute."""
        return self.folder / path

    def function(self, name: str | None = None) -> FunctionConfig:
        """Return the function called `name` or `name:qualifier`; without a name the only one there is."""
        known = [str(function.ref) for function in self.functions]
        if name is None and len(known) > 1:
            raise ConfigError(
                f"{self.path} has {len(known)} functions", remedy=f"name one with --function: {', '.join(known)}"
            )
        for function in self.functions:
            if name is None or name in (function.name, str(function.ref)):
                return function
        raise ConfigError(
            f"{self.path} has no function {show(name)}",
            remedy=did_you_mean(str(name).partition(":")[0], [f.name for f in self.functions]),
        )

    def notes(self) -> tuple[str, ...]:
        """Tell what is allowed but worth knowing, one sentence each."""
        return tuple(self._notes())

    def _notes(self) -> Iterator[str]:
        if self.fc.address is None:
            yield "fc: no region and no endpoint: plans are made against an empty document"
        for i, function in enumerate(self.functions):
            place = f"functions[{i}] ({function.name})"
            if self.fc.address is None and function.instance_concurrency is None:
                yield f"{place}: instance_concurrency is null and there is no function to ask: 1 is assumed"
            if function.history.source == "file" and function.history.file is None:
                yield f"{place}: history.file is null: give plan a --history"
            yield from (f"{place}: {note}" for note in self._of_settings(function))

    def _of_settings(self, function: FunctionConfig) -> Iterator[str]:
        if (
            self.fc.address
            and not is_loopback(self.fc.address)
            and function.history.source == "file"
            and function.history.sample is not None
        ):
            yield f"history.file is {function.history.file}: the bundled sample is planned, not your function"
        if function.capacity.evaluation_lag < EVALUATION_LAG:
            yield "capacity.evaluation_lag is shorter than the 120s that FC may take: steps may be late"
        if function.calendar.country is None and function.calendar.rules != "auto":
            yield f"calendar.rules is {function.calendar.rules}, but calendar.country is null: no holiday is known"
        if function.capacity.min_instances == 0 and function.guardrails.enabled:
            yield ("capacity.min_instances is 0, but FC keeps 1 instance where a guard or the fallback acts")


def load_config(path: Path, *, environ: Mapping[str, str]) -> Config:
    """Read the configuration; ConfigError with every fault, each with its line and a remedy."""
    document = _validate(path, _read(path))
    return Config(
        path=path,
        fc=document.fc,
        database=document.database,
        database_url=_database_url(document.database.url, path.absolute().parent, environ),
        cache_folder=resolve_cache(document.cache.folder, path.absolute().parent, environ),
        functions=document.functions,
        notify=document.notify,
    )


def _validate(path: Path, text: str) -> Document:
    source = parse(text)
    if isinstance(source, Fault):
        raise _refusal(path, [source])
    leaks = list(find_leaks(text, source))
    version = source.data.get("version", VERSION)
    if version != VERSION or isinstance(version, bool):
        # Another version has other keys: what this one thinks of them would only mislead.
        words = f"{show(version)} is not a version that this planner reads; write {VERSION}"
        raise _refusal(path, [place(("version",), words, source), *leaks])
    values = merged(source.data)
    faults = [*source.faults, *(place(at, words, source) for at, words in conflicts(values))]
    try:
        document = Document.model_validate(values)
    except ValidationError as error:
        faults += translate(error, source)
    secret_lines = {leak.line for leak in leaks}
    faults = [*leaks, *(fault for fault in faults if fault.line not in secret_lines)]
    if faults:
        raise _refusal(path, faults)
    return document


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        remedy = "name the file with --config, or write one with `planner init`"
        raise ConfigError(f"{path} does not exist", remedy=remedy) from None
    except IsADirectoryError:
        raise ConfigError(f"{path} is a folder", remedy="name the YAML file in it") from None
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise ConfigError(f"{path}:{line}: is not UTF-8", remedy="save the file in UTF-8") from None
    except OSError as error:
        raise ConfigError(f"{path} can't be read: {error.strerror}", remedy="check the path and its rights") from error


def _refusal(path: Path, faults: list[Fault]) -> ConfigError:
    texts = dict.fromkeys(fault.text(str(path)) for fault in sorted(faults, key=lambda fault: fault.line))
    count = "1 fault" if len(texts) == 1 else f"{len(texts)} faults"
    return ConfigError(f"{path} has {count}", remedy="correct the lines named", faults=tuple(texts))


def _database_url(url: str, folder: Path, environ: Mapping[str, str]) -> str:
    from_environment = environ.get(VARIABLE, "")
    try:
        return resolve_url(check_url(from_environment or url), folder)
    except ValueError as error:
        raise ConfigError(f"environment {VARIABLE} {error}", remedy="correct the variable or unset it") from None
