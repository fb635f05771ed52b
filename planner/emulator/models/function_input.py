"""The body of CreateFunction and UpdateFunction, checked.

Fields and ranges: docstrings of the official SDK's CreateFunctionInput and GPUConfig, and the
validators of ROS. Texts follow the style of those of configs and are the emulator's own.
"""

import math
import re
from collections.abc import Mapping

from planner.emulator.errors import InvalidArgument
from planner.emulator.models.document import Json
from planner.emulator.models.validation import optional, title

_FIELDS: Mapping[str, type | tuple[type, ...]] = {
    "cpu": (int, float),
    "customContainerConfig": dict,
    "customDNS": dict,
    "customRuntimeConfig": dict,
    "description": str,
    "disableInjectCredentials": str,
    "disableOndemand": bool,
    "diskSize": int,
    "enableLongLiving": bool,
    "environmentVariables": dict,
    "gpuConfig": dict,
    "handler": str,
    "idleTimeout": int,
    "instanceConcurrency": int,
    "instanceIsolationMode": str,
    "instanceLifecycleConfig": dict,
    "internetAccess": bool,
    "juiceFsConfig": dict,
    "layers": list,
    "logConfig": dict,
    "memorySize": int,
    "microSandboxConfig": dict,
    "nasConfig": dict,
    "ossMountConfig": dict,
    "polarFsConfig": dict,
    "resourceGroupId": str,
    "role": str,
    "runtime": str,
    "sessionAffinity": str,
    "sessionAffinityConfig": str,
    "tags": list,
    "timeout": int,
    "tracingConfig": dict,
    "vpcConfig": dict,
}
"""What is stored. `code` is accepted and forgotten, as are keys that the API does not know."""

_DEFAULTS: Json = {"timeout": 3, "memorySize": 512, "cpu": 0.35, "instanceConcurrency": 1, "diskSize": 512}
"""Of a function that names nothing: the API's timeout; memory and concurrency as Serverless Devs fc3 fills
them in; and the smallest vCPU that goes with that memory in its examples. The API gives no more."""

_RANGES = {
    "instanceConcurrency": (1, 200),
    "timeout": (1, 86_400),
    "cpu": (0.05, 16),
    "memorySize": (128, 98_304),
}
_STEPS = {"cpu": 0.05, "memorySize": 64}
_DISKS = (512, 10_240)
_GB = 1024
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")


def checked_function(body: Json, stored: Json) -> Json:
    """The fields that a body sets on a function as stored, with the defaults where that is new.

    Contract: null is as absent. `InvalidArgument` names the first field at fault, also where it
    is only wrong together with what is stored.
    """
    fields = {name: value for name, kind in _FIELDS.items() if (value := optional(body, name, kind)) is not None}
    if not stored:
        fields = {**_DEFAULTS, **fields}
    whole = {**stored, **fields}
    for name in ("runtime", "handler"):
        if not whole.get(name):
            message = f"The {title(name)} is required"
            raise InvalidArgument(message)
    for name, (low, high) in _RANGES.items():
        if name in fields:
            _in_range(name, fields[name], low, high)
    if fields.get("diskSize", _DISKS[0]) not in _DISKS:
        message = f"The DiskSize should be one of {list(_DISKS)} (actual: {fields['diskSize']})"
        raise InvalidArgument(message)
    if not fields.keys().isdisjoint(("cpu", "memorySize", "gpuConfig")):
        _check_size(whole)
    if not fields.keys().isdisjoint(("runtime", "customContainerConfig")):
        _check_container(whole)
    for name in ("enableInstanceMetrics", "enableRequestMetrics", "enableLlmMetrics"):
        optional(fields.get("logConfig", {}), name, bool)
    return fields


def checked_name(body: Json, key: str, longest: int) -> str:
    """A name of letters, digits, `_` and `-` that does not begin with a digit or `-`."""
    name = optional(body, key, str)
    if name and _NAME.fullmatch(name) and len(name) <= longest:
        return str(name)
    message = (
        f"The {title(key)} should be 1 to {longest} letters, digits, '_' and '-' "
        f"and not begin with a digit or '-' (actual: '{name or ''}')"
    )
    raise InvalidArgument(message)


def _in_range(key: str, value: float, low: float, high: float) -> None:
    step = _STEPS.get(key, 1)
    if low <= value <= high and math.isclose(value / step, round(value / step)):
        return
    message = f"The {title(key)} should be from {low} to {high} in steps of {step} (actual: {value})"
    raise InvalidArgument(message)


def _check_size(values: Json) -> None:
    """Cards are of a type and of whole GB; without one, vCPU and GB of memory go 1:1 to 1:4."""
    gpu = values.get("gpuConfig") or {}
    if gpu:
        if not optional(gpu, "gpuType", str):
            message = "The GpuType is required"
            raise InvalidArgument(message)
        memory = optional(gpu, "gpuMemorySize", int)
        if not memory or memory < 0 or memory % _GB:
            message = f"The GpuMemorySize should be a multiple of {_GB} (actual: {memory})"
            raise InvalidArgument(message)
        return
    if not values["cpu"] * 0.99 <= values["memorySize"] / _GB <= values["cpu"] * 4.01:
        actual = f"{values['cpu']} vCPU, {values['memorySize']} MB"
        message = f"The ratio of Cpu to MemorySize in GB should be between 1:1 and 1:4 (actual: {actual})"
        raise InvalidArgument(message)


def _check_container(values: Json) -> None:
    container = values.get("customContainerConfig") or {}
    if values["runtime"] == "custom-container" and not optional(container, "image", str):
        message = "The Image of the CustomContainerConfig is required for runtime custom-container"
        raise InvalidArgument(message)
    port = optional(container, "port", int)
    if port is not None and not 1 <= port <= 65_535:
        message = f"The Port should be from 1 to 65535 (actual: {port})"
        raise InvalidArgument(message)
