"""A request of the API, taken off the wire."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """What an action needs to know of its request."""

    function_name: str = ""
    alias_name: str = ""
    query: Mapping[str, str] = field(default_factory=dict)
    body: object = None
    stale: bool = False
    """Answer a read from before the last put or delete of each config."""

    @property
    def qualifier(self) -> str:
        """The qualifier as sent, empty if absent."""
        return self.query.get("qualifier", "")
