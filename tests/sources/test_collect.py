"""Collecting: the first time everything, then what is new, with nothing lost and nothing unsaid."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from planner.base import FunctionRef
from planner.collect import LONGEST_SILENCE, REREAD, collect, read_all
from planner.emulator import MetricFault
from planner.errors import HistoryError, SourceBusy
from planner.history import Statistic
from planner.sources.metered import Batch, Kept, Span, Tell, Way, spans
from planner.sources.stored import FILED, SERIES, history_of, stored_points
from planner.store import Point, Store
from tests.builders import NOON
from tests.sources.given import ASR, IDLE, MINUTE, a_store, at, site

DAY = timedelta(days=1)
KEPT = (Kept(step=5 * MINUTE, back=91 * DAY), Kept(step=MINUTE, back=31 * DAY))
TOLD, GUESSED = Way(series="told", words="counting"), Way(series="guessed", words="silence", inferred=True)


@dataclass
class Scripted:
    """A source with one value a minute, by the minute after noon."""

    values: dict[int, float]
    guesses: dict[int, float] = field(default_factory=dict)
    asked: list[Span] = field(default_factory=list)
    fails: Callable[[Span], bool] = lambda _span: False
    name: str = "the meter"
    ways: tuple[Way, ...] = (TOLD, GUESSED)
    kept: tuple[Kept, ...] = KEPT

    def read(self, function: FunctionRef, span: Span, *, now: datetime, tell: Tell) -> Batch:
        self.asked.append(span)
        if self.fails(span):
            raise SourceBusy("the meter is away")
        tell(1.0)

        def within(values: dict[int, float]) -> tuple[Point, ...]:
            found = sorted((at(n), value) for n, value in values.items())
            return tuple(Point(at=m, value=v, step=span.step) for m, v in found if span.start <= m < span.end)

        return Batch(points={TOLD: within(self.values), GUESSED: within(self.guesses)})


@pytest.fixture
def store(tmp_path: Path):
    with a_store(tmp_path) as opened:
        yield opened


def stored(store: Store, series: str = "told") -> dict[datetime, float | None]:
    return {p.at: p.value for p in store.load_points("asr", series, start=at(-99999), end=at(99999))}


class TestSpans:
    def test_a_first_read_takes_the_minutes_of_a_month_and_five_minutes_before(self) -> None:
        coarse, fine = spans(KEPT, None, NOON)
        assert coarse == Span(start=NOON - 91 * DAY, end=NOON - 31 * DAY, step=5 * MINUTE)
        assert fine == Span(start=NOON - 31 * DAY, end=NOON, step=MINUTE)

    def test_a_later_read_takes_minutes_only(self) -> None:
        assert spans(KEPT, at(-32), at(0) + 40 * MINUTE / 60) == (Span(start=at(-35), end=at(0), step=MINUTE),)

    def test_after_an_absence_of_weeks_both_are_read(self) -> None:
        assert [(span.start, span.end) for span in spans(KEPT, NOON - 40 * DAY, NOON)] == [
            (NOON - 40 * DAY, NOON - 31 * DAY),
            (NOON - 31 * DAY, NOON),
        ]

    def test_there_is_nothing_to_read_in_the_future(self) -> None:
        assert spans(KEPT, at(10), NOON) == ()


class TestCollecting:
    def test_a_sentence_says_how_many_how_new_and_how_told(self, store: Store) -> None:
        source = Scripted(values=dict.fromkeys(range(1438), 1.0))
        done = collect(ASR, source, store, at(1440))

        assert done.sentence == "1,438 points to 11:58, newest 2 min old, by counting"
        assert (done.points, done.newest) == (1438, at(1438))
        assert done.data["newest"] == "2026-11-24T11:58:00+00:00"

    def test_several_ways_are_counted_apart(self, store: Store) -> None:
        source = Scripted(values={0: 1.0, 1: 1.0}, guesses={2: 0.0})
        assert collect(ASR, source, store, at(150)).sentence == (
            "3 points to 12:03, newest 2 h old, 2 by counting, 1 by silence"
        )

    def test_no_points_at_all_are_said_to_be_none(self, store: Store) -> None:
        done = collect(ASR, Scripted(values={}), store, NOON)
        assert (done.points, done.newest) == (0, None)
        assert done.sentence == "no points: the meter shows nothing of asr in the last 91 days"

    def test_nothing_new_is_said_with_what_there_is(self, store: Store) -> None:
        collect(ASR, Scripted(values={0: 1.0}), store, at(5))
        assert collect(ASR, Scripted(values={}), store, at(200)).sentence == "nothing new, newest to 12:01, 3 h old"
        assert collect(ASR, Scripted(values={}), store, at(9999)).sentence.endswith("6 days old")

    def test_the_second_read_begins_a_little_before_the_newest_point(self, store: Store) -> None:
        source = Scripted(values=dict.fromkeys(range(200), 1.0))
        collect(ASR, source, store, at(100))
        source.asked.clear()
        collect(ASR, source, store, at(105))

        (span,) = source.asked
        assert at(99) - REREAD - 5 * MINUTE <= span.start <= at(99) - REREAD
        assert span.end == at(105)
        assert len(stored(store)) == 105

    def test_reading_again_changes_nothing(self, store: Store) -> None:
        source = Scripted(values={n: float(n) for n in range(50)})
        collect(ASR, source, store, at(60))
        before = stored(store)
        collect(ASR, source, store, at(60))
        assert stored(store) == before

    def test_a_revision_wins_and_what_is_no_longer_said_stays(self, store: Store) -> None:
        collect(ASR, Scripted(values={0: 1.0, 1: 2.0}), store, at(5))
        collect(ASR, Scripted(values={1: 3.0}), store, at(6))
        assert stored(store) == {at(0): 1.0, at(1): 3.0}

    def test_a_silence_is_read_with_its_earlier_edge(self, store: Store) -> None:
        collect(ASR, Scripted(values={0: 1.0}, guesses=dict.fromkeys(range(1, 200), 0.0)), store, at(205))
        source = Scripted(values={})
        collect(ASR, source, store, at(206))
        assert source.asked[0].start == at(0)

    def test_but_not_for_ever(self, store: Store) -> None:
        collect(ASR, Scripted(values={0: 1.0}, guesses=dict.fromkeys(range(1, 2000), 0.0)), store, at(2005))
        source = Scripted(values={})
        collect(ASR, source, store, at(2006))
        assert source.asked[0].start >= at(1999) - REREAD - LONGEST_SILENCE - 5 * MINUTE

    def test_a_back_fill_that_was_cut_short_goes_on_where_it_ended(self, store: Store) -> None:
        month = 31 * 1440
        source = Scripted(values={-month - 5: 1.0, -5: 2.0}, fails=lambda span: span.step == MINUTE)
        with pytest.raises(SourceBusy):
            collect(ASR, source, store, NOON)
        assert stored(store) == {at(-month - 5): 1.0}

        source = replace(source, fails=lambda _span: False, asked=[])
        collect(ASR, source, store, NOON)
        assert source.asked[0].start > NOON - 32 * DAY
        assert set(stored(store)) == {at(-month - 5), at(-5)}

    def test_since_reads_again_from_there(self, store: Store) -> None:
        source = Scripted(values=dict.fromkeys(range(200), 1.0))
        collect(ASR, source, store, at(200))
        source.asked.clear()
        collect(ASR, source, store, at(200), since=at(20))
        assert source.asked[0].start == at(20)

    def test_minutes_that_the_source_no_longer_keeps_are_not_replaced_by_their_mean(self, store: Store) -> None:
        collect(ASR, Scripted(values=dict.fromkeys(range(5), 1.0)), store, at(8))
        month_later = at(8) + 32 * DAY
        done = collect(ASR, Scripted(values={0: 9.0, 5: 9.0, 10: 9.0}), store, month_later, since=NOON)

        assert done.points == 2
        assert stored(store) == {**{at(n): 1.0 for n in range(5)}, at(5): 9.0, at(10): 9.0}

    def test_a_point_of_the_future_does_not_stop_it(self, store: Store) -> None:
        store.save_points("asr", "told", [Point(at=at(9999), value=1.0, step=MINUTE)])
        source = Scripted(values={3: 1.0})
        collect(ASR, source, store, at(10))
        assert source.asked[0].end == at(10)
        assert stored(store)[at(3)] == 1.0

    def test_progress_grows_to_the_whole(self, store: Store) -> None:
        shares: list[float] = []
        collect(ASR, Scripted(values={0: 1.0}), store, at(5), tell=shares.append)
        assert shares == [0.5, 1.0]

    def test_reading_without_a_store_gives_the_same(self, store: Store) -> None:
        source = Scripted(values={n: float(n % 7) for n in range(100)}, guesses={100: 0.0})
        collect(ASR, source, store, at(105))
        kept = stored_points(store, "asr", source.ways, now=at(105))
        assert {way: tuple(points) for way, points in read_all(ASR, source, at(105)).items()} == kept


class TestHistory:
    def history(self, told: dict[Way, list[Point]]):
        return history_of(told, "asr", now=at(9999), statistic=Statistic.MEAN, minimum=timedelta(0))

    def test_the_better_way_counts(self) -> None:
        a, b = ([Point(at=at(n), value=value, step=MINUTE) for n in (0, 1, 2)] for value in (5.0, 0.0))
        history = self.history({TOLD: a[:2], GUESSED: b})
        assert list(history.series) == [5.0, 5.0, 0.0]
        assert history.basis == "as collected: by counting (2 intervals) and by silence (1 intervals)"

    def test_a_mean_over_five_minutes_stands_for_each_that_has_no_point_of_its_own(self) -> None:
        coarse = [Point(at=at(n), value=float(n), step=5 * MINUTE) for n in (0, 5)]
        fine = [Point(at=at(n), value=50.0, step=MINUTE) for n in range(8, 12)]
        assert list(self.history({TOLD: coarse + fine}).series) == [0.0] * 5 + [5.0] * 3 + [50.0] * 4

    def test_a_minute_comes_before_a_mean_that_was_told_better(self) -> None:
        coarse = [Point(at=at(0), value=9.0, step=5 * MINUTE)]
        fine = [Point(at=at(n), value=1.0, step=MINUTE) for n in (1, 2)]
        assert list(self.history({TOLD: coarse, GUESSED: fine}).series) == [9.0, 1.0, 1.0, 9.0, 9.0]

    def test_what_is_absent_is_a_gap(self) -> None:
        points = [Point(at=at(n), value=1.0, step=MINUTE) for n in (0, 1, 4, 5)]
        assert self.history({TOLD: points}).series.isna().sum() == 2

    def test_nothing_is_refused(self) -> None:
        with pytest.raises(HistoryError, match="nothing is known of asr"):
            self.history({TOLD: [], GUESSED: []})

    def test_the_series_of_files_is_its_own(self, store: Store) -> None:
        store.save_points("asr", SERIES, [Point(at=at(n), value=1.0, step=MINUTE) for n in range(3)])
        assert stored_points(store, "asr", (TOLD,), now=at(9))[TOLD] == ()
        assert len(stored_points(store, "asr", (FILED,), now=at(9))[FILED]) == 3


class TestWithTheEmulator:
    def test_what_was_missing_once_is_not_unsaid(self, tmp_path: Path) -> None:
        with site(tmp_path, (4.0,) * 30, instance_metrics=False, provisioned=2) as here:
            here.collect()
            before = here.history()
            here.emulator.faults.add(MetricFault(metric="*", missing_every=1, times=99))
            here.collect()
            assert here.history().digest == before.digest

    def test_an_idle_time_with_provisioned_instances_is_zero(self, tmp_path: Path) -> None:
        load = (4.0,) * 20 + (0.0,) * 60 + (4.0,) * 20
        with site(tmp_path, load, instance_metrics=False, provisioned=2) as here:
            here.collect()
            history = here.history()
            assert set(here.stored(IDLE)) == {at(n) for n in range(20, 80)}
        assert list(history.series.round(2)) == list(load[:-1])

    def test_the_history_goes_on_through_an_idle_night(self, tmp_path: Path) -> None:
        load = (4.0,) * 20 + (0.0,) * 180
        with site(tmp_path, load, instance_metrics=False, provisioned=2) as here:
            done = here.collect()
        assert done.newest == at(190)

    @pytest.mark.parametrize(("instance_metrics", "calls"), [(True, 5), (False, 3)])
    def test_a_steady_read_asks_for_what_it_needs(self, tmp_path: Path, instance_metrics: bool, calls: int) -> None:
        with site(tmp_path, (4.0,) * 90, instance_metrics=instance_metrics, provisioned=2) as here:
            here.collect()
            here.emulator.advance(MINUTE)
            assert here.calls(here.collect) == calls

    def test_minute_by_minute_it_is_what_one_read_gives(self, tmp_path: Path) -> None:
        load = (4.0,) * 15 + (0.0,) * 45 + (7.0,) * 5 + (0.5,) * 30
        with site(tmp_path / "a", load, provisioned=1) as here:
            for _ in range(60):
                here.emulator.advance(MINUTE)
                here.collect()
            step_by_step = here.history()
            with a_store(tmp_path / "b") as other:
                at_once = replace(here, store=other)
                at_once.collect()
                whole = at_once.history()
        assert step_by_step.digest == whole.digest
