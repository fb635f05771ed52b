"""`scaling-config.json`: the same decision as a body of PutScalingConfig, and `scaling-config.md`, what it can't say.

Names from the API 2023-03-30, structures PutScalingConfigInput, ScheduledPolicy and ScalingPolicy: `minInstances` is
the default target, `horizontalScalingPolicies` bound themselves with `minInstances` and `maxInstances`. The structure
has no `alwaysAllocateCPU` and no `alwaysAllocateGPU`, and a JSON body can't carry a remark, so the note lies beside it.
"""

from __future__ import annotations

from planner.exports.provision_config import pretty
from planner.plan import Plan
from planner.provision import ProvisionConfig, TrackingPolicy

NAME = "scaling-config.json"
NOTE_NAME = "scaling-config.md"


def render(plan: Plan) -> str:
    """The body: a static floor, the schedule, the trackers, and no key that FC's structure lacks."""
    return pretty(body(plan.wanted))


def body(config: ProvisionConfig) -> dict[str, object]:
    """The document in the words of ScalingConfig."""
    return {
        "minInstances": config.default_target,
        "scheduledPolicies": [action.wire() for action in config.scheduled_actions],
        "horizontalScalingPolicies": [_policy(tracker) for tracker in config.tracking_policies],
    }


def lost(config: ProvisionConfig) -> tuple[str, ...]:
    """What the wanted document says and this body can't."""
    return (
        f"`alwaysAllocateCPU: {str(config.always_allocate_cpu).lower()}`",
        f"`alwaysAllocateGPU: {str(config.always_allocate_gpu).lower()}`",
    )


def note(plan: Plan) -> str:
    """The remark beside the body."""
    return f"""# scaling-config.json for {plan.function}

The body of PutScalingConfig, with the same steps and trackers as provision-config.json.

What it can't carry: {" and ".join(lost(plan.wanted))}.
PutScalingConfig has no such keys; how idle instances are billed is then decided elsewhere.

What it leaves to you: `residentPoolId`, `enableOnDemandScaling`, `enableMixMode` and `requestDispatchPolicy` are
absent; the planner decides none of them. Whether an absent key keeps its stored value is not documented.

Put one of the two documents, not both: Function Compute refuses to switch between them while the other exists.
`planner apply` puts provision-config.json.
"""


def _policy(tracker: TrackingPolicy) -> dict[str, object]:
    words = {"minCapacity": "minInstances", "maxCapacity": "maxInstances"}
    return {words.get(key, key): value for key, value in tracker.wire().items()}
