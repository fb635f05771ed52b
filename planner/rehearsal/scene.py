"""What is rehearsed: a span of a trace, so small that a handful of instances carry it, so fast that it takes minutes.

Scaled: the concurrency, so that the span's peak fills `peak` instances, and the trace's time with all of Function
Compute's minutes, by `speed`. Not scaled: what a request takes and what a start takes. Concurrency is requests in
flight, so the requests of a real second are the concurrency over the seconds that one takes, at any speed (Little's
law).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from planner.base import MINUTE, floor_minute, iso, utc
from planner.baselines import VENDOR_TARGET
from planner.errors import HistoryError, InputError
from planner.history import History

Floats = NDArray[np.float64]

DAY, WEEK = timedelta(days=1), timedelta(weeks=1)
PAST = DAY + timedelta(hours=1)
"""What must be known before the span, for the documents are made earlier by what an instance takes to start."""
SMOOTH = 15
"""Minutes: a shorter rise is no ramp."""
RAMP = (0.1, 0.9)
"""Of the span's peak: where the ramp begins and ends."""
MOST_REQUESTS = 100_000
LONGEST = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """What a person chose. `start` None: where the load rises most in the last week of the trace."""

    speed: float
    span: timedelta
    peak: int
    instance_concurrency: int
    request_seconds: float
    zone: str
    seed: int
    start: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Scene:
    """The scaled span. `load`: mean requests in flight in each minute of it. `history`: the whole trace, scaled."""

    wishes: Wishes
    history: History
    start: datetime
    load: Floats

    @property
    def end(self) -> datetime:
        """Of the span, in the trace's time."""
        return self.start + self.wishes.span

    @property
    def seconds(self) -> float:
        """What the span takes, in real seconds."""
        return self.wishes.span.total_seconds() / self.wishes.speed

    @property
    def minute_seconds(self) -> float:
        """What a minute of the trace takes, in real seconds."""
        return MINUTE.total_seconds() / self.wishes.speed

    @property
    def ceiling(self) -> int:
        """Instances that no policy may exceed: what the vendor's example takes for the peak."""
        return math.ceil(self.wishes.peak / VENDOR_TARGET)

    @property
    def ramp(self) -> tuple[int, int]:
        """The minutes [first, last) from where the load first reaches a tenth of its peak to where it reaches nine."""
        low, high = (int(np.argmax(self.load >= part * self.load.max())) for part in RAMP)
        return low, high + 1

    def in_trace(self, seconds: float) -> timedelta:
        """Real seconds in the trace's time, up to a whole minute."""
        return math.ceil(seconds / self.minute_seconds) * MINUTE


def scene_of(history: History, wishes: Wishes) -> Scene:
    """The scene of a trace; HistoryError where it is too short, InputError for what would take too long."""
    minutes = _by_minute(history)
    start = _start(history, minutes, wishes)
    load = minutes.loc[start : start + wishes.span - MINUTE].to_numpy(dtype=np.float64)
    if not load.max() > 0:
        raise HistoryError(f"{history.source}: no request came in the span from {iso(start)} on", remedy=_OTHER)
    scale = wishes.peak * wishes.instance_concurrency / float(load.max())
    scene = Scene(
        wishes=wishes,
        history=replace(history, series=history.series * scale),
        start=start,
        load=np.asarray(load * scale, dtype=np.float64),
    )
    _refuse_endless(scene)
    return scene


def _by_minute(history: History) -> pd.Series[float]:
    """Mean concurrency of every minute; a gap holds the last value."""
    first, last = floor_minute(utc(history.start)), utc(history.end) - MINUTE
    whole = pd.date_range(first, last, freq=MINUTE)
    return history.series.resample(MINUTE).mean().reindex(whole).ffill()


_OTHER = "Choose another --start, or give another --trace."


def _start(history: History, minutes: pd.Series[float], wishes: Wishes) -> datetime:
    """Where the span begins: as wished, else where the load rises most within it."""
    first, last = utc(history.start) + PAST, utc(history.end) - wishes.span
    if last < first:
        needed = (PAST + wishes.span) / timedelta(hours=1)
        raise HistoryError(
            f"{history.source}: {history.days / timedelta(hours=1):g} hours are too short, {needed:g} are needed: the "
            "span, and a day before it to plan from",
            remedy="Give a longer --trace, or a shorter --span.",
        )
    if wishes.start is not None:
        if not first <= wishes.start <= last:
            raise InputError(
                f"--start {iso(wishes.start)} is not between {iso(first)} and {iso(last)}: {history.source} has to "
                "hold a day before it and the span after it",
                remedy="Choose a --start between them.",
            )
        return floor_minute(utc(wishes.start))
    smooth = minutes.rolling(SMOOTH, center=True, min_periods=1).mean()
    length = wishes.span // MINUTE - 1
    rise = (smooth.shift(-length) - smooth).loc[max(first, last - WEEK) : last]
    return utc(rise.index[int(rise.to_numpy().argmax())].to_pydatetime())


def _refuse_endless(scene: Scene) -> None:
    count = float(scene.load.sum()) * scene.minute_seconds / scene.wishes.request_seconds
    if scene.seconds > LONGEST.total_seconds():
        raise InputError(
            f"{scene.wishes.span / timedelta(hours=1):g} h at speed {scene.wishes.speed:g} take "
            f"{scene.seconds / 60:.0f} minutes for each of three policies",
            remedy="Choose a larger --speed or a shorter --span: at most an hour each.",
        )
    if count > MOST_REQUESTS:
        raise InputError(
            f"about {count:,.0f} requests would be sent under each of three policies, {MOST_REQUESTS:,} at most are",
            remedy="Choose a larger --speed or --request-seconds, a shorter --span, or a smaller --peak.",
        )


def arrivals(load: Floats, *, request_seconds: float, minute_seconds: float, seed: int) -> list[float]:
    """When requests are sent, in real seconds: a seeded Poisson process that keeps `load` in flight in each minute."""
    random = np.random.default_rng(seed)
    counts = random.poisson(load / request_seconds * minute_seconds)
    begins = np.repeat(np.arange(load.size) * minute_seconds, counts)
    return [float(at) for at in np.sort(begins + random.random(begins.size) * minute_seconds)]
