"""Which plan is trusted: the ladder from the champion's forecast down to guardrails alone, and the way back up.

Down at once, by what is on record of the last hours; up only after a shadow period in which the champion's forecast,
made all the while and put on record, passed the same test. The shadow period doubles with each relapse, so that a
forecast that fails each evening doesn't take the function up and down with it. Pure: a state and signs in, a state out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

import numpy as np
import pandas as pd

from planner.base import EPOCH, MINUTE, iso
from planner.forecasters.slots import interval_peaks
from planner.history import History, Statistic

SHORT, SHORT_MISSES = 8, 5
"""A break: of the newest 8 slots (two hours, where a slot has 15 minutes) 5 lay above the band's highest level, P99.
Slots that miss four times as often as that promises, each by itself, do so once in 100,000 windows."""
LONG, LONG_LEAST, LONG_COVERAGE = 96, 48, 0.85
"""A slow slip: of the newest 96 slots, a day, less than this share stayed within; 48 must be known. Bands of healthy
traces miss 1 to 4 % of a day's slots, and up to 12 % in their worst day."""
SHORTFALL_LEAST = 0.05
"""Cold share of the last two hours, and still of the last half hour, from which the plan itself is in doubt, whatever
its band said ..."""
SHORTFALL_TIMES = 20.0
"""... and times the objective: an owner who accepts 1 % is not disturbed at 5 %."""
HURTS_TIMES = 5.0
"""Times the objective that must have been cold for a band that misses to count: where the guard catches what the
forecast misses, another plan costs more hours and leaves no less cold. So it does where the plans made since the load
broke have caught up (`hindsight.STILL`)."""
STALE_TIMES = 4
"""Times the freshness that the owner asks for: with an older metric no forecast of today is one. Until then the gate
alone lets nothing be lowered."""
SHADOW, LONGEST_SHADOW = timedelta(hours=6), timedelta(hours=24)
"""So long the champion's bands must have passed the test while it stood in the shadow; each relapse doubles it."""
RELAPSE = timedelta(days=7)
"""Earlier descents within this time make the shadow period longer."""
SHADOW_KNOWN = 0.75
"""Share of the shadow period's slots that must be known."""
LOOK_BACK = timedelta(days=2)
"""How far back slots are judged: 96 of 15 minutes are a day, and an hourly source shows 48 in two."""


