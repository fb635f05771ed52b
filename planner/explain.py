"""Why so many instances at one minute: what each stage of a plan adds to, or takes from, the stage before it.

The parts add up to what the schedule asks for, since each is the difference between what two neighbouring stages would
have asked for at that minute. Beside them stands what Function Compute makes of the document there.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

import numpy as np

from planner.arrivals import Floats, cold
from planner.base import MINUTE, iso, minutes_between
from planner.calendar.days import WEEKDAYS
from planner.capacity import Need, levels, per_minute, required, until_met
from planner.demand import Ints, Sizing, likely_tides, numbers
from planner.errors import InputError
from planner.pipeline import Decision, Reasoned
from planner.plan import Plan, plain
from planner.reading import Among, least_values, schedule_values
from planner.risk import Choice

UNLIMITED = 10**9
LOW, HIGH = 0.05, 0.95
LEAST_SHOWN = 0.0001


class Kind(StrEnum):
    """What a line is about, in the order in which it is told."""

    TIDE = "tide"
    CAMPAIGN = "campaign"
    ERRORS = "forecast errors"
    ARRIVALS = "arrivals"
    FLOOR = "floor"
    CEILING = "ceiling"
    GRAIN = "grain"
    CHANGE = "price of a change"
    DWELL = "dwell"
    LIMIT = "step limit"
    LATELY = "observed need"
    LEAD = "lead"
    GROWTH = "growth"
    STEPS = "steps"
    RISK = "risk"
    GUARD = "live guard"
    DEFAULT = "handover default"
    LAST = "given, if last wins"
    MAX = "given, if maximum wins"


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line: of a part, by how many instances it changes the number; beside the parts, how many there are."""

    kind: Kind
    instances: int | None
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """`instances` is what the schedule asks for from `minute` (UTC) on for a minute, the sum of the `parts`.

    `beside` tells what else acts then: the risk that sized it, the guard, and what FC makes of the document.
    """

    function: str
    time_zone: str
    plan: str
    """Digest of the plan that is explained."""
    minute: datetime
    instances: int
    parts: tuple[Line, ...]
    beside: tuple[Line, ...]

    @property
    def data(self) -> dict[str, object]:
        """The explanation as plain JSON values."""
        body = plain(asdict(self))
        assert isinstance(body, dict)
        return body


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Course:
    """What each stage asks for in each minute of the plan, each on top of the one before it.

    `alone`: every slot for itself; `turned`: with the price of going up; `held`: with the dwell; `level`: within the
    number of steps; `met`: not below what was needed lately; `ahead`: with the lead; `asked`: with the limit of growth;
    `steps`: as the schedule says. Shape (minutes,); `level`, `met`, `ahead` and `asked` reach a lead further.
    """

    alone: Ints
    turned: Ints
    held: Ints
    level: Ints
    met: Ints
    ahead: Ints
    asked: Ints
    steps: Ints


def explain(made: Reasoned, minute: datetime) -> Explanation:
    """Why the plan asks for so many at `minute`; InputError where that lies outside the plan."""
    plan, decision = made.plan, made.decision
    if not plan.schedule.start <= minute < plan.schedule.end:
        raise InputError(
            f"{iso(minute)} is outside the plan, which reaches from {iso(plan.schedule.start)} to "
            f"{iso(plan.schedule.end)}",
            remedy="Name a time within it, a longer --horizon (up to 7d), or for the past an earlier --now.",
        )
    told = parts(decision, course(decision), minute)
    asked = sum(line.instances or 0 for line in told)
    return Explanation(
        function=str(plan.function),
        time_zone=plan.time_zone,
        plan=plan.digest,
        minute=minute,
        instances=asked,
        parts=told,
        beside=(_risk(decision, minute), _guard(decision, minute, asked), *_delivered(plan, minute)),
    )


def course(decision: Decision) -> Course:
    """Ask the stages again, with the limits put on one after the other."""
    start, end, rules = decision.schedule.start, decision.schedule.end, decision.rules
    demand, minutes = decision.demand, minutes_between(start, end)
    free = replace(rules, dwell=timedelta(0), max_steps=UNLIMITED)
    met = until_met(decision.needed, start, end, rules)
    return Course(
        alone=per_minute(Need(start=demand.start, slot=demand.slot, instances=demand.instances), start, minutes),
        turned=per_minute(levels(demand, free), start, minutes),
        held=per_minute(levels(demand, replace(rules, max_steps=UNLIMITED)), start, minutes),
        level=until_met(decision.levels, start, end, rules),
        met=met,
        ahead=required(met, replace(rules, growth_per_minute=UNLIMITED)),
        asked=required(met, rules),
        steps=decision.schedule.per_minute(),
    )


def parts(decision: Decision, stages: Course, minute: datetime) -> tuple[Line, ...]:
    """The parts of the number at `minute`, a minute of the plan; what changes nothing there is not told."""
    at = minutes_between(decision.schedule.start, minute)
    return (*_sized(decision, minute, int(stages.alone[at])), *_placed(decision, stages, at))


