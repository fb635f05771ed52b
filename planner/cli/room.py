"""One command's surroundings: configuration, clock, store and Function Compute, each opened when first needed."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING

from planner.clock import Clock, SystemClock
from planner.errors import ConfigError, InputError
from planner.fc.retry import Budgets

if TYPE_CHECKING:
    from planner.base import FunctionRef
    from planner.calendar.campaigns import Dates
    from planner.config import Config, FunctionConfig
    from planner.fc.port import FunctionCompute
    from planner.forecasters.keeping import Fits
    from planner.history import History
    from planner.lead import Lead
    from planner.pipeline import Question
    from planner.provision import LiveDocument
    from planner.sources.metered import MetricSource
    from planner.store import Store
    from planner.undo import Present


def read_config(file: Path) -> Config:
    """The configuration, with what the environment says of it."""
    from planner.config import load_config  # noqa: PLC0415  # `planner --help` stays fast

    return load_config(file, environ=os.environ)


@dataclass(frozen=True, kw_only=True)
class Room:
    """Adapters for one function of one configuration; `clock` is the only place where a command gets the time from."""

    config: Config
    settings: FunctionConfig
    clock: Clock = field(default_factory=SystemClock)
    budgets: Budgets = field(default_factory=Budgets)
    """The retries of each API, which all functions of the process share."""

    @classmethod
    def open(cls, config_file: Path, function: str | None) -> Room:
        """Read the configuration; nothing else is opened yet."""
        config = read_config(config_file)
        return cls(config=config, settings=config.function(function))

    @classmethod
    def open_any(cls, config_file: Path) -> Room:
        """The same where the function isn't known yet: of the first one."""
        config = read_config(config_file)
        return cls(config=config, settings=config.functions[0])

    def of(self, function: FunctionRef) -> Room:
        """The room of another function of the configuration."""
        return replace(self, settings=self.config.function(str(function)))

    @cached_property
    def store(self) -> Store:
        """The database; a SQLite file is made where it is missing."""
        from planner.store import Store  # noqa: PLC0415  # as above

        return Store.open(self.config.database_url, migrate=True)

    @property
    def on_record(self) -> Store:
        """The same for commands that only read: where the file is missing nothing is on record, and none is made."""
        from planner.store import Store  # noqa: PLC0415  # as above

        return Store.of_nothing(self.config.database_url) if self.database_is_to_be_made else self.store

    def records(self) -> Store:
        """The database as it is, to be closed after use: nothing is made or brought to another schema."""
        from planner.store import Store  # noqa: PLC0415  # as above

        return Store.open(self.config.database_url, migrate=False)

    @property
    def database_is_to_be_made(self) -> bool:
        """Whether the first command that writes will make the database: a SQLite file that isn't there yet."""
        return self.database_file is not None and not self.database_file.exists()

    @property
    def database_file(self) -> Path | None:
        """Where the records are, if they are a SQLite file."""
        scheme, _, rest = self.config.database_url.partition(":///")
        return Path(rest.partition("?")[0]) if scheme == "sqlite" else None

    @cached_property
    def fc(self) -> FunctionCompute:
        """Function Compute through the official SDK; ConfigError where no endpoint is configured."""
        from planner.fc.sdk import Connection, connect  # noqa: PLC0415  # as above

        address = self.config.fc.address
        if address is None:
            raise ConfigError(
                f"{self.config.path} names no Function Compute",
                remedy="Set fc.region (the endpoint is then fcv3.<region>.aliyuncs.com) or fc.endpoint.",
            )
        connection = Connection(endpoint=f"{self.config.fc.protocol}://{address}")
        return connect(connection, clock=self.clock, budgets=self.budgets)

    @property
    def connected(self) -> bool:
        """Whether there is a Function Compute to ask."""
        return self.config.fc.address is not None

    def live(self) -> LiveDocument:
        """What FC holds now."""
        return self.fc.get_provision_config(self.settings.ref)

    def history(self, override: Path | None, now: datetime) -> History:
        """The configured history, or the file that replaces it; the sample is moved so that it reaches `now`."""
        from planner.history import Statistic  # noqa: PLC0415  # as above
        from planner.sources.files import read_history  # noqa: PLC0415  # as above
        from planner.sources.sample import moved_to, sample_path  # noqa: PLC0415  # as above

        source = self.settings.history
        read = partial(
            read_history,
            statistic=Statistic(source.statistic),
            zone=source.zone,
            minimum=source.minimum,
            mean_duration=source.mean_duration,
        )
        if override is not None:
            return read(override, until=now)
        if source.source == "database":
            return self._stored_history(now)
        if source.collected:
            return self._collected_history(now)
        if source.sample is not None:
            with sample_path() as path:
                return moved_to(now, read(path))
        if source.file is None:
            raise InputError(
                f"{self.settings.ref} has no history configured", remedy="Give --history FILE or set history.file."
            )
        return read(self.config.resolve(source.file), until=now)

    def question(self, *, history: Path | None, now: datetime | None, horizon: timedelta, adopt: bool) -> Question:
        """Read everything that a plan needs. Without `now` it is the present."""
        from planner.pipeline import Question  # noqa: PLC0415  # as above
        from planner.provision import LiveDocument  # noqa: PLC0415  # as above

        now = now or self.clock.now()
        # First what a person can mend at once; Function Compute may take a while to say no.
        past = self.history(history, now)
        lacked = []
        concurrency = self.settings.instance_concurrency
        live = LiveDocument()
        if self.connected:
            live = self.live()
            if concurrency is None:
                concurrency = self.fc.get_function(self.settings.ref).instance_concurrency
        else:
            lacked.append("no Function Compute is configured: planned against an empty document")
        if concurrency is None:
            lacked.append("no function to ask for its instance concurrency: 1 is assumed")
        return Question(
            company=self.company() if history else self._with_one_offs(self.company(), past),
            now=now,
            horizon=horizon,
            history=past,
            live=live,
            instance_concurrency=concurrency or 1,
            endpoint=self.config.fc.address or "",
            adopt=adopt,
            lacked=tuple(lacked),
            lead=self.lead(now),
        )

    def lead(self, now: datetime) -> Lead:
        """The lead that a plan goes by, from what is on record; nothing is made or written."""
        from planner.errors import StoreError  # noqa: PLC0415  # as above
        from planner.starts import lead_of  # noqa: PLC0415  # as above
        from planner.store import Store  # noqa: PLC0415  # as above

        nothing = self.database_is_to_be_made or self.settings.capacity.configured_lead is not None
        try:
            store = Store.of_nothing(self.config.database_url) if nothing else self.records()
        except StoreError:
            # A dry run needs no records, and what does will say so.
            store = Store.of_nothing(self.config.database_url)
        with store:
            return lead_of(store, self.settings.ref, self.settings.capacity, now)

    def fits(self, folder: Path | None) -> Fits:
        """Where fits are kept: in `folder` if a person named one, else as configured."""
        from planner.config.cache import OFF  # noqa: PLC0415  # as above
        from planner.fits import FitFolder  # noqa: PLC0415  # as above
        from planner.forecasters.keeping import NO_FITS  # noqa: PLC0415  # as above

        folder = folder or self.config.cache_folder
        return NO_FITS if folder is None or folder == Path(OFF) else FitFolder(folder=folder)

    def _with_one_offs(self, company: Dates, history: History) -> Dates:
        """Besides what people said, the bursts on record that say nothing of the future; a file's load has none."""
        from planner.calendar.oneoffs import one_offs  # noqa: PLC0415  # as above
        from planner.surprises import recorded  # noqa: PLC0415  # as above

        if self.settings.history.source == "file":
            return company
        seen = recorded(self.on_record, self.settings.ref, since=history.start)
        return replace(company, ignored=company.ignored + one_offs(seen, history, self.settings.time_zone))

    def company(self) -> Dates:
        """What the company's calendar files say."""
        from planner.config import read_calendar  # noqa: PLC0415  # as above
        from planner.policies import dates_of  # noqa: PLC0415  # as above

        return dates_of((file, read_calendar(self.config.resolve(file))) for file in self.settings.calendar.files)

    def present(self) -> Present:
        """Where a plan that takes something back starts from."""
        from planner.undo import Present  # noqa: PLC0415  # as above

        return Present(
            function=self.settings.ref,
            time_zone=self.settings.time_zone,
            now=self.clock.now(),
            valid_for=self.settings.plan.valid_for,
            live=self.live(),
            endpoint=self.config.fc.address or "",
        )

    @cached_property
    def source(self) -> MetricSource:
        """The monitoring system that the history is collected from; ConfigError where there is none."""
        from planner.sources.configured import configured  # noqa: PLC0415  # as above

        return configured(self.config.fc, self.settings, clock=self.clock, environ=os.environ, budgets=self.budgets)

    def _collected_history(self, now: datetime) -> History:
        """What was collected; where nothing was yet, what the source says, without storing it."""
        from planner.collect import read_all  # noqa: PLC0415  # as above
        from planner.history import Statistic  # noqa: PLC0415  # as above
        from planner.sources.stored import history_of, stored_points  # noqa: PLC0415  # as above
        from planner.store import Store  # noqa: PLC0415  # as above

        name, missing = self.settings.name, self.database_is_to_be_made
        with Store.of_nothing(self.config.database_url) if missing else self.records() as store:
            told = stored_points(store, name, self.source.ways, now=now)
        if not any(told.values()):
            told = read_all(self.settings.ref, self.source, now)
        source = self.settings.history
        return history_of(told, name, now=now, statistic=Statistic(source.statistic), minimum=source.minimum)

    def _stored_history(self, now: datetime) -> History:
        from planner.history import Statistic  # noqa: PLC0415  # as above
        from planner.sources.stored import stored_history  # noqa: PLC0415  # as above

        source = self.settings.history
        # A plan may be a dry run, so a database that is missing is not made here.
        with self.records() as store:
            return stored_history(
                store,
                self.settings.name,
                now=now,
                statistic=Statistic(source.statistic),
                minimum=source.minimum,
            )
