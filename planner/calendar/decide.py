"""Decide what of the calendar acts on a forecast."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

import numpy as np

from planner.base import utc
from planner.calendar.acting import Acting, Effect, Judged
from planner.calendar.campaigns import Campaign, Dates
from planner.calendar.days import Day, classify, library, unknown_years
from planner.calendar.likeness import shape, wall_slot
from planner.calendar.rules import Trial, number, special_days, try_days, weigh
from planner.calendar.words import day_notes, effect_notes, ignored_notes, unknown_note
from planner.errors import HistoryError
from planner.forecasters.base import Tide
from planner.forecasters.slots import DAY, MAX_DAYS, slot_length, slot_tide
from planner.history import History

REACH = timedelta(days=MAX_DAYS)
"""What the forecasters see of the past."""


class Rules(StrEnum):
    """Whether rules of special days act: where the past speaks for it, without asking it, or not at all."""

    AUTO = "auto"
    ALWAYS = "always"
    NEVER = "never"


@dataclass(frozen=True, slots=True, kw_only=True)
class Calendar:
    """What the owner knows of dates: the country, how far its rules are trusted, and all that a person wrote."""

    time_zone: str
    country: str | None = None
    rules: Rules = Rules.AUTO
    dates: Dates = field(default_factory=Dates)


def decide(calendar: Calendar, history: History, *, now: datetime, end: datetime) -> Acting:
    """What acts on forecasts from `now` up to `end`, and on what they learn from the past.

    A person's campaigns always act; rules of special days by `calendar.rules`. Raises HistoryError where a coming
    campaign is like days that the history doesn't hold.
    """
    blank = Acting(until=utc(end), zone=calendar.time_zone, country=calendar.country, dates=calendar.dates)
    dates = calendar.dates
    if calendar.country is None and not dates.days and not dates.campaigns and not dates.ignored:
        return blank
    whole = _Whole(blank.seen(history), calendar.time_zone)
    effects = tuple(_effects(dates.campaigns, whole, now, end))
    acting = replace(blank, effects=effects, models=tuple(_models(effects)))
    judged = _judge(calendar, acting, whole, now, end)
    first, last = (_local(moment, calendar.time_zone) for moment in (now, end - timedelta(minutes=1)))
    unknown = unknown_years(calendar.country, range(first.year, last.year + 1), dates.days)
    notes = (
        *(note for e in effects for note in effect_notes(e, now, end, calendar.time_zone)),
        *day_notes([j for j in judged if first <= j.day.date <= last], decided=calendar.rules.value),
        *ignored_notes(dates.ignored, history, calendar.time_zone),
        *(unknown_note(calendar.country or "", year, library()) for year in unknown),
    )
    return replace(acting, judged=judged, notes=notes)


class _Whole:
    """Tide of the whole history, made when first asked for: only models and trials look further than eight weeks."""

    def __init__(self, history: History, zone: str) -> None:
        self.history = history
        self.zone = zone
        self._tide: Tide | None = None

    @property
    def tide(self) -> Tide:
        """As far back as the history reaches."""
        if self._tide is None:
            days = self.history.days // DAY + 1
            self._tide = slot_tide(self.history, slot_length(self.history.step), self.zone, days=days)
        return self._tide


def _effects(campaigns: Sequence[Campaign], whole: _Whole, now: datetime, end: datetime) -> list[Effect]:
    """Those that touch what the forecasters see, or what is planned."""
    found = []
    for campaign in campaigns:
        begin, stop = (minute * 60 for minute in campaign.around(whole.zone))
        if stop <= (now - REACH).timestamp() or begin >= end.timestamp():
            continue
        try:
            found.append(_effect(campaign, whole))
        except HistoryError:
            if stop > now.timestamp():
                raise
            found.append(Effect(campaign=campaign, factors=np.empty(0)))
    return found


def _effect(campaign: Campaign, whole: _Whole) -> Effect:
    if campaign.like is None:
        factors = np.empty(0) if campaign.uplift is None else np.array([campaign.uplift])
        return Effect(campaign=campaign, factors=factors)
    start, _ = campaign.wall(whole.zone)
    per_day = whole.tide.per_day
    return Effect(
        campaign=campaign,
        factors=shape(campaign, whole.tide, whole.history, whole.zone),
        first=wall_slot(start, per_day),
        slot=DAY / per_day,
    )


def _models(effects: Sequence[Effect]) -> list[tuple[int, int]]:
    """The days that campaigns are like: no ordinary ones."""
    found = []
    for effect in effects:
        if effect.campaign.like is not None:
            length = -(-effect.factors.size * effect.slot // DAY) if effect.factors.size else 1
            first = number(effect.campaign.like)
            found.append((first, first + int(length)))
    return found


def _judge(calendar: Calendar, acting: Acting, whole: _Whole, now: datetime, end: datetime) -> tuple[Judged, ...]:
    """Special days of the past that forecasters see, and of the horizon."""
    if calendar.country is None and not calendar.dates.days:
        return ()
    today = _local(now, calendar.time_zone)
    last = _local(end - timedelta(minutes=1), calendar.time_zone)
    days = _days(calendar, today - REACH, last)
    met = [day for day in special_days(days, today - REACH, last + DAY) if day.moved]
    if not met or calendar.rules is not Rules.AUTO:
        acts = calendar.rules is Rules.ALWAYS
        return tuple(Judged(day=day, acts=acts, evidence=None) for day in met)
    trials = _trials(calendar, acting, whole, today, [day for day in met if day.date >= today])
    weighed = [(day, weigh(day, trials)) for day in met]
    return tuple(Judged(day=day, acts=evidence.helps, evidence=evidence) for day, evidence in weighed)


def _trials(calendar: Calendar, acting: Acting, whole: _Whole, today: date, coming: Sequence[Day]) -> tuple[Trial, ...]:
    first = _local(whole.history.start, calendar.time_zone)
    past = special_days(_days(calendar, first, today), first, today)
    return try_days(acting.ordinary(whole.tide), past, coming) if past else ()


def _days(calendar: Calendar, first: date, last: date) -> Mapping[date, Day]:
    span = (first + timedelta(days=n) for n in range((last - first).days + 1))
    return classify(calendar.country, span, calendar.dates.days)


def _local(moment: datetime, zone: str) -> date:
    return moment.astimezone(ZoneInfo(zone)).date()
