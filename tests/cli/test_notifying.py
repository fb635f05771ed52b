"""notify test: each channel is tried, and what came of it is said."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from tests.cli.conftest import Planner

CONFIG = """version: 1
functions: [{name: asr-gpu}]
notify: {channels: [{name: log, kind: json}, {name: group, kind: feishu, language: zh}]}
"""


@dataclass(slots=True)
class Hook:
    url: str = ""
    answer: object = field(default_factory=lambda: {"code": 0})
    heard: list[dict[str, object]] = field(default_factory=list)


@pytest.fixture
def hook(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Hook]:
    made = Hook()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            made.heard.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            body = json.dumps(made.answer).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            pass

    (tmp_path / "planner.yaml").write_text(CONFIG, encoding="utf-8")
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        made.url = f"http://127.0.0.1:{server.server_port}/hook"
        for name in ("LOG", "GROUP"):
            monkeypatch.setenv(f"PLANNER_NOTIFY_{name}_URL", made.url)
        thread = Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        yield made
        server.shutdown()
        thread.join()


def test_each_channel_is_told(planner: Planner, hook: Hook) -> None:
    ran = planner("notify", "test")
    assert (ran.code, ran.err) == (0, "log took the message.\ngroup took the message.\n")
    assert [hook.heard[0]["topic"], hook.heard[1]["msg_type"]] == ["test", "interactive"]
    assert "planner 测试消息" in str(hook.heard[1])


def test_one_channel_can_be_chosen_and_an_unknown_one_is_named(planner: Planner, hook: Hook) -> None:
    assert planner("notify", "test", "log").code == 0
    assert len(hook.heard) == 1
    ran = planner("notify", "test", "pager")
    assert ran.code == 2
    assert "Channels of notify.channels: log, group." in ran.err


def test_a_refusal_is_told_and_the_others_are_tried(planner: Planner, hook: Hook) -> None:
    hook.answer = {"code": 19021, "msg": "sign match fail"}
    ran = planner("notify", "test")
    assert ran.code == 5
    assert "log took the message." in ran.err
    assert "Channel group refused with code 19021: sign match fail. Check its URL" in ran.err


def test_a_missing_variable_is_named(planner: Planner, hook: Hook, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PLANNER_NOTIFY_GROUP_URL")
    for command in (("notify", "test"), ("doctor",)):
        ran = planner(*command)
        assert ran.code == 2
        assert "PLANNER_NOTIFY_GROUP_URL" in ran.err + ran.out