class Rung(StrEnum):
    """What a function's plans stand on, from the top down."""

    CHAMPION = "champion"
    """The forecaster that did best on the function's own past."""
    LAST_WEEK = "last-week"
    """The same time last week, with a margin."""
    LAST_GOOD = "last-good"
    """The newest schedule of the champion that did well, dated anew."""
    GUARDRAILS = "guardrails"
    """One step and the safe tracker."""

    @property
    def below_champion(self) -> int:
        """0 for the champion, 3 for guardrails alone."""
        return list(Rung).index(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Footing:
    """On which rung a function stands, since when, and why. `plan`: the id of the one that LAST_GOOD goes back to."""

    rung: Rung
    since: datetime
    sentence: str = ""
    plan: int | None = None

    @property
    def data(self) -> dict[str, object]:
        """As plain JSON values."""
        return {"rung": self.rung.value, "since": iso(self.since), "why": self.sentence}


CHAMPION = Footing(rung=Rung.CHAMPION, since=EPOCH)
"""Where every function begins."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Promise:
    """The highest level of a plan's band: `high[n]` is what the peak of the slot n after `start` should stay within."""

    rung: Rung
    made: datetime
    start: datetime
    slot: timedelta
    high: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """A slot that is over: whether its peak stayed within what the plan promised that was newest when it began."""

    at: datetime
    length: timedelta
    kept: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Signs:
    """What is on record at `now`.

    `served`: slots under the plans of the rung it stands on, since it stands there; `shadow`: the same under the
    champion's. `age`: of the newest metric; None where there is none. `cold`: share of the load that found no warm
    instance in the last hours, and still in the newest half hour, as replayed; None where too little is known.
    `relapses`: earlier descents within RELAPSE.
    """

    now: datetime
    served: tuple[Slot, ...]
    shadow: tuple[Slot, ...]
    age: timedelta | None
    fresh_within: timedelta
    cold: float | None
    objective: float
    relapses: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """Of the last day's slots that are known, how many stayed within the highest level of the champion's band."""

    kept: int
    slots: int


def coverage_of(slots: Sequence[Slot]) -> Coverage:
    """Of slots in order of time."""
    newest = slots[-LONG:]
    return Coverage(kept=sum(slot.kept for slot in newest), slots=len(newest))


def judged(promises: Sequence[Promise], history: History, since: datetime) -> tuple[Slot, ...]:
    """The slots that began at `since` or later, are over, and of which at least half is known; in order of time."""
    if not promises:
        return ()
    ordered = sorted(promises, key=lambda each: each.made)
    length = ordered[-1].slot
    ordered = [each for each in ordered if each.slot == length]
    start = ordered[-1].start
    start -= max((start - max(since, ordered[0].made)) // length, 0) * length
    found, place = [], 0
    while start + length <= history.end:
        while place + 1 < len(ordered) and ordered[place + 1].made <= start:
            place += 1
        limit = _promised(ordered[place], start)
        peak = _peak(history, start, length)
        if limit is not None and peak is not None:
            found.append(Slot(at=start, length=length, kept=peak <= limit))
        start += length
    return tuple(found)


def _promised(promise: Promise, start: datetime) -> float | None:
    place = (start - promise.start) // promise.slot
    return promise.high[place] if promise.made <= start and 0 <= place < len(promise.high) else None


def _peak(history: History, start: datetime, length: timedelta) -> float | None:
    """The busiest minute of a slot; a mean of several is taken for the peak that it usually hides."""
    last = pd.Timestamp(start + length - timedelta(microseconds=1))
    values = history.series.loc[pd.Timestamp(start) : last].to_numpy(dtype=np.float64)
    known = values[np.isfinite(values)]
    if len(known) * 2 * history.step < length:
        return None
    highest = known.max(keepdims=True)
    if history.statistic is Statistic.MEAN:
        highest = interval_peaks(highest, history.step)
    return float(highest[0])


def judge(footing: Footing, signs: Signs) -> Footing:
    """Where the function stands from now on; the same value where nothing moves."""
    down = _down(footing, signs)
    if down is not None:
        return down
    if footing.rung is Rung.CHAMPION or not _passed(footing, signs):
        return footing
    slots = _shadow_slots(signs, footing)
    kept = sum(slot.kept for slot in slots)
    return Footing(
        rung=Rung.CHAMPION,
        since=signs.now,
        sentence=(
            f"back on the champion after {_hours(signs.now - footing.since)} on {footing.rung.value}: in the shadow "
            f"{kept} of its last {len(slots)} slots stayed within its band"
        ),
    )


def fallen(footing: Footing, rung: Rung, now: datetime, why: str) -> Footing:
    """Where a function stands whose plan can't be made on any rung above."""
    return Footing(rung=rung, since=now, sentence=f"from {footing.rung.value} down to {rung.value}: {why}")


def shadow_period(relapses: int) -> timedelta:
    """How long the champion stands in the shadow, after so many earlier descents."""
    return min(SHADOW * float(2 ** min(relapses, 8)), LONGEST_SHADOW)


def trouble(slots: Sequence[Slot]) -> str:
    """What is wrong with a band that promised these slots, in order of time; empty where it passes."""
    short = slots[-SHORT:]
    missed = sum(not slot.kept for slot in short)
    if missed >= SHORT_MISSES:
        return f"the load was above P99 of the forecast in {missed} of the last {len(short)} slots"
    long = coverage_of(slots)
    if long.slots >= LONG_LEAST and long.kept < LONG_COVERAGE * long.slots:
        return f"only {long.kept} of the last {long.slots} slots stayed within P99 of the forecast"
    return ""


def _down(footing: Footing, signs: Signs) -> Footing | None:
    rungs = list(Rung)
    stale = _stale(signs)
    if stale and footing.rung.below_champion < Rung.LAST_GOOD.below_champion:
        return fallen(footing, Rung.LAST_GOOD, signs.now, stale)
    hurts = signs.cold is None or signs.cold > HURTS_TIMES * signs.objective
    why = (trouble(signs.served) if hurts else "") or _short(signs)
    if not why or footing.rung is Rung.GUARDRAILS:
        return None
    return fallen(footing, rungs[footing.rung.below_champion + 1], signs.now, why)


def _stale(signs: Signs) -> str:
    limit = STALE_TIMES * signs.fresh_within
    if signs.age is None:
        return "there is no metric"
    return f"the newest metric is {_hours(signs.age)} old, more than {_hours(limit)}" if signs.age > limit else ""


def _short(signs: Signs) -> str:
    bound = max(SHORTFALL_LEAST, SHORTFALL_TIMES * signs.objective)
    if signs.cold is None or signs.cold <= bound:
        return ""
    return (
        f"{signs.cold:.1%} of the load found no warm instance in the last hours and still does, more than {bound:.1%}"
    )


def _passed(footing: Footing, signs: Signs) -> bool:
    """Whether the champion may come back: its metric is fresh, and the test was passed at each slot of the period."""
    period = shadow_period(signs.relapses)
    if signs.now - footing.since < period or signs.age is None or signs.age > signs.fresh_within:
        return False
    slots = _shadow_slots(signs, footing)
    if not slots or len(slots) * slots[0].length < SHADOW_KNOWN * period:
        return False
    return not any(trouble(slots[: end + 1]) for end in range(len(slots)))


def _shadow_slots(signs: Signs, footing: Footing) -> tuple[Slot, ...]:
    since = max(signs.now - shadow_period(signs.relapses), footing.since)
    return tuple(slot for slot in signs.shadow if slot.at >= since)


def _hours(span: timedelta) -> str:
    minutes = span // MINUTE
    return f"{minutes} min" if minutes < 120 else f"{minutes / 60:.1f} h"
