"""`plan.json`: everything, with the digest; what `planner apply` reads."""

from __future__ import annotations

from planner.plan import Plan
from planner.plancodec import plan_to_json

NAME = "plan.json"


def render(plan: Plan) -> str:
    """The plan as its codec writes it."""
    return plan_to_json(plan)
