"""What a document costs over the horizon, beside today's and beside a static peak."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from planner.base import MINUTE
from planner.billing import Prices, bill
from planner.plan import Cost, Estimate
from planner.provision import ProvisionConfig
from planner.reading import Among, schedule_values
from planner.replay import Floats, replay_document

PATHS = (0.1, 0.3, 0.5, 0.7, 0.9)
"""Equally likely paths of the load: every slot at this quantile of its mean, with arrivals drawn around it."""
WEEK_MINUTES = 7 * 24 * 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """Where documents are compared: hours, load and the instance."""

    start: datetime
    end: datetime
    instance_concurrency: int
    start_up: timedelta
    prices: Prices

    @property
    def minutes(self) -> int:
        """Whole minutes of the horizon."""
        return int((self.end - self.start) / MINUTE)


def estimate(
    load: Floats, *, wanted: ProvisionConfig, live: ProvisionConfig, static_instances: int, scene: Scene
) -> Estimate:
    """Compare three documents on what may come, equally likely loads a minute: shape (loads, minutes of the scene)."""
    static = ProvisionConfig(
        default_target=static_instances,
        always_allocate_cpu=wanted.always_allocate_cpu,
        always_allocate_gpu=wanted.always_allocate_gpu,
    )
    weeks = [schedule_values(wanted, scene.end, WEEK_MINUTES, among) for among in (Among.LAST, Among.MAX)]
    last, most = (float(np.maximum(values, 0).mean() * 24) for values in weeks)
    return Estimate(
        currency=scene.prices.currency,
        wanted=document_cost(wanted, load, scene),
        live=document_cost(live, load, scene),
        static_peak=document_cost(static, load, scene),
        static_instances=static_instances,
        recurring_daily_hours=round(last, 2),
        recurring_daily_hours_max=round(most, 2),
    )


def document_cost(config: ProvisionConfig, load: Floats, scene: Scene) -> Cost:
    """Mean over the paths; `instance_hours` are those of the document, `money` counts on-demand instances too."""
    result = replay_document(
        config,
        scene.start,
        load,
        instance_concurrency=scene.instance_concurrency,
        lead=-(-scene.start_up // MINUTE),
    )
    money = bill(
        result,
        scene.prices,
        always_allocated=config.always_allocate_cpu or config.always_allocate_gpu,
        start_up=scene.start_up,
    ).money
    return Cost(
        instance_hours=round(float(result.provisioned.mean()) / 60, 2),
        money=round(float(money.mean()), 2),
        cold_share=round(float(result.cold.sum() / max(result.offered.sum(), 1e-9)), 6),
    )
