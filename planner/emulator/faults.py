"""Faults on order: the next calls of an action fail, are slow, are cut, or read the past."""

from dataclasses import asdict, dataclass, replace
from threading import Lock
from typing import Any, Literal, Self

ANY = "*"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What happens to some of the next calls.

    The call is first delayed, then either answered with `code` (no effect), or cut, or let
    through. Contract: `status` and `code` go together, and not with a cut.
    """

    action: str = ANY
    """PutProvisionConfig, GetFunction, ...; `*` is every action."""
    times: int = 1
    """How many calls it hits."""
    skip: int = 0
    """How many calls of the action pass unharmed before."""
    status: int | None = None
    code: str = ""
    message: str = "injected by a fault"
    retry_after_ms: int | None = None
    """Sent as `x-acs-retry-after`, which the SDK turns into a ThrottlingException."""
    latency_seconds: float = 0.0
    """Real seconds of waiting, whatever the clock."""
    cut: Literal["before", "after"] | None = None
    """Cut the connection without an answer: before the call has its effect, or after."""
    stale: bool = False
    """A read sees each config as it was before its last put or delete."""

    def __post_init__(self) -> None:
        """Refuse what cannot be carried out."""
        if self.times < 1 or self.skip < 0 or self.latency_seconds < 0:
            message = "a fault needs times >= 1, skip >= 0, latency_seconds >= 0"
            raise ValueError(message)
        if (self.status is None) != (not self.code) or (self.cut and self.status):
            message = "a fault needs status and code together, and not with a cut"
            raise ValueError(message)
        if self.cut not in (None, "before", "after"):
            message = "cut must be before or after"
            raise ValueError(message)

    def to_json(self) -> dict[str, Any]:
        """The admin route's form."""
        return asdict(self)

    @classmethod
    def from_json(cls, body: dict[str, Any]) -> Self:
        """The admin route's form; an unknown key is a `TypeError`."""
        return cls(**body)

    def describe(self) -> str:
        """One word for the journal."""
        if self.cut:
            return f"cut {self.cut}"
        if self.status is not None:
            return f"{self.status} {self.code}"
        return "stale" if self.stale else "latency"


class FaultBook:
    """The faults still to come, first ordered first served. Safe between threads."""

    def __init__(self) -> None:
        """Begin without a fault."""
        self._lock = Lock()
        self._faults: list[Fault] = []

    def pending(self) -> tuple[Fault, ...]:
        """The faults still to come."""
        with self._lock:
            return tuple(self._faults)

    def add(self, fault: Fault) -> None:
        """Order a fault."""
        with self._lock:
            self._faults.append(fault)

    def clear(self) -> None:
        """Forget all of them."""
        with self._lock:
            self._faults.clear()

    def take(self, action: str) -> Fault | None:
        """The fault that hits this call, used up by one; None if the call is to pass."""
        with self._lock:
            for index, fault in enumerate(self._faults):
                if fault.action not in (ANY, action):
                    continue
                if not fault.skip:
                    self._use_up(index, fault)
                    return fault
                self._faults[index] = replace(fault, skip=fault.skip - 1)
            return None

    def _use_up(self, index: int, fault: Fault) -> None:
        if fault.times > 1:
            self._faults[index] = replace(fault, times=fault.times - 1)
        else:
            del self._faults[index]
