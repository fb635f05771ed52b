"""What of the calendar acts on one forecast, and why: decided once, then asked by the forecast, the plan and people."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from planner.base import MINUTE, iso
from planner.calendar.campaigns import Campaign, Dates, Ignored, Mask, minutes_of
from planner.calendar.days import Day, classify
from planner.calendar.likeness import wall_slot
from planner.calendar.rules import Evidence, labels
from planner.errors import HistoryError
from planner.forecasters.base import Floats, Ints, Tide
from planner.forecasters.slots import DAY
from planner.history import History

LEAST_FACTOR = 0.1
"""A load that was lowered below this share of the usual says too little of the usual to be scaled back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A special day and whether its rule acts. No `evidence`: the owner decided, not the past."""

    day: Day
    acts: bool
    evidence: Evidence | None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Effect:
    """A campaign with its factor resolved: one for all of it, one a wall-clock slot from `first` on, or none."""

    campaign: Campaign
    factors: Floats
    first: int = 0
    slot: timedelta = DAY

    @property
    def blind(self) -> bool:
        """Whether nothing is known of its factor: a past campaign whose model the history doesn't hold."""
        return self.campaign.like is not None and not self.factors.size

    def factor(self, minutes: Ints, zone: str) -> Floats:
        """Times the usual at each minute; NaN where it isn't on; shape of `minutes`, one dimension."""
        share = self.campaign.share(minutes, zone)
        full = self.factors[:1] if self.factors.size else np.ones(1)
        if self.factors.size > 1:
            times = pd.to_datetime(minutes * 60, unit="s", utc=True).tz_convert(zone).tz_localize(None)
            at = times.as_unit("s").asi8 // int(self.slot.total_seconds()) - self.first
            full = self.factors[np.clip(at, 0, self.factors.size - 1)]
        return np.asarray(np.where(share > 0, 1 + (full - 1) * share, np.nan))


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """What the calendar says of an instant; `forecast_as` is a weekday (0 is Monday) where a rule acts."""

    day: Day
    forecast_as: int | None
    campaigns: tuple[str, ...]
    factor: float
    at_least: float
    ignored: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Acting:
    """The calendar of one forecast: what acts up to `until`, from which on nothing does.

    The recurring form is made of what comes after `until`, and it has no dates: a campaign in it would stay for ever.
    """

    until: datetime
    zone: str = "UTC"
    country: str | None = None
    dates: Dates = field(default_factory=Dates)
    judged: tuple[Judged, ...] = ()
    effects: tuple[Effect, ...] = ()
    models: tuple[tuple[int, int], ...] = ()
    """Wall-clock days (from, up to) that a campaign is like: no ordinary days."""
    notes: tuple[str, ...] = ()

    def seen(self, history: History) -> History:
        """The history without the spans to ignore: gaps. HistoryError where nothing is left."""
        gone = self._ignored(history.start, len(history.series), history.step)
        if not gone.any():
            return history
        series = history.series.mask(pd.Series(gone, index=history.series.index))
        first, last = series.first_valid_index(), series.last_valid_index()
        if first is None:
            message = f"{history.source}: nothing is left of the history that calendar.ignore doesn't leave out"
            raise HistoryError(message, remedy="Shorten the spans to ignore, or give a longer history.")
        return replace(history, series=series.loc[first:last])

    def ordinary(self, tide: Tide) -> Tide:
        """The tide as it would have been on ordinary days, with the days that a rule takes for others."""
        values = tide.values
        if self.effects:
            minutes = _minutes_on_the_wall(tide, self.zone)
            factor, _ = self._effect(minutes)
            scaled = values / np.maximum(factor, LEAST_FACTOR)
            ordinary = np.where((factor < LEAST_FACTOR) | self._odd(tide, minutes), np.nan, scaled)
            # A young history may hold nothing but a campaign; a poor idea of ordinary days is better than none.
            values = ordinary if np.isfinite(ordinary).any() else scaled
        return replace(tide, values=values, relabelled=self._labels(tide.per_day))

    def lift(self, values: Floats, start: datetime, slot: timedelta) -> Floats:
        """Quantiles of an ordinary tide, slots x levels from `start`, with the campaigns on all of them."""
        if not self.effects:
            return values
        per_slot = slot // MINUTE
        factor, least = self._effect(minutes_of(start, len(values) * per_slot).reshape(-1, per_slot))
        return np.asarray(np.maximum(values * factor[:, None], least[:, None]))

    def at(self, instant: datetime) -> Moment:
        """The day's class, and what acts on it."""
        wall = instant.astimezone(ZoneInfo(self.zone))
        minute = minutes_of(instant, 1)
        factor, least = self._effect(minute[:, None])
        on = [e.campaign.name for e in self.effects if np.isfinite(e.factor(minute, self.zone)[0])]
        acting = {j.day.date: j.day.like for j in self.judged if j.acts}
        hit = [i.why for i in self.dates.ignored if i.minutes(self.zone)[0] <= minute[0] < i.minutes(self.zone)[1]]
        before = instant < self.until
        return Moment(
            day=classify(self.country, [wall.date()], self.dates.days)[wall.date()],
            forecast_as=acting.get(wall.date()) if before else None,
            campaigns=tuple(on) if before else (),
            factor=float(factor[0]),
            at_least=float(least[0]),
            ignored=hit[0] if hit else "",
        )

    def _effect(self, minutes: Ints) -> tuple[Floats, Floats]:
        """Factor and floor of each row of minutes: the largest of its minutes, as a slot's peak is."""
        flat = minutes.ravel()
        factors, floors = np.full(flat.size, np.nan), np.zeros(flat.size)
        for effect in self.effects:
            begin, end = effect.campaign.around(self.zone)
            near = np.flatnonzero((flat >= begin) & (flat < min(end, int(self.until.timestamp() // 60))))
            if near.size:
                factors[near] = np.fmax(factors[near], effect.factor(flat[near], self.zone))
                share = effect.campaign.share(flat[near], self.zone)
                floors[near] = np.maximum(floors[near], share * (effect.campaign.at_least or 0.0))
        factors = np.where(np.isnan(factors), 1.0, factors)
        return factors.reshape(minutes.shape).max(axis=1), floors.reshape(minutes.shape).max(axis=1)

    def _odd(self, tide: Tide, minutes: Ints) -> Mask:
        """Slots that tell nothing of ordinary days: models of campaigns, and campaigns of which no factor is known."""
        days = (np.arange(len(minutes)) + tide.first) // tide.per_day
        gone = np.zeros(len(minutes), dtype=bool)
        for first, last in self.models:
            gone |= (days >= first) & (days < last)
        for effect in self.effects:
            if effect.blind:
                begin, end = effect.campaign.around(self.zone)
                gone |= ((minutes >= begin) & (minutes < end)).any(axis=1)
        return gone

    def _ignored(self, start: datetime, count: int, step: timedelta) -> Mask:
        begins = start.timestamp() / 60 + np.arange(count) * (step / MINUTE)
        gone = np.zeros(count, dtype=bool)
        for span in self.dates.ignored:
            begin, end = span.minutes(self.zone)
            gone |= (begins < end) & (begins + step / MINUTE > begin)
        return gone

    def _labels(self, per_day: int) -> tuple[tuple[int, int, int], ...]:
        ends = wall_slot(self.until.astimezone(ZoneInfo(self.zone)).replace(tzinfo=None), per_day)
        found = labels((j.day for j in self.judged if j.acts), per_day)
        return tuple((begin, min(end, ends), weekday) for begin, end, weekday in found if begin < ends)


NOTHING = Acting(until=datetime(1970, 1, 1, tzinfo=UTC))
"""No calendar."""


def said(moment: date | datetime) -> str:
    """A wall-clock time or an instant, as a person would write it."""
    if isinstance(moment, datetime):
        return iso(moment) if moment.tzinfo else f"{moment:%Y-%m-%d %H:%M}"
    return moment.isoformat()


def overlapping(ignored: Ignored, start: datetime, end: datetime, zone: str) -> bool:
    """Whether a span to ignore touches these instants."""
    begin, stop = ignored.minutes(zone)
    return begin * 60 < end.timestamp() and stop * 60 > start.timestamp()


def _minutes_on_the_wall(tide: Tide, zone: str) -> Ints:
    """Minutes of each slot, slots x minutes: the first of two of one name, where clocks go back."""
    seconds = 86_400 // tide.per_day
    wall = pd.to_datetime((np.arange(tide.values.size) + tide.first) * seconds, unit="s")
    aware = wall.tz_localize(zone, ambiguous=np.ones(wall.size, dtype=bool), nonexistent="shift_forward")
    starts = aware.as_unit("s").asi8 // 60
    return np.asarray(starts[:, None] + np.arange(seconds // 60))
