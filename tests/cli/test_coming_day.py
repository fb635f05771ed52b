"""The demo's last step: the same day under several documents, on local Function Computes."""

from __future__ import annotations

from io import StringIO

import numpy as np
from rich.console import Console

from planner.cli.comingday import live_through
from planner.emulator import FunctionSpec, Settings, World
from planner.provision import ProvisionConfig
from tests.builders import FUNCTION, NOON
from tests.forecast.given import a_history

WORLD = World(
    functions=(FunctionSpec(name=FUNCTION.name, aliases=(FUNCTION.qualifier,), instance_concurrency=4, cpu=1),),
    settings=Settings(startup_seconds=(60.0,), evaluation_lag_seconds=0),
)


def lived(values: np.ndarray, **documents: int) -> str:
    history = a_history(values, step=60, start=NOON.replace(hour=0))
    static = {name: ProvisionConfig(default_target=target) for name, target in documents.items()}
    table = live_through(WORLD, FUNCTION, history, static, start=NOON, before=ProvisionConfig(default_target=2))
    shown = StringIO()
    Console(width=120, file=shown).print(table)
    return shown.getvalue()


def test_each_document_has_its_cold_share_hours_and_bill() -> None:
    """Twelve at a time for half the day, none before: three instances are enough, two leave a third of it cold."""
    told = lived(np.repeat([0.0, 12.0], [24, 24]), two=2, three=3)
    rows = {line[:32].strip(): line[32:].split() for line in told.splitlines() if line.strip()}
    assert rows["cold share"] == ["33.33", "%", "0.00", "%"]
    assert rows["requests in flight at the peak"] == ["12.0", "12.0"]
    # The third instance takes a minute to start.
    assert rows["instance-hours, warm"] == ["48.0", "72.0"]
    assert rows["on demand"] == ["12.0", "0.0"]
    assert rows["bill"][:1] == ["CNY"]
    assert float(rows["bill"][1]) < float(rows["bill"][3])
