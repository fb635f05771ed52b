"""Scenes and results of a rehearsal that are made up."""

from __future__ import annotations

from datetime import timedelta
from typing import TypedDict, Unpack

import numpy as np

from planner.base import MINUTE
from planner.history import History
from planner.rehearsal.generator import Row
from planner.rehearsal.measured import NO_PLAN, OURS, VENDOR, Lived, Pace, Rehearsal, Run
from planner.rehearsal.scene import DAY, Scene, Wishes, scene_of
from tests.forecast.given import MONDAY, a_history


class WishFields(TypedDict, total=False):
    """What a test may wish."""

    speed: float
    span: timedelta
    peak: int
    instance_concurrency: int
    request_seconds: float
    seed: int
    start: object


def wishes(**fields: Unpack[WishFields]) -> Wishes:
    """An hour at a minute a second, whose peak fills two instances."""
    usual = {
        "speed": 60.0,
        "span": 60 * MINUTE,
        "peak": 2,
        "instance_concurrency": 8,
        "request_seconds": 0.5,
        "seed": 3,
    }
    return Wishes(**{**usual, **fields}, zone="UTC")  # type: ignore[arg-type]


def two_days() -> History:
    """Quiet until the second morning at ten, then up to 40 within an hour, in steps of five minutes."""
    values = np.full(2 * 288, 2.0)
    rise = 288 + 120
    values[rise : rise + 12] = np.linspace(5, 40, 12)
    values[rise + 12 :] = 40
    return a_history(values, step=5, start=MONDAY)


def a_scene(**fields: Unpack[WishFields]) -> Scene:
    """The hour of the rise."""
    return scene_of(two_days(), wishes(**fields))


def a_row(at: float, latency: float = 0.5, *, status: int = 200, start: str = "warm", instance: str = "i") -> Row:
    """A request that was sent on time."""
    return Row(at, 0.001, latency, status, start, instance)


def a_run(name: str, *rows: Row, warm: float = 1.0) -> Run:
    """An hour with one instance."""
    minutes = tuple(Lived(offered=8.0, warm=warm, on_demand=0.5) for _ in range(60))
    return Run(name=name, rows=rows, minutes=minutes, warm_hours=warm, on_demand_hours=0.5, bill=12.5)


def a_rehearsal(*runs: Run) -> Rehearsal:
    """Three policies, those that are given in place of the usual ones."""
    usual = {name: a_run(name, *(a_row(float(at)) for at in range(60))) for name in (NO_PLAN, VENDOR, OURS)}
    usual |= {run.name: run for run in runs}
    return Rehearsal(
        scene=a_scene(),
        pace=Pace(start_seconds=2.5, request_seconds=0.52),
        lead=3 * MINUTE,
        currency="CNY",
        runs=tuple(usual.values()),
    )


RISE = MONDAY + DAY + timedelta(hours=10)
