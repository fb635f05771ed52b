"""One HTTP exchange with an address that a person configured: bounded in size and time, and never led elsewhere.

What a server-side request can be abused for, and the remedies: OWASP's cheat sheet on server-side request forgery
(2026). Checked is the address that the connection really has, before the request goes out, so that no second answer of
a name server changes it. 100.64.0.0/10 is refused beside link-local addresses because Alibaba Cloud's metadata live in
it (100.100.100.200). A GET may go to private addresses and to this machine: there most Prometheus servers are. A POST
goes there only where its URL says so.
"""

from __future__ import annotations

import http.client
import ipaddress
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import SplitResult, urlsplit

from planner.clock import Clock
from planner.endpoint import is_loopback
from planner.errors import SourceBusy, SourceError

LARGEST = 32 * 2**20
"""Bytes of an answer: 11,000 points of a series take half a megabyte."""
SILENCE_SECONDS = 10.0
"""Without a byte."""
LONGEST_SECONDS = 60.0
"""For a whole answer, however it trickles."""
LARGEST_RECEIPT = 2**16
"""Bytes of the answer to a POST."""
CHUNK = 2**16
_PRIVATE = tuple(
    ipaddress.ip_network(text)
    for text in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "127.0.0.0/8", "::1/128", "fc00::/7")
)
_RESERVED = tuple(
    ipaddress.ip_network(text)
    for text in (
        "0.0.0.0/8",
        "100.64.0.0/10",
        "169.254.0.0/16",
        "224.0.0.0/3",
        "::/128",
        "fe80::/10",
        "ff00::/8",
        "fd00:ec2::/32",
    )
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Status, headers (names in lower case) and body of any answer, refusals included."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class _Socket(Protocol):
    def getpeername(self) -> tuple[object, ...]: ...

    def close(self) -> None: ...


def get(url: str, *, headers: Mapping[str, str], clock: Clock, allow_reserved: bool) -> Answer:
    """The answer to one GET, past any proxy.

    Raises SourceBusy where none came in time, SourceError for a redirect, an answer that is too large, a refused
    address, and for an `Authorization` that would go in plain text beyond this machine.
    """
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme == "http" and "Authorization" in headers and not is_loopback(host):
        raise SourceError(
            f"The token is not sent to {host} over plain http", remedy="Write https, or unset PLANNER_PROMETHEUS_TOKEN."
        )
    refused = () if allow_reserved else ((_RESERVED, RESERVED_WORDS, "set history.prometheus.allow_reserved: true"),)
    return _exchange(_Request(parts=parts, method="GET", headers=headers), refused, LARGEST, clock)


def post(url: str, body: bytes, *, headers: Mapping[str, str], clock: Clock, allow_private: bool) -> Answer:
    """The answer to one POST, past any proxy; over https, or to a loopback address that the URL names.

    Raises as `get` does. No error holds more of the URL than its host: a webhook's path and query are its secret.
    """
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(host)):
        raise SourceError(f"Nothing is sent to {host} but over https", remedy="Write an https URL.")
    refused: tuple[Refused, ...] = ((_RESERVED, RESERVED_WORDS, "use another address: this one is never sent to"),)
    if not allow_private and not is_loopback(host):
        refused += ((_PRIVATE, "an address of a private network", "set allow_private: true of the channel"),)
    request = _Request(parts=parts, method="POST", headers=headers, body=body)
    return _exchange(request, refused, LARGEST_RECEIPT, clock)


RESERVED_WORDS = "where clouds keep their machines' metadata"
Refused = tuple[Sequence[ipaddress.IPv4Network | ipaddress.IPv6Network], str, str]
"""Networks, what they are, and what to do where such an address is right."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Request:
    parts: SplitResult
    method: str
    headers: Mapping[str, str]
    body: bytes | None = None


def _exchange(request: _Request, refused: Sequence[Refused], largest: int, clock: Clock) -> Answer:
    parts, host = request.parts, request.parts.hostname or ""
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(host, parts.port, timeout=SILENCE_SECONDS)
    try:
        connection.connect()
        _refuse(connection.sock, host, refused)
        target = f"{parts.path}?{parts.query}" if parts.query else parts.path or "/"
        connection.request(request.method, target, body=request.body, headers=dict(request.headers))
        with connection.getresponse() as answer:
            return _read(answer, host, clock, largest)
    except ssl.SSLError as error:
        raise SourceError(
            f"The secure connection to {host} failed: {error.reason}", remedy="Check its certificate."
        ) from error
    except (OSError, http.client.HTTPException) as error:
        why = str(error) or type(error).__name__
        raise SourceBusy(f"No answer from {host}: {why}", remedy="Check the URL and the network.") from error
    finally:
        connection.close()


def _refuse(sock: _Socket, host: str, refused: Sequence[Refused]) -> None:
    peer = ipaddress.ip_address(str(sock.getpeername()[0]).partition("%")[0])
    peer = getattr(peer, "ipv4_mapped", None) or peer
    for networks, what, remedy in refused:
        if any(peer in network for network in networks if network.version == peer.version):
            raise SourceError(
                f"{host} is {peer}, {what}: nothing was sent", remedy=f"Check the URL; where it is right, {remedy}."
            )


def _read(answer: http.client.HTTPResponse, host: str, clock: Clock, largest: int) -> Answer:
    if 300 <= answer.status < 400:
        where = urlsplit(answer.headers.get("Location", "")).netloc or "another place"
        raise SourceError(f"{host} redirects to {where}, which is not followed", remedy="Configure the final URL.")
    began, body = clock.monotonic(), bytearray()
    while chunk := answer.read1(CHUNK):
        body += chunk
        if len(body) > largest:
            size = f"{largest >> 20} MB" if largest >> 20 else f"{largest >> 10} kB"
            raise SourceError(f"The answer of {host} is larger than {size}", remedy="Check the URL and what is asked.")
        if clock.monotonic() - began > LONGEST_SECONDS:
            raise SourceBusy(
                f"The answer of {host} takes longer than {LONGEST_SECONDS:.0f} s", remedy="Check the query."
            )
    return Answer(
        status=answer.status, headers={name.lower(): text for name, text in answer.headers.items()}, body=bytes(body)
    )
