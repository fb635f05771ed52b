"""The turns of an instance's life at which FC speaks to it: port, health check, hooks.

Order: the port listens, then Initializer and first health check in the order of the switch
`first_health_check`; before the end, PreStop.
"""

import asyncio
import time
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any

import aiohttp

from planner.emulator.instances.machine import Machine
from planner.emulator.instances.process import LOOPBACK
from planner.emulator.instances.spec import HealthCheck, Hook, ProcessSpec
from planner.emulator.models.function import FunctionSpec

_POLL_SECONDS = 0.1
_MOMENT_SECONDS = 1.0


class InstanceFailed(Exception):
    """An instance did not get warm, or died; the text is the `currentError`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Calls:
    """FC's own calls to one instance. All times are real seconds, whatever the clock."""

    machine: Machine
    function: FunctionSpec
    spec: ProcessSpec
    qualifier: str
    port: int

    async def start_up(self) -> None:
        """Return when the instance is warm, else raise `InstanceFailed`.

        It must listen and be well within one deadline; the Initializer has a timeout of its own.
        """
        left = await self._within(self.machine.settings.start_deadline_seconds, self._listening())
        if self.machine.settings.first_health_check == "before_initializer":
            await self._within(left, self._healthy())
            await self._initialize()
        else:
            await self._initialize()
            await self._within(left, self._healthy())

    async def _within(self, seconds: float, step: Coroutine[Any, Any, None]) -> float:
        """The seconds that the step leaves; `InstanceFailed` if it takes more."""
        began = time.monotonic()
        try:
            async with asyncio.timeout(seconds):
                await step
        except TimeoutError as error:
            # The text as users report it of the service.
            deadline = self.machine.settings.start_deadline_seconds
            message = f"Function instance health check failed on port {self.port} in {deadline:g} seconds"
            raise InstanceFailed(message) from error
        return max(seconds - (time.monotonic() - began), 0.0)

    async def listens(self) -> bool:
        """Whether the instance accepts connections."""
        try:
            _, writer = await asyncio.open_connection(LOOPBACK, self.port)
        except OSError:
            return False
        writer.close()
        return True

    async def keeps_connections(self) -> bool:
        """Whether a new connection is accepted and still there after a moment: one that is dying drops it."""
        try:
            reader, writer = await asyncio.open_connection(LOOPBACK, self.port)
        except OSError:
            return False
        try:
            async with asyncio.timeout(_MOMENT_SECONDS):
                await reader.read(1)
        except TimeoutError:
            return True
        except OSError:
            return False
        finally:
            writer.close()
        return False

    async def _listening(self) -> None:
        while not await self.listens():
            await asyncio.sleep(_POLL_SECONDS)

    async def _healthy(self) -> None:
        if (check := self.spec.health_check) is None:
            return
        await asyncio.sleep(check.initial_delay_seconds)
        passed = 0
        while True:
            passed = passed + 1 if await self.passes(check) else 0
            if passed >= check.success_threshold:
                return
            await asyncio.sleep(check.period_seconds)

    async def passes(self, check: HealthCheck) -> bool:
        """One health check: a GET answered within its timeout by 200 to 399.

        Source: https://www.alibabacloud.com/help/en/functioncompute/fc/configure-a-custom-health-check-policy-for-instances-1
        """
        try:
            return 200 <= await self._call("GET", check.path, check.timeout_seconds) < 400
        except (aiohttp.ClientError, TimeoutError):
            return False

    async def _initialize(self) -> None:
        if self.spec.initializer is None:
            return
        if wrong := await self._hook("POST", "/initialize", self.spec.initializer):
            message = f"Function initializer failed: {wrong}"
            raise InstanceFailed(message)

    async def pre_stop(self) -> None:
        """Call PreStop if it is configured; what comes of it does not matter."""
        if self.spec.pre_stop is not None:
            await self._hook("GET", "/pre-stop", self.spec.pre_stop)

    async def _hook(self, method: str, path: str, hook: Hook) -> str:
        """Call a hook; what was wrong, empty for 2xx in time."""
        try:
            status = await self._call(method, path, hook.timeout_seconds)
        except TimeoutError:
            return f"{method} {path} did not answer within {hook.timeout_seconds:g} s"
        except aiohttp.ClientError as error:
            return f"{method} {path}: {error}"
        return "" if 200 <= status < 300 else f"{method} {path} answered {status}"

    async def _call(self, method: str, path: str, timeout_seconds: float) -> int:
        machine = self.machine
        headers = machine.headers(self.function, self.qualifier, path, machine.next_request_id())
        timeout = aiohttp.ClientTimeout(total=timeout_seconds)
        url = f"http://{LOOPBACK}:{self.port}{path}"
        async with machine.session.request(
            method, url, headers=headers, timeout=timeout, allow_redirects=False
        ) as answer:
            return answer.status
