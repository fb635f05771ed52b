"""The documents that are rehearsed: none, the vendor's example tracker, and the plan; made from the past alone."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from planner.base import FunctionRef, minutes_between, utc
from planner.baselines import BASELINES, Known
from planner.baselines import VENDOR as VENDORS_TRACKER
from planner.config import FunctionConfig
from planner.config.sections import CapacityConfig
from planner.errors import InputError
from planner.pipeline import Question, make_plan
from planner.plan import Plan
from planner.provision import LiveDocument, ProvisionConfig
from planner.rehearsal.measured import NO_PLAN, OURS, VENDOR
from planner.rehearsal.scene import PAST, Scene
from planner.risk import minute_load

FUNCTION = FunctionRef(name="text-moderation")
HORIZON = timedelta(hours=24)
SETTLED = timedelta(minutes=5)
"""Between the first warm instance of a document and the span."""
LONGEST_LEAD = PAST - timedelta(days=1) - SETTLED


def put_at(scene: Scene, lead: timedelta) -> datetime:
    """When the documents are put: early enough for their first instances; InputError where that is too early."""
    if lead > LONGEST_LEAD:
        raise InputError(
            f"what an instance takes to start is {lead} of the trace at speed {scene.wishes.speed:g}",
            remedy="Choose a smaller --speed.",
        )
    return scene.start - lead - SETTLED


def planned(scene: Scene, lead: timedelta, progress: Callable[[str], None]) -> Plan:
    """Our plan at the time of the put, from what was known then."""
    settings = FunctionConfig(
        name=FUNCTION.name,
        time_zone=scene.wishes.zone,
        capacity=CapacityConfig(lead=lead, max_instances=scene.ceiling),
    )
    question = Question(
        now=put_at(scene, lead),
        horizon=HORIZON,
        history=scene.history,
        live=LiveDocument(),
        instance_concurrency=scene.wishes.instance_concurrency,
    )
    return make_plan(settings, question, progress)


def documents(scene: Scene, lead: timedelta, plan: Plan) -> dict[str, ProvisionConfig | None]:
    """What is put in each run, in their order; None: nothing, so that every instance is started on demand."""
    now = put_at(scene, lead)
    known = scene.history.until(now)
    start = utc(known.start)
    example = BASELINES[VENDORS_TRACKER](
        Known(
            now=now,
            minutes=minute_load(known, start, minutes_between(start, now)),
            instance_concurrency=scene.wishes.instance_concurrency,
            lead=minutes_between(now, now + lead),
            ceiling=scene.ceiling,
            zone=scene.wishes.zone,
        )
    )
    return {NO_PLAN: None, VENDOR: example, OURS: plan.wanted}
