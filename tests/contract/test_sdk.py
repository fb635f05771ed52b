"""The official SDK's traps: lists, proxies, retries, error bodies, credentials."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from alibabacloud_fc20230330.client import Client
from alibabacloud_tea_openapi.models import Config
from pytest_socket import SocketConnectBlockedError
from requests import Request

from planner.clock import ManualClock
from planner.emulator import Fault, FunctionSpec, Running, Settings, World, running
from planner.endpoint import is_loopback, region_host
from planner.errors import ConfigError, FCError, FCRefused, FCServerError, FCThrottled, FCUnreachable
from planner.fc.sdk import Connection
from planner.fc.transport import PoliteAdapter
from planner.provision import LiveDocument, ProvisionConfig
from tests.builders import FUNCTION, NOON, a_config
from tests.contract.support import Scripted, answering, connected

CANARY_ID, CANARY_SECRET = "LTAI5tCanaryCanary", "canary-secret-0123456789"


def test_a_put_carries_both_lists_and_both_flags_even_when_empty(emulator: Running) -> None:
    connected(emulator.url).put_provision_config(FUNCTION, ProvisionConfig())

    (entry,) = emulator.emulator.journal.entries("PutProvisionConfig")
    assert entry.body == {
        "alwaysAllocateCPU": True,
        "alwaysAllocateGPU": True,
        "defaultTarget": 0,
        "scheduledActions": [],
        "targetTrackingPolicies": [],
    }


def test_a_404_for_a_config_that_is_not_set_reads_as_none() -> None:
    world = World(functions=(FunctionSpec(name=FUNCTION.name, aliases=(FUNCTION.qualifier,)),))
    world = World(functions=world.functions, settings=Settings(missing_config="not_found"))
    with running(world) as server:
        assert connected(server.url).get_provision_config(FUNCTION) == LiveDocument()


@pytest.mark.parametrize(
    "answer",
    [Scripted(status=404, body="<html>nothing here</html>"), Scripted(status=404, body='{"detail":"Not Found"}')],
    ids=["a web page", "another service's words"],
)
def test_a_404_of_a_server_that_is_not_fc_does_not_read_as_none(answer: Scripted) -> None:
    with answering(answer) as url, pytest.raises(FCRefused):
        connected(url).get_provision_config(FUNCTION)


def test_a_read_is_repeated_with_jitter_until_it_succeeds(emulator: Running) -> None:
    clock = ManualClock(NOON)
    emulator.emulator.faults.add(Fault(status=503, code="ResourceThrottled", times=1))
    emulator.emulator.faults.add(Fault(cut="before", times=1))

    assert connected(emulator.url, clock).get_provision_config(FUNCTION) == LiveDocument()
    assert clock.slept == [0.25, 0.5]


def test_a_put_without_a_clear_answer_is_sent_once(emulator: Running) -> None:
    emulator.emulator.faults.add(Fault(action="PutProvisionConfig", cut="after", times=1))

    with pytest.raises(FCUnreachable):
        connected(emulator.url).put_provision_config(FUNCTION, a_config(2))

    assert len(emulator.emulator.journal.entries("PutProvisionConfig")) == 1


def test_a_throttled_put_is_sent_again(emulator: Running) -> None:
    emulator.emulator.faults.add(Fault(action="PutProvisionConfig", status=429, code="ResourceExhausted"))

    assert connected(emulator.url).put_provision_config(FUNCTION, a_config(2)).exists


@pytest.mark.parametrize(
    "headers", [{"Retry-After": "7"}, {"x-acs-retry-after": "7000"}], ids=["the standard header", "Alibaba's"]
)
def test_the_wait_that_the_server_asks_for_is_obeyed(headers: dict[str, str]) -> None:
    clock = ManualClock(NOON)
    throttled = Scripted(status=429, body='{"Code":"ResourceExhausted","Message":"slow down"}', headers=headers)
    with answering(throttled, Scripted(status=200, body='{"functionArn":"acs:fc:x","defaultTarget":3}')) as url:
        live = connected(url, clock).get_provision_config(FUNCTION)

    assert live.config == ProvisionConfig(default_target=3)
    assert clock.slept == [7.25]


@pytest.mark.parametrize(
    ("answer", "kind", "code", "words"),
    [
        (Scripted(status=400, body='{"Code":"Newer","Message":"bad name"}'), FCRefused, "Newer", "bad name"),
        (Scripted(status=400, body='{"ErrorCode":"Legacy","ErrorMessage":"old"}'), FCRefused, "Legacy", "old"),
        (Scripted(status=400, body='{"code":"Lower","message":"case"}'), FCRefused, "Lower", "case"),
        (Scripted(status=502, body="<html>bad gateway</html>"), FCServerError, "", "no explanation"),
        (Scripted(status=503, body=""), FCServerError, "", "no explanation"),
        (Scripted(status=429, body=""), FCThrottled, "", "throttled"),
        (Scripted(status=503, body='{"Code":"ResourceThrottled"}'), FCThrottled, "ResourceThrottled", "used up"),
        (Scripted(status=200, body="<html>a login page</html>"), FCUnreachable, "", "No answer"),
        (Scripted(status=200, body='{"functionArn":"a","scheduledActions":[{"name":"x"}]}'), FCUnreachable, "", "read"),
    ],
    ids=["newer", "legacy", "lower case", "a page", "nothing", "429", "throttled by code", "200 page", "half a policy"],
)  # fmt: skip
def test_every_kind_of_bad_answer_is_told_in_words(
    answer: Scripted, kind: type[FCError], code: str, words: str
) -> None:
    with answering(answer, answer, answer) as url, pytest.raises(kind) as caught:
        connected(url).get_provision_config(FUNCTION)

    assert words in caught.value.message
    assert not code or caught.value.code == code


@pytest.mark.parametrize(
    ("code", "remedy"),
    [
        ("AccessDenied", "fc:GetProvisionConfig"),
        ("InvalidAccessKeyID", "credentials"),
        ("SignatureNotMatch", "clock"),
        ("InstanceMetricsRequired", "enableInstanceMetrics"),
        ("FunctionNotFound", "region"),
        ("AliasNotFound", "LATEST"),
    ],
)
def test_a_refusal_says_what_to_do(emulator: Running, code: str, remedy: str) -> None:
    emulator.emulator.faults.add(Fault(status=403, code=code))

    with pytest.raises(FCRefused) as caught:
        connected(emulator.url).get_provision_config(FUNCTION)

    assert remedy in caught.value.remedy
    assert f"403 {code}, request 1-" in caught.value.message
    assert caught.value.__cause__ is not None


def test_keys_in_the_words_of_fc_are_hidden(emulator: Running) -> None:
    said = f"key {CANARY_ID} with Signature=abc123 is odd"
    emulator.emulator.faults.add(Fault(status=400, code="InvalidArgument", message=said))

    with pytest.raises(FCRefused) as caught:
        connected(emulator.url).get_provision_config(FUNCTION)

    assert "key [hidden] with [hidden] is odd" in caught.value.message


def test_nobody_listening_is_told_with_the_host() -> None:
    with pytest.raises(FCUnreachable) as caught:
        connected("http://127.0.0.1:9").get_provision_config(FUNCTION)

    assert "No answer to GetProvisionConfig for asr-gpu:prod from 127.0.0.1:9" in caught.value.message


def test_the_emulator_is_reached_past_a_proxy(emulator: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.delenv("NO_PROXY", raising=False)

    assert connected(emulator.url).get_provision_config(FUNCTION) == LiveDocument()


def test_the_proxy_is_used_for_other_hosts_unless_no_proxy_names_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """The proxy here is a server that answers anything; the host is one that no test can reach."""
    request = Request("GET", "http://192.0.2.1/").prepare()
    with answering(Scripted(status=200, body="through the proxy")) as proxy:
        monkeypatch.delenv("no_proxy", raising=False)
        monkeypatch.setenv("NO_PROXY", "example.com")
        assert PoliteAdapter().send(request, proxies={"http": proxy}).text == "through the proxy"
        monkeypatch.setenv("NO_PROXY", "example.com,192.0.2.1")
        with pytest.warns(UserWarning, match=r"192\.0\.2\.1"), pytest.raises(SocketConnectBlockedError):
            PoliteAdapter().send(request, proxies={"http": proxy})


@pytest.mark.parametrize(
    ("connection", "protocol", "host"),
    [
        (Connection(endpoint="fcv3-vpc.example:8443"), "https", "fcv3-vpc.example:8443"),
        (Connection(endpoint="http://127.0.0.1:9090"), "http", "127.0.0.1:9090"),
    ],
)
def test_an_endpoint_is_read_as_people_write_it(connection: Connection, protocol: str, host: str) -> None:
    assert (connection.protocol, connection.host) == (protocol, host)


def test_every_region_has_the_host_that_the_sdk_knows() -> None:
    known = Client(Config(endpoint="unused.invalid"))._endpoint_map
    assert len(known) > 20
    # The SDK ends one name in a tab.
    assert {region: region_host(region) for region in known} == {name: host.strip() for name, host in known.items()}


@pytest.mark.parametrize(
    ("host", "here"),
    [
        ("localhost", True),
        ("localhost:9090", True),
        ("127.0.0.1", True),
        ("127.8.0.1:9090", True),
        ("::1", True),
        ("[::1]:9090", True),
        ("", False),
        ("localhost.example:9090", False),
        ("127.0.0.1.example", False),
        ("10.0.0.1:9090", False),
        ("[::2]:9090", False),
        ("[broken", False),
    ],
)
def test_loopback_is_told_with_and_without_a_port(host: str, here: bool) -> None:
    assert is_loopback(host) is here


@pytest.mark.parametrize("endpoint", ["", "ftp://fc.example", "http://"])
def test_an_endpoint_that_is_none_is_a_fault_of_the_configuration(endpoint: str) -> None:
    with pytest.raises(ConfigError):
        Connection(endpoint=endpoint)


def elsewhere(code: str, tmp_path: Path, **environment: str) -> str:
    """What `code` prints in a fresh process: the SDK reads its environment when it is imported."""
    bare = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "PYTHONPATH": str(Path.cwd())}
    bare["ALIBABA_CLOUD_ECS_METADATA_DISABLED"] = "true"
    done = subprocess.run(
        [sys.executable, "-c", code], env=bare | environment, capture_output=True, text=True, check=True, timeout=60
    )
    return done.stdout + done.stderr


ASK = """
import traceback
from planner.base import FunctionRef
from planner.clock import SystemClock
from planner.errors import FCError
from planner.fc.sdk import Connection, connect
try:
    connect(Connection(endpoint="{endpoint}"), clock=SystemClock()).get_provision_config(FunctionRef(name="f"))
