"""What a function and qualifier lived through in a span: its minutes, their totals, and the bill."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Self

from planner.emulator.models.bill import Bill
from planner.emulator.models.config import Key
from planner.emulator.models.document import Json
from planner.emulator.models.ledger import Minute


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """Of the minutes of a span; loads are in concurrency-minutes, instances in hours."""

    offered: float
    served: float
    """Of it, what found a warm provisioned instance."""
    kept: float
    """Of it, what found a warm on-demand instance."""
    waited: float
    """Of it, what waited for an on-demand instance to start."""
    throttled: float
    """Of it, what was refused with 429."""
    cold: float
    """What found no warm provisioned instance: kept, waited and throttled."""
    cold_share: float
    """Cold over offered, by which plans of provisioned instances are judged; 0 where nothing was offered."""
    waited_share: float
    """Waited over offered: the cold starts that users feel, since an on-demand instance is kept for a while."""
    peak: float
    """The largest minute's mean concurrency."""
    invocations: float
    throttles: float
    """Of them, those that were refused."""
    warm_hours: float
    busy_hours: float
    """Of the warm ones; the others waited."""
    starting_hours: float
    on_demand_hours: float

    @classmethod
    def of(cls, minutes: Sequence[Minute]) -> Self:
        """Add up."""
        offered = sum(minute.offered for minute in minutes)
        served = sum(minute.served for minute in minutes)
        waited = sum(minute.waited for minute in minutes)
        return cls(
            offered=offered,
            served=served,
            kept=sum(minute.kept for minute in minutes),
            waited=waited,
            throttled=sum(minute.throttled for minute in minutes),
            cold=offered - served,
            cold_share=(offered - served) / offered if offered else 0.0,
            waited_share=waited / offered if offered else 0.0,
            peak=max((minute.offered for minute in minutes), default=0.0),
            invocations=sum(minute.invocations for minute in minutes),
            throttles=sum(minute.throttles for minute in minutes),
            warm_hours=sum(minute.warm for minute in minutes) / 60,
            busy_hours=sum(minute.busy for minute in minutes) / 60,
            starting_hours=sum(minute.starting for minute in minutes) / 60,
            on_demand_hours=sum(minute.on_demand for minute in minutes) / 60,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The minutes that begin in [start, end) and are over, oldest first; those of no config and no load are absent."""

    key: Key
    start: datetime
    end: datetime
    minutes: Sequence[Minute]
    totals: Totals
    bill: Bill

    def to_json(self) -> Json:
        """The admin route's form."""
        name, qualifier = self.key
        return {
            "function": name,
            "qualifier": qualifier,
            "from": self.start.isoformat(),
            "to": self.end.isoformat(),
            "totals": asdict(self.totals),
            "bill": asdict(self.bill),
            "minutes": [_told(minute) for minute in self.minutes],
        }


def _told(minute: Minute) -> Json:
    cold = minute.offered - minute.served
    return {**asdict(minute), "start": minute.start.isoformat(), "cold": cold, "waited": minute.waited}
