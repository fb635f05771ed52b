"""What was chosen for a function, on record: an event that only the code that made it reads.

A plan tick follows the newest choice; the choice says itself under which settings it was made (`Chosen.under`).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime, timedelta
from functools import cache
from importlib.resources import files
from math import isnan, nan
from typing import Any

from planner.base import FunctionRef, iso, utc
from planner.decision import Chosen
from planner.due import Job
from planner.forecast import Elected, Score
from planner.guard import Guard
from planner.risk import Choice, Policy
from planner.store import Event, Run, Store

KIND = "choice"
LASTS = timedelta(days=2)
"""An older choice is none: the daily fits failed, and the plan chooses for itself."""
MADE_BY = ("", "calendar", "forecasters", "data")
"""Folders of the package whose content decides what is chosen."""


def keep(store: Store, function: FunctionRef, chosen: Chosen) -> str:
    """Put it on record and say so; what a few past days chose is not kept, since each plan may choose better."""
    if not chosen.settled:
        return "too few past days can be replayed: each plan chooses for itself"
    sentence = f"{chosen.elected.forecaster}; {chosen.day.reason}"
    facts = json.dumps({"code": _code()} | _facts(chosen), sort_keys=True, allow_nan=False)
    store.control.note_event(Event(function=function, kind=KIND, at=chosen.at, sentence=sentence, facts=facts))
    return sentence


def keep_as_fit(store: Store, function: FunctionRef, chosen: Chosen, *, at: datetime) -> None:
    """The same for a plan that found nothing to follow: where its choice lasts it was the fit of the day."""
    sentence = keep(store, function, chosen)
    if chosen.settled:
        run = Run(function=function, job=Job.FIT, began_at=at, ended_at=at, failed=False, sentence=sentence)
        store.control.note_run(run)


def newest(store: Store, function: FunctionRef, now: datetime) -> Chosen | None:
    """The choice to follow at `now`; None where none was kept, or other code made it, or it is too old."""
    event = store.control.newest_event(function, KIND, until=now)
    if event is None or now - event.at > LASTS:
        return None
    facts = json.loads(event.facts)
    return _chosen(facts) if facts["code"] == _code() else None


def _facts(chosen: Chosen) -> dict[str, object]:
    # JSON knows no NaN: the figures of a forecaster that could not take part.
    scores = [
        {name: None if isinstance(value, float) and isnan(value) else value for name, value in asdict(score).items()}
        for score in chosen.elected.scores
    ]
    return asdict(chosen) | {"at": iso(chosen.at), "elected": asdict(chosen.elected) | {"scores": scores}}


def _chosen(facts: Mapping[str, Any]) -> Chosen:
    elected = facts["elected"]

    def score(said: dict[str, Any]) -> Score:
        filled: dict[str, Any] = {name: nan if value is None else value for name, value in said.items()}
        return Score(**filled)

    return Chosen(
        at=utc(datetime.fromisoformat(facts["at"])),
        under=facts["under"],
        elected=Elected(**elected | {"scores": tuple(map(score, elected["scores"]))}),
        day=_choice(facts["day"]),
        hour=None if facts["hour"] is None else _choice(facts["hour"]),
        settled=facts["settled"],
    )


def _choice(facts: Mapping[str, Any]) -> Choice:
    policy = facts["policy"]
    return Choice(policy=Policy(**policy | {"guard": Guard(**policy["guard"])}), reason=facts["reason"])


@cache
def _code() -> str:
    """Digest of the planner's source and tables: after an upgrade nothing is followed that another version chose."""
    made_by = hashlib.sha256()
    for folder in MADE_BY:
        for file in sorted(files("planner").joinpath(folder).iterdir(), key=lambda each: each.name):
            if file.name.endswith((".py", ".json")):
                made_by.update(file.name.encode() + file.read_bytes())
    return made_by.hexdigest()
