"""What makes a function's instances real: a command, and the function's own life-cycle settings."""

from dataclasses import dataclass, field
from typing import Any, Self

Wire = dict[str, Any]

HEALTH_RANGES = {
    "initialDelaySeconds": (0, 120),
    "periodSeconds": (1, 120),
    "timeoutSeconds": (1, 3),
    "failureThreshold": (1, 120),
    "successThreshold": (1, 120),
}
"""What FC allows (the SDK's CustomHealthCheckConfig)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthCheck:
    """`customContainerConfig.healthCheckConfig`; the defaults are FC's (the SDK's docstrings)."""

    path: str
    initial_delay_seconds: float = 0.0
    period_seconds: float = 3.0
    timeout_seconds: float = 1.0
    failure_threshold: int = 3
    success_threshold: int = 1

    @classmethod
    def from_wire(cls, body: Wire) -> Self | None:
        """From the fields of GetFunction; None without `httpGetUrl`, `ValueError` out of range."""
        path = str(body.get("httpGetUrl") or "")
        if not path:
            return None
        if not path.startswith("/"):
            message = f"httpGetUrl must be a path that begins with / (actual: {path!r})"
            raise ValueError(message)
        for name, (low, high) in HEALTH_RANGES.items():
            if name in body and not low <= body[name] <= high:
                message = f"{name} must be from {low} to {high} (actual: {body[name]})"
                raise ValueError(message)
        return cls(
            path=path,
            initial_delay_seconds=float(body.get("initialDelaySeconds", 0)),
            period_seconds=float(body.get("periodSeconds", 3)),
            timeout_seconds=float(body.get("timeoutSeconds", 1)),
            failure_threshold=int(body.get("failureThreshold", 3)),
            success_threshold=int(body.get("successThreshold", 1)),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Hook:
    """A hook of `instanceLifecycleConfig`: a request to the instance at a turn of its life."""

    timeout_seconds: float = 3.0
    """FC's default of the Initializer; of PreStop no default is public."""

    @classmethod
    def from_wire(cls, body: Wire | None, longest: int) -> Self | None:
        """From the hook's fields; None if it is not configured, `ValueError` for what is not covered."""
        if not body:
            return None
        if body.get("command"):
            message = "a hook that is a command is not covered; give a handler, which is called by HTTP"
            raise ValueError(message)
        timeout = body.get("timeout", 3)
        if not 1 <= timeout <= longest:
            message = f"the timeout of a hook must be from 1 to {longest} s (actual: {timeout})"
            raise ValueError(message)
        return cls(timeout_seconds=float(timeout))


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessSpec:
    """How an instance of a function is run as a process of this machine."""

    command: tuple[str, ...]
    """`{port}` in any of its words becomes the port that the process must listen on."""
    environment: dict[str, str] = field(default_factory=dict)
    """On top of `variables`."""
    variables: dict[str, str] = field(default_factory=dict)
    """The function's `environmentVariables`."""
    cwd: str | None = None
    health_check: HealthCheck | None = None
    """Without one an instance is well as soon as its port listens."""
    initializer: Hook | None = None
    pre_stop: Hook | None = None
    timeout_seconds: float = 300.0
    """The function's `timeout`: how long a request may take."""

    @classmethod
    def from_wire(cls, body: Wire) -> Self | None:
        """From a function of the world's file; None without `process`, `ValueError` for nonsense.

        Hooks: at most 300 s for the Initializer, 90 s for PreStop
        (https://alibabacloud.com/help/en/functioncompute/fc-2-0/product-overview/limits).
        """
        process = body.get("process")
        if not process:
            return None
        if unknown := sorted(set(process) - {"command", "environment", "cwd"}):
            message = f"unknown keys of process: {', '.join(unknown)}; known: command, environment, cwd"
            raise ValueError(message)
        command = process.get("command")
        if not isinstance(command, list) or not command:
            message = "process.command must be a list: a program and its arguments"
            raise ValueError(message)
        container = body.get("customContainerConfig") or {}
        hooks = body.get("instanceLifecycleConfig") or {}
        return cls(
            command=tuple(str(word) for word in command),
            environment=_texts(process.get("environment") or {}),
            variables=_texts(body.get("environmentVariables") or {}),
            cwd=process.get("cwd"),
            health_check=HealthCheck.from_wire(container.get("healthCheckConfig") or {}),
            initializer=Hook.from_wire(hooks.get("initializer"), 300),
            pre_stop=Hook.from_wire(hooks.get("preStop"), 90),
            timeout_seconds=float(body.get("timeout", 300)),
        )


def _texts(variables: Wire) -> dict[str, str]:
    return {str(name): str(value) for name, value in variables.items()}
