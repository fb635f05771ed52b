"""How the SDK's requests leave: past the proxy where they should, and with the server's wait made readable.

Measured on darabonba-core 1.0.9: HTTP(S)_PROXY is honoured, NO_PROXY is not, and no option switches the proxy off;
a standard Retry-After header is ignored, only `x-acs-retry-after` (milliseconds) is read. The SDK sends through a
requests session that it keeps per host, so our adapter is mounted there, for our host only.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from darabonba.core import DaraCore
from requests import PreparedRequest, Response
from requests.adapters import HTTPAdapter
from requests.utils import should_bypass_proxies

from planner.endpoint import is_loopback

_ACS_RETRY_AFTER = "x-acs-retry-after"
_SDK_PORT = 80
"""The port part of the SDK's session key; it never changes, the endpoint carries its own port."""


def mount(protocol: str, host: str) -> None:
    """Let every later SDK request to `host` (`name` or `name:port`) go through `PoliteAdapter`."""
    key = f"{protocol}://{host}:{_SDK_PORT}:pool={DaraCore._resolve_pool_maxsize()}"  # noqa: SLF001 - no public way
    session = DaraCore._get_session(key, protocol)  # noqa: SLF001 - no public way
    session.mount(f"{protocol}://", PoliteAdapter())


class PoliteAdapter(HTTPAdapter):
    """An ordinary transport that obeys NO_PROXY and never takes a loopback request to a proxy."""

    def send(self, request: PreparedRequest, *args: Any, **kwargs: Any) -> Response:  # noqa: ANN401 - the library's
        """Send one request; the answer's Retry-After becomes the header that the SDK reads."""
        url = request.url or ""
        if is_loopback(urlsplit(url).hostname or "") or should_bypass_proxies(url, no_proxy=None):
            kwargs["proxies"] = {}
        response = super().send(request, *args, **kwargs)
        if response.status_code >= 400:
            _tell_wait(response)
            _make_readable(response)
        return response


def _tell_wait(response: Response) -> None:
    seconds = response.headers.get("Retry-After", "")
    if seconds.isdigit() and _ACS_RETRY_AFTER not in response.headers:
        response.headers[_ACS_RETRY_AFTER] = str(int(seconds) * 1000)


def _make_readable(response: Response) -> None:
    """Give an error without a JSON body (a gateway's page, nothing at all) one, or the SDK hides its status."""
    try:
        readable = isinstance(response.json(), dict)
    except ValueError:
        readable = False
    if not readable:
        response._content = b'{"Code":"","Message":"no explanation came with it"}'  # noqa: SLF001 - no public way
