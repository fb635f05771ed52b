"""Hosts of Function Compute and Cloud Monitor: a region's public endpoint, and whether a host is this machine."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

_OLD_NAMES = frozenset({"me-central-1", "cn-shanghai-finance-1", "cn-heyuan-acdr-1", "cn-hangzhou-finance"})
"""Regions whose endpoint is named the old way: the endpoint map of alibabacloud-fc20230330 4.8."""


def region_host(region: str) -> str:
    """The public endpoint of a region."""
    return f"{region}.fc.aliyuncs.com" if region in _OLD_NAMES else f"fcv3.{region}.aliyuncs.com"


def monitor_host(region: str) -> str:
    """The public endpoint of Cloud Monitor in a region: the endpoint map of alibabacloud-cms20190101 4.0."""
    return f"metrics.{region}.aliyuncs.com"


def log_host(region: str) -> str:
    """The public endpoint of Log Service in a region (its documentation, "endpoints")."""
    return f"{region}.log.aliyuncs.com"


def is_loopback(host: str) -> bool:
    """Whether `host` or `host:port` is this machine; an IPv6 address with a port has brackets."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        pass
    try:
        name = urlsplit(f"//{host}").hostname or ""
        return name == "localhost" or ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False
