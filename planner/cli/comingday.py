"""The demo's last step: the coming day, which the plan has not seen, lived through on a local Function Compute."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
from rich.table import Table

from planner.base import MINUTE, FunctionRef
from planner.clock import SystemClock
from planner.emulator import Load, ManualClock, World, running
from planner.exports import terminal, words
from planner.fc.sdk import Connection, connect
from planner.provision import ProvisionConfig

if TYPE_CHECKING:
    from planner.emulator.models.report import Report
    from planner.history import History

DAY = timedelta(days=1)
SETTLED = timedelta(minutes=10)
"""Before the day begins, for the instances of the document from before."""


def live_through(
    world: World,
    function: FunctionRef,
    history: History,
    documents: Mapping[str, ProvisionConfig],
    *,
    start: datetime,
    before: ProvisionConfig,
) -> Table:
    """The day from `start` of a history that knows it, under each document; `before` was live until then."""
    load = _load(history, start - SETTLED)
    reports = {
        name: _lived(world, function, load, document, start=start, before=before)
        for name, document in documents.items()
    }
    table = terminal.light_table("a day of the tide, spread evenly", *(f"{name}:" for name in reports))
    for label, told in _ROWS:
        table.add_row(label, *(told(report) for report in reports.values()))
    return table


_ROWS: tuple[tuple[str, Callable[[Report], str]], ...] = (
    ("cold share", lambda report: words.percent(report.totals.cold_share)),
    ("requests in flight at the peak", lambda report: f"{report.totals.peak:.1f}"),
    ("instance-hours, warm", lambda report: words.hours(report.totals.warm_hours)),
    ("busy of them", lambda report: words.hours(report.totals.busy_hours)),
    ("on demand", lambda report: words.hours(report.totals.on_demand_hours)),
    ("bill", lambda report: words.money(report.bill.amount, report.bill.currency)),
)


def _load(history: History, start: datetime) -> Load:
    """The history's values minute by minute from `start` to the end of the day after it."""
    minutes = history.series.resample(MINUTE).ffill().loc[start : start + SETTLED + DAY]
    return Load(values=tuple(np.nan_to_num(minutes.to_numpy(dtype=np.float64))), start=start)


def _lived(
    world: World,
    function: FunctionRef,
    load: Load,
    document: ProvisionConfig,
    *,
    start: datetime,
    before: ProvisionConfig,
) -> Report:
    with running(world, clock=ManualClock(start - SETTLED)) as local:
        fc = connect(Connection(endpoint=local.url), clock=SystemClock())
        fc.put_provision_config(function, before)
        local.emulator.offer(function.name, load, qualifier=function.qualifier)
        local.emulator.advance(SETTLED)
        if document != before:
            fc.put_provision_config(function, document)
        local.emulator.advance(DAY)
        return local.emulator.report(function.name, function.qualifier, start)
