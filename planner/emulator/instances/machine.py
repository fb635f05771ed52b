"""What all instances of an emulator share: settings, clock, HTTP, ports, and the room for processes."""

import uuid
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

import aiohttp

from planner.emulator.instances.process import free_port
from planner.emulator.models.config import Key
from planner.emulator.models.function import FunctionSpec
from planner.emulator.settings import Settings

if TYPE_CHECKING:
    from planner.emulator.instances.instance import Instance

_REMEMBERED = 20
"""Instances that have ended and whose log can still be read."""


@dataclass(slots=True, kw_only=True)
class Machine:
    """This machine, as far as the emulator may use it."""

    settings: Settings
    now: Callable[[], datetime]
    """The emulator's clock."""
    next_request_id: Callable[[], str]
    session: aiohttp.ClientSession
    alive: "list[Instance]" = field(default_factory=list)
    """Every instance that may have a process, whatever its state."""
    ended: "deque[Instance]" = field(default_factory=lambda: deque(maxlen=_REMEMBERED))

    @property
    def full(self) -> bool:
        """Whether no further process may be started."""
        return len(self.alive) >= self.settings.max_processes

    def new_port(self) -> int:
        """A free port that no other instance was given."""
        return free_port({instance.port for instance in self.alive})

    def headers(self, function: FunctionSpec, qualifier: str, path: str, request_id: str) -> dict[str, str]:
        """FC's common request headers; the credentials are placeholders.

        Source: https://www.alibabacloud.com/help/doc-detail/179369.htm for `x-fc-control-path`.
        """
        return {
            "x-fc-request-id": request_id,
            "x-fc-control-path": path,
            "x-fc-function-name": function.name,
            "x-fc-qualifier": qualifier,
            "x-fc-function-memory": str(function.memory_mb),
            "x-fc-region": self.settings.region,
            "x-fc-account-id": self.settings.account_id,
            "x-fc-access-key-id": "emulated",
            "x-fc-access-key-secret": "emulated",
            "x-fc-security-token": "emulated",
        }

    def environment(self, function: FunctionSpec, key: Key, port: int, instance_id: str) -> dict[str, str]:
        """The variables that FC sets, the port, and those of the function."""
        own = function.process.variables | function.process.environment if function.process else {}
        return own | {
            "FC_FUNCTION_NAME": key[0],
            "FC_QUALIFIER": key[1],
            "FC_REGION": self.settings.region,
            "FC_ACCOUNT_ID": self.settings.account_id,
            "FC_FUNCTION_MEMORY_SIZE": str(function.memory_mb),
            "FC_INSTANCE_ID": instance_id,
            "FC_SERVER_PORT": str(port),
            "PORT": str(port),
        }


def new_instance_id() -> str:
    """An id in the service's form: `c-`, and parts in hex."""
    text = uuid.uuid4().hex
    return f"c-{text[:8]}-{text[8:16]}-{text[16:28]}"
