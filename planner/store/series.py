"""Stored history: a few hundred thousand points a series, written again whenever a source is read again."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from planner.store.records import Point
from planner.store.tables import PointRow, SeriesRow
from planner.store.upsert import insert_into


def save(session: Session, function: str, source: str, points: Iterable[Point]) -> None:
    """Store the points; one that is there already takes the new value, also when that is a gap."""
    # In order of time: two writers of one series then lock its rows in the same order, and neither waits for ever.
    newest = {point.at: point for point in sorted(points, key=lambda point: point.at)}
    if not newest:
        return
    series_id = _series_id(session, function, source)
    statement = insert_into(session, PointRow)
    later_wins = statement.on_conflict_do_update(
        index_elements=[PointRow.series_id, PointRow.at],
        set_={"value": statement.excluded.value, "step_seconds": statement.excluded.step_seconds},
    )
    rows = [
        {"series_id": series_id, "at": at, "value": point.value, "step_seconds": int(point.step.total_seconds())}
        for at, point in newest.items()
    ]
    session.connection().execute(later_wins, rows)


def load(session: Session, function: str, source: str, start: datetime, end: datetime) -> tuple[Point, ...]:
    """The points from `start` up to, not including, `end`, in order of time."""
    rows = session.execute(
        select(PointRow.at, PointRow.value, PointRow.step_seconds)
        .join(SeriesRow)
        .where(SeriesRow.function == function, SeriesRow.source == source, PointRow.at >= start, PointRow.at < end)
        .order_by(PointRow.at)
    )
    return tuple(Point(at=at, value=value, step=timedelta(seconds=step)) for at, value, step in rows)


def newest(session: Session, function: str, sources: Sequence[str], before: datetime | None) -> Point | None:
    """The latest point of any of these series, `before` an instant if one is given; gaps count too."""
    query = select(PointRow.at, PointRow.value, PointRow.step_seconds).join(SeriesRow)
    query = query.where(SeriesRow.function == function, SeriesRow.source.in_(sources))
    if before is not None:
        query = query.where(PointRow.at < before)
    found = session.execute(query.order_by(PointRow.at.desc()).limit(1)).first()
    return None if found is None else Point(at=found[0], value=found[1], step=timedelta(seconds=found[2]))


def _series_id(session: Session, function: str, source: str) -> int:
    known = select(SeriesRow.id).where(SeriesRow.function == function, SeriesRow.source == source)
    found = session.scalar(known)
    if found is None:
        fresh = insert_into(session, SeriesRow).values(function=function, source=source)
        session.execute(fresh.on_conflict_do_nothing())
        found = session.scalars(known).one()
    return found
