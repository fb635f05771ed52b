"""The body of CreateFunction and UpdateFunction, checked.

Fields and ranges: docstrings of the official SDK's CreateFunctionInput and GPUConfig, and the
validators of ROS. Texts follow the style of those of configs and are the emulator's own.
"""

import math
import re
from collections.abc import Mapping

from planner.emulator.errors import InvalidArgument
from planner.emulator.instances.spec import HEALTH_RANGES
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
_CARDS_MB = {
    "g1": 16_384,
    "fc.gpu.tesla.1": 16_384,
    "fc.gpu.ampere.1": 24_576,
    "fc.gpu.ada.1": 49_152,
    "fc.gpu.ada.2": 24_576,
    "fc.gpu.ada.3": 49_152,
    "fc.gpu.hopper.1": 98_304,
    "fc.gpu.xpu.1": 98_304,
}
"""GPU memory of a card, by type: the vendor's table of specifications; ampere from its samples."""
_WHOLE_CARDS = ("fc.gpu.ada.2", "fc.gpu.ada.3", "fc.gpu.hopper.1", "fc.gpu.xpu.1")
"""The others are older than the rule that cards are whole: slices of them may still exist."""
_LONGEST_URL = 2048
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
    _check_each(fields)
    if not fields.keys().isdisjoint(("cpu", "memorySize", "gpuConfig")):
        _check_size(whole)
    if not fields.keys().isdisjoint(("runtime", "customContainerConfig")):
        _check_container(whole)
    return fields


def _check_each(fields: Json) -> None:
    """What is right or wrong of a field by itself."""
    for name, (low, high) in _RANGES.items():
        if name in fields:
            _in_range(name, fields[name], low, high)
    if fields.get("diskSize", _DISKS[0]) not in _DISKS:
        message = f"The DiskSize should be one of {list(_DISKS)} (actual: {fields['diskSize']})"
        raise InvalidArgument(message)
    for name in ("customContainerConfig", "customRuntimeConfig"):
        _check_health(optional(fields.get(name, {}), "healthCheckConfig", dict) or {})
    for name in ("enableInstanceMetrics", "enableRequestMetrics", "enableLlmMetrics"):
        optional(fields.get("logConfig", {}), name, bool)


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
    """Cards as below; without one, vCPU and GB of memory go 1:1 to 1:4."""
    if gpu := values.get("gpuConfig"):
        _check_card(gpu)
        return
    if not values["cpu"] * 0.99 <= values["memorySize"] / _GB <= values["cpu"] * 4.01:
        actual = f"{values['cpu']} vCPU, {values['memorySize']} MB"
        message = f"The ratio of Cpu to MemorySize in GB should be between 1:1 and 1:4 (actual: {actual})"
        raise InvalidArgument(message)


def _check_card(gpu: Json) -> None:
    """A card is of a type that is known, and whole, or of whole GB where its type may be sliced."""
    gpu_type = optional(gpu, "gpuType", str)
    if not gpu_type:
        message = "The GpuType is required"
        raise InvalidArgument(message)
    card = _CARDS_MB.get(gpu_type)
    if card is None:
        message = f"The GpuType should be one of [{', '.join(_CARDS_MB)}] (actual: '{gpu_type}')"
        raise InvalidArgument(message)
    memory = optional(gpu, "gpuMemorySize", int)
    if gpu_type in _WHOLE_CARDS and memory != card:
        message = f"The GpuMemorySize of a {gpu_type} should be {card} (actual: {memory})"
        raise InvalidArgument(message)
    if not memory or not 0 < memory <= card or memory % _GB:
        message = f"The GpuMemorySize should be a multiple of {_GB}, at most {card} (actual: {memory})"
        raise InvalidArgument(message)


def _check_health(check: Json) -> None:
    """Ranges and lengths of a health check (docstrings of the SDK's CustomHealthCheckConfig)."""
    for name, (low, high) in HEALTH_RANGES.items():
        value = optional(check, name, int)
        if value is not None:
            _in_range(name, value, low, high)
    url = optional(check, "httpGetUrl", str) or ""
    if len(url) > _LONGEST_URL:
        message = f"The HttpGetUrl should have at most {_LONGEST_URL} characters (actual: {len(url)})"
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
