"""What a plan says of its calendar: what acts, what is known but doesn't, and what is not known."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from planner.calendar.acting import Effect, Judged, overlapping, said
from planner.calendar.campaigns import Ignored
from planner.calendar.days import WEEKDAYS, Day, DayClass
from planner.history import History


def effect_notes(effect: Effect, now: datetime, end: datetime, zone: str) -> tuple[str, ...]:
    """One sentence on a campaign that touches the horizon."""
    campaign = effect.campaign
    begin, stop = (minute * 60 for minute in campaign.around(zone))
    if stop <= now.timestamp() or begin >= end.timestamp():
        return ()
    parts = []
    if campaign.uplift is not None:
        parts.append(f"×{campaign.uplift:g}")
    if campaign.like is not None:
        parts.append(f"×{effect.factors.min():.2f} to ×{effect.factors.max():.2f}, like {campaign.like}")
    if campaign.at_least is not None:
        parts.append(f"at least {campaign.at_least:g} in flight")
    span = f"{said(campaign.start)} to {said(campaign.end)}"
    return (f"calendar: {span} {campaign.name}: {', '.join(parts)} (campaign, {campaign.source})",)


def day_notes(judged: Sequence[Judged], *, decided: str) -> tuple[str, ...]:
    """One sentence a special day in the horizon."""
    return tuple(f"calendar: {j.day.date} {_called(j.day)}: {_verdict(j, decided)}" for j in judged)


def ignored_notes(ignored: Sequence[Ignored], history: History, zone: str) -> tuple[str, ...]:
    """One sentence a span that is left out of the history."""
    return tuple(
        f"calendar: {said(span.start)} to {said(span.end)} is left out: {span.why} ({span.source})"
        for span in ignored
        if overlapping(span, history.start, history.end, zone)
    )


def unknown_note(country: str, year: int, library: str) -> str:
    """Warn that a year's calendar isn't official yet."""
    notice = "the State Council's notice" if country == "CN" else "the official notice"
    return (
        f"calendar: the official calendar of {country} for {year} is not known to {library}: swapped days off and "
        f"make-up workdays are missing; update that package after {notice}, or name the days in calendar.days"
    )


def _called(day: Day) -> str:
    if day.kind is DayClass.MAKE_UP:
        return f"make-up workday{f' ({day.name})' if day.name else ''}"
    return day.name


def _verdict(judged: Judged, decided: str) -> str:
    weekday, found = WEEKDAYS[judged.day.like], judged.evidence
    if found is None:
        return (
            f"forecast as a {weekday} (calendar.rules: {decided})"
            if judged.acts
            else f"known but not acting (calendar.rules: {decided})"
        )
    some = "" if found.days == 1 else "s"
    kind = f"past days of {judged.day.name}" if found.named else f"past {judged.day.kind}{some}"
    if not found.days:
        return (
            f"known but not acting: the history holds no {kind} to judge by (calendar.rules: always would forecast it "
            f"as a {weekday})"
        )
    errors = f"error {found.without:.2f} → {found.acting:.2f} on {found.days} {kind}"
    if judged.acts:
        return f"forecast as a {weekday} (evidence: {errors})"
    return f"known but not acting: as a {weekday} it would not be forecast better by a tenth (evidence: {errors})"
