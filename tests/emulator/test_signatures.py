"""Signed requests of the official SDK pass; whatever was changed after signing, or signed by another, does not."""

import asyncio
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from urllib.error import HTTPError
from urllib.parse import parse_qsl
from urllib.request import ProxyHandler, Request, build_opener

import pytest
from alibabacloud_fc20230330 import models
from alibabacloud_fc20230330.client import Client
from alibabacloud_tea_openapi.exceptions import ClientException
from alibabacloud_tea_openapi.models import Config
from alibabacloud_tea_openapi.utils import Utils
from darabonba.request import DaraRequest

from planner.emulator import FunctionSpec, ManualClock, Running, Settings, World, running
from tests.emulator.fc import ASR, NOON
from tests.emulator.instances.site import sample

_KEYS = {"LTAI5t": "a secret / with+signs", "second": "another"}
_ODD = FunctionSpec(name="große Funktion (v2)*~+", aliases=("grün 1",))
_ALGORITHM = "ACS3-HMAC-SHA256"
_PATH = "/2023-03-30/functions/asr/provision-config"
_OPENER = build_opener(ProxyHandler({}))


@contextmanager
def _emulated(credentials: Mapping[str, str] = _KEYS, **settings: int) -> Iterator[Running]:
    world = World(functions=(ASR, _ODD), settings=Settings(**settings), credentials=credentials)
    # The emulator's clock is years away from the machine's, by which clients sign.
    with running(world, clock=ManualClock(NOON.replace(year=2031))) as server:
        yield server


def _client(server: Running, key: str = "LTAI5t", secret: str | None = None, token: str | None = None) -> Client:
    secret = secret or _KEYS.get(key, "none")
    config = Config(access_key_id=key, access_key_secret=secret, security_token=token, protocol="http")
    config.endpoint = server.endpoint
    if token:
        config.type = "sts"
    return Client(config)


def _get(client: Client, name: str = "asr", qualifier: str = "prod") -> str:
    request = models.GetProvisionConfigRequest(qualifier=qualifier)
    return str(client.get_provision_config(name, request).body.function_arn)


def _put(client: Client, name: str = "asr", qualifier: str = "prod") -> str:
    body = models.PutProvisionConfigInput(default_target=1)
    request = models.PutProvisionConfigRequest(qualifier=qualifier, body=body)
    return str(client.put_provision_config(name, request).body.function_arn)


def _refused(call: Callable[..., object], *arguments: object) -> tuple[int, str, str]:
    with pytest.raises(ClientException) as refusal:
        call(*arguments)
    return refusal.value.status_code, refusal.value.code, refusal.value.data["Message"]


def test_reads_writes_lists_and_deletes_of_the_sdk_pass() -> None:
    with _emulated() as server:
        for key in _KEYS:
            client = _client(server, key)
            assert _put(client).endswith("functions/asr/prod")
            assert _get(client).endswith("functions/asr/prod")
            listed = client.list_provision_configs(models.ListProvisionConfigsRequest(limit=5)).body
            assert len(listed.provision_configs) == 1
            assert client.delete_provision_config("asr", models.DeleteProvisionConfigRequest("prod")).status_code == 204


def test_paths_and_queries_with_spaces_signs_and_letters_of_all_kinds_pass() -> None:
    with _emulated() as server:
        client = _client(server)
        assert _put(client, _ODD.name, "grün 1").endswith("große Funktion (v2)*~+/grün 1")
        assert _get(client, _ODD.name, "grün 1").endswith("große Funktion (v2)*~+/grün 1")
        for prefix in ("große F", "a+b", "a b&c=d", "ein/Pfad?", "~*'()!", "语音", "%20"):
            names = client.list_functions(models.ListFunctionsRequest(prefix=prefix)).body.functions
            assert [function.function_name for function in names] == ([_ODD.name] if prefix == "große F" else [])


def test_the_asynchronous_client_passes() -> None:
    with _emulated() as server:
        request = models.GetProvisionConfigRequest(qualifier="prod")
        answer = asyncio.run(_client(server).get_provision_config_async("asr", request))
        assert answer.status_code == 200


def test_a_request_with_a_token_passes() -> None:
    with _emulated() as server:
        assert _put(_client(server, token="CAIS+token/=="))


def test_another_key_or_secret_is_refused_and_nothing_is_done() -> None:
    with _emulated() as server:
        assert _refused(_put, _client(server, "ghost")) == (
            403,
            "InvalidAccessKeyID",
            "invalid access key ID 'ghost'",
        )
        text = (
            "The request signature we calculated does not match the signature you provided. "
            "Check your access key and signing method"
        )
        assert _refused(_put, _client(server, secret="another")) == (403, "SignatureNotMatch", text)
        assert server.emulator.config("asr", "prod") is None
        assert [entry.code for entry in server.emulator.journal.entries()] == [
            "InvalidAccessKeyID",
            "SignatureNotMatch",
        ]


def test_an_unknown_route_wants_a_signature_before_it_says_what_it_lacks() -> None:
    with _emulated() as server:
        refused = _refused(_client(server, "ghost").list_triggers, "asr", models.ListTriggersRequest())
        assert refused[1] == "InvalidAccessKeyID"


def test_without_credentials_any_signature_passes() -> None:
    with _emulated({}) as server:
        assert _put(_client(server, "ghost", "boo"))