except FCError as error:
    traceback.print_exc()
    print(error.code, error.remedy)
"""


def test_without_credentials_nothing_is_sent_and_the_ways_to_give_them_are_named(tmp_path: Path) -> None:
    said = elsewhere(ASK.format(endpoint="fcv3.invalid"), tmp_path)

    assert "was not sent: no Alibaba Cloud credentials were found" in said
    assert "ALIBABA_CLOUD_ECS_METADATA_DISABLED" in said


def test_the_command_line_says_of_missing_credentials_only_its_own_words(tmp_path: Path) -> None:
    """The library logs the URL that it asked in vain, and a long traceback, unless it is silenced."""
    (tmp_path / "planner.yaml").write_text(
        "version: 1\nfc: {region: cn-hangzhou}\nfunctions: [{name: f, history: {file: 'sample:text-moderation'}}]\n"
    )
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        asked = f"http://127.0.0.1:{closed.getsockname()[1]}/{CANARY_SECRET}"
    bare = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "ALIBABA_CLOUD_ECS_METADATA_DISABLED": "true"}
    done = subprocess.run(
        [sys.executable, "-c", "from planner.cli import main; main()", "plan"],
        env=bare | {"ALIBABA_CLOUD_CREDENTIALS_URI": asked, "PYTHONPATH": str(Path.cwd())},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert done.returncode == 5
    problem, remedy = done.stderr.strip().splitlines()
    assert problem.startswith("Error: GetProvisionConfig for f:LATEST was not sent: no Alibaba Cloud credentials")
    assert remedy.startswith("What to do: Set ALIBABA_CLOUD_ACCESS_KEY_ID")
    assert CANARY_SECRET not in done.stdout


def test_secrets_are_in_no_message_and_no_traceback(tmp_path: Path, emulator: Running) -> None:
    """A plain-text server that is asked for TLS: the longest chain of errors there is."""
    said = elsewhere(
        ASK.format(endpoint=emulator.endpoint),
        tmp_path,
        ALIBABA_CLOUD_ACCESS_KEY_ID=CANARY_ID,
        ALIBABA_CLOUD_ACCESS_KEY_SECRET=CANARY_SECRET,
    )

    assert "the secure connection failed" in said
    assert "is written http://" in said
    assert CANARY_SECRET not in said
    assert CANARY_ID not in said


def test_the_sdk_is_not_imported_before_it_is_needed(tmp_path: Path) -> None:
    code = (
        "import sys, planner.apply, planner.fc.sdk; print({'requests', 'alibabacloud_fc20230330'} & set(sys.modules))"
    )

    assert elsewhere(code, tmp_path).strip() == "set()"
