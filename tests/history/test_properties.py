"""Properties of the History stage over dirty data."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from planner.errors import HistoryError
from planner.history import BEYOND_REPAIR, History, check_history
from tests.history.given import FIVE_MINUTES, START, check, columns, numbers, same, stamps

NAIVE = START.replace(tzinfo=None)
known_values = st.floats(0, 1e12, allow_subnormal=True)
cells = st.one_of(known_values, st.none())
steps = st.sampled_from([timedelta(seconds=30), timedelta(minutes=1), FIVE_MINUTES, timedelta(hours=1)])


@st.composite
def histories(draw: st.DrawFn, min_size: int = 2) -> tuple[list[str], list[float | None], timedelta]:
    """Clean rows: one for each interval, some empty, known at both ends."""
    inner = draw(st.lists(cells, min_size=min_size - 2, max_size=58))
    values = [draw(known_values), *inner, draw(known_values)]
    step = draw(steps)
    return stamps(len(values), step=step), values, step


def written(values: Sequence[float | None]) -> list[str | None]:
    return [None if value is None else repr(value) for value in values]


def check_or_refuse(
    timestamps: Sequence[str | None], values: Sequence[str | None], zone: str | None = None
) -> History | HistoryError:
    try:
        return check_history(columns(timestamps, values), zone=zone)
    except HistoryError as refusal:
        return refusal


@given(histories())
def test_values_are_kept_exactly_and_gaps_stay_gaps(rows: tuple[list[str], list[float | None], timedelta]) -> None:
    timestamps, values, step = rows
    history = check(timestamps, written(values))
    assert numbers(history) == values
    assert history.step == step
    assert sum(repair.count for repair in history.repairs if repair.kind == "gaps") == values.count(None)


@given(histories(min_size=8), st.data())
def test_an_unsorted_file_gives_the_same_history(
    rows: tuple[list[str], list[float | None], timedelta], data: st.DataObject
) -> None:
    timestamps, values, _ = rows
    order = list(range(len(values)))
    for start in data.draw(st.sets(st.sampled_from(range(0, len(order) - 1, 2)))):
        order[start], order[start + 1] = order[start + 1], order[start]
    shuffled = ([timestamps[i] for i in order], written([values[i] for i in order]))
    late = sum(after < before for before, after in pairwise(order))
    outcome = check_or_refuse(*shuffled)
    if isinstance(outcome, HistoryError):
        assert late / (len(order) - 1) > BEYOND_REPAIR
        assert "earlier than the row above" in str(outcome)
    else:
        assert same(outcome, check(timestamps, written(values)))
        assert [repair.count for repair in outcome.repairs if repair.kind == "order"] == ([late] if late else [])


@given(histories(), st.data())
def test_repeating_rows_changes_nothing_but_the_report(
    rows: tuple[list[str], list[float | None], timedelta], data: st.DataObject
) -> None:
    timestamps, values, _ = rows
    times = data.draw(st.lists(st.integers(1, 3), min_size=len(values), max_size=len(values)))
    order = [i for i, count in enumerate(times) for _ in range(count)]
    history = check([timestamps[i] for i in order], written([values[i] for i in order]))
    assert same(history, check(timestamps, written(values)))
    assert sum(repair.count for repair in history.repairs if repair.kind == "duplicates") == sum(times) - len(times)


@given(histories(min_size=4), st.data())
def test_leaving_rows_out_never_makes_a_zero(
    rows: tuple[list[str], list[float | None], timedelta], data: st.DataObject
) -> None:
    timestamps, values, step = rows
    inner = range(2, len(values) - 1)
    gone = data.draw(st.sets(st.sampled_from(inner), max_size=len(values) // 5) if inner else st.just(set()))
    left = [i for i in range(len(values)) if i not in gone]
    history = check([timestamps[i] for i in left], written([values[i] for i in left]))
    assert history.step == step
    assert numbers(history) == [None if i in gone else value for i, value in enumerate(values)]


@given(histories(), st.integers(-100, 20_000))
@example((stamps(3), [1.0, None, 2.0], FIVE_MINUTES), 700)
def test_until_never_peeks(rows: tuple[list[str], list[float | None], timedelta], seconds: int) -> None:
    timestamps, values, step = rows
    now = START + timedelta(seconds=seconds)
    known = [value for i, value in enumerate(values) if START + (i + 1) * step <= now]
    while known and known[-1] is None:
        known.pop()
    history = check(timestamps, written(values))
    try:
        cut = history.until(now)
    except HistoryError:
        assert not known
    else:
        assert numbers(cut) == known
        assert cut.end <= now
        assert cut.until(now) is cut


@given(histories(), st.integers(2, 60), cells)
def test_what_comes_after_now_does_not_change_what_was_known(
    rows: tuple[list[str], list[float | None], timedelta], kept: int, other: float | None
) -> None:
    timestamps, values, step = rows
    kept = min(kept, len(values) - 1)
    now = START + kept * step
    changed = [*values[:kept], *([other] * (len(values) - kept))]
    one = check(timestamps, written(values)).until(now)
    assert same(one, check(timestamps, written(changed)).until(now))


LATER = st.one_of(
    st.datetimes(NAIVE, NAIVE + timedelta(days=400), timezones=st.just(UTC)).map(datetime.isoformat),
    st.sampled_from(["9999-12-31T00:00:00Z", "2300-01-01T00:00:00Z"]),
)
POISON = st.one_of(st.sampled_from(["-1", "x", "inf", "", "1e999", "7"]), st.none())


def known_at(now: datetime, rows: Sequence[tuple[str, str | None]]) -> History | HistoryError:
    try:
        return check_history(columns([stamp for stamp, _ in rows], [value for _, value in rows]), until=now)
    except HistoryError as refusal:
        return refusal


@given(histories(min_size=4), st.integers(-100, 20_000), st.lists(st.tuples(LATER, POISON), max_size=12), st.data())
def test_nothing_in_the_source_after_now_changes_the_history(
    rows: tuple[list[str], list[float | None], timedelta],
    seconds: int,
    poison: list[tuple[str, str | None]],
    data: st.DataObject,
) -> None:
    """Values, gaps, duplicates, disorder and wrong dates after now, anywhere in the file."""
    timestamps, values, _ = rows
    now = START + timedelta(seconds=seconds)
    everything: list[tuple[str, str | None]] = list(zip(timestamps, written(values), strict=True))
    before = [row for row in everything if datetime.fromisoformat(row[0]) < now]
    after = [row for row in everything if row not in before and data.draw(st.booleans())]
    after += [row for row in poison if datetime.fromisoformat(row[0]) >= now]
    mixed = list(before)
    for row in data.draw(st.permutations(after)):
        mixed.insert(data.draw(st.integers(0, len(mixed))), row)
    clean, poisoned = known_at(now, before), known_at(now, mixed)
    if isinstance(clean, HistoryError):
        assert isinstance(poisoned, HistoryError)
        return
    assert isinstance(poisoned, History)
    assert same(clean, poisoned)
    assert clean.end <= now
    assert [(repair.kind, repair.count) for repair in clean.repairs] == [
        (repair.kind, repair.count) for repair in poisoned.repairs
    ]


@given(histories(min_size=4), st.integers(1, 20_000), st.sampled_from(["-1", "x", "inf", "99"]))
def test_the_interval_that_runs_at_now_is_not_known_yet(
    rows: tuple[list[str], list[float | None], timedelta], seconds: int, value: str
) -> None:
    timestamps, values, step = rows
    now = START + timedelta(seconds=seconds)
    cells = [value if START + (i + 1) * step > now else cell for i, cell in enumerate(written(values))]
    poisoned = known_at(now, list(zip(timestamps, cells, strict=True)))
    try:
        clean = check(timestamps, written(values)).until(now)
    except HistoryError:
        assert isinstance(poisoned, HistoryError)
        return
    if isinstance(poisoned, HistoryError):
        # One row alone has no step.
        assert len(clean.series) == 1
    else:
        assert same(clean, poisoned)


def test_local_times_after_now_are_left_out_too() -> None:
    local = [stamp.removesuffix("Z") for stamp in stamps(6)]
    now = START - timedelta(hours=8) + 3 * FIVE_MINUTES
    raw = columns(local, ["0", "1", "2", "-3", "x", "inf"])
    assert numbers(check_history(raw, zone="Asia/Shanghai", until=now)) == [0, 1, 2]


def test_a_source_that_begins_after_now_is_refused() -> None:
    with pytest.raises(HistoryError, match=r"load\.csv: nothing of the history was known at 2026-03-01T00:00:00Z"):
        check_history(columns(stamps(6)), until=START)


dirty_stamps = st.one_of(
    st.datetimes(NAIVE, NAIVE + timedelta(days=3), timezones=st.just(UTC)).map(datetime.isoformat),
    st.sampled_from([*stamps(20), "", "soon", "2026-03-01T00:00:00", "9999-12-31T00:00:00Z"]),
    st.none(),
)
dirty_values = st.one_of(
    st.floats(allow_nan=True, allow_infinity=True).map(repr),
    st.sampled_from(["", "x", "0", "-0.0", "1e400"]),
    st.none(),
)


@given(st.lists(st.tuples(dirty_stamps, dirty_values), max_size=30), st.sampled_from([None, "Europe/Berlin"]))
def test_dirty_rows_give_a_sound_history_or_a_refusal_with_a_remedy(
    rows: list[tuple[str | None, str | None]], zone: str | None
) -> None:
    outcome = check_or_refuse([stamp for stamp, _ in rows], [value for _, value in rows], zone)
    if isinstance(outcome, HistoryError):
        assert str(outcome).startswith("load.csv")
        assert outcome.remedy
        return
    values = outcome.series.to_numpy()
    given_values = {float(value) for _, value in rows if value not in (None, "", "x")}
    assert (np.isnan(values) | ((values >= 0) & np.isfinite(values))).all()
    assert set(values[~np.isnan(values)].tolist()) <= given_values


@given(st.lists(st.datetimes(NAIVE, NAIVE + timedelta(days=31)), min_size=1, max_size=20))
def test_any_naive_times_in_a_zone_are_read_or_refused(moments: list[datetime]) -> None:
    timestamps = [moment.isoformat() for moment in sorted(moments)]
    outcome = check_or_refuse(timestamps, ["1"] * len(moments), "America/New_York")
    assert isinstance(outcome, History) or outcome.remedy
