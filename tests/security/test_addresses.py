"""Where nothing is sent: metadata services behind a metric source, plain text beyond this machine."""

from __future__ import annotations

import socket
import ssl
from pathlib import Path

import pytest

from planner.clock import ManualClock
from planner.config import load_config
from planner.errors import ConfigError, SourceError
from planner.sources import guarded
from tests.builders import NOON
from tests.security.stage import PROMETHEUS_TOKEN, commands, write_config

METADATA = {
    "Alibaba Cloud": "100.100.100.200",
    "the other end of its range": "100.127.255.254",
    "link-local, most clouds": "169.254.169.254",
    "IPv6 link-local": "fe80::1",
    "IPv6 on AWS": "fd00:ec2::254",
    "IPv6 link-local with its link": "fe80::1%eth0",
    "mapped into IPv6": "::ffff:100.100.100.200",
    "link-local, mapped": "::ffff:169.254.169.254",
    "unspecified": "0.0.0.0",
}
ALLOWED = {
    "this machine": "127.0.0.1",
    "a private network": "10.1.2.3",
    "public": "8.8.8.8",
    "before the range": "100.63.255.255",
    "behind it": "100.128.0.0",
    "IPv6 unique local": "fd12:3456::1",
}


class Connected:
    """A socket that says it has reached an address, and keeps what is sent."""

    def __init__(self, address: str) -> None:
        self.address, self.sent = address, b""

    def getpeername(self) -> tuple[object, ...]:
        return (self.address, 80)

    def setsockopt(self, *_: object) -> None:
        """Nothing of a real socket is there."""

    def sendall(self, data: bytes) -> None:
        self.sent += data

    def makefile(self, *_: object) -> object:
        raise ConnectionResetError("enough was seen")

    def close(self) -> None:
        """Nothing to close."""


def reach(monkeypatch: pytest.MonkeyPatch, address: str, *, allow: bool = False) -> Connected:
    """Ask a name that leads to `address`; the socket is replaced, since no test may reach such a place."""
    there = Connected(address)
    monkeypatch.setattr(socket, "create_connection", lambda *_args, **_more: there)
    with pytest.raises(SourceError) as refused:
        guarded.get("http://metrics.example/api?x=1", headers={}, clock=ManualClock(NOON), allow_reserved=allow)
    assert ("nothing was sent" in str(refused.value)) == (not there.sent)
    return there


@pytest.mark.parametrize("address", METADATA.values(), ids=METADATA)
def test_a_name_that_leads_to_metadata_is_sent_nothing(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    assert reach(monkeypatch, address).sent == b""


@pytest.mark.parametrize("address", ALLOWED.values(), ids=ALLOWED)
def test_other_addresses_are_asked(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    assert reach(monkeypatch, address).sent.startswith(b"GET /api?x=1 ")


def test_who_says_so_may_ask_a_reserved_address(monkeypatch: pytest.MonkeyPatch) -> None:
    assert reach(monkeypatch, "100.100.1.1", allow=True).sent


PRIVATE = {
    "10/8": "10.1.2.3",
    "172.16/12": "172.31.255.1",
    "192.168/16": "192.168.0.1",
    "this machine": "127.0.0.1",
    "IPv6 unique local": "fd12::1",
    "IPv6 loopback": "::1",
    "mapped into IPv6": "::ffff:10.0.0.1",
}


def tell(monkeypatch: pytest.MonkeyPatch, address: str, *, url: str, allow: bool = False) -> Connected:
    """Tell a webhook whose name leads to `address`."""
    there = Connected(address)
    monkeypatch.setattr(socket, "create_connection", lambda *_args, **_more: there)
    monkeypatch.setattr(ssl.SSLContext, "wrap_socket", lambda _self, sock, **_more: sock)
    with pytest.raises(SourceError) as refused:
        guarded.post(url, b"{}", headers={}, clock=ManualClock(NOON), allow_private=allow)
    assert "secret" not in f"{refused.value} {refused.value.remedy}"
    assert ("nothing was sent" in str(refused.value).lower()) == (not there.sent)
    return there


HOOK = "https://hooks.example/secret?token=secret"


@pytest.mark.parametrize("address", [*METADATA.values(), *PRIVATE.values()], ids=[*METADATA, *PRIVATE])
def test_a_webhook_that_leads_inside_is_told_nothing(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    assert tell(monkeypatch, address, url=HOOK).sent == b""


def test_a_webhook_outside_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    assert tell(monkeypatch, "8.8.8.8", url=HOOK).sent.startswith(b"POST /secret?token=secret HTTP/1.1")


@pytest.mark.parametrize(("address", "told"), [("10.1.2.3", True), ("100.100.100.200", False)])
def test_a_private_webhook_is_told_where_the_owner_says_so_and_metadata_never(
    monkeypatch: pytest.MonkeyPatch, address: str, *, told: bool
) -> None:
    assert bool(tell(monkeypatch, address, url=HOOK, allow=True).sent) == told


def test_a_webhook_on_this_machine_must_say_so_in_its_url(monkeypatch: pytest.MonkeyPatch) -> None:
    assert tell(monkeypatch, "127.0.0.1", url="http://127.0.0.1:9/secret").sent.startswith(b"POST /secret ")


def test_no_webhook_beyond_this_machine_is_told_in_plain_text() -> None:
    with pytest.raises(SourceError, match="but over https"):
        guarded.post("http://hooks.example/x", b"{}", headers={}, clock=ManualClock(NOON), allow_private=True)


def test_the_token_goes_nowhere_in_plain_text(folder: Path) -> None:
    write_config(folder, endpoint="127.0.0.1:9", metrics="http://metrics.example:9090")
    said = commands(folder, "collect --function asr-gpu")
    assert said.code("collect --function asr-gpu") == 5
    assert "The token is not sent to metrics.example over plain http" in said.err
    assert PROMETHEUS_TOKEN not in said.err


@pytest.mark.parametrize("endpoint", ["fcv3.cn-hangzhou.aliyuncs.com", "10.0.0.1:9090", "localhost.example:80"])
def test_function_compute_is_asked_in_plain_text_on_this_machine_only(tmp_path: Path, endpoint: str) -> None:
    file = tmp_path / "planner.yaml"
    text = f"version: 1\nfc: {{endpoint: '{endpoint}', protocol: http}}\nfunctions: [{{name: f}}]\n"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as refused:
        load_config(file, environ={})
    assert "http is for a loopback endpoint" in str(refused.value.faults)  # type: ignore[attr-defined]
    file.write_text(text.replace(endpoint, "127.0.0.1:9600"), encoding="utf-8")
    assert load_config(file, environ={}).fc.address == "127.0.0.1:9600"
