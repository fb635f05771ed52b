"""What systemd is told (sd_notify(3)): one datagram a state to the socket that it names, if it names one."""

from __future__ import annotations

import os
import socket
from contextlib import suppress

VARIABLE = "NOTIFY_SOCKET"


def notify(state: str) -> None:
    """Tell the service manager, such as `READY=1` or `WATCHDOG=1`; nothing happens without one."""
    address = os.environ.get(VARIABLE)
    if not address:
        return
    # A leading @ stands for the zero byte of an abstract socket.
    address = f"\0{address[1:]}" if address.startswith("@") else address
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        channel.sendto(state.encode(), address)
