"""Collect: what a monitoring system knows of a function goes into the store, each time from a little before its end.

Reading again is harmless: a later revision of a point wins, and what a source no longer says stays as it was.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from planner.base import FunctionRef, floor_to, utc
from planner.sources.metered import Batch, MetricSource, Span, Tell, Way, spans
from planner.store import Point, Store

REREAD = timedelta(minutes=30)
"""Points of the last so many minutes are read again: they come late, and the newest of them are corrected."""
LONGEST_SILENCE = timedelta(hours=12)
"""So far back the last point before the re-read is looked for, so that a silence is seen with both its edges."""


def _quietly(_share: float) -> None:
    """Tell nobody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Collected:
    """How many points were stored, the end of the newest interval that is known (None: none is), and both in words."""

    points: int
    newest: datetime | None
    sentence: str
    remarks: tuple[str, ...] = ()

    @property
    def data(self) -> dict[str, object]:
        """As plain JSON values."""
        return {
            "points": self.points,
            "newest": None if self.newest is None else self.newest.isoformat(),
            "sentence": self.sentence,
            "remarks": list(self.remarks),
        }


def collect(
    function: FunctionRef,
    source: MetricSource,
    store: Store,
    now: datetime,
    *,
    since: datetime | None = None,
    tell: Tell = _quietly,
) -> Collected:
    """Bring the store up to `now`; the first time everything that the source still keeps is read.

    `since` reads again from there. What was read is stored span by span, oldest first, so that a read that was cut
    short is taken up where it ended. Raises SourceError and StoreError.
    """
    begin = utc(since) if since else _begin(function, source, store, utc(now))
    counts: Counter[Way] = Counter()
    remarks: list[str] = []
    for span, batch in _batches(function, source, spans(source.kept, begin, utc(now)), utc(now), tell):
        for way, points in batch.points.items():
            fresh = _no_coarser(store, function, way, span, points)
            store.save_points(function.name, way.series, fresh)
            counts[way] += len(fresh)
        remarks += batch.remarks
    newest = store.newest_point(function.name, [way.series for way in source.ways])
    end = None if newest is None else newest.at + newest.step
    sentence = _sentence(function, source, counts, end, utc(now))
    return Collected(points=counts.total(), newest=end, sentence=sentence, remarks=tuple(remarks))


def read_all(function: FunctionRef, source: MetricSource, now: datetime) -> dict[Way, list[Point]]:
    """Everything that a source still keeps, without storing it."""
    told: dict[Way, list[Point]] = {way: [] for way in source.ways}
    for _, batch in _batches(function, source, spans(source.kept, None, utc(now)), utc(now), _quietly):
        for way, points in batch.points.items():
            told[way] += points
    return told


def _batches(
    function: FunctionRef, source: MetricSource, wanted: tuple[Span, ...], now: datetime, tell: Tell
) -> Iterator[tuple[Span, Batch]]:
    for number, span in enumerate(wanted):

        def part(share: float, number: int = number) -> None:
            tell((number + share) / len(wanted))

        yield span, source.read(function, span, now=now, tell=part)


def _no_coarser(
    store: Store, function: FunctionRef, way: Way, span: Span, points: Sequence[Point]
) -> tuple[Point, ...]:
    """Without those that would stand in the place of finer ones, which the source no longer has."""
    held = store.load_points(function.name, way.series, start=span.start, end=span.end)
    finer = {floor_to(point.at, span.step) for point in held if point.step < span.step}
    return tuple(point for point in points if point.at not in finer)


def _begin(function: FunctionRef, source: MetricSource, store: Store, now: datetime) -> datetime | None:
    """Where to go on from: a while before the newest stored point; None where nothing is stored."""
    newest = store.newest_point(function.name, [way.series for way in source.ways])
    if newest is None:
        return None
    # A clock that was wrong for a while may have left points of the future.
    begin = min(newest.at, now) - REREAD
    told = [way.series for way in source.ways if not way.inferred]
    edge = store.newest_point(function.name, told, before=begin)
    return begin if edge is None else max(edge.at, begin - LONGEST_SILENCE)


def _sentence(
    function: FunctionRef, source: MetricSource, counts: Counter[Way], end: datetime | None, now: datetime
) -> str:
    if end is None:
        back = max(kept.back for kept in source.kept).days
        return f"no points: {source.name} shows nothing of {function.name} in the last {back} days"
    told = [(way, counts[way]) for way in source.ways if counts[way]]
    if not told:
        return f"nothing new, newest to {end:%H:%M}, {_age(now - end)} old"
    ways = f"by {told[0][0].words}" if len(told) == 1 else ", ".join(f"{n:,} by {way.words}" for way, n in told)
    return f"{counts.total():,} points to {end:%H:%M}, newest {_age(now - end)} old, {ways}"


def _age(span: timedelta) -> str:
    minutes = max(span // timedelta(minutes=1), 0)
    if minutes < 120:
        return f"{minutes} min"
    return f"{minutes // 60} h" if minutes < 2880 else f"{minutes // 1440} days"
