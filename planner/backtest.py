"""Rolling origins over a function's own past: what our plans, the baselines and the reference would have done.

For each of the last days every policy makes its document from what was known at that time, and Function Compute is
replayed on the load that came. All policies are judged by the same rules, and each begins as if its own document had
been running, with no less than the last known load needed and one more.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from zoneinfo import ZoneInfo

import numpy as np

from planner.base import MINUTE, iso, minutes_between, utc
from planner.baselines import BASELINES, Known
from planner.billing import Prices, bill
from planner.calendar.campaigns import Dates
from planner.config import FunctionConfig
from planner.errors import HistoryError
from planner.forecasters.keeping import NO_FITS, Fits
from planner.history import History
from planner.pipeline import Question, make_plan
from planner.policies import prices
from planner.provision import LiveDocument, ProvisionConfig
from planner.reading import Among, Minutes, least_values
from planner.regret import Floats, Reference, ideal_minutes, reference, regret, smoothed_rate
from planner.replay import Put, Reaction, Replay, State, replay_document
from planner.risk import minute_load

OURS = "planner"
DAY = timedelta(days=1)
DAY_MINUTES = 24 * 60
HORIZON = DAY
LATENCY = timedelta(minutes=3)
"""The newest minutes have not reached the metric store yet."""
MIN_PAST = 2 * DAY
"""What has to be known before a day is judged."""
MOST_MISSING = 0.02
"""Share of a judged day that the history may lack."""
NOTHING = 1e-9

Mapper = Callable[[Callable[[datetime], ProvisionConfig], Iterable[datetime]], Iterable[ProvisionConfig]]
"""`map`, or that of an executor."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """How every policy is judged.

    `replan`: each so many hours a new document (a divisor of 24 hours). `start_up`: from asking to warm. `early`:
    minutes by which a careful person asks early. `put` None: a new document is evaluated at once and destroys nothing.
    `carry`: a day begins with the instances that the day before it left, else as if its document had been running.
    """

    start_up: timedelta
    early: int
    ceiling: int
    zone: str
    objective: float
    prices: Prices
    replan: timedelta = DAY
    latency: timedelta = LATENCY
    among: Among = Among.LAST
    reaction: Reaction = field(default_factory=Reaction)
    put: Put | None = None
    carry: bool = True


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Past:
    """A function's past. `load` and `rate`: offered concurrency a minute from `start`, and what it was drawn from.

    `native`: only whole intervals of this length are known (an hourly source tells nothing of the running hour).
    `company` is what the company's calendar files say, today's for every day.
    """

    history: History
    native: timedelta
    start: datetime
    load: Floats
    rate: Floats
    instance_concurrency: int
    company: Dates = field(default_factory=Dates)

    def known(self, now: datetime, latency: timedelta) -> History:
        """What a planner sees at `now`."""
        since = now - latency - self.history.start
        return self.history.until(self.history.start + since // self.native * self.native)

    def minutes(self, now: datetime, latency: timedelta) -> Floats:
        """The same a minute up to `now`: what has not reached the store holds the last value."""
        seen = minutes_between(self.start, self.known(now, latency).end)
        return np.pad(self.load[:seen], (0, minutes_between(self.start, now) - seen), mode="edge")

    def came(self, start: datetime, minutes: int) -> Floats:
        """The load that came from `start` on."""
        first = minutes_between(self.start, start)
        return self.load[first : first + minutes]

    def tide(self, start: datetime, minutes: int) -> Floats:
        """The rate behind it."""
        first = minutes_between(self.start, start)
        return self.rate[first : first + minutes]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Day:
    """One judged day of one policy: concurrency-minutes and instance-minutes as in `Replay`, bills in money.

    `ideal`: instance-minutes of an instant, all-knowing scaler. `always_allocated`, `hibernating`: what the day costs
    with instances that are kept so while idle. `target`: FC's value, shape (minutes,).
    """

    start: datetime
    offered: float
    cold: float
    provisioned: float
    changes: int
    ideal: float
    always_allocated: float
    hibernating: float
    target: Minutes


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Score:
    """One policy over all judged days."""

    name: str
    days: tuple[Day, ...]
    regret: float

    @property
    def cold_share(self) -> float:
        """Share of the offered concurrency that found no warm instance."""
        return self.total("cold") / max(self.total("offered"), NOTHING)

    @property
    def hours(self) -> float:
        """Instance-hours."""
        return self.total("provisioned") / 60

    @property
    def hours_ratio(self) -> float:
        """Instance-hours over those of an instant, all-knowing scaler."""
        return self.total("provisioned") / max(self.total("ideal"), NOTHING)

    @property
    def changes(self) -> float:
        """How often FC's target changed, a day."""
        return self.total("changes") / len(self.days)

    def total(self, name: str) -> float:
        """Sum of one of the days' figures."""
        return float(sum(getattr(day, name) for day in self.days))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Backtest:
    """The result, ours first, then the baselines in order. `load`: of the judged days, shape (minutes,)."""

    rules: Rules
    instance_concurrency: int
    scores: tuple[Score, ...]
    reference: Reference
    load: Floats = field(repr=False)

    def score(self, name: str) -> Score:
        """A policy by name."""
        return next(score for score in self.scores if score.name == name)


