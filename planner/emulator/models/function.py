"""Functions and their aliases: as much of them as provisioned instances and their owner need."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from planner.emulator.instances.spec import ProcessSpec
from planner.emulator.models.document import Json

LATEST = "LATEST"


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionSpec:
    """A function of the emulated account."""

    name: str
    aliases: tuple[str, ...] = ()
    instance_concurrency: int = 1
    gpu_type: str | None = None
    gpu_memory_mb: int | None = None
    cpu: float = 8.0
    memory_mb: int = 32768
    image: str | None = None
    instance_metrics: bool = False
    """`logConfig.enableInstanceMetrics`; tracking needs it, and FC's default is off."""
    startup_seconds: tuple[float, ...] = ()
    """As `Settings.startup_seconds`; empty uses that."""
    image_pull_error: str = ""
    """While not empty no instance can be created, and this is the `currentError`."""
    process: ProcessSpec | None = None
    """What its instances run as; without it they are simulated."""
    alias_fields: Mapping[str, Json] = field(default_factory=dict)
    """What is known of an alias besides its name, as it travels in GetAlias."""
    extra: Json = field(default_factory=dict)
    """Further fields of GetFunction, as they travel."""

    def __post_init__(self) -> None:
        """Refuse what could not be a function."""
        if not self.name or not 1 <= self.instance_concurrency <= 200:
            message = f"function {self.name!r}: needs a name and an instanceConcurrency of 1 to 200"
            raise ValueError(message)

    @property
    def card(self) -> str | None:
        """The type of its GPU by its present name, by which prices and quotas go: `g1` is the older one of Tesla."""
        return "fc.gpu.tesla.1" if self.gpu_type == "g1" else self.gpu_type

    def has(self, qualifier: str) -> bool:
        """Whether LATEST or an alias of this name exists."""
        return qualifier == LATEST or qualifier in self.aliases

    @classmethod
    def from_wire(cls, body: Json) -> Self:
        """From the fields of GetFunction, plus `aliases`, `startupSeconds`, `imagePullError`, `process`.

        An alias is a name, or the fields of GetAlias.
        """
        fields = dict(body)
        fields.pop("process", None)
        aliases = [{"aliasName": alias} if isinstance(alias, str) else alias for alias in fields.pop("aliases", ())]
        gpu = fields.pop("gpuConfig", None) or {}
        logs = fields.get("logConfig") or {}
        container = fields.get("customContainerConfig") or {}
        return cls(
            name=str(fields.pop("functionName", "")),
            aliases=tuple(str(alias["aliasName"]) for alias in aliases),
            alias_fields={str(alias["aliasName"]): alias for alias in aliases if len(alias) > 1},
            instance_concurrency=int(fields.pop("instanceConcurrency", 1)),
            gpu_type=gpu.get("gpuType"),
            gpu_memory_mb=gpu.get("gpuMemorySize"),
            cpu=float(fields.pop("cpu", 8.0)),
            memory_mb=int(fields.pop("memorySize", 32768)),
            image=container.get("image"),
            instance_metrics=bool(logs.get("enableInstanceMetrics", False)),
            startup_seconds=_points(fields.pop("startupSeconds", ())),
            image_pull_error=str(fields.pop("imagePullError", "")),
            process=ProcessSpec.from_wire(body),
            extra=fields,
        )

    def alias(self, name: str) -> Json:
        """The body of GetAlias. There are no versions: an alias that names none has the first."""
        return {"aliasName": name, "versionId": "1", "description": "", **self.alias_fields.get(name, {})}

    def to_json(self) -> Json:
        """The form in which a function is stored: what `from_wire` reads."""
        body = self.to_wire("")
        del body["functionArn"]
        body |= {
            "aliases": [self.alias(name) for name in self.aliases],
            "startupSeconds": list(self.startup_seconds),
            "imagePullError": self.image_pull_error,
        }
        if self.process:
            process = {"command": list(self.process.command), "environment": self.process.environment}
            body["process"] = {**process, "cwd": self.process.cwd}
        return body

    def to_wire(self, arn: str) -> Json:
        """The body of GetFunction, as the official SDK's `Function` reads it."""
        body: Json = {
            "runtime": "custom-container",
            "handler": "not-used",
            "state": "Active",
            "lastUpdateStatus": "Successful",
            "diskSize": 512,
            "timeout": 300,
            "internetAccess": True,
            **self.extra,
            "functionName": self.name,
            "functionArn": arn,
            "instanceConcurrency": self.instance_concurrency,
            "cpu": self.cpu,
            "memorySize": self.memory_mb,
        }
        logs = {"enableRequestMetrics": True, **(self.extra.get("logConfig") or {})}
        body["logConfig"] = {**logs, "enableInstanceMetrics": self.instance_metrics}
        if self.gpu_type is not None:
            body["gpuConfig"] = {"gpuType": self.gpu_type, "gpuMemorySize": self.gpu_memory_mb}
        if self.image is not None:
            container = self.extra.get("customContainerConfig") or {}
            body["customContainerConfig"] = {**container, "image": self.image}
        return body


def _points(value: Any) -> tuple[float, ...]:  # noqa: ANN401 - a number or a list, from a file
    items = value if isinstance(value, list | tuple) else [value]
    return tuple(sorted(float(item) for item in items))
