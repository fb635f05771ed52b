"""One process: started under the guard, its output kept in part, ended with all it has started."""

import asyncio
import os
import signal
import socket
import sys
from contextlib import suppress
from pathlib import Path
from typing import Self

from planner.emulator.instances import guard

LOOPBACK = "127.0.0.1"
LOG_BYTES = 65536
"""How much of the newest output of a process is kept."""

_INHERITED = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "LD_LIBRARY_PATH")
"""All that a process sees of the emulator's own environment: no credentials come through."""
_REST_OF_OUTPUT_SECONDS = 1.0
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


class Log(asyncio.Protocol):
    """The newest output of a process, standard output and error in one."""

    def __init__(self) -> None:
        self._bytes = b""
        self._ended = asyncio.Event()

    def data_received(self, data: bytes) -> None:
        """Keep the newest bytes."""
        self._bytes = (self._bytes + data)[-LOG_BYTES:]

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        """Note that no more will come."""
        self._ended.set()

    @property
    def text(self) -> str:
        """What is kept."""
        return self._bytes.decode(errors="replace")

    @property
    def last_line(self) -> str:
        """The last line that says something."""
        return next((line.strip() for line in reversed(self.text.splitlines()) if line.strip()), "")

    async def rest(self) -> None:
        """Wait for what an ended process had still written; not long, its children may hold the pipe."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_REST_OF_OUTPUT_SECONDS):
                await self._ended.wait()


class Process:
    """A running process group and its log. Made by `start`; must be ended by `end`."""

    def __init__(self, process: asyncio.subprocess.Process, log: Log, pipe: asyncio.BaseTransport) -> None:
        self._process = process
        self._pipe = pipe
        self.log = log

    @classmethod
    async def start(cls, command: tuple[str, ...], environment: dict[str, str], cwd: str | None) -> Self:
        """Start the command; one that cannot be run ends at once with 127, one without a `cwd` is an `OSError`."""
        inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
        reading, writing = os.pipe()
        log = Log()
        pipe, _ = await asyncio.get_running_loop().connect_read_pipe(lambda: log, os.fdopen(reading, "rb", 0))
        try:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-I", "-S", guard.__file__, str(os.getpid()), *command),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=writing,
                stderr=writing,
                cwd=cwd,
                env=inherited | environment,
                start_new_session=True,
            )
        except BaseException:
            pipe.close()
            raise
        finally:
            os.close(writing)
        return cls(process, log, pipe)

    @property
    def pid(self) -> int:
        """The guard's, which is the session's and the group's too."""
        return self._process.pid

    async def wait(self) -> int:
        """Its exit status, when it has ended; 128 + the signal if one ended it."""
        code = await self._process.wait()
        return code if code >= 0 else 128 - code

    def kill(self) -> None:
        """SIGKILL to all of the group; none is left to be told is no error."""
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)

    async def end(self, grace_seconds: float) -> None:
        """SIGTERM, after the grace SIGKILL; when it returns the group is gone and reaped."""
        try:
            async with asyncio.timeout(grace_seconds):
                self._process.terminate()
                await self._process.wait()
        except (TimeoutError, ProcessLookupError):
            pass
        finally:
            self.kill()
            await self._process.wait()
            await self.log.rest()
            self._pipe.close()


def free_port(taken: set[int]) -> int:
    """A port of the loopback interface that nobody listens on and that is not `taken`."""
    while True:
        with socket.socket() as probe:
            probe.bind((LOOPBACK, 0))
            port = int(probe.getsockname()[1])
        if port not in taken:
            return port


def memory_of_sessions() -> dict[int, int]:
    """Resident bytes by session, from /proc; pages that processes share count for each of them.

    Blocks for some milliseconds. Empty where there is no /proc.
    """
    found: dict[int, int] = {}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            session = int((entry / "stat").read_text().rpartition(")")[2].split()[3])
            pages = int((entry / "statm").read_text().split()[1])
        except (OSError, ValueError, IndexError):
            continue  # it has ended meanwhile
        found[session] = found.get(session, 0) + pages * _PAGE_BYTES
    return found