def past_of(history: History, instance_concurrency: int, company: Dates | None = None) -> Past:
    """The past of a function of which only the history is known; the rate is the load, smoothed."""
    start = utc(history.start)
    if start.second or start.microsecond:
        start = start.replace(second=0, microsecond=0) + MINUTE
    load = minute_load(history, start, minutes_between(start, history.end))
    return Past(
        history=history,
        native=history.step,
        start=start,
        load=load,
        rate=smoothed_rate(load),
        instance_concurrency=instance_concurrency,
        company=company or Dates(),
    )


def judged_days(
    past: Past, end: datetime, rules: Rules, *, count: int, every: int, minimum: timedelta = timedelta(0)
) -> tuple[datetime, ...]:
    """The beginnings of every n-th of the last `count` whole days before `end`, oldest first.

    A day has 24 hours, the last one ends at the zone's last midnight. Days with less than two days of past, of which
    less than `minimum` was known then, or that the history lacks more than a fiftieth of, are left out; HistoryError
    where none is left.
    """
    local = min(end, past.history.end).astimezone(ZoneInfo(rules.zone))
    midnight = utc(local.replace(hour=0, minute=0, second=0, microsecond=0))
    found = [midnight - back * DAY for back in range(count, 0, -1)][::every]
    days = tuple(
        day
        for day in found
        if day - past.start >= MIN_PAST
        and past.known(day, rules.latency).days >= minimum
        and past.history.missing(day, DAY) <= MOST_MISSING
    )
    if not days:
        needed = max(MIN_PAST, minimum) / DAY
        raise HistoryError(
            f"{past.history.source}: no whole day before {iso(midnight)} has {needed:g} days of history before it",
            remedy=f"Give a longer history (more than {needed + 1:g} days), a later --now, or more --days.",
        )
    return days


