"""The SDK's errors in planner's words: what happened, and what a person can do about it.

Shapes measured on alibabacloud-fc20230330 4.8.3: an answer of 4xx or 5xx is an AlibabaCloudException with `code`,
`status_code` and `data`, a plain 429 among them; whatever brought no readable answer is an UnretryableException whose
`inner_exception` says why. Codes: FC's page of error codes, API 2023-03-30.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from planner.base import FunctionRef
from planner.errors import FCError, FCRefused, FCServerError, FCThrottled, FCUnreachable

_THROTTLES = ("ResourceExhausted", "ResourceThrottled", "Throttling", "ReadQuotaExceed", "ShardReadQuotaExceed")
_SECRETS = re.compile(r"LTAI\w+|STS\.\w+|(?i:signature|token|secret)[=:]\s*\S+")
_WHERE_CREDENTIALS = (
    "Set ALIBABA_CLOUD_ACCESS_KEY_ID and ALIBABA_CLOUD_ACCESS_KEY_SECRET, a profile or a RAM role; off the cloud also "
    "ALIBABA_CLOUD_ECS_METADATA_DISABLED=true, so that nothing waits for the metadata address."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What was asked, of whom: the words that every message needs."""

    action: str
    function: FunctionRef
    host: str
    service: str = "Function Compute"
    ram: str = "fc"
    """The service's prefix of RAM actions."""

    def __str__(self) -> str:
        return f"{self.action} for {self.function}"


_ADVICE: dict[str, tuple[str, str]] = {
    "AccessDenied": (
        "the identity that planner runs as may not do this",
        "Allow the RAM action {ram}:{action} (resource *) to it.",
    ),
    "InstanceMetricsRequired": (
        "tracking policies need the function's instance metrics, and they are off",
        "Switch them on (logConfig.enableInstanceMetrics: true) and plan again, or plan without guardrails.",
    ),
    "FunctionNotFound": (
        "there is no function {name!r} in this account and region",
        "Check the function's name, the region and the account of the credentials.",
    ),
    "AliasNotFound": (
        "function {name!r} has no alias {qualifier!r}",
        "Create the alias, or name an existing one or LATEST; a version number can't carry policies.",
    ),
    "InvalidAccessKeyID": (
        "the access key does not exist",
        "Check the credentials that planner finds (environment, profile or RAM role): deleted, or of another site?",
    ),
    "SignatureNotMatch": (
        "the signature is not accepted: a wrong access key secret, or a clock that is off",
        "Renew the secret; compare this machine's clock with real time (15 minutes off are too many).",
    ),
    "ConcurrentUpdateError": (
        "somebody else changed the document at the same moment",
        "Plan again from what FC holds now.",
    ),
    "ResourceThrottled": (
        "the account's resources are used up",
        "Compare the instance and GPU card quota in Quota Center with what the plan asks for.",
    ),
    "ResidentScalingConfigExists": (
        "the function has a scaling config of the newer kind, and FC takes only one of the two",
        "Delete the scaling config, or leave this function out.",
    ),
    "InvalidCredentials": (
        "no Alibaba Cloud credentials were found",
        _WHERE_CREDENTIALS,
    ),
}

_RPC = {
    "Forbidden.RAM": "AccessDenied",
    "NoPermission": "AccessDenied",
    "Unauthorized": "AccessDenied",
    "InvalidAccessKeyId.NotFound": "InvalidAccessKeyID",
    "SignatureDoesNotMatch": "SignatureNotMatch",
}
"""What services of the older kind, such as Cloud Monitor and Log Service, call the same."""


def translate(error: Exception, request: Request) -> FCError:
    """The planner's error for one that the SDK raised; the caller raises it from the original."""
    return _without_answer(error, request) if _status(error) is None else _from_answer(error, request)


def _status(error: Exception) -> int | None:
    """Of the answer; None where none came. Log Service's gateway hands on an exception of the older kind."""
    status = getattr(error, "status_code", None)
    return getattr(error, "statusCode", None) if status is None else status


