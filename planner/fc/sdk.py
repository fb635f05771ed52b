"""Function Compute through the official SDK: the way in. `client.py` is the SDK's only user, `connect` its only maker.

The SDK takes about a second to import, so it is imported when a connection is made and `planner --help` stays fast.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from planner.clock import Clock
from planner.endpoint import is_loopback
from planner.errors import ConfigError
from planner.fc.retry import Budgets, Retrier, RetryPolicy

if TYPE_CHECKING:
    from alibabacloud_tea_openapi.models import Config

    from planner.fc.client import SdkFunctionCompute

_DEFAULT_RETRY = RetryPolicy()
_CREDENTIALS_LOGGER = "credentials"
"""alibabacloud-credentials 1.0 logs here, to stderr: a provider's failures with traceback, URLs and cached keys."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """Where Function Compute is: `endpoint` is host, host:port or URL.

    Without a scheme HTTPS is meant. The time-outs are the SDK's own defaults.
    """

    endpoint: str
    connect_timeout: timedelta = timedelta(seconds=5)
    read_timeout: timedelta = timedelta(seconds=10)

    @property
    def protocol(self) -> str:
        """`http` or `https`."""
        return urlsplit(self.endpoint).scheme if "://" in self.endpoint else "https"

    @property
    def host(self) -> str:
        """Name and, where given, port."""
        return urlsplit(self.endpoint).netloc if "://" in self.endpoint else self.endpoint

    def __post_init__(self) -> None:
        if self.protocol not in ("http", "https") or not self.host:
            raise ConfigError(
                f"{self.endpoint!r} is no endpoint", remedy="Write host, host:port, http://... or https://..."
            )


def connect(
    connection: Connection,
    *,
    clock: Clock,
    retry: RetryPolicy = _DEFAULT_RETRY,
    draw: Callable[[], float] = random.random,
    budgets: Budgets | None = None,
) -> SdkFunctionCompute:
    """A client; nothing is sent yet, and credentials are looked for at the first call.

    `budgets` are the retries that it shares with other clients.

    They come from the SDK's default chain (environment, OIDC, profile, RAM role). A plain-HTTP endpoint on this
    machine is the emulator: it gets fixed keys and needs none of its user's.
    """
    from alibabacloud_fc20230330.client import Client  # noqa: PLC0415  # `planner --help` stays fast

    from planner.fc import client, transport  # noqa: PLC0415  # as above

    transport.mount(connection.protocol, connection.host)
    sdk = Client(sdk_config(connection))
    silence_credentials()
    budget = None if budgets is None else budgets.of(f"fc {connection.host}", retry, clock)
    return client.SdkFunctionCompute(sdk, connection.host, Retrier(retry, clock, draw, budget))


def sdk_config(connection: Connection) -> Config:
    """How any of the vendor's clients reaches `connection`, with the credentials that `connect` tells of."""
    from alibabacloud_credentials.client import Client as Credentials  # noqa: PLC0415  # as above
    from alibabacloud_tea_openapi.models import Config  # noqa: PLC0415  # as above

    config = Config(
        endpoint=connection.host,
        protocol=connection.protocol,
        connect_timeout=_milliseconds(connection.connect_timeout),
        read_timeout=_milliseconds(connection.read_timeout),
    )
    if connection.protocol == "http" and is_loopback(connection.host):
        config.access_key_id, config.access_key_secret = "emulator", "emulator"
    else:
        config.credential = Credentials()
    return config


def silence_credentials() -> None:
    """Only planner's own message speaks of credentials; the library's handlers exist once it is imported."""
    logger = logging.getLogger(_CREDENTIALS_LOGGER)
    logger.handlers = [logging.NullHandler()]
    logger.propagate = False


def _milliseconds(span: timedelta) -> int:
    return int(span / timedelta(milliseconds=1))
