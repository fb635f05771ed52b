"""Where the daemon may be looked at, and the token that a reader has to show."""

from __future__ import annotations

import re
import stat
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path

from planner.errors import InputError

SHORTEST = 16
"""Characters of a token: shorter ones are guessed."""
_TOKEN = re.compile(r"[A-Za-z0-9._~+/=-]+")
"""What may follow `Bearer` in a header (RFC 6750, section 2.1)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """An address of this machine; port 0 takes a free one."""

    host: IPv4Address | IPv6Address
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if self.host.version == 6 else f"{self.host}:{self.port}"


def address_of(text: str) -> Address:
    """`HOST:PORT` with an IP address (IPv6 in brackets) or `localhost`; InputError for anything else.

    No other names: what one resolves to, and whether that is this machine alone, may change.
    """
    host, colon, port = text.rpartition(":")
    if colon and port.isascii() and port.isdigit() and int(port) < 2**16:
        bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host
        try:
            parsed = ip_address("127.0.0.1" if bare == "localhost" else bare)
        except ValueError:
            parsed = None
        if parsed is not None and (parsed.version == 6) == (bare is not host):
            return Address(host=parsed, port=int(port))
    raise InputError(f"--listen {text!r} is no address", remedy="Write 127.0.0.1:9464, localhost:9464 or [::1]:9464.")


def token_of(address: Address, file: Path | None, environment: str | None) -> str | None:
    """The token that readers of `address` show: the file's, else the environment's; None where none is needed.

    Raises InputError where one is needed and there is none, or where it is too short, no token, or open to everybody.
    """
    if file is None and environment is None:
        if not address.host.is_loopback:
            raise InputError(
                f"Other machines reach {address}, so readers have to show a token",
                remedy="Give --token-file FILE or PLANNER_TOKEN, or listen on 127.0.0.1.",
            )
        return None
    token, whose = (_read(file), str(file)) if file is not None else ((environment or "").strip(), "PLANNER_TOKEN")
    if len(token) < SHORTEST or not _TOKEN.fullmatch(token):
        raise InputError(
            f"{whose} holds no token: {SHORTEST} characters or more, of letters, digits and ._~+/=-",
            remedy="`openssl rand -hex 32` makes one.",
        )
    return token


def _read(file: Path) -> str:
    try:
        mode = file.stat().st_mode
        text = file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"The token file {file} can't be read: {error}", remedy="See docs/metrics.md.") from error
    if mode & (stat.S_IROTH | stat.S_IWOTH):
        raise InputError(f"Everybody may read or change the token file {file}", remedy=f"chmod o= {file}")
    return text
