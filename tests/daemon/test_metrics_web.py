"""The pages over HTTP: what they answer, to whom, and what they refuse; then `planner run --listen` as a process."""

from __future__ import annotations

import http.client
import json
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path

import pytest

from planner.clock import ManualClock
from planner.errors import InputError
from planner.observing import Address, Observer, address_of, serving, token_of
from tests.acceptance.conftest import COMMAND, Emulated, emulated, environment
from tests.cli.conftest import recent_history
from tests.daemon.site import START
from tests.promtool import promtool

__all__ = ["emulated"]

TOKEN = "0123456789abcdef-ABCDEF"
HERE = address_of("127.0.0.1:0")


@contextmanager
def served(token: str | None = None, address: Address = HERE) -> Iterator[tuple[Address, Observer, ManualClock]]:
    """The pages of a daemon without functions."""
    clock = ManualClock(START)
    observer = Observer([], clock=clock)
    with serving(address, token, observer) as bound:
        yield bound, observer, clock


def ask(address: Address, path: str, method: str = "GET", **headers: str) -> tuple[int, str, http.client.HTTPMessage]:
    connection = http.client.HTTPConnection(str(address.host), address.port, timeout=30)
    try:
        connection.request(method, path, headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.read().decode(), answer.headers
    finally:
        connection.close()


class TestThePages:
    def test_the_metrics_are_in_the_format_that_they_claim(self) -> None:
        with served() as (address, observer, _):
            observer.beaten()
            status, text, headers = ask(address, "/metrics")
        assert (status, headers["Content-Type"]) == (200, "text/plain; version=0.0.4; charset=utf-8")
        assert "planner_last_beat_timestamp_seconds 1795482000\n" in text
        promtool("check", "metrics", stdin=text)

    def test_health_and_readiness_follow_the_beats(self) -> None:
        with served() as (address, observer, clock):
            assert ask(address, "/health")[:2] == (200, "ok\n")
            assert ask(address, "/ready")[:2] == (503, "no beat yet\n")
            observer.beaten()
            assert ask(address, "/ready")[:2] == (200, "ok\n")
            clock.sleep(61)
            assert ask(address, "/health")[:2] == ask(address, "/ready")[:2] == (503, "no beat for 61 s\n")

    @pytest.mark.parametrize("path", ["/metrics", "/health", "/ready"])
    def test_they_are_for_reading_only(self, path: str) -> None:
        with served() as (address, observer, _):
            observer.beaten()
            assert ask(address, path, "HEAD")[:2] == (200, "")
            for method in ("POST", "PUT", "DELETE", "PATCH", "OPTIONS"):
                assert ask(address, path, method)[0] == 405
            headers = ask(address, path)[2]
        assert headers["Cache-Control"] == "no-store"
        assert [name for name in headers if name.lower().startswith("access-control")] == []

    def test_a_connection_that_is_held_open_ends(self, monkeypatch: pytest.MonkeyPatch) -> None:
        # The limit is a minute; nobody waits for that here.
        monkeypatch.setattr("planner.observing.web.LONGEST", 0.2)
        with served() as (address, _, _), socket.create_connection((str(address.host), address.port), 30) as held:
            held.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\nX-Slow: ")
            with suppress(ConnectionResetError):
                assert held.recv(1) == b""

    def test_there_is_nothing_else(self) -> None:
        with served() as (address, _, _):
            assert [ask(address, path)[0] for path in ("/", "/docs", "/metrics/x")] == [404, 404, 404]


class TestWhoMayAsk:
    @pytest.mark.parametrize("host", ["localhost", "localhost:9464", "127.0.0.1", "127.9.9.9:1", "[::1]", "[::1]:9464"])
    def test_a_request_that_names_this_machine(self, host: str) -> None:
        with served() as (address, _, _):
            assert ask(address, "/health", Host=host)[0] == 200

    @pytest.mark.parametrize(
        "host", ["", "evil.example", "evil.example:9464", "0.0.0.0", "localhost.evil.example", "127.0.0.1.evil.example"]
    )
    def test_on_loopback_no_request_that_names_another(self, host: str) -> None:
        with served() as (address, _, _):
            assert ask(address, "/metrics", Host=host)[0] == 421

    @pytest.mark.parametrize(
        "shown",
        ["", "Bearer", "Bearer ", f"Bearer {TOKEN[:-1]}", f"Bearer {TOKEN}x", TOKEN, f"Basic {TOKEN}", "Bearer \xff"],
    )
    @pytest.mark.parametrize("path", ["/metrics", "/health", "/ready", "/nothing"])
    def test_with_a_token_nobody_who_does_not_show_it(self, path: str, shown: str) -> None:
        with served(TOKEN) as (address, _, _):
            status, text, headers = ask(address, f"{path}?token={TOKEN}", **({"Authorization": shown} if shown else {}))
        assert (status, text, headers["WWW-Authenticate"]) == (401, "a token is needed\n", "Bearer")

    def test_with_a_token_who_shows_it_in_the_header(self) -> None:
        with served(TOKEN) as (address, _, _):
            assert ask(address, "/health", Authorization=f"Bearer {TOKEN}")[0] == 200

    def test_beyond_loopback_a_machine_has_many_names(self) -> None:
        # Bound to every address, and reached by loopback: what other machines meet.
        with served(TOKEN, address_of("0.0.0.0:0")) as (bound, _, _):
            near = address_of(f"127.0.0.1:{bound.port}")
            assert ask(near, "/health", Host="planner.internal", Authorization=f"Bearer {TOKEN}")[0] == 200
            assert ask(near, "/health", Host="planner.internal")[0] == 401

    def test_version_6_too(self) -> None:
        with served(address=address_of("[::1]:0")) as (address, _, _):
            assert ask(address, "/health", Host=str(address))[0] == 200

    def test_an_occupied_port_is_said_in_words(self) -> None:
        with (
            served() as (address, _, _),
            pytest.raises(InputError, match=r"can't be listened on: Address already"),
            served(address=address),
        ):
            pytest.fail("two on one port")


class TestWhereItListens:
    @pytest.mark.parametrize("text", ["127.0.0.1:9464", "0.0.0.0:1", "[::1]:9464", "[2001:db8::1]:65535"])
    def test_an_address_and_a_port(self, text: str) -> None:
        assert str(address_of(text)) == text

    def test_localhost_is_this_machine_whatever_it_resolves_to(self) -> None:
        assert str(address_of("localhost:9464")) == "127.0.0.1:9464"

    @pytest.mark.parametrize(
        "text",
        [
            *("", "9464", ":9464", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:-1", "127.0.0.1:x"),
            *("::1:9464", "[127.0.0.1]:1", "[::1]", "example.com:9464", "[localhost]:1", "127.0.0.1:٣"),
        ],
    )
    def test_nothing_else(self, text: str) -> None:
        with pytest.raises(InputError, match="is no address"):
            address_of(text)

    @pytest.mark.parametrize("text", ["0.0.0.0:1", "[::]:1", "10.0.0.1:1", "[fe80::1]:1"])
    def test_others_may_reach_it_only_with_a_token(self, text: str) -> None:
        with pytest.raises(InputError, match="readers have to show a token"):
            token_of(address_of(text), None, None)
        assert token_of(address_of(text), None, f" {TOKEN}\n") == TOKEN

    def test_the_file_goes_before_the_environment(self, tmp_path: Path) -> None:
        file = tmp_path / "token"
        file.write_text(f"{TOKEN}\n", encoding="utf-8")
        file.chmod(0o640)
        assert token_of(HERE, file, "another-token-entirely") == TOKEN
        assert token_of(HERE, None, None) is None

    @pytest.mark.parametrize(
        "text", ["", "short", "x" * 15, "0123456789 abcdef", "0123456789abcdé0", f"{TOKEN}\n{TOKEN}"]
    )
    def test_what_is_no_token_is_refused_and_not_repeated(self, tmp_path: Path, text: str) -> None:
        file = tmp_path / "token"
        file.write_text(text, encoding="utf-8")
        file.chmod(0o600)
        for refused in (lambda: token_of(HERE, file, None), lambda: token_of(HERE, None, text)):
            with pytest.raises(InputError, match="holds no token") as error:
                refused()
            assert not text or text not in str(error.value)

    def test_a_token_that_everybody_may_read_is_none(self, tmp_path: Path) -> None:
        file = tmp_path / "token"
        file.write_text(TOKEN, encoding="utf-8")
        file.chmod(0o644)
        with pytest.raises(InputError, match="Everybody may read or change"):
            token_of(HERE, file, None)
        with pytest.raises(InputError, match="can't be read"):
            token_of(HERE, tmp_path / "none", None)


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@pytest.fixture
def folder(emulated: Emulated, tmp_path: Path) -> Path:
    (tmp_path / "history.csv").write_text(recent_history(), encoding="utf-8")
    (tmp_path / "planner.yaml").write_text(
        f"version: 1\nfc: {{endpoint: '127.0.0.1:{emulated.port}', protocol: http}}\nfunctions:\n- name: asr-gpu\n"
        "  history: {file: history.csv}\n  forecast: {forecaster: recent}\n  safety: {max_cost_ratio: 100}\n"
        "  daemon: {mode: auto}\n",
        encoding="utf-8",
    )
    return tmp_path


def test_a_daemon_shows_itself_while_it_runs_and_lets_the_token_out_nowhere(folder: Path) -> None:
    port = free_port()
    address = address_of(f"127.0.0.1:{port}")
    token = {"Authorization": f"Bearer {TOKEN}"}
    with (folder / "log").open("w", encoding="utf-8") as log:
        process = subprocess.Popen(
            [*COMMAND, "run", "--log", "json", "--listen", f"127.0.0.1:{port}"],
            cwd=folder,
            env=environment() | {"PLANNER_CACHE": "off", "PLANNER_TOKEN": TOKEN},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
        try:
            end, text = time.monotonic() + 90, ""
            while 'outcome="applied"} 1' not in text:
                assert time.monotonic() < end
                assert process.poll() is None
                time.sleep(0.05)
                try:
                    text = ask(address, "/metrics", **token)[1]
                except OSError:
                    continue
            promtool("check", "metrics", stdin=text)
            assert 'planner_lease_held{function="asr-gpu",qualifier="LATEST"} 1\n' in text
            assert "planner_current_instances{" in text
            assert (ask(address, "/health", **token)[0], ask(address, "/ready", **token)[0]) == (200, 200)
            assert ask(address, "/metrics")[0] == 401
            process.send_signal(signal.SIGTERM)
            assert process.wait(90) == 0
        finally:
            process.kill()
            process.wait()
    said = (folder / "log").read_text(encoding="utf-8")
    assert TOKEN not in said
    listens = [line for line in map(json.loads, said.splitlines()) if line.get("action") == "listen"]
    assert [line["sentence"] for line in listens] == [
        f"/metrics, /health and /ready at http://127.0.0.1:{port}, with a token"
    ]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--listen", "0.0.0.0:0"], "readers have to show a token"),
        (["--listen", "everywhere"], "is no address"),
        (["--once", "--listen", "127.0.0.1:0"], "not for --once"),
        (["--token-file", "token"], "which is not given"),
    ],
)
def test_what_cannot_be_shown_safely_is_refused_before_anything_is_done(
    folder: Path, arguments: list[str], words: str
) -> None:
    done = subprocess.run(
        [*COMMAND, "run", *arguments],
        cwd=folder,
        env=environment() | {"PLANNER_CACHE": "off"},
        capture_output=True,
        text=True,
        timeout=timedelta(minutes=2).total_seconds(),
        check=False,
    )
    assert done.returncode == 2
    assert words in " ".join(done.stderr.split())
    assert " plan: " not in done.stderr