def _sized(decision: Decision, minute: datetime, alone: int) -> list[Line]:
    """From the tide to what its slot wants, taken alone."""
    forecast, sizing = decision.champion.forecast, decision.sizing
    slot = int((minute - forecast.start) // forecast.slot)
    campaign = _campaigns(decision, slot)
    expected = float(forecast.quantile(0.5)[slot])
    usual = float(decision.champion.usual[slot]) if campaign else expected
    whole = Sizing(instance_concurrency=sizing.instance_concurrency, floor=0, ceiling=UNLIMITED)
    plainly, lifted = (int(whole.instances(np.array([value]))[0]) for value in (usual, expected))
    told = [Line(kind=Kind.TIDE, instances=plainly, why=_tide(decision, minute, usual, plainly))]
    if campaign:
        why = f"{campaign}: {usual:.1f} becomes {expected:.1f} in flight"
        told.append(Line(kind=Kind.CAMPAIGN, instances=lifted - plainly, why=why))
    counted = _choice(decision, minute).policy.errors
    tides: Floats = likely_tides(forecast)[slot] if counted else np.array([expected])
    most = int(numbers(tides, whole)[-1])
    capacities = np.arange(0.0, most + 1) * sizing.instance_concurrency
    price = float(decision.demand.price[slot])
    steady = lifted
    if counted:
        # As if requests arrived evenly: what is cold then is what the tide itself has above the capacity.
        steady = _cheapest(np.maximum(tides[:, None] - capacities, 0.0).mean(axis=0), price)
        low, high = (forecast.quantile(level)[slot] for level in (LOW, HIGH))
        why = f"the tide counts for as uncertain as its forecasts were: {low:.1f} to {high:.1f} in 9 of 10 cases"
        told.append(Line(kind=Kind.ERRORS, instances=steady - lifted, why=why))
    left = cold(tides[None, :], capacities)[0]
    best = _cheapest(left, price)
    why = _arrivals(left, best, sizing.instance_concurrency, float(decision.demand.worth[slot]))
    told.append(Line(kind=Kind.ARRIVALS, instances=best - steady, why=why))
    return told + _clamped(sizing, decision.demand.sizes, best, alone)


def _cheapest(left: Floats, price: float) -> int:
    """The number of instances, from 0 on, that costs least where `left` is cold with each."""
    return int(np.argmin(np.arange(len(left)) + price * left))


def _clamped(sizing: Sizing, sizes: Ints, best: int, alone: int) -> list[Line]:
    """What floor, ceiling and coarse sizes make of the best number."""
    kept = min(max(best, sizing.floor), sizing.ceiling)
    step = int(np.diff(sizes).max(initial=1))
    return _changes(
        (Kind.FLOOR, max(kept - best, 0), f"capacity.min_instances keeps {sizing.floor} at least"),
        (Kind.CEILING, min(kept - best, 0), f"capacity.max_instances allows {sizing.ceiling}: what is above is cold"),
        (Kind.GRAIN, alone - kept, f"a service of this size is weighed in steps of {step} instances"),
    )


def _placed(decision: Decision, stages: Course, at: int) -> list[Line]:
    """From what the slot wants alone to what the schedule asks for."""
    rules = decision.rules
    turned = int(stages.turned[at] - stages.alone[at])
    lead, dwell = _span(rules.lead), _span(rules.dwell)
    change = (
        f"kept for busier times nearby: to let go and ask again is paid {lead} ahead of need"
        if turned > 0
        else f"a rise is paid {lead} ahead of need, and this one is too short to be worth it"
    )
    return _changes(
        (Kind.CHANGE, turned, change),
        (Kind.DWELL, stages.held[at] - stages.turned[at], f"a level holds for {dwell}, so the slot follows others"),
        (
            Kind.LIMIT,
            stages.level[at] - stages.held[at],
            f"the document has room for {rules.max_steps} steps, so the slot follows others",
        ),
        (
            Kind.LATELY,
            stages.met[at] - stages.level[at],
            f"{stages.met[at]} were needed in the last {_span(rules.hold)}, and so soon no fewer are asked for",
        ),
        (Kind.LEAD, stages.ahead[at] - stages.met[at], _lead(decision, stages, at)),
        (Kind.GROWTH, stages.asked[at] - stages.ahead[at], _growth(decision, stages, at)),
        (
            Kind.STEPS,
            stages.steps[at] - stages.asked[at],
            f"a step holds for {dwell} and at most {rules.max_steps} fit, so this one covers what comes after it",
        ),
    )


def _changes(*told: tuple[Kind, int, str]) -> list[Line]:
    """Lines of those that change the number."""
    return [Line(kind=kind, instances=int(by), why=why) for kind, by, why in told if by]


def _tide(decision: Decision, minute: datetime, median: float, instances: int) -> str:
    moment = decision.acting.at(minute)
    day = f"{moment.day.kind}{f' ({moment.day.name})' if moment.day.name else ''}"
    if moment.forecast_as is not None:
        day += f", forecast as a {WEEKDAYS[moment.forecast_as]}"
    champion = decision.champion
    who = "the nowcast" if minute < champion.nowcast_end else champion.forecast.forecaster
    each = decision.sizing.instance_concurrency
    return f"{day}, {median:.1f} in flight at the median by {who}: {instances} at full use, {each} each"


def _campaigns(decision: Decision, slot: int) -> str:
    """Names of the campaigns that act on a slot of the forecast; a slot takes the highest of its minutes."""
    if not decision.acting.effects:
        return ""
    forecast = decision.champion.forecast
    first = forecast.start + slot * forecast.slot
    found = [
        name
        for minute in range(int(forecast.slot / MINUTE))
        for name in decision.acting.at(first + minute * MINUTE).campaigns
    ]
    return ", ".join(dict.fromkeys(found))


def _arrivals(left: Floats, best: int, each: int, worth: float) -> str:
    """How busy the last instance is and how busy one more would be, beside what it must be worth."""
    busy = -np.diff(np.append(left, left[-1])) / each
    more = f"{_ordinal(best + 1)} would be busy {_percent(busy[best])}"
    if best == 0:
        return f"requests come by chance: the {more} of the time, below the {_percent(worth)} that it must be worth"
    last = f"the {_ordinal(best)} instance is busy {_percent(busy[best - 1])} of the time"
    return f"requests come by chance: {last}, the {more}, below the {_percent(worth)} that it must be worth"


def _lead(decision: Decision, stages: Course, at: int) -> str:
    wanted = int(stages.ahead[at])
    when = at + int(np.argmax(stages.met[at:] >= wanted))
    return f"{wanted} are needed from {_when(decision, when)}, and asked for {_span(decision.rules.lead)} ahead"


def _growth(decision: Decision, stages: Course, at: int) -> str:
    growth = decision.rules.growth_per_minute
    reach = stages.ahead[at:] - growth * np.arange(len(stages.ahead) - at)
    when = int(np.argmax(reach))
    wanted = int(stages.ahead[at + when])
    return f"{wanted} are asked for at {_when(decision, at + when)}, and {growth} a minute at most can be had"


def _risk(decision: Decision, minute: datetime) -> Line:
    choice, near = _choice(decision, minute), _is_near(decision, minute)
    whose = "until the next renewal" if near else "for the rest of the plan"
    return Line(kind=Kind.RISK, instances=None, why=f"{whose}, {choice.reason}")


def _guard(decision: Decision, minute: datetime, instances: int) -> Line:
    window = next((window for window in decision.guard if window.start <= minute < window.end), None)
    if window is None:
        return Line(kind=Kind.GUARD, instances=None, why="none at this minute")
    held = instances * decision.sizing.instance_concurrency
    until = window.end.astimezone(ZoneInfo(decision.acting.zone))
    why = (
        f"acts above {window.target * held:.1f} in flight, {100 * window.target:g} % of the {held} that these serve; "
        f"so until {until:%a %H:%M}"
    )
    return Line(kind=Kind.GUARD, instances=None, why=why)


def _delivered(plan: Plan, minute: datetime) -> tuple[Line, ...]:
    """What FC makes of the wanted document at that minute, under both readings."""
    until = plan.valid_until.astimezone(ZoneInfo(plan.time_zone))
    default = f"what FC may give while it takes the document in, by {until:%a %H:%M}; later only without any policy"
    lines = [Line(kind=Kind.DEFAULT, instances=plan.wanted.default_target, why=default)]
    readings = ((Kind.LAST, Among.LAST, "last trigger"), (Kind.MAX, Among.MAX, "maximum"))
    for kind, among, wins in readings:
        scheduled = int(schedule_values(plan.wanted, minute, 1, among)[0])
        least = int(least_values(plan.wanted, minute, 1, among)[0])
        raised = "" if least == scheduled else f", a tracker's floor holds {least}"
        why = f"at least, where the {wins} wins among scheduled actions: they give {scheduled}{raised}"
        lines.append(Line(kind=kind, instances=least, why=why))
    return tuple(lines)


def _choice(decision: Decision, minute: datetime) -> Choice:
    """The policy that sizes the slot of `minute`."""
    policies = decision.policies
    return policies.hour if _is_near(decision, minute) else policies.day


def _is_near(decision: Decision, minute: datetime) -> bool:
    forecast = decision.champion.forecast
    return (minute - forecast.start) // forecast.slot < decision.policies.near(forecast)


def _when(decision: Decision, at: int) -> str:
    """Local time of a minute of the plan."""
    return f"{(decision.schedule.start + at * MINUTE).astimezone(ZoneInfo(decision.acting.zone)):%a %H:%M}"


def _span(length: timedelta) -> str:
    return f"{length / MINUTE:g} min"


def _percent(share: float) -> str:
    return f"{100 * share:.2f} %" if share >= LEAST_SHOWN else "less than 0.01 %"


def _ordinal(number: int) -> str:
    ending = "th" if number % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"
