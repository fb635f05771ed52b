"""What was asked of the emulator, in order, so that a test can count puts and read documents."""

from collections import deque
from dataclasses import asdict, dataclass
from datetime import datetime
from threading import Lock

from planner.emulator.models.document import Json

_KEPT = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One request and what came of it."""

    at: datetime
    request_id: str
    action: str
    method: str
    path: str
    query: dict[str, str]
    body: object
    """The JSON body, the raw text if it was no JSON, None if empty."""
    status: int | None
    """What the client was sent; None if the connection was cut."""
    code: str
    """The error's code, empty on success."""
    effect: bool
    """Whether the action was carried out: false for a refusal and for a cut before."""
    fault: str
    """What fault hit the call, empty for none."""
    stored: Json | None
    """For a put that was carried out: the answer, with the whole stored document."""

    def to_json(self) -> Json:
        """The admin route's form."""
        return {**asdict(self), "at": self.at.isoformat()}


class Journal:
    """The last requests, oldest first. In memory only; safe between threads."""

    def __init__(self) -> None:
        """Begin empty."""
        self._lock = Lock()
        self._entries: deque[Entry] = deque(maxlen=_KEPT)
        self._requests = 0

    def next_request_id(self, at: datetime) -> str:
        """An id in the service's form: a constant, the time, and a number that counts up."""
        with self._lock:
            self._requests += 1
            return f"1-{int(at.timestamp()):08x}-{self._requests:016x}"

    def add(self, entry: Entry) -> None:
        """Note a request."""
        with self._lock:
            self._entries.append(entry)

    def entries(self, action: str | None = None) -> tuple[Entry, ...]:
        """The requests of an action, or all."""
        with self._lock:
            return tuple(e for e in self._entries if action in (None, e.action))

    def clear(self) -> None:
        """Forget all of them."""
        with self._lock:
            self._entries.clear()
