"""The texts of a request body: what its content type says, checked and bounded."""

from __future__ import annotations

import codecs
import json
from dataclasses import dataclass
from functools import lru_cache

from model_server.errors import BadBody, TooMuchText, UnsupportedBody, WrongShape

PLAIN = "text/plain"
JSON = "application/json"
BYTES = "application/octet-stream"
"""What FC's InvokeFunction sends, whatever the event is: read as JSON where it is JSON, else as text."""

_WANTED = (
    "send text/plain (one text a line) or application/json (a string, a list of strings, an object with text or texts)"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much a request may bring."""

    body_bytes: int
    texts: int
    characters: int


@lru_cache(32)
def media_type(content_type: str) -> str:
    """The media type of a Content-Type header, octet-stream without one.

    Raises `UnsupportedBody` for a type that is not read here and for a charset that is not UTF-8.
    """
    kind, _, parameters = content_type.partition(";")
    kind = kind.strip().lower() or BYTES
    if kind not in {PLAIN, JSON, BYTES}:
        message = f"{kind[:50]} is not read here: {_WANTED}"
        raise UnsupportedBody(message)
    for parameter in parameters.split(";"):
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "charset" and value.strip().strip('"').lower() not in {"utf-8", "utf8", "us-ascii"}:
            message = f"the charset {value.strip()[:50]} is not read here: send UTF-8"
            raise UnsupportedBody(message)
    return kind


def read_texts(body: bytes, kind: str, limits: Limits) -> list[str]:
    """The texts of a body of a media type, at least one, none of them empty. Raises `CallError`s."""
    try:
        decoded = body.removeprefix(codecs.BOM_UTF8).decode()  # the codec utf-8-sig would be imported in a request
    except UnicodeDecodeError as error:
        message = f"the body is not UTF-8: byte {error.start} of the text does not belong there"
        raise BadBody(message) from None
    texts = _lines(decoded) if kind == PLAIN else _of_json(decoded) if kind == JSON else _of_either(decoded)
    if len(texts) > limits.texts:
        message = f"{len(texts)} texts are too many: {limits.texts} at most"
        raise TooMuchText(message)
    if max(map(len, texts)) > limits.characters:
        message = f"a text of {max(map(len, texts))} characters is too long: {limits.characters} at most"
        raise TooMuchText(message)
    return texts


def _lines(decoded: str) -> list[str]:
    texts = [line for line in decoded.replace("\r", "\n").split("\n") if line and not line.isspace()]
    if not texts:
        message = "the body holds no text: send one, or one a line"
        raise BadBody(message)
    return texts


def _of_either(decoded: str) -> list[str]:
    """Of untyped bytes: meant as JSON are those that begin like it and can be parsed."""
    if not decoded.lstrip().startswith(("[", "{", '"')):
        return _lines(decoded)
    try:
        value = _parse(decoded)
    except BadBody:
        return _lines(decoded)
    return _of_value(value)


def _parse(text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        reason = error.args[0] if isinstance(error, json.JSONDecodeError) else "it cannot be parsed"
        message = f"the body is not JSON: {reason}"
        raise BadBody(message) from None


def _of_json(decoded: str) -> list[str]:
    if not decoded.strip():
        message = f"the body is empty: {_WANTED}"
        raise BadBody(message)
    return _of_value(_parse(decoded))


def _of_value(value: object) -> list[str]:
    if isinstance(value, dict):
        if len(value.keys() & {"text", "texts"}) != 1:
            message = 'the object needs either "text" or "texts"'
            raise WrongShape(message)
        if isinstance(value.get("text"), list) or isinstance(value.get("texts"), str):
            message = '"text" holds one text and "texts" a list of them'
            raise WrongShape(message)
        value = value["text"] if "text" in value else value["texts"]
    items: list[object] = value if isinstance(value, list) else [value]
    if not items:
        message = "the list holds no text"
        raise WrongShape(message)
    return [_checked(index, item) for index, item in enumerate(items)]


def _checked(index: int, item: object) -> str:
    if not isinstance(item, str):
        message = f"item {index} is no string: texts are strings"
        raise WrongShape(message)
    if not item.strip():
        message = f"item {index} is an empty text"
        raise WrongShape(message)
    if not item.isascii() and any("\ud800" <= sign <= "\udfff" for sign in item):
        message = f"item {index} holds half a surrogate pair, which is no character"
        raise WrongShape(message)
    return item
