"""explain: why a plan asks for so many instances at one minute. Changes nothing and stores no plan."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated
from zoneinfo import ZoneInfo

import typer

from planner.base import MINUTE, floor_minute, utc
from planner.cli.options import CONFIG, AsJson, ConfigFile, FunctionName
from planner.cli.output import progress, say, show, show_json
from planner.cli.planning import Adopt, Cache, History, Horizon, Now, horizon_of, instant
from planner.cli.room import Room
from planner.errors import InputError

DAY = timedelta(days=1)
REMEDY = "Write 20:05, 2026-11-23T20:05 (both on the function's clock), or an instant with Z or an offset."
Time = Annotated[
    str,
    typer.Argument(
        metavar="TIME",
        help="The minute: 20:05 (the next), 2026-11-23T20:05 (both on the function's clock), or with Z or an offset.",
    ),
]


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("explain")(explain)


def explain(  # noqa: PLR0917  # typer makes each an option
    time: Time,
    config: ConfigFile = CONFIG,
    function: FunctionName = None,
    history: History = None,
    now: Now = None,
    horizon: Horizon = "24h",
    adopt: Adopt = False,
    cache: Cache = None,
    json: AsJson = False,
) -> None:
    """Explain why a plan asks for so many instances at one minute: plans as `plan` would, and stores no plan."""
    from planner.explain import explain as why  # noqa: PLC0415  # as above
    from planner.exports.terminal import explanation_view  # noqa: PLC0415  # `planner --help` stays fast
    from planner.pipeline import reasoned  # noqa: PLC0415  # as above

    moment, span = instant("--now", now), horizon_of(horizon)
    room = Room.open(config, function)
    start = floor_minute(utc(moment or room.clock.now()))
    # Before the work, so that a wrong time is told at once.
    minute = minute_of(time, room.settings.time_zone, start=start, end=start + span)
    with progress() as stage:
        question = room.question(history=history, now=start, horizon=span, adopt=adopt)
        made = reasoned(room.settings, question, stage, fits=room.fits(cache))
    found = why(made, minute)
    if json:
        show_json(found.data)
    else:
        show(explanation_view(found))
    if not made.plan.safe:
        rules = ", ".join(breach.rule.value for breach in made.plan.breaches)
        say(f"The plan is unsafe, so `planner apply` would refuse it: {rules}.")


def minute_of(text: str, zone: str, *, start: datetime, end: datetime) -> datetime:
    """The minute (UTC) of [start, end) that a person named; InputError where there is none.

    An hour alone is the first such from `start` on. What has no offset is read on the clock of `zone`.
    """
    place = ZoneInfo(zone)
    try:
        named = _hour(text, start.astimezone(place)) or datetime.fromisoformat(text.strip())
        minute = floor_minute(utc(named if named.tzinfo else _on_the_clock(text, named, place)))
    except (ValueError, OverflowError) as error:
        raise InputError(f"TIME {text!r} is no time", remedy=REMEDY) from error
    if not start <= minute < end:
        first, last = (f"{edge.astimezone(place):%a %d %b %H:%M}" for edge in (start, end - MINUTE))
        raise InputError(
            f"TIME {text!r} is outside the plan, which reaches from {first} to {last} ({zone})",
            remedy="Name a minute within it, a longer --horizon (up to 7d), or for the past an earlier --now.",
        )
    return minute


def _hour(text: str, start: datetime) -> datetime | None:
    """The first local time from `start` on that an hour such as 20:05 names; None where the text is more."""
    try:
        hour = datetime.strptime(text.strip(), "%H:%M").time()  # noqa: DTZ007  # a clock's hand has no zone
    except ValueError:
        return None
    day = start.date() if hour >= start.time().replace(second=0, microsecond=0) else start.date() + DAY
    return datetime.combine(day, hour)


def _on_the_clock(text: str, wall: datetime, place: ZoneInfo) -> datetime:
    """The instant of a wall-clock time; where clocks change it may be none or two."""
    first, second = (wall.replace(tzinfo=place, fold=fold) for fold in (0, 1))
    if first.utcoffset() == second.utcoffset():
        return first
    if first.astimezone(UTC).astimezone(place).replace(tzinfo=None) != wall:
        raise InputError(f"TIME {text!r} is left out where clocks go forward in {place.key}", remedy=REMEDY)
    raise InputError(f"TIME {text!r} is there twice where clocks go back in {place.key}", remedy="Add an offset.")
