"""Function Compute through the official SDK: the way in. `client.py` is the SDK's only user, `connect` its only maker.

The SDK takes about a second to import, so it is imported when a connection is made and `planner --help` stays fast.
"""

from __future__ import annotations

import ipaddress
import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from planner.clock import Clock
from planner.errors import ConfigError
from planner.fc.retry import Retrier, RetryPolicy

if TYPE_CHECKING:
    from alibabacloud_tea_openapi.models import Config

    from planner.fc.client import SdkFunctionCompute

_DEFAULT_RETRY = RetryPolicy()
_OLD_NAMES = ("me-central-1", "cn-shanghai-finance-1", "cn-heyuan-acdr-1", "cn-hangzhou-finance")
"""Regions whose endpoint is named the old way (the SDK's own table, which ends one other name in a tab)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """Where Function Compute is. One of `endpoint` (host, host:port or URL) and `region` is enough.

    Without a scheme HTTPS is meant. The time-outs are the SDK's own defaults.
    """

    region: str = ""
    endpoint: str = ""
    connect_timeout: timedelta = timedelta(seconds=5)
    read_timeout: timedelta = timedelta(seconds=10)

    @property
    def protocol(self) -> str:
        """`http` or `https`."""
        return urlsplit(self.endpoint).scheme if "://" in self.endpoint else "https"

    @property
    def host(self) -> str:
        """Name and, where given, port; the region's public endpoint if no other is named."""
        if not self.endpoint:
            return f"{self.region}.fc.aliyuncs.com" if self.region in _OLD_NAMES else f"fcv3.{self.region}.aliyuncs.com"
        return urlsplit(self.endpoint).netloc if "://" in self.endpoint else self.endpoint

    def __post_init__(self) -> None:
        if not (self.endpoint or self.region):
            raise ConfigError("neither an FC endpoint nor a region is configured", remedy="Set one of the two.")
        if self.protocol not in ("http", "https") or not self.host:
            raise ConfigError(
                f"{self.endpoint!r} is no FC endpoint", remedy="Write host, host:port, http://... or https://..."
            )


def connect(
    connection: Connection,
    *,
    clock: Clock,
    retry: RetryPolicy = _DEFAULT_RETRY,
    draw: Callable[[], float] = random.random,
) -> SdkFunctionCompute:
    """A client; nothing is sent yet, and credentials are looked for at the first call.

    They come from the SDK's default chain (environment, OIDC, profile, RAM role). A plain-HTTP endpoint on this
    machine is the emulator: it gets fixed keys and needs none of its user's.
    """
    from alibabacloud_fc20230330.client import Client  # noqa: PLC0415  # `planner --help` stays fast

    from planner.fc import client, transport  # noqa: PLC0415  # as above

    transport.mount(connection.protocol, connection.host)
    sdk = Client(_sdk_config(connection))
    return client.SdkFunctionCompute(sdk, connection.host, Retrier(retry, clock, draw))


def _sdk_config(connection: Connection) -> Config:
    from alibabacloud_credentials.client import Client as Credentials  # noqa: PLC0415  # as above
    from alibabacloud_tea_openapi.models import Config  # noqa: PLC0415  # as above

    config = Config(
        endpoint=connection.host,
        protocol=connection.protocol,
        connect_timeout=_milliseconds(connection.connect_timeout),
        read_timeout=_milliseconds(connection.read_timeout),
    )
    if connection.protocol == "http" and is_loopback(urlsplit(f"//{connection.host}").hostname or ""):
        config.access_key_id, config.access_key_secret = "emulator", "emulator"
    else:
        config.credential = Credentials()
    return config


def is_loopback(host: str) -> bool:
    """Whether a host name or address is this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _milliseconds(span: timedelta) -> int:
    return int(span / timedelta(milliseconds=1))
