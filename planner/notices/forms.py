r"""What goes over the wire: a message as a receiver of JSON, DingTalk's robot and Feishu's (Lark's) bot take it. Pure.

Vendors' pages: DingTalk, "custom robot access" and "security settings"
(https://open.dingtalk.com/document/robots/custom-robot-access,
https://open.dingtalk.com/document/robots/customize-robot-security-settings): `timestamp` in milliseconds and `sign` in
the query, sign = Base64 of HMAC-SHA256 over "timestamp\nsecret" with the secret as key; refusals come with 200 and an
`errcode`. Feishu, "use bots in groups" (https://open.feishu.cn/document/client-docs/bot-v3/add-custom-bot): `timestamp`
in seconds and `sign` in the body, sign = Base64 of HMAC-SHA256 over nothing with "timestamp\nsecret" as key; refusals
come with 200 and a `code`. Neither has been seen by us with a real robot.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal
from urllib.parse import urlencode

from planner.base import iso
from planner.notices.message import Language, Message

Kind = Literal["json", "dingtalk", "feishu"]
_COLOURS = {"critical": "red", "warning": "orange", "info": "blue"}
MOST = 3000
"""Characters of a sentence: DingTalk takes 20,000 bytes of a message, Feishu 20 KB."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """A POST. The URL may be a secret, so it is shown nowhere."""

    url: str = field(repr=False)
    headers: Mapping[str, str]
    body: bytes


def letter(message: Message, kind: Kind, *, url: str, secret: str, language: Language, now: datetime) -> Letter:
    """The message as `kind` takes it; signed where there is a secret."""
    match kind:
        case "dingtalk":
            return _dingtalk(message, url, secret, language, now)
        case "feishu":
            return _feishu(message, url, secret, language, now)
        case "json":
            return _json(message, url, secret, language, now)


def refusal(kind: Kind, status: int, body: bytes) -> str:
    """Why an answer is no acceptance; empty where it is one."""
    if not 200 <= status < 300:
        return f"answered {status}"
    if kind == "json":
        return ""
    code, words = ("errcode", "errmsg") if kind == "dingtalk" else ("code", "msg")
    try:
        said = json.loads(body)
        found = said.get(code, said.get("StatusCode"))
    except (ValueError, AttributeError):
        return "answered 200 with something that is no answer of a robot"
    return "" if found == 0 else f"refused with {code} {found}: {' '.join(str(said.get(words, '')).split())[:200]}"


def _json(message: Message, url: str, secret: str, language: Language, now: datetime) -> Letter:
    body = _bytes(message.data(language))
    headers = {"Content-Type": "application/json"}
    if secret:
        stamp = str(int(now.timestamp()))
        signature = hmac.new(secret.encode(), f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()
        headers |= {"X-Planner-Timestamp": stamp, "X-Planner-Signature": f"sha256={signature}"}
    return Letter(url=url, headers=headers, body=body)


def _dingtalk(message: Message, url: str, secret: str, language: Language, now: datetime) -> Letter:
    title = f"{message.title(language)}: {message.function}"
    text = f"#### {_plain(title)}\n\n{_plain(message.sentence)}\n\n> {message.advice(language)}\n\n{iso(message.at)}"
    body = _bytes({"msgtype": "markdown", "markdown": {"title": title, "text": text}})
    if secret:
        stamp = str(round(now.timestamp() * 1000))
        sign = base64.b64encode(hmac.new(secret.encode(), f"{stamp}\n{secret}".encode(), hashlib.sha256).digest())
        url += ("&" if "?" in url else "?") + urlencode({"timestamp": stamp, "sign": sign.decode()})
    return Letter(url=url, headers={"Content-Type": "application/json"}, body=body)


def _feishu(message: Message, url: str, secret: str, language: Language, now: datetime) -> Letter:
    card = {
        "config": {"wide_screen_mode": True},
        "header": {
            "title": {"tag": "plain_text", "content": message.title(language)},
            "template": _COLOURS[message.severity],
        },
        "elements": [
            {"tag": "div", "text": {"tag": "plain_text", "content": f"{message.function}\n{_cut(message.sentence)}"}},
            {"tag": "div", "text": {"tag": "lark_md", "content": message.advice(language)}},
            {"tag": "note", "elements": [{"tag": "plain_text", "content": iso(message.at)}]},
        ],
    }
    body: dict[str, object] = {"msg_type": "interactive", "card": card}
    if secret:
        stamp = str(int(now.timestamp()))
        sign = base64.b64encode(hmac.new(f"{stamp}\n{secret}".encode(), b"", hashlib.sha256).digest())
        body |= {"timestamp": stamp, "sign": sign.decode()}
    return Letter(url=url, headers={"Content-Type": "application/json"}, body=_bytes(body))


def _bytes(body: Mapping[str, object]) -> bytes:
    return json.dumps(body, ensure_ascii=False).encode()


def _cut(text: str) -> str:
    return text if len(text) <= MOST else f"{text[:MOST]}..."


def _plain(text: str) -> str:
    """Text that Markdown shows as it is: what a service said may hold links and images."""
    return "".join(f"\\{mark}" if mark in "\\`*_[]()<>#!|~" else mark for mark in _cut(" ".join(text.split())))
