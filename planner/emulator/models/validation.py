"""A put's body, checked and merged into the stored document.

Both kinds of config go by the same rules, each with its own names of fields.
Texts of duplicate names, dates, expressions and counts were seen live (fc-java-sdk); the others
follow their style and are the emulator's own. Ranges: struct page of PutProvisionConfigInput and
the resource's limits; metric targets are ratios in every example.
"""

import sys
from collections.abc import Callable
from typing import Any, TypeVar

from planner.emulator import rules
from planner.emulator.errors import InvalidArgument
from planner.emulator.models.document import Document, Json, Names, ScheduledAction, TrackingPolicy, read_tracker
from planner.emulator.settings import Settings

METRIC_TYPES = ("ProvisionedConcurrencyUtilization", "CPUUtilization", "GPUMemUtilization")
"""The metric types that the API's pages name."""
_MAX_INSTANCES = 10_000
_MAX_ENTRIES = 100

_Entry = TypeVar("_Entry", ScheduledAction, TrackingPolicy)


def merge(body: object, stored: Document | None, settings: Settings, form: type[Document] = Document) -> Document:
    """The document of this form that a put leaves: lists absent or null are kept, `[]` clears.

    Contract: `stored` is of the same form; unknown keys are accepted; `InvalidArgument` names the
    first fault and changes nothing.
    """
    values = checked_object(body)
    names = form.names
    base = stored or form()
    scalars = form() if settings.absent_scalars == "reset" else base
    read = {own: optional(values, wire, kind) for wire, own, kind in names.scalars}
    default = _default_target(values, names, settings)
    actions = _entries(values, names.schedules, lambda entry: _action(entry, settings))
    policies = _entries(values, names.trackers, lambda entry: _policy(entry, names))
    return form(
        default_target=scalars.default_target if default is None else default,
        scheduled_actions=base.scheduled_actions if actions is None else actions,
        target_tracking_policies=base.target_tracking_policies if policies is None else policies,
        **{own: getattr(scalars, own) if value is None else value for own, value in read.items()},
    )


def checked_object(body: object) -> Json:
    """A body that is a JSON object; `InvalidArgument` for any other."""
    if not isinstance(body, dict):
        message = "The request body should be a JSON object"
        raise InvalidArgument(message)
    return body


def _default_target(body: Json, names: Names, settings: Settings) -> int | None:
    values = [_instances(body, name, required=False) for name in names.default]
    if settings.target_field == "target":
        values.reverse()
    return next((value for value in values if value is not None), None)


def _entries(body: Json, key: str, read: Callable[[Json], _Entry]) -> tuple[_Entry, ...] | None:
    """The entries of a policy list, or None if the put leaves the stored one."""
    entries = optional(body, key, list)
    if entries is None:
        return None
    heading = title(key)
    if len(entries) > _MAX_ENTRIES:
        message = f"{heading} contains too many values (max: {_MAX_ENTRIES}, actual: {len(entries)})"
        raise InvalidArgument(message)
    read_entries = []
    names: set[str] = set()
    for entry in entries:
        if not isinstance(entry, dict):
            message = f"{heading} should contain objects only"
            raise InvalidArgument(message)
        policy = read(entry)
        if policy.name in names:
            kind = "action" if isinstance(policy, ScheduledAction) else "policy"
            message = f"Duplicate {kind} name '{policy.name}' in {heading} is not allowed"
            raise InvalidArgument(message)
        names.add(policy.name)
        read_entries.append(policy)
    return tuple(read_entries)


def _action(entry: Json, settings: Settings) -> ScheduledAction:
    for name in ("name", "scheduleExpression"):
        _required_text(entry, name)
    _instances(entry, "target", required=True)
    _dates(entry)
    action = ScheduledAction.from_wire(entry)
    rules.read_action(action, settings)
    return action


def _policy(entry: Json, names: Names) -> TrackingPolicy:
    for name in ("name", "metricType"):
        _required_text(entry, name)
    if entry["metricType"] not in METRIC_TYPES:
        message = f"The MetricType should be one of [{', '.join(METRIC_TYPES)}] (actual: '{entry['metricType']}')"
        raise InvalidArgument(message)
    _ratio(entry, "metricTarget")
    low = _instances(entry, names.low, required=True) or 0
    high = _instances(entry, names.high, required=True) or 0
    if low > high:
        message = f"The {title(names.low)} should not be greater than the {title(names.high)} (actual: {low}, {high})"
        raise InvalidArgument(message)
    _dates(entry)
    policy = read_tracker(entry, names)
    rules.read_policy(policy)
    return policy


def _dates(entry: Json) -> None:
    for name in ("startTime", "endTime", "timeZone"):
        optional(entry, name, str)


def optional(values: Json, key: str, kind: type | tuple[type, ...]) -> Any:  # noqa: ANN401 - `kind` decides
    """The value of a key, None where it is absent or null; refused if of another type.

    A tuple of types is a number; a JSON boolean is none.
    """
    value = values.get(key)
    if value is None or (isinstance(value, kind) and (kind is bool or not isinstance(value, bool))):
        return value
    name = kind.__name__ if isinstance(kind, type) else "number"
    message = f"The {title(key)} should be of type {name} (actual: {value!r})"
    raise InvalidArgument(message)


def _required_text(entry: Json, key: str) -> None:
    if not optional(entry, key, str):
        message = f"The {title(key)} is required"
        raise InvalidArgument(message)


def _instances(values: Json, key: str, *, required: bool) -> int | None:
    """A number of instances, 0 to 10000; a JSON boolean is no number."""
    value = values.get(key)
    if value is None and not required:
        return None
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _MAX_INSTANCES:
        return value
    actual = "none" if value is None else repr(value)
    message = f"The {title(key)} should be an integer from 0 to {_MAX_INSTANCES} (actual: {actual})"
    raise InvalidArgument(message)


def _ratio(entry: Json, key: str) -> None:
    """A number in (0, 1]; those so small that a float keeps only part of their digits count as 0."""
    value = entry.get(key)
    if isinstance(value, int | float) and not isinstance(value, bool) and sys.float_info.min <= value <= 1:
        return
    actual = "none" if value is None else repr(value)
    message = f"The {title(key)} should be greater than 0 and at most 1 (actual: {actual})"
    raise InvalidArgument(message)


def title(key: str) -> str:
    """Fields are named in texts as in the service's Go code: StartTime."""
    return key[0].upper() + key[1:]
