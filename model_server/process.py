"""Listen first, load beside it, serve when the rest is imported."""

from __future__ import annotations

import json
import logging
import os
import socket
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict

from model_server import logs
from model_server.settings import Settings


def start(early: Sequence[int]) -> int:
    """The exit code: 0 after SIGTERM, 1 where the model was lost or the port is taken, 2 for a wrong setting.

    `early` are the signals that came, and may still come, before the server obeys them.
    """
    settings = Settings.read(sys.argv[1:], os.environ)
    logs.set_up()
    log = logging.getLogger("model_server")
    try:
        listener = listen(settings.host, settings.port)
    except OSError as error:
        log.critical("cannot listen on %s:%d: %s", settings.host, settings.port, error, extra={"action": "listen"})
        return 1
    port = listener.getsockname()[1]
    log.info("listening on %s:%d", settings.host, port, extra={"action": "listen", "port": port})
    worker, channel = start_worker(settings)
    from model_server.server import run  # noqa: PLC0415  # the model loads meanwhile

    return run(settings, listener, worker, channel, early)


SEND_BYTES = 131072


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; connections queue up until they are served. Raises `OSError`."""
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    # Of an answer on its way the kernel would keep megabytes, and not say for seconds that a slow client reads on.
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BYTES)
    listener.bind((host, port))
    listener.listen(2048)
    return listener


def start_worker(settings: Settings) -> tuple[subprocess.Popen[bytes], socket.socket]:
    """The process with the model, and our end of the socket pair."""
    ours, theirs = socket.socketpair()
    wanted = {name: asdict(settings)[name] for name in ("model", "weights", "device", "threads")}
    # Before torch is imported, or its OpenMP takes every CPU of the host.
    environment = {"OMP_NUM_THREADS": str(settings.threads), "MKL_NUM_THREADS": str(settings.threads)}
    with theirs:
        process = subprocess.Popen(  # noqa: S603  # this package's own module
            [sys.executable, "-m", "model_server.worker", str(theirs.fileno()), json.dumps(wanted)],
            pass_fds=[theirs.fileno()],
            env=os.environ | environment,
        )
    return process, ours
