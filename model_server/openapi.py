"""The interface as OpenAPI 3.1, with the limits of the running server."""

from __future__ import annotations

from model_server.settings import Settings

Json = dict[str, object]

_BLANK = r"\s\x1c-\x1f\x85"
_NOT_BLANK = f"[^{_BLANK}]"
_NO_JSON = f'^[{_BLANK}]*[^{_BLANK}\\[{{"]'

_ERRORS = {
    "400": "The body is not UTF-8, not JSON, or holds no text.",
    "405": "Another method; `Allow` names those that are taken.",
    "408": "The body did not arrive in time.",
    "413": "More bytes, more texts or longer texts than are taken.",
    "415": "Another content type, charset or content encoding.",
    "422": "JSON, but not texts.",
    "429": "No room to wait; `Retry-After` says when to try again.",
    "500": "The model raised an error on a text.",
    "503": "Not ready, draining, the model is lost, or too many connections.",
    "504": "No answer in time.",
}


def document(settings: Settings) -> Json:
    """The document."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Text moderation",
            "version": "1",
            "description": "An inference function in FC's web server mode.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "paths": {
            "/": {"get": _get("index", "What this is and how to call it", "200")},
            "/invoke": {"post": _invoke(settings)},
            "/initialize": {"post": _initialize()},
            "/pre-stop": {
                "get": _get("preStop", "FC's PreStop: take no new work, finish what is in flight", "200", "503")
            },
            "/health": {"get": _get("health", "Alive: 503 only where the model failed", "200", "503")},
            "/ready": {"get": _get("ready", "Ready: loaded, warmed up and not draining", "200", "503")},
            "/metrics": {"get": _metrics()},
            "/openapi.json": {"get": _get("openapi", "This document", "200")},
        },
        "components": {"schemas": {"Answer": _answer(), "Error": _error()}},
    }


def _get(name: str, text: str, *statuses: str) -> Json:
    content = {"application/json": {"schema": {"type": "object"}}}
    responses = {
        status: {"description": "Yes." if status == "200" else "No.", "content": content} for status in statuses
    }
    return {"operationId": name, "summary": text, "responses": {**responses, "405": _refusal("405")}}


def _metrics() -> Json:
    text = {"description": "The metrics.", "content": {"text/plain": {"schema": {"type": "string"}}}}
    return {"operationId": "metrics", "summary": "For Prometheus", "responses": {"200": text, "405": _refusal("405")}}


def _initialize() -> Json:
    content = {"application/json": {"schema": {"type": "object"}}}
    return {
        "operationId": "initialize",
        "summary": "FC's Initializer: wait for the model, warm it up, check an inference; again it does nothing",
        "responses": {
            "200": {"description": "An inference came out right.", "content": content},
            "500": _refusal("500", "The model did not load, or an inference did not come out right."),
            "405": _refusal("405"),
        },
    }


def _invoke(settings: Settings) -> Json:
    text = {"type": "string", "pattern": _NOT_BLANK, "maxLength": settings.max_text_characters}
    texts = {"type": "array", "items": text, "minItems": 1, "maxItems": settings.max_texts}
    forms = [
        text,
        texts,
        {"type": "object", "properties": {"text": text}, "required": ["text"], "not": {"required": ["texts"]}},
        {"type": "object", "properties": {"texts": texts}, "required": ["texts"], "not": {"required": ["text"]}},
    ]
    plain: Json = {"schema": {**text, "description": "One text, or one a line."}, "example": "Nice to meet you"}
    untyped: Json = {
        "schema": {**text, "pattern": _NO_JSON, "description": "Read as JSON where it is JSON, else as text/plain."}
    }
    answers: Json = {"type": "array", "items": {"$ref": "#/components/schemas/Answer"}, "minItems": 1}
    return {
        "operationId": "invoke",
        "summary": "Moderate texts",
        "description": f"UTF-8; {settings.max_body_bytes} bytes at most.",
        "requestBody": {
            "required": True,
            "content": {
                "text/plain": plain,
                "application/json": {"schema": {"anyOf": forms}, "example": ["Nice to meet you", "很高兴认识你"]},
                "application/octet-stream": untyped,
            },
        },
        "responses": {
            "200": {
                "description": "One answer a text, in order.",
                "content": {"application/json": {"schema": answers}},
            },
            **{status: _refusal(status) for status in _ERRORS},
        },
    }


def _refusal(status: str, text: str | None = None) -> Json:
    answer: Json = {
        "description": text or _ERRORS[status],
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}},
    }
    header = {"405": "Allow", "429": "Retry-After"}.get(status)
    return answer | ({"headers": {header: {"schema": {"type": "string"}}}} if header else {})


def _answer() -> Json:
    probability = {"type": "number", "minimum": 0, "maximum": 1}
    return {
        "type": "object",
        "required": ["text", "label", "label_name", "probabilities"],
        "properties": {
            "text": {"type": "string"},
            "label": {"type": "integer", "minimum": 0, "description": "Index of the most probable class."},
            "label_name": {"type": "string"},
            "probabilities": {"type": "array", "items": probability, "description": "One a class; their sum is 1."},
        },
    }


def _error() -> Json:
    return {
        "type": "object",
        "required": ["error"],
        "properties": {"error": {"type": "string", "description": "One sentence."}},
    }
