"""What time it is at Function Compute: the date of any answer, a refusal included."""

from __future__ import annotations

import http.client
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING
from urllib.error import HTTPError, URLError
from urllib.request import ProxyHandler, build_opener

if TYPE_CHECKING:
    from planner.config import FcConfig

TIMEOUT_SECONDS = 5


def server_time(fc: FcConfig) -> datetime | None:
    """The server's time in UTC, within a second or so; None where no answer with a date came."""
    # Plain HTTP is only allowed to this machine, which no proxy reaches.
    opener = build_opener(ProxyHandler({})) if fc.protocol == "http" else build_opener()
    try:
        # Unsigned, so Function Compute refuses it; the refusal is dated like any answer.
        with opener.open(f"{fc.protocol}://{fc.address}/", timeout=TIMEOUT_SECONDS) as answer:
            text = answer.headers.get("Date")
    except HTTPError as refusal:
        with refusal:
            text = refusal.headers.get("Date")
    except (URLError, OSError, http.client.HTTPException):
        return None
    try:
        return None if text is None else parsedate_to_datetime(text).astimezone(UTC)
    except ValueError:
        return None
