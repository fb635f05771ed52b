"""What a put would change, part by part, in an order and in words for a person."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from planner.plan import Change, ChangeKind
from planner.provision import ProvisionConfig, ScheduledAction, TrackingPolicy

SCALARS = (
    ("defaultTarget", "default_target", "counts only while FC takes the document in; later the policies do"),
    ("alwaysAllocateCPU", "always_allocate_cpu", "as configured"),
    ("alwaysAllocateGPU", "always_allocate_gpu", "as configured"),
)


def changes(live: ProvisionConfig, wanted: ProvisionConfig, reasons: Mapping[str, str]) -> tuple[Change, ...]:
    """The differences; `reasons` gives the why of an action or policy by its name."""
    found = [
        Change(
            kind=ChangeKind.CHANGE,
            part=part,
            name="",
            before=str(getattr(live, attribute)),
            after=str(getattr(wanted, attribute)),
            reason=reason,
        )
        for part, attribute, reason in SCALARS
        if getattr(live, attribute) != getattr(wanted, attribute)
    ]
    found += _listed("scheduledActions", live.scheduled_actions, wanted.scheduled_actions, reasons)
    found += _listed("targetTrackingPolicies", live.tracking_policies, wanted.tracking_policies, reasons)
    return tuple(found)


def describe(item: ScheduledAction | TrackingPolicy) -> str:
    """One line that holds all that a policy says."""
    fields = [f"{key}={value}" for key, value in item.wire().items() if key != "name"]
    return " ".join(fields)


def _listed(
    part: str,
    live: Sequence[ScheduledAction] | Sequence[TrackingPolicy],
    wanted: Sequence[ScheduledAction] | Sequence[TrackingPolicy],
    reasons: Mapping[str, str],
) -> list[Change]:
    before = {item.name: item for item in live}
    after = {item.name: item for item in wanted}
    found = []
    for name in (*after, *(name for name in before if name not in after)):
        old, new = before.get(name), after.get(name)
        if old == new:
            continue
        kind = ChangeKind.ADD if old is None else ChangeKind.REMOVE if new is None else ChangeKind.CHANGE
        found.append(
            Change(
                kind=kind,
                part=part,
                name=name,
                before=describe(old) if old else "",
                after=describe(new) if new else "",
                reason=reasons.get(name, "no longer wanted" if new is None else "kept up to date"),
            )
        )
    return found