def origins(days: Sequence[datetime], rules: Rules) -> tuple[datetime, ...]:
    """When documents are made: at the beginning of each day and each `replan` after it."""
    return tuple(day + part * rules.replan for day in days for part in range(DAY // rules.replan))


def our_documents(  # noqa: PLR0917  # the two ports stand last
    settings: FunctionConfig,
    past: Past,
    days: Sequence[datetime],
    rules: Rules,
    mapper: Mapper = map,
    fits: Fits = NO_FITS,
) -> dict[datetime, ProvisionConfig]:
    """What the planner would have put at each origin, planned against an empty document."""
    moments = origins(days, rules)
    return dict(zip(moments, mapper(partial(_planned, settings, past, rules.latency, fits), moments), strict=True))


def baseline_documents(
    name: str, past: Past, days: Sequence[datetime], rules: Rules
) -> dict[datetime, ProvisionConfig]:
    """What a baseline would have put at each origin."""
    return {now: BASELINES[name](_known(past, now, rules)) for now in origins(days, rules)}


def judge(
    documents: Mapping[str, Mapping[datetime, ProvisionConfig]], past: Past, days: Sequence[datetime], rules: Rules
) -> Backtest:
    """Replay every policy's documents on the load that came, and compare them.

    HistoryError where no request came at all: shares of nothing can't be compared.
    """
    loads = [past.came(day, DAY_MINUTES) for day in days]
    if not any(load.any() for load in loads):
        raise HistoryError(
            f"{past.history.source}: no request came on the judged days, from {iso(days[0])} on",
            remedy="Judge other days: an earlier --now, or more --days.",
        )
    known = reference(
        [(load, past.tide(day, DAY_MINUTES)) for day, load in zip(days, loads, strict=True)], past.instance_concurrency
    )
    return Backtest(
        rules=rules,
        instance_concurrency=past.instance_concurrency,
        scores=tuple(_score(name, made, past, days, rules, known) for name, made in documents.items()),
        reference=known,
        load=np.concatenate(loads),
    )


def _score(  # noqa: PLR0917  # one line of the table is about all of them
    name: str,
    documents: Mapping[datetime, ProvisionConfig],
    past: Past,
    days: Sequence[datetime],
    rules: Rules,
    known: Reference,
) -> Score:
    done: list[Day] = []
    living: State | None = None
    before: ProvisionConfig | None = None
    for day in days:
        if not (rules.carry and done and done[-1].start + DAY == day):
            living = before = None
        made, living, before = _replayed(documents, past, day, rules, living, before)
        done.append(made)
    score = Score(name=name, days=tuple(done), regret=0.0)
    share, ratio = score.cold_share, score.hours_ratio
    found = regret(known, cold_share=share, hours=ratio, objective=rules.objective)
    return Score(name=name, days=score.days, regret=found)


def _replayed(  # noqa: PLR0917  # as above
    documents: Mapping[datetime, ProvisionConfig],
    past: Past,
    day: datetime,
    rules: Rules,
    living: State | None,
    before: ProvisionConfig | None,
) -> tuple[Day, State, ProvisionConfig]:
    """One day, what it left, and under which document."""
    span, each = minutes_between(day, day + rules.replan), past.instance_concurrency
    parts: list[Replay] = []
    for now in origins([day], rules):
        document = documents[now]
        # Nobody puts a document again that stands there already.
        put = rules.put if before is not None and document != before else None
        replay = replay_document(
            document,
            now,
            past.came(now, span)[None, :],
            instance_concurrency=each,
            lead=-(-rules.start_up // MINUTE),
            among=rules.among,
            reaction=rules.reaction,
            begin=living or _begin(document, now, past, rules),
            put=put,
            keep_target=True,
        )
        living, before = replay.end, document
        parts.append(replay)
    assert living is not None  # a day has at least one part
    assert before is not None
    return _day(day, parts, ideal_minutes(past.came(day, DAY_MINUTES), each), rules), living, before


def _day(day: datetime, parts: Sequence[Replay], ideal: float, rules: Rules) -> Day:
    """The parts of a day, added up."""

    def billed(*, always_allocated: bool) -> float:
        bills = (bill(part, rules.prices, always_allocated=always_allocated, start_up=rules.start_up) for part in parts)
        return sum(float(one.money[0]) for one in bills)

    return Day(
        start=day,
        offered=sum(float(part.offered[0]) for part in parts),
        cold=sum(float(part.cold[0]) for part in parts),
        provisioned=sum(float(part.provisioned[0]) for part in parts),
        changes=sum(int(part.changes[0]) for part in parts),
        ideal=ideal,
        always_allocated=billed(always_allocated=True),
        hibernating=billed(always_allocated=False),
        target=np.concatenate([part.target[0] for part in parts]),
    )


def _begin(document: ProvisionConfig, now: datetime, past: Past, rules: Rules) -> State:
    """As if the document had been running: its own first value, and what the last known load needed and one more."""
    last = past.minutes(now, rules.latency)[-1]
    needed = int(np.ceil(last / past.instance_concurrency)) + 1
    return State(warm=np.maximum(least_values(document, now, 1, rules.among), needed))


def rules_of(
    settings: FunctionConfig, *, replan: timedelta, latency: timedelta = LATENCY, instant_put: bool = False
) -> Rules:
    """The rules of a function: its own lead, ceiling, zone, objective and prices."""
    capacity = settings.capacity
    return Rules(
        start_up=capacity.start_up,
        early=-(-(capacity.start_up + capacity.evaluation_lag) // MINUTE),
        ceiling=capacity.max_instances,
        zone=settings.time_zone,
        objective=settings.objective.cold_share,
        replan=replan,
        latency=latency,
        prices=prices(settings),
        put=None if instant_put else Put(evaluation_lag=-(-capacity.evaluation_lag // MINUTE)),
    )


def question_at(past: Past, now: datetime, latency: timedelta) -> Question:
    """What a plan made at `now` against an empty document would have known."""
    return Question(
        now=now,
        horizon=HORIZON,
        history=past.known(now, latency),
        live=LiveDocument(),
        instance_concurrency=past.instance_concurrency,
        company=past.company,
    )


def _planned(settings: FunctionConfig, past: Past, latency: timedelta, fits: Fits, now: datetime) -> ProvisionConfig:
    return make_plan(settings, question_at(past, now, latency), fits=fits).wanted


def _known(past: Past, now: datetime, rules: Rules) -> Known:
    return Known(
        now=now,
        minutes=past.minutes(now, rules.latency),
        instance_concurrency=past.instance_concurrency,
        lead=rules.early,
        ceiling=rules.ceiling,
        zone=rules.zone,
    )
