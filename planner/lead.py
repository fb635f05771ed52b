"""The lead that a function's own rises teach: from asking for instances to having them. Pure.

A rise is a step of ours that fell due, or a put that asks for more at once. Seen once a minute, it ends between two
looks, and the later counts; FC's evaluation (up to `capacity.evaluation_lag`) is in what is seen, so it is taken off.
A rise that was cut short, or never came, lasted longer than it was watched (it is censored). Those are weighed by
Kaplan and Meier's estimator (J. Amer. Statist. Assoc. 53, 1958): each hands its weight on to the longer ones, so that
the figure is never below the one without them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

LEVEL = 0.9
ENOUGH = 10
"""Rises of one kind before they are believed; of fewer, P90 is the longest or nearly so."""
WINDOW = 30
"""The newest rises of a kind that count: slower starts move P90 after 4 of them, faster ones after 27 at most."""
SHORTEST, LONGEST = timedelta(seconds=30), timedelta(minutes=15)
"""Bounds of what is believed. 30 s is the upper end of the vendor's figure for common GPU models
(https://developer.aliyun.com/ask/614607); who needs more than a quarter of an hour says so in the configuration."""


class Kind(StrEnum):
    """Which rises are alike: puts may begin before FC's next evaluation, many instances may wait for room."""

    PUT = "put"
    SMALL = "step of 1 or 2"
    MEDIUM = "step of 3 to 9"
    LARGE = "step of 10 or more"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rise:
    """From `asked_at` on `wanted` instances were asked for, where there were `before`."""

    asked_at: datetime
    wanted: int
    before: int
    by_put: bool = False

    @property
    def kind(self) -> Kind:
        """What it is compared with."""
        if self.by_put:
            return Kind.PUT
        size = self.wanted - self.before
        return Kind.SMALL if size < 3 else Kind.MEDIUM if size < 10 else Kind.LARGE


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """What became of a rise: it took `took` at most, or, where it had not `arrived`, longer than that."""

    rise: Rise
    took: timedelta
    arrived: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Learnt:
    """The P90 of the rises of one kind, evaluation included; `arrived` of the `seen` came to their end."""

    kind: Kind
    whole: timedelta
    seen: int
    arrived: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Lead:
    """What a plan goes by: `span` from FC's evaluation to the first warm request, at most, and where it comes from."""

    span: timedelta
    evaluation_lag: timedelta
    source: str
    """`configured`, `learnt`, or `assumed` where too few rises were seen."""
    learnt: tuple[Learnt, ...] = ()

    @property
    def whole(self) -> timedelta:
        """From asking FC to the first warm request."""
        return self.span + self.evaluation_lag

    @property
    def seen(self) -> int:
        """Rises that were seen, of all kinds."""
        return sum(each.seen for each in self.learnt)

    @property
    def sentence(self) -> str:
        """For people."""
        lag = self.evaluation_lag.total_seconds()
        said = f"{self.span.total_seconds():.0f} s after Function Compute's {lag:.0f} s, {self.source}"
        return f"{said}; {self.evidence}"

    @property
    def data(self) -> dict[str, object]:
        """The same for machines."""
        return {
            "seconds": self.span.total_seconds(),
            "evaluation_lag_seconds": self.evaluation_lag.total_seconds(),
            "source": self.source,
            "learnt": [
                {
                    "kind": each.kind.value,
                    "p90_seconds": each.whole.total_seconds(),
                    "seen": each.seen,
                    "arrived": each.arrived,
                }
                for each in self.learnt
            ],
        }

    @property
    def evidence(self) -> str:
        """What was seen, in words."""
        if not self.learnt:
            return "no rise was seen yet"
        return ", ".join(
            f"{each.seen} of kind {each.kind}: P90 {each.whole.total_seconds():.0f} s"
            + (f" ({each.seen - each.arrived} cut short)" if each.arrived < each.seen else "")
            for each in self.learnt
        )


def percentile(starts: Sequence[Start]) -> timedelta:
    """The time in which a share LEVEL of the rises arrived; the longest that was seen where fewer did."""
    left, share = len(starts), 1.0
    # Of equal times an arrival comes first: what was cut then lasted longer.
    ordered = sorted(starts, key=lambda start: (start.took, not start.arrived))
    for start in ordered:
        if start.arrived:
            share *= 1 - 1 / left
            if share <= 1 - LEVEL + 1e-9:
                return start.took
        left -= 1
    return ordered[-1].took


def learn(starts: Iterable[Start]) -> tuple[Learnt, ...]:
    """What rises teach, the newest first; of each kind that was seen."""
    kinds: dict[Kind, list[Start]] = {}
    for start in starts:
        of_kind = kinds.setdefault(start.rise.kind, [])
        if len(of_kind) < WINDOW:
            of_kind.append(start)
    return tuple(
        Learnt(kind=kind, whole=percentile(found), seen=len(found), arrived=sum(start.arrived for start in found))
        for kind, found in sorted(kinds.items(), key=lambda item: list(Kind).index(item[0]))
    )


def choose(
    configured: timedelta | None, assumed: timedelta, evaluation_lag: timedelta, learnt: tuple[Learnt, ...]
) -> Lead:
    """The lead: as configured; else that of the slowest kind of which enough was seen; else as assumed.

    Of a kind of which too few arrived it is at least what is assumed: cuts alone say little.
    """
    least = assumed + evaluation_lag
    believed = [
        each.whole if each.arrived >= ENOUGH else max(each.whole, least) for each in learnt if each.seen >= ENOUGH
    ]
    if configured is not None:
        span, source = configured, "configured"
    elif believed:
        span, source = min(max(max(believed) - evaluation_lag, SHORTEST), LONGEST), "learnt"
    else:
        span, source = assumed, "assumed"
    return Lead(span=span, evaluation_lag=evaluation_lag, source=source, learnt=learnt)
