"""What has to be there before anything slow is imported: the listening socket and the process with the model."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from dataclasses import asdict

from model_server.settings import Settings


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; connections queue up until they are served. Raises `OSError`."""
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
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
