"""What a replay costs: compute units (CU) of active, hibernating and on-demand instances, and their price.

Sources: FC's page on pay-as-you-go billing (factors and price of a CU; dated in the configuration), its page on
instance types and usage modes (a provisioned instance is billed from its start to its release; on-demand instances
for the time in which they execute), and the announcement of the idle GPU billable item of 2024-06-14 (active while
requests run, idle between them, where idle mode is on). Left out, since no document changes it: 75 CU for 10,000
calls, disk, traffic, and the cheaper tiers of a large month.

Unconfirmed: what of an on-demand instance's start is billed. The Initializer is (a hook is billed like a call); of
the image pull no page says so. The whole start-up is billed here, so on-demand never looks cheaper than it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import numpy as np

from planner.base import MINUTE
from planner.replay import Floats, Replay


@dataclass(frozen=True, slots=True, kw_only=True)
class Prices:
    """Compute units a second of one instance, and the price of a unit in `currency`.

    `active` while it serves or is always allocated, `idle` while it hibernates (always-allocate off).
    """

    currency: str
    unit: float
    active: float
    idle: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Bill:
    """Compute units and money of each case of a replay; shape (cases,)."""

    active_cu: Floats
    idle_cu: Floats
    on_demand_cu: Floats
    money: Floats
    currency: str


def bill(result: Replay, prices: Prices, *, always_allocated: bool, start_up: timedelta) -> Bill:
    """The bill of every case. `always_allocated`: an instance is active though it serves nothing.

    Instances are taken as full while they serve, provisioned and on-demand ones alike, so with an instance
    concurrency above 1 the active time is the least that it can be. Worked, from FC's announcement: 16 GB of a Tesla
    GPU for an hour with 1,800 calls of a second are 57,600 GB s active, or 28,800 active and 28,800 idle.
    """
    busy = np.minimum(result.busy, result.provisioned)
    active = result.provisioned if always_allocated else busy
    minute = MINUTE.total_seconds()
    active_cu = minute * prices.active * active
    idle_cu = minute * prices.idle * (result.provisioned - active)
    on_demand_cu = prices.active * (minute * result.spilled + start_up.total_seconds() * result.starts)
    return Bill(
        active_cu=active_cu,
        idle_cu=idle_cu,
        on_demand_cu=on_demand_cu,
        money=prices.unit * (active_cu + idle_cu + on_demand_cu),
        currency=prices.currency,
    )
