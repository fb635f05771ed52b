"""What goes over the wire to each kind of channel, against its golden, and signatures as the vendors describe them."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from planner.notices.alerts import Topic
from planner.notices.forms import Kind, letter, refusal
from planner.notices.message import Language, Message
from tests.builders import FUNCTION, NOON

GOLDEN = Path(__file__).parent.parent / "golden" / "notices"
REWRITE = "GOLDEN=write .venv/bin/pytest tests/notices"
URLS: dict[Kind, str] = {
    "json": "https://hooks.example/planner",
    "dingtalk": "https://oapi.dingtalk.com/robot/send?access_token=T",
    "feishu": "https://open.feishu.cn/open-apis/bot/v2/hook/H",
}
SAID = {
    Topic.PROPOSAL: "plan 7 is proposed until 2026-11-23T14:00:00Z: waits for a person: 6 instance-hours more",
    Topic.DRIFT: "DRIFTED: somebody else changed the document (defaultTarget 9 instead of 2)",
    Topic.DEMOTION: "same time last week plans now: coverage fell to 61 %",
    Topic.ROLLBACK: "plan 7 was taken back: 4 % were cold, 1 % would have been",
    Topic.SHORTFALL: "MISSING: only 3 of 6 instances are there; Function Compute says: no stock",
    Topic.SURPRISE: "SURPRISE: 41.0 requests in flight or more for 5 min, above P99 of the forecast",
    Topic.FAILING: "no plan was made since 2026-11-23T11:00:00Z: the history is empty",
    Topic.TEST: "This channel hears from planner.",
}


def a_message(topic: Topic = Topic.DRIFT, sentence: str = "") -> Message:
    return Message(id=f"{FUNCTION}/42", function=FUNCTION, topic=topic, at=NOON, sentence=sentence or SAID[topic])


def body(
    kind: Kind, topic: Topic = Topic.DRIFT, *, language: Language = "en", secret: str = "", sentence: str = ""
) -> dict[str, object]:
    made = letter(a_message(topic, sentence), kind, url=URLS[kind], secret=secret, language=language, now=NOON)
    found = json.loads(made.body)
    assert isinstance(found, dict)
    return found


@pytest.mark.parametrize("kind", ["json", "dingtalk", "feishu"])
@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_topic_is_its_golden(kind: Kind, language: Language) -> None:
    fresh = json.dumps(
        {topic.value: body(kind, topic, language=language) for topic in Topic}, ensure_ascii=False, indent=2
    )
    path = GOLDEN / f"{kind}-{language}.json"
    if os.environ.get("GOLDEN") == "write":
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{fresh}\n", encoding="utf-8")
    assert path.read_text(encoding="utf-8") == f"{fresh}\n", f"if you mean it: {REWRITE}"


def test_a_receiver_of_json_can_check_who_sent_what_and_when() -> None:
    made = letter(a_message(), "json", url=URLS["json"], secret="s3cret", language="en", now=NOON)
    stamp = made.headers["X-Planner-Timestamp"]
    assert int(stamp) == NOON.timestamp()
    mine = hmac.new(b"s3cret", stamp.encode() + b"." + made.body, hashlib.sha256).hexdigest()
    assert made.headers["X-Planner-Signature"] == f"sha256={mine}"
    unsigned = letter(a_message(), "json", url=URLS["json"], secret="", language="en", now=NOON)
    assert set(unsigned.headers) == {"Content-Type"}


def test_dingtalk_is_signed_in_the_query() -> None:
    # By hand, from the vendor's words: HmacSHA256(secret, "1763899200000\nSEC1"), Base64, then encoded for a URL.
    made = letter(a_message(), "dingtalk", url=URLS["dingtalk"], secret="SEC1", language="en", now=NOON)
    query = parse_qs(urlsplit(made.url).query)
    stamp = str(int(NOON.timestamp()) * 1000)
    sign = base64.b64encode(hmac.digest(b"SEC1", f"{stamp}\nSEC1".encode(), "sha256")).decode()
    assert query == {"access_token": ["T"], "timestamp": [stamp], "sign": [sign]}
    assert "+" not in urlsplit(made.url).query


def test_feishu_is_signed_in_the_body() -> None:
    found = body("feishu", secret="S")
    stamp = str(int(NOON.timestamp()))
    sign = base64.b64encode(hmac.digest(f"{stamp}\nS".encode(), b"", "sha256")).decode()
    assert (found["timestamp"], found["sign"]) == (stamp, sign)


def test_words_of_a_service_make_no_link_and_no_image() -> None:
    text = str(body("dingtalk", sentence="![x](http://evil.example) [a](b) <b>\n# c"))
    assert "](http" not in text
    assert "<b>" not in text


def test_a_long_sentence_is_cut() -> None:
    for kind in ("dingtalk", "feishu"):
        assert len(json.dumps(body(kind, sentence="x" * 100_000))) < 10_000


@pytest.mark.parametrize(
    ("kind", "status", "said", "why"),
    [
        ("json", 200, b"", ""),
        ("json", 204, b"whatever", ""),
        ("json", 500, b"", "answered 500"),
        ("dingtalk", 200, b'{"errcode":0,"errmsg":"ok"}', ""),
        (
            "dingtalk",
            200,
            b'{"errcode":310000,"errmsg":"sign not match"}',
            "refused with errcode 310000: sign not match",
        ),
        ("feishu", 200, b'{"StatusCode":0,"StatusMessage":"success","code":0,"data":{},"msg":"success"}', ""),
        ("feishu", 200, b'{"StatusCode":0}', ""),
        ("feishu", 200, b'{"code":19021,"msg":"sign match fail"}', "refused with code 19021: sign match fail"),
        ("feishu", 200, b"<html>", "answered 200 with something that is no answer of a robot"),
        ("dingtalk", 200, b"[1]", "answered 200 with something that is no answer of a robot"),
    ],
)
def test_a_robot_refuses_with_200(kind: Kind, status: int, said: bytes, why: str) -> None:
    assert refusal(kind, status, said) == why
