"""The kinds of values in the file: each reads what a person wrote, and refuses in words with a remedy.

A reader takes the ready value too (a timedelta, a date), so that a section can be built in Python as well as read.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Annotated, Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, BeforeValidator, PlainValidator, WithJsonSchema

from planner.config.durations import HOW, PATTERN, format_duration, parse_duration
from planner.config.words import nearest, show
from planner.provision import MetricType

SAMPLE = "sample:"
"""Prefix of the name of a bundled history."""

_NAME = re.compile(r"^[A-Za-z_][A-Za-z0-9_-]{0,127}$")
_ALIAS = re.compile(r"^(?![Ll][Aa][Tt][Ee][Ss][Tt]$)[A-Za-z_][A-Za-z0-9_-]{0,127}$|^LATEST$")
_REGION = re.compile(r"^[a-z]{2}-[a-z]+(-[a-z0-9]+)*$")
_ENDPOINT = re.compile(r"^([A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9a-fA-F:]+\])(:[0-9]{1,5})?$")
_CURRENCY = re.compile(r"^[A-Z]{3}$")
_COUNTRY = re.compile(r"^[A-Z]{2}(-[A-Z0-9]{1,5})?$")
# Names that people expect and the time zone database lacks.
_ZONE_ALIASES = {"asia/beijing": "Asia/Shanghai", "asia/shenzhen": "Asia/Shanghai", "cst": "Asia/Shanghai"}


def _matching(pattern: re.Pattern[str], words: str) -> Callable[[str], str]:
    def check(text: str) -> str:
        if not pattern.fullmatch(text):
            raise ValueError(f"{show(text)} {words}")
        return text

    return check


def _read_duration(value: object) -> object:
    if isinstance(value, str):
        return parse_duration(value)
    if isinstance(value, timedelta):
        return value
    raise ValueError(f"{show(value)} is not a duration; {HOW}")


def between(least: str, most: str) -> Callable[[timedelta], timedelta]:
    """Refuses durations below `least` or above `most`."""
    low, high = parse_duration(least), parse_duration(most)

    def check(duration: timedelta) -> timedelta:
        if not low <= duration <= high:
            raise ValueError(f"{format_duration(duration)} is out of range; write {least} to {most}")
        return duration

    return check


def _read_qualifier(value: object) -> object:
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    if isinstance(text, str) and text.isdigit():
        raise ValueError(
            f"{text} is a version number; FC attaches policies to an alias or to LATEST only: "
            f"write an alias that points to version {text}"
        )
    if isinstance(text, str) and text.upper() == "LATEST" and text != "LATEST":
        raise ValueError(f"{show(text)} is not an alias; write LATEST in capitals")
    return text


def _check_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ValueError, OSError, KeyError):
        close = _ZONE_ALIASES.get(name.lower()) or nearest(name, sorted(available_timezones()))
        remedy = f"did you mean {close}?" if close else "write an IANA name such as Asia/Shanghai or UTC"
        raise ValueError(f"{show(name)} is not a time zone; {remedy}") from None
    return name


def _check_country(code: str) -> str:
    import holidays  # noqa: PLC0415  # slow to import, and most files name no country

    known = holidays.list_supported_countries(include_aliases=False)
    country, dash, part = code.partition("-")
    if country not in known:
        close = nearest(country, sorted(known))
        remedy = f"did you mean {close}?" if close else "write a code of two capitals such as CN"
        raise ValueError(f"{show(code)} is not a country whose holidays are known; {remedy}")
    if dash and part not in known[country]:
        parts = ", ".join(known[country])
        remedy = f"write {country} or one of its parts: {parts}" if parts else f"write {country}"
        raise ValueError(f"{show(code)} is no part of {country} with holidays of its own; {remedy}")
    return code


def _check_endpoint(endpoint: str) -> str:
    if "://" in endpoint:
        raise ValueError(f"{show(endpoint)} has a scheme; write host or host:port, the scheme goes into protocol")
    port = endpoint.rpartition(":")[2]
    if not _ENDPOINT.fullmatch(endpoint) or (port.isdigit() and ":" in endpoint and not 0 < int(port) < 65_536):
        raise ValueError(f"{show(endpoint)} is not an endpoint; write host or host:port")
    return endpoint


def _check_url(url: str) -> str:
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018 - refuses what is no port
    except ValueError:
        raise ValueError("is not a URL; write https://host or https://host:port/prefix") from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"{show(url)} is not a URL; write https://host or https://host:port/prefix")
    if parts.username is not None or parts.password is not None:
        raise ValueError("holds a user or a password; put a token into the environment instead")
    if parts.query or parts.fragment or any(character <= " " for character in url):
        raise ValueError(f"{show(url)} is more than an address; write https://host or https://host:port/prefix")
    return url


def _read_metric(value: object) -> MetricType:
    if isinstance(value, str) and value in tuple(MetricType):
        return MetricType(value)
    raise ValueError(
        f"{show(value)} can't be tracked: the API takes {', '.join(MetricType)}, and no other; "
        "an older page of the vendor names five"
    )


def _check_history_file(file: str) -> str:
    if file in ("", SAMPLE):
        raise ValueError("names no file; write a path, sample:NAME for a bundled history, or null")
    return file


def _read_live(value: object) -> float | Literal["auto", "off"]:
    if value == "auto":
        return "auto"
    if value == "off":
        return "off"
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 < value <= 1:
        return float(value)
    raise ValueError(
        f"{show(value)} is no target; write auto, off, or a utilisation above 0 and at most 1, such as 0.8"
    )


def _read_lead(value: object) -> object:
    return value if value == "auto" else _read_duration(value)


def _read_allocation(value: object) -> bool | Literal["keep"]:
    if isinstance(value, bool) or value == "keep":
        return value
    raise ValueError(f"{show(value)} is no choice; write keep, true or false")


def _read_date(value: object) -> object:
    if not isinstance(value, str):
        return value
    try:
        return date.fromisoformat(value)
    except ValueError:
        raise ValueError(f"{show(value)} is not a date; write one like 2025-12-13") from None


def _read_instant(value: object) -> datetime:
    try:
        moment = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    except ValueError:
        raise ValueError(f"{show(value)} is not an instant; write one like 2026-11-11T00:00:00+08:00") from None
    if moment.tzinfo is None:
        raise ValueError(f"{show(value)} has no offset; add one, such as +08:00, or Z for UTC")
    return moment


def _schema(pattern: re.Pattern[str]) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "pattern": pattern.pattern})


_LETTERS_DIGITS = "is not a name that FC takes; use letters, digits, _ and -, and begin with a letter or _"

Duration = Annotated[timedelta, BeforeValidator(_read_duration), WithJsonSchema({"type": "string", "pattern": PATTERN})]
Name = Annotated[str, AfterValidator(_matching(_NAME, _LETTERS_DIGITS)), _schema(_NAME)]
Qualifier = Annotated[
    str, AfterValidator(_matching(_NAME, _LETTERS_DIGITS)), BeforeValidator(_read_qualifier), _schema(_ALIAS)
]
Region = Annotated[
    str, AfterValidator(_matching(_REGION, "is not a region; write one like cn-hangzhou")), _schema(_REGION)
]
Endpoint = Annotated[str, AfterValidator(_check_endpoint), _schema(_ENDPOINT)]
HistoryFile = Annotated[str, AfterValidator(_check_history_file)]
Url = Annotated[str, AfterValidator(_check_url)]
Zone = Annotated[str, AfterValidator(_check_zone)]
Country = Annotated[str, AfterValidator(_check_country), _schema(_COUNTRY)]
Currency = Annotated[
    str, AfterValidator(_matching(_CURRENCY, "is not a currency; write three capitals such as CNY")), _schema(_CURRENCY)
]
Metric = Annotated[
    MetricType, PlainValidator(_read_metric), WithJsonSchema({"type": "string", "enum": [m.value for m in MetricType]})
]
LiveTarget = Annotated[
    float | Literal["auto", "off"],
    PlainValidator(_read_live),
    WithJsonSchema({"anyOf": [{"enum": ["auto", "off"]}, {"type": "number", "exclusiveMinimum": 0, "maximum": 1}]}),
]
Lead = Annotated[
    timedelta | Literal["auto"],
    BeforeValidator(_read_lead),
    WithJsonSchema({"anyOf": [{"const": "auto"}, {"type": "string", "pattern": PATTERN}]}),
]
Allocation = Annotated[
    bool | Literal["keep"], PlainValidator(_read_allocation), WithJsonSchema({"enum": ["keep", True, False]})
]
Day = Annotated[date, BeforeValidator(_read_date)]
Instant = Annotated[datetime, PlainValidator(_read_instant), WithJsonSchema({"type": "string", "format": "date-time"})]
