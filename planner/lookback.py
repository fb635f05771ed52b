"""What planning would have done on the function's last days, on record: the promise that the next days are held to.

The days are lived through as the daemon lives them, with a choice of the day and a plan each hour, and beside them what
people run today. `backtest` replays and compares.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from planner.backtest import (
    OURS,
    Past,
    Rules,
    Score,
    baseline_documents,
    judge,
    judged_days,
    origins,
    past_of,
    question_at,
    rules_of,
)
from planner.base import FunctionRef, utc
from planner.baselines import CRON, LAST_WEEK, STATIC
from planner.config import FunctionConfig
from planner.forecasters.keeping import NO_FITS, Fits
from planner.pipeline import Question, choose, make_plan
from planner.plan import plain
from planner.policies import allocation, with_lead
from planner.provision import ProvisionConfig
from planner.store import Event, Store

KIND = "backtest"
BESIDE = (STATIC, LAST_WEEK, CRON)
"""What people run today without a planner."""
EACH = timedelta(hours=1)
"""Between two plans: the gate pushes about as often."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """What one policy did on all days; `money` in the currency of the price table."""

    policy: str
    cold_share: float
    instance_hours: float
    money: float


@dataclass(frozen=True, slots=True, kw_only=True)
class LookBack:
    """The days judged, ours first."""

    first: datetime
    days: int
    objective: float
    currency: str
    accounts: tuple[Account, ...]

    @property
    def ours(self) -> Account:
        """What planning would have done."""
        return self.accounts[0]

    @property
    def saved(self) -> float:
        """Money against a static peak."""
        return next(each.money for each in self.accounts if each.policy == STATIC) - self.ours.money

    @property
    def sentence(self) -> str:
        """One line for people."""
        days = f"{self.days} days from {self.first:%Y-%m-%d}"
        kept = "" if self.ours.cold_share <= self.objective else ", not kept"
        cold = f"{self.ours.cold_share:.3%} cold ({self.objective:.2%} promised{kept})"
        saved = f"{self.currency} {self.saved:.0f} less than a {STATIC}"
        return f"{days}: {cold}, {self.ours.instance_hours:.0f} hours; {saved}"


def look_back(
    settings: FunctionConfig, question: Question, *, fits: Fits = NO_FITS, leave: Callable[[], None] = lambda: None
) -> LookBack:
    """Live the last days through once more; `leave` is called before each plan and may raise.

    HistoryError where no whole day has enough history before it.
    """
    if question.lead is not None:
        settings = with_lead(settings, question.lead)
    past = past_of(question.history, question.instance_concurrency, question.company)
    rules = rules_of(settings, replan=EACH)
    days = judged_days(
        past, question.now, rules, count=settings.daemon.backtest_days, every=1, minimum=settings.history.minimum
    )
    documents = {OURS: _ours(settings, past, days, rules, fits, leave)}
    documents |= {name: baseline_documents(name, past, days, rules) for name in BESIDE}
    awake = all(allocation(settings, question.live.config))
    found = judge(documents, past, days, rules)
    return LookBack(
        first=days[0],
        days=len(days),
        objective=rules.objective,
        currency=rules.prices.currency,
        accounts=tuple(_account(score, awake=awake) for score in found.scores),
    )


def note(store: Store, function: FunctionRef, found: LookBack, *, at: datetime) -> None:
    """Put it on record."""
    facts = json.dumps(plain(asdict(found)), sort_keys=True, allow_nan=False)
    store.control.note_event(Event(function=function, kind=KIND, at=at, sentence=found.sentence, facts=facts))


def newest(store: Store, function: FunctionRef) -> tuple[datetime, LookBack] | None:
    """The newest on record and when it was made."""
    event = store.control.newest_event(function, KIND)
    if event is None:
        return None
    facts: dict[str, Any] = json.loads(event.facts)
    first = utc(datetime.fromisoformat(facts["first"]))
    accounts = tuple(Account(**each) for each in facts["accounts"])
    return event.at, LookBack(**facts | {"first": first, "accounts": accounts})


def _ours(  # noqa: PLR0917  # the two ports stand last
    settings: FunctionConfig,
    past: Past,
    days: Sequence[datetime],
    rules: Rules,
    fits: Fits,
    leave: Callable[[], None],
) -> dict[datetime, ProvisionConfig]:
    made = {}
    for day in days:
        chosen = None
        for now in origins([day], rules):
            leave()
            question = question_at(past, now, rules.latency)
            chosen = chosen or choose(settings, question, fits=fits)
            made[now] = make_plan(settings, replace(question, chosen=chosen), fits=fits).wanted
    return made


def _account(score: Score, *, awake: bool) -> Account:
    return Account(
        policy=score.name,
        cold_share=score.cold_share,
        instance_hours=score.hours,
        money=score.total("always_allocated" if awake else "hibernating"),
    )
