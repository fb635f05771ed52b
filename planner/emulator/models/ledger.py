"""What each function lived through, minute by minute: where metrics, reports and bills come from."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import groupby
from operator import attrgetter

from planner.emulator.models.config import Key

MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Minute:
    """One whole minute of a function and qualifier; concurrency and instances are means over it."""

    start: datetime
    offered: float
    """Concurrency that was asked for."""
    served: float
    """Of it, what found a warm provisioned instance."""
    kept: float
    """Of it, what found a warm on-demand instance."""
    throttled: float
    """Of it, what was refused with 429 for want of quota or growth."""
    warm: float
    """Provisioned instances that were warm."""
    busy: float
    """Of them, those that had a request; the others are billed as hibernating where that is on."""
    starting: float
    """Provisioned instances that were starting."""
    on_demand: float
    """On-demand instances that had a request or started for one."""
    invocations: float
    """Requests that began, those included that were refused."""
    throttles: float
    """Of them, those that were refused."""
    target: int
    """FC's target at the end of the minute."""
    current: int
    """FC's `current` at the end of the minute."""
    always_allocate_cpu: bool
    """The config's flag at the end of the minute: false lets the CPU of idle instances hibernate."""
    always_allocate_gpu: bool
    """The same of the GPU."""

    @property
    def waited(self) -> float:
        """Of the offered concurrency, what waited for an on-demand instance to start."""
        return max(self.offered - self.served - self.kept - self.throttled, 0.0)


COARSE = timedelta(minutes=5)
"""What old minutes are merged to, for which Cloud Monitor keeps series of 300 s and more longer."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MEANS = ("offered", "served", "kept", "throttled", "warm", "busy", "starting", "on_demand", "invocations", "throttles")
_start = attrgetter("start")


def _mean(minutes: Sequence[Minute]) -> Minute:
    """The mean of those of the same five minutes; in what is missing there was nothing. Flags are the last ones."""
    last, of = minutes[-1], COARSE // MINUTE
    means = {name: sum(getattr(minute, name) for minute in minutes) / of for name in _MEANS}
    return replace(last, start=_five(last.start), **means)


def _five(moment: datetime) -> datetime:
    return moment - (moment - _EPOCH) % COARSE


@dataclass(slots=True, kw_only=True)
class Ledger:
    """The newest minutes of every function and qualifier, and of older ones means of five, oldest first.

    Minutes are kept for `keep`, means for `keep_coarse`; both together are `most` rows at most, of all
    functions: the oldest of all go first. What is over its time or number is dropped an eighth at
    a time, since that looks at all the rows.
    """

    keep: timedelta
    keep_coarse: timedelta
    most: int
    _minutes: dict[Key, list[Minute]] = field(default_factory=dict)
    _coarse: dict[Key, list[Minute]] = field(default_factory=dict)
    _newest: datetime = _EPOCH
    _thinned: datetime = _EPOCH
    """Before it there are only means."""
    _rows: int = 0

    @property
    def oldest(self) -> datetime:
        """Where the oldest row of any function starts; the newest minute where there is none."""
        firsts = [rows[0].start for rows in self._coarse.values() if rows]
        firsts += [rows[0].start for rows in self._minutes.values() if rows]
        return min(firsts, default=self._newest)

    def add(self, key: Key, minute: Minute) -> None:
        """Append a minute; it must be newer than the last one of its key."""
        minutes = self._minutes.setdefault(key, [])
        if minutes and minutes[-1].start >= minute.start:
            message = f"{minute.start} of {'/'.join(key)} was written before"
            raise ValueError(message)
        minutes.append(minute)
        self._rows += 1
        self._newest = max(self._newest, minute.start)
        if self._newest - self._thinned > self.keep * 9 / 8:
            self._thin(_five(self._newest + MINUTE - self.keep))
        if self._rows > self.most * 9 // 8:
            self._drop_oldest()

    def _thin(self, before: datetime) -> None:
        """Merge the minutes before this one, and forget means that are too old."""
        self._thinned = before
        expired = self._newest + MINUTE - self.keep_coarse
        for key in self.keys():
            minutes, means = self._minutes.get(key, []), self._coarse.setdefault(key, [])
            cut = bisect_left(minutes, before, key=_start)
            means += [_mean(list(five)) for _, five in groupby(minutes[:cut], lambda minute: _five(minute.start))]
            del minutes[:cut], means[: bisect_left(means, expired, key=_start)]
        self._count()

    def _drop_oldest(self) -> None:
        """Drop the oldest rows of all, as many as are too many."""
        starts = [mean.start for means in self._coarse.values() for mean in means]
        starts += [minute.start for minutes in self._minutes.values() for minute in minutes]
        starts.sort()
        last = starts[-self.most - 1]
        for rows in (*self._minutes.values(), *self._coarse.values()):
            del rows[: bisect_right(rows, last, key=_start)]
        self._count()

    def _count(self) -> None:
        for rows in (self._minutes, self._coarse):
            for key in [key for key, held in rows.items() if not held]:
                del rows[key]
        self._rows = sum(map(len, self._minutes.values())) + sum(map(len, self._coarse.values()))

    def keys(self) -> tuple[Key, ...]:
        """Of whom there are minutes, in order."""
        return tuple(sorted(self._minutes.keys() | self._coarse.keys()))

    def between(self, key: Key, start: datetime, end: datetime) -> Sequence[Minute]:
        """The minutes that begin in [start, end), oldest first; those that only means are left of are not there."""
        minutes = self._minutes.get(key, [])
        first = bisect_left(minutes, max(start, self._newest + MINUTE - self.keep), key=_start)
        return minutes[first : bisect_left(minutes, end, first, key=_start)]

    def parts(self, key: Key, start: datetime, end: datetime) -> Iterator[tuple[Minute, int]]:
        """The same from further back: means, each with how many minutes it stands for, then the minutes."""
        for rows, of in ((self._coarse, COARSE // MINUTE), (self._minutes, 1)):
            minutes = rows.get(key, [])
            first = bisect_left(minutes, start, key=_start)
            for minute in minutes[first : bisect_left(minutes, end, first, key=_start)]:
                yield minute, of
