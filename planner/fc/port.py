"""What planner asks of Function Compute: three calls, the same for the real service and for memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from planner.base import FunctionRef
from planner.provision import LiveDocument, ProvisionConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionFacts:
    """What planner reads of a function.

    `gpu_type` is empty for a CPU function. `instance_metrics` is `logConfig.enableInstanceMetrics`: off by default,
    and without it FC refuses tracking policies (InstanceMetricsRequired, FC's page of error codes).
    """

    instance_concurrency: int = 1
    instance_metrics: bool = False
    gpu_type: str = ""
    cpu: float = 0.0


class FunctionCompute(Protocol):
    """One account and region of Function Compute. Every failure is an `errors.FCError`.

    Adapters retry what is certain to have had no effect; the caller need not.
    """

    def get_provision_config(self, function: FunctionRef) -> LiveDocument:
        """The document that FC holds; `exists` is False where none is set."""
        ...

    def put_provision_config(self, function: FunctionRef, config: ProvisionConfig) -> LiveDocument:
        """Replace the whole document and give FC's answer to it.

        After FCUnreachable or FCServerError it is not known whether FC took the document: read back before asking
        again. After any other error it did not.
        """
        ...

    def get_function(self, function: FunctionRef) -> FunctionFacts:
        """The function's facts."""
        ...
