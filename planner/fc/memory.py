"""Function Compute in memory: stores documents and fires nothing (what fires is the emulator)."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, replace

from planner.base import FunctionRef
from planner.errors import FCError, FCRefused
from planner.fc.port import FunctionFacts
from planner.provision import LiveDocument, ProvisionConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call that was made, named as the API action; `config` is what a put carried."""

    action: str
    function: FunctionRef
    config: ProvisionConfig | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Fault:
    error: FCError
    action: str
    after_effect: bool


class MemoryFunctionCompute:
    """Implements `FunctionCompute`. `functions` are those that exist, by name; any qualifier of them will do."""

    def __init__(self, functions: Mapping[str, FunctionFacts]) -> None:
        self.functions = dict(functions)
        self.documents: dict[FunctionRef, LiveDocument] = {}
        self.calls: list[Call] = []
        self._faults: deque[_Fault] = deque()

    def fail_next(self, error: FCError, *, action: str = "", after_effect: bool = False) -> None:
        """The next call (of `action`, if given) raises `error`; with `after_effect` once a put is stored."""
        self._faults.append(_Fault(error=error, action=action, after_effect=after_effect))

    def set_instances(self, function: FunctionRef, *, current: int, error: str = "") -> None:
        """How many instances exist from now on, and FC's words on why not more."""
        live = self.documents.get(function, LiveDocument())
        self.documents[function] = replace(live, current=current, current_error=error)

    def puts(self) -> tuple[ProvisionConfig, ...]:
        """The documents that were sent, whatever became of them."""
        return tuple(call.config for call in self.calls if call.config is not None)

    def get_provision_config(self, function: FunctionRef) -> LiveDocument:
        """What was put last."""
        self._enter(Call(action="GetProvisionConfig", function=function))
        return self.documents.get(function, LiveDocument())

    def put_provision_config(self, function: FunctionRef, config: ProvisionConfig) -> LiveDocument:
        """Store the document; `target` becomes its default, as in FC's immediate answer, and stays so."""
        fault = self._enter(Call(action="PutProvisionConfig", function=function, config=config))
        if config.tracking_policies and not self.functions[function.name].instance_metrics:
            raise FCRefused(
                "Target tracking policy required instance metrics enabled.", code="InstanceMetricsRequired", status=400
            )
        live = self.documents.get(function, LiveDocument())
        stored = replace(live, config=config, exists=True, target=config.default_target)
        self.documents[function] = stored
        if fault is not None:
            raise fault.error
        return stored

    def get_function(self, function: FunctionRef) -> FunctionFacts:
        """The facts that were given at construction."""
        self._enter(Call(action="GetFunction", function=function))
        return self.functions[function.name]

    def _enter(self, call: Call) -> _Fault | None:
        """Record the call and raise what is due before its effect; the fault that is due after it comes back."""
        self.calls.append(call)
        fault = next((fault for fault in self._faults if fault.action in ("", call.action)), None)
        if fault is not None:
            self._faults.remove(fault)
            if not fault.after_effect:
                raise fault.error
        if call.function.name not in self.functions:
            raise FCRefused(f"function '{call.function.name}' does not exist.", code="FunctionNotFound", status=404)
        return fault
