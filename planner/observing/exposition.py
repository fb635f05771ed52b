"""Prometheus' text format, version 0.0.4: families of samples, as prometheus.io/docs/instrumenting/exposition_formats.

Written here and not by the official client, since a page is made from the records at each scrape: nothing is counted
in this process, and two daemons on one database say the same.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_NAME = re.compile(r"[a-z][a-z0-9_]*")

Value = float | datetime | timedelta
"""A number; an instant, given as seconds since 1970; a span, given in seconds."""


class Kind(StrEnum):
    """What Prometheus may do with a family."""

    GAUGE = "gauge"
    COUNTER = "counter"


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """Samples of one name. A name that Prometheus or its conventions refuse is a programming error: ValueError."""

    name: str
    help: str
    labels: tuple[str, ...] = ()
    kind: Kind = Kind.GAUGE

    def __post_init__(self) -> None:
        if not all(_NAME.fullmatch(name) for name in (self.name, *self.labels)):
            raise ValueError(f"{self.name}{self.labels} is no name of a metric")
        if self.name.endswith("_total") != (self.kind is Kind.COUNTER):
            raise ValueError(f"{self.name}: counters, and only they, end in _total")


class Page:
    """One scrape; `families` gives the order, and one without samples doesn't appear."""

    def __init__(self, families: Sequence[Family]) -> None:
        self._samples: dict[Family, dict[tuple[str, ...], float]] = {family: {} for family in families}

    def add(self, family: Family, value: Value | None, labels: Mapping[str, str]) -> None:
        """Add a sample; None: not known, so not there. ValueError for wrong labels, or the same ones twice."""
        if value is None:
            return
        if tuple(labels) != family.labels:
            raise ValueError(f"{family.name} has the labels {family.labels}, not {tuple(labels)}")
        samples, key = self._samples[family], tuple(labels.values())
        if key in samples:
            raise ValueError(f"{family.name} has a sample for {key} already")
        samples[key] = _number(value)

    def text(self) -> str:
        """The page as it is sent."""
        return "".join(_block(family, samples) for family, samples in self._samples.items() if samples)


def _number(value: Value) -> float:
    match value:
        case datetime():
            return value.timestamp()
        case timedelta():
            return value.total_seconds()
        case _:
            return float(value)


def _block(family: Family, samples: Mapping[tuple[str, ...], float]) -> str:
    head = f"# HELP {family.name} {_escaped(family.help)}\n# TYPE {family.name} {family.kind}\n"
    return head + "".join(f"{family.name}{_labels(family, key)} {_text(value)}\n" for key, value in samples.items())


def _labels(family: Family, values: Sequence[str]) -> str:
    if not values:
        return ""
    pairs = (f'{label}="{_quoted(value)}"' for label, value in zip(family.labels, values, strict=True))
    return f"{{{','.join(pairs)}}}"


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace("\n", r"\n")


def _quoted(text: str) -> str:
    return _escaped(text).replace('"', r"\"")


def _text(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return str(int(value)) if value.is_integer() and abs(value) < 2**53 else repr(value)