class _Signed:
    """A put, signed by the SDK's own code, to be spoilt afterwards."""

    def __init__(self, at: datetime | None = None, query: str = "qualifier=prod", **headers: str) -> None:
        self.body = json.dumps({"defaultTarget": 1}).encode()
        digest = Utils.hex_encode(Utils.hash(self.body, _ALGORITHM))
        self.headers = {
            "host": "fc.test",
            "x-acs-version": "2023-03-30",
            "x-acs-action": "PutProvisionConfig",
            "x-acs-date": f"{at or datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
            "x-acs-signature-nonce": "1",
            "x-acs-content-sha256": digest,
            **headers,
        }
        self.query = query
        request = DaraRequest()
        request.method, request.pathname, request.query = "PUT", _PATH, dict(parse_qsl(query))
        request.headers = dict(self.headers)
        signed = Utils.get_authorization(request, _ALGORITHM, digest, "LTAI5t", _KEYS["LTAI5t"])
        self.headers["Authorization"] = signed

    def without(self, name: str) -> "_Signed":
        del self.headers[name]
        return self

    def but(self, **headers: str) -> "_Signed":
        self.headers |= {name.replace("_", "-"): value for name, value in headers.items()}
        return self

    def send(self, server: Running) -> tuple[int, str]:
        url = f"{server.url}{_PATH}?{self.query}"
        request = Request(url, data=self.body, headers=self.headers, method="PUT")
        try:
            with _OPENER.open(request, timeout=5) as answer:
                return answer.status, ""
        except HTTPError as error:
            return error.code, json.loads(error.read())["Code"]


def test_what_the_sdks_own_code_signs_passes_whatever_the_order_on_the_way() -> None:
    with _emulated() as server:
        assert _Signed().send(server) == (200, "")
        assert _Signed(query="qualifier=prod&b=2&a=1").send(server) == (200, "")


@pytest.mark.parametrize("name", ["Authorization", "x-acs-date", "x-acs-signature-nonce", "x-acs-content-sha256"])
def test_a_header_that_is_missing_is_named(name: str) -> None:
    with _emulated() as server:
        assert _Signed().without(name).send(server) == (400, "MissingRequiredHeader")


def test_a_body_a_query_a_header_or_a_hash_changed_after_signing_is_refused() -> None:
    with _emulated() as server:
        body, query = _Signed(), _Signed()
        body.body = json.dumps({"defaultTarget": 9}).encode()
        query.query = "qualifier=canary"
        other = Utils.hex_encode(Utils.hash(b"", _ALGORITHM))
        for spoilt in (
            body,
            query,
            _Signed().but(x_acs_signature_nonce="2"),
            _Signed().but(x_acs_content_sha256=other),
            _Signed().but(x_acs_security_token="put in afterwards"),
        ):
            assert spoilt.send(server) == (403, "SignatureNotMatch")
        assert server.emulator.config("asr", "prod") is None


def test_a_hash_that_is_signed_but_not_the_bodys_is_refused() -> None:
    with _emulated() as server:
        signed = _Signed(**{"x-acs-content-sha256": "0" * 64})
        assert signed.send(server) == (403, "SignatureNotMatch")


@pytest.mark.parametrize("text", ["FC LTAI5t:abc", "ACS3-HMAC-SHA256 Credential=LTAI5t"])
def test_an_authorization_of_another_form_is_refused(text: str) -> None:
    with _emulated() as server:
        assert _Signed().but(Authorization=text).send(server) == (400, "InvalidArgument")


def test_a_signature_of_other_letters_is_refused() -> None:
    with _emulated() as server:
        signed = _Signed()
        start, _, _ = signed.headers["Authorization"].rpartition("=")
        for signature in ("", "0" * 64, "ü"):
            signed.headers["Authorization"] = f"{start}={signature}"
            assert signed.send(server) == (403, "SignatureNotMatch")


@pytest.mark.parametrize("minutes", [-16, 16])
def test_a_date_too_far_from_the_machines_is_refused_unless_that_is_switched_off(minutes: int) -> None:
    at = datetime.now(UTC) + timedelta(minutes=minutes)
    with _emulated() as server:
        assert _Signed(at).send(server) == (400, "InvalidTimeStamp.Expired")
    with _emulated(signature_tolerance_minutes=0) as server:
        assert _Signed(at).send(server) == (200, "")


def test_a_date_within_the_tolerance_passes_and_one_that_is_none_is_refused() -> None:
    with _emulated() as server:
        for minutes in (-14, 14):
            assert _Signed(datetime.now(UTC) + timedelta(minutes=minutes)).send(server) == (200, "")
        assert _Signed(**{"x-acs-date": "20261123T120000Z"}).send(server) == (400, "InvalidArgument")


def test_the_world_file_holds_the_keys_and_never_shows_them() -> None:
    world = World.from_mapping({"credentials": {"id": "hush", "number": 12345}})
    assert world.credentials == {"id": "hush", "number": "12345"}
    assert "hush" not in repr(world)


def test_a_signed_invocation_passes_and_one_of_another_secret_does_not() -> None:
    world = World(functions=(sample(),), credentials=_KEYS)
    with running(world) as server:
        request = models.InvokeFunctionRequest(qualifier="prod", body="größe".encode())
        answer = _client(server).invoke_function("asr", request)
        assert (answer.status_code, answer.body.read()) == (200, "größe".encode()[::-1])
        refused = _refused(_client(server, secret="another").invoke_function, "asr", request)
        assert refused[:2] == (403, "SignatureNotMatch")
