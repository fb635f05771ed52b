"""Signatures of requests: ACS3-HMAC-SHA256, recomputed from what came over the wire.

Canonical request: method, path, sorted query, signed headers, their names, and the body's SHA-256, a line each; the
signature is an HMAC over its hash. Seen from the official SDK (alibabacloud-tea-openapi 0.4.6), described in
https://www.alibabacloud.com/help/en/sdk/product-overview/v3-request-structure-and-signature. Codes and texts:
https://www.alibabacloud.com/help/en/function-compute/latest/error-codes, except that of a date too far off, which is
the OpenAPI gateway's.
"""

import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import parse_qsl, quote, unquote

from starlette.requests import Request

from planner.emulator.errors import (
    InvalidAccessKeyID,
    InvalidArgument,
    MissingRequiredHeader,
    SignatureExpired,
    SignatureNotMatch,
)
from planner.emulator.models.emulator import Emulator

_ALGORITHM = "ACS3-HMAC-SHA256"
_AUTHORIZATION = re.compile(
    rf"{_ALGORITHM} Credential=(?P<key>[^,]*), *SignedHeaders=(?P<headers>[^,]*), *Signature=(?P<signature>[^,]*)"
)
_REQUIRED = ("host", "x-acs-action", "x-acs-content-sha256", "x-acs-date", "x-acs-signature-nonce", "x-acs-version")
"""Headers that every request has and signs; so it must every other `x-acs-` header that it has, a token above all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """A request as it came over the wire."""

    method: str
    path: str
    """Still percent-encoded."""
    query: str
    """Still percent-encoded."""
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes


def check_signature(emulator: Emulator, request: Request, body: bytes) -> None:
    """Refuse a request that `verify` refuses; any is let in by an emulator without credentials."""
    if emulator.credentials:
        received = Received(
            method=request.method,
            path=request.scope["raw_path"].decode(),
            query=request.scope["query_string"].decode(),
            headers=request.headers,
            body=body,
        )
        verify(received, emulator.credentials, emulator.settings.signature_tolerance_minutes, datetime.now(UTC))


def verify(request: Received, secrets: Mapping[str, str], tolerance_minutes: int, now: datetime) -> None:
    """Refuse a request that is not signed with one of these keys (id to secret).

    `now` is the machine's time: clients sign by it, whatever the emulator's clock says. A date more
    than the tolerance away from it, before or after, is refused; 0 lets any date pass. The token
    of STS must be signed, and is not looked at.

    Errors: `MissingRequiredHeader`, `InvalidArgument` for an Authorization or date of another form,
    `InvalidAccessKeyID`, `SignatureExpired`, `SignatureNotMatch` for anything else that was changed
    after signing, the body included.
    """
    for name in ("authorization", *_REQUIRED):
        if not request.headers.get(name):
            raise MissingRequiredHeader(name)
    found = _AUTHORIZATION.fullmatch(request.headers["authorization"])
    if found is None:
        message = f"The Authorization should be '{_ALGORITHM} Credential=...,SignedHeaders=...,Signature=...'"
        raise InvalidArgument(message)
    secret = secrets.get(found["key"])
    if secret is None:
        raise InvalidAccessKeyID(found["key"])
    _check_date(request.headers["x-acs-date"], tolerance_minutes, now)
    names = found["headers"].split(";")
    must = {name for name in request.headers if name.startswith("x-acs-")}.union(_REQUIRED)
    body = hashlib.sha256(request.body).hexdigest()
    expected = _signature(request, names, body, secret)
    if (
        not must.issubset(names)
        or request.headers["x-acs-content-sha256"] != body
        or not hmac.compare_digest(found["signature"].encode(), expected.encode())
    ):
        raise SignatureNotMatch


def _check_date(text: str, tolerance_minutes: int, now: datetime) -> None:
    try:
        date = datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    except ValueError as error:
        message = f"The x-acs-date is not in UTC time format (example: '2020-10-10T10:10:10Z', actual: '{text}')"
        raise InvalidArgument(message) from error
    if tolerance_minutes and abs((date - now).total_seconds()) > tolerance_minutes * 60:
        raise SignatureExpired


def _signature(request: Received, names: list[str], body: str, secret: str) -> str:
    headers = "".join(f"{name}:{request.headers.get(name, '').strip()}\n" for name in names)
    canonical = "\n".join((request.method, _path(request.path), _query(request.query), headers, ";".join(names), body))
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    return hmac.new(secret.encode(), f"{_ALGORITHM}\n{digest}".encode(), hashlib.sha256).hexdigest()


def _path(path: str) -> str:
    """The path with each segment encoded in the one canonical way, whatever the client's library made of it."""
    return "/".join(quote(unquote(segment), safe="~") for segment in path.split("/"))


def _query(query: str) -> str:
    """The parameters in order of name; a space travels as `+` and is signed as `%20`."""
    pairs = sorted(parse_qsl(query, keep_blank_values=True))
    return "&".join(f"{quote(name, safe='~')}={quote(value, safe='~')}" for name, value in pairs)
