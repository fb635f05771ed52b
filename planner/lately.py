"""What a history says of the present without a forecast: what was needed lately, and the last day as the coming one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import pandas as pd

from planner.base import MINUTE
from planner.demand import Sizing
from planner.forecasters.slots import interval_peaks
from planner.history import History, Statistic
from planner.reading import Minutes
from planner.replay import Floats
from planner.risk import minute_load

HOUR, DAY, WEEK = timedelta(hours=1), timedelta(days=1), timedelta(days=7)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Lately:
    """The end of a history, for plans that no forecast stands behind.

    `needed` and `week_peak`: instances that the highest peak of the last hour, or week, that is known needed. `load`:
    offered concurrency of each minute of the day before now, shape (1, 1440), or None where less is known.
    """

    needed: int
    week_peak: int
    load: Floats | None


def lately(history: History, now: datetime, sizing: Sizing) -> Lately:
    """What is known at `now`."""
    known = history.until(now)
    whole = known.start <= now - DAY and known.end > now - HOUR
    return Lately(
        needed=observed_instances(known, HOUR, sizing),
        week_peak=observed_instances(known, WEEK, sizing),
        load=minute_load(known, now - DAY, DAY // MINUTE)[None, :] if whole else None,
    )


def hour_floor(needed: int) -> Minutes:
    """What the last hour needed as a floor for the next one, and nothing after it; shape (1440,)."""
    return np.where(np.arange(DAY // MINUTE) < HOUR // MINUTE, needed, 0)


def observed_instances(history: History, span: timedelta, sizing: Sizing) -> int:
    """Instances that the highest peak of the last `span` of the history needed."""
    recent = history.series.loc[pd.Timestamp(history.end - span) :].to_numpy(dtype=np.float64)
    highest = np.nanmax(recent, initial=0.0, keepdims=True)
    if history.statistic is Statistic.MEAN:
        highest = interval_peaks(highest, history.step)
    return int(sizing.instances(highest)[0])


def busy_instances(history: History, now: datetime, span: timedelta, sizing: Sizing) -> int:
    """Instances that the busiest interval of the last `span` kept busy; 0 where the history ends long before now."""
    if not span or now - history.end > HOUR:
        return 0
    recent = history.series.loc[pd.Timestamp(history.end - max(span, history.step)) :].to_numpy(dtype=np.float64)
    return int(sizing.instances(np.nanmax(recent, initial=0.0, keepdims=True))[0])