def is_credential_trouble(error: Exception) -> bool:
    """Whether the credential chain gave up; its text joins every provider's words, so it is never shown."""
    return type(getattr(error, "inner_exception", error)).__name__ == "CredentialException"


def may_be_shown(error: Exception) -> bool:
    """Whether no key, token or signature stands in the text of an SDK's error, which a traceback would print."""
    return not is_credential_trouble(error) and not _SECRETS.search(str(error))


def _from_answer(error: Exception, request: Request) -> FCError:
    status = int(_status(error) or 0)
    code, text, request_id = _words(error)
    wait = getattr(error, "retry_after", None)
    kind: type[FCError] = FCRefused
    if status == 429 or code.startswith(_THROTTLES):
        kind = FCThrottled
    elif status >= 500:
        kind = FCServerError
    what, remedy = _advice(code, text, request)
    label = f"{status} {code}".strip() + (f", request {request_id}" if request_id else "")
    return kind(
        f"{request.service} {_VERBS[kind]} {request}: {what} ({label})",
        remedy=remedy,
        code=code,
        status=status,
        request_id=request_id,
        retry_after=None if wait is None else wait / 1000,
    )


_VERBS: dict[type[FCError], str] = {FCRefused: "refused", FCThrottled: "throttled", FCServerError: "failed at"}


def _words(error: Exception) -> tuple[str, str, str]:
    """Code, text and request id, from the newer body or the legacy one (ErrorCode, ErrorMessage)."""
    data = getattr(error, "data", None) or {}
    code = data.get("Code") or data.get("code") or data.get("ErrorCode") or getattr(error, "code", "") or ""
    text = data.get("Message") or data.get("message") or data.get("ErrorMessage") or getattr(error, "message", "") or ""
    request_id = data.get("RequestId") or data.get("requestId") or data.get("requestid") or ""
    return str(code), str(text), str(request_id)


def _advice(code: str, text: str, request: Request) -> tuple[str, str]:
    what, remedy = _ADVICE.get(_RPC.get(code, code), ("", ""))
    if not what:
        return _scrub(text) or "no explanation came with it", ""
    function = request.function
    names = {"action": request.action, "ram": request.ram, "name": function.name, "qualifier": function.qualifier}
    return what.format(**names), remedy.format(**names)


def _without_answer(error: Exception, request: Request) -> FCError:
    inner = getattr(error, "inner_exception", error)
    if is_credential_trouble(error) or getattr(error, "code", "") == "InvalidCredentials":
        what, remedy = _advice("InvalidCredentials", "", request)
        return FCRefused(f"{request} was not sent: {what}", remedy=remedy, code="InvalidCredentials")
    # The SDK flattens the transport's error to text; the original is still its context.
    cause = inner.__context__ if type(inner).__name__ == "RetryError" else inner
    what, remedy = _TROUBLE.get(type(cause).__name__, (_scrub(str(inner)), ""))
    return FCUnreachable(
        f"No answer to {request} from {request.host}: {what}", remedy=remedy, code=type(cause).__name__
    )


_TROUBLE: dict[str, tuple[str, str]] = {
    "ConnectTimeout": ("no connection in time", "Check the endpoint, the network and the proxy."),
    "ReadTimeout": (
        "connected, but nothing came back in time; whether it had its effect isn't known",
        "Look at what FC holds before asking again.",
    ),
    "SSLError": (
        "the secure connection failed",
        "An endpoint without TLS (the emulator) is written http://...; a proxy may need its certificate trusted.",
    ),
    "ProxyError": ("the proxy refused", "Check HTTP_PROXY and HTTPS_PROXY, or name the host in NO_PROXY."),
    "ConnectionError": ("no connection, or it was cut", "Check the endpoint, the network and the proxy."),
}


def _scrub(text: str) -> str:
    """FC's own words on one line, without keys, tokens or signatures."""
    return _SECRETS.sub("[hidden]", " ".join(text.split()))
