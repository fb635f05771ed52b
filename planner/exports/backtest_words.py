"""What every export of a backtest says the same way: the rows of the table, the verdict, what would have been saved."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from planner.backtest import OURS, Backtest, Score
from planner.baselines import STATIC, VENDOR
from planner.exports import words
from planner.regret import LEAST_SHARE

MONTH = 30
"""Days."""
CENTS = 100
"""Below this amount cents matter."""
REFERENCE = "reference, knows the tide"
CAPTION = (
    "hours: times those of an instant, all-knowing scaler. regret: hours over the reference's at the same cold share; "
    "- where more than twice the objective was cold. moves: changes of Function Compute's target, a day. The last two "
    f"columns are the bill of {MONTH} days, with on-demand instances for what was cold: always allocated, and asleep "
    "(hibernating) while idle."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A backtest for people: `function` and the price table of day `dated`; `remarks` are whole sentences."""

    function: str
    backtest: Backtest
    dated: date
    remarks: tuple[str, ...] = ()

    def monthly(self, score: Score, *, hibernating: bool) -> float:
        """What a policy would have cost in a month like the judged days."""
        return score.total("hibernating" if hibernating else "always_allocated") / len(score.days) * MONTH

    @property
    def currency(self) -> str:
        """Of every bill."""
        return self.backtest.rules.prices.currency


def headline(report: Report) -> str:
    """Whether our plans kept the promise, and at how many hours."""
    ours, objective = report.backtest.score(OURS), report.backtest.rules.objective
    kept = ours.cold_share <= objective
    first, last = ours.days[0].start, ours.days[-1].start
    zone = report.backtest.rules.zone
    span = f"{words.local(first, zone):%d %b %Y} to {words.local(last, zone):%d %b %Y}"
    return (
        f"{report.function}, {words.count(len(ours.days), 'day')} from {span}: {share(ours.cold_share)} cold, "
        f"{100 * objective:g} % promised{'' if kept else ', not kept'}; {ours.hours_ratio:.2f} times the hours of "
        "an instant, all-knowing scaler."
    )


def savings(report: Report) -> tuple[str, ...]:
    """What our plans would have saved in a month, against the static peak and against the vendor's example."""
    ours = report.backtest.score(OURS)
    lines = []
    for name in (STATIC, VENDOR):
        rival = report.backtest.score(name)
        always, idle = (_difference(report, ours, rival, hibernating=hibernating) for hibernating in (False, True))
        lines.append(f"Against {name} ({share(rival.cold_share)} cold): {always} a month; both hibernating: {idle}.")
    month = f"A month is {MONTH} days like these, at the price table of {report.dated:%d %b %Y}."
    return (*lines, month)


def heads(report: Report) -> tuple[str, ...]:
    """The heads of the table."""
    return ("policy", "cold", "hours", "regret", "moves", report.currency, "asleep")


def rows(report: Report) -> Iterator[tuple[str, ...]]:
    """A row a policy under `heads`, the reference last."""
    for score in report.backtest.scores:
        bills = (report.monthly(score, hibernating=hibernating) for hibernating in (False, True))
        yield (
            score.name,
            share(score.cold_share),
            f"×{score.hours_ratio:.2f}",
            "-" if math.isinf(score.regret) else f"{score.regret:.2f}",
            f"{score.changes:.0f}",
            *(f"{bill:,.2f}" if bill < CENTS else f"{bill:,.0f}" for bill in bills),
        )
    cold, hours = at_our_share(report.backtest)
    yield (REFERENCE, share(cold), f"×{hours:.2f}", "1.00", "", "", "")


def at_our_share(backtest: Backtest) -> tuple[float, float]:
    """Cold share and hours of the reference beside our plans."""
    cold = max(backtest.score(OURS).cold_share, LEAST_SHARE * backtest.rules.objective)
    return cold, backtest.reference.hours_at(cold)


def grounds(report: Report) -> str:
    """How it was judged, in one line."""
    rules = report.backtest.rules
    every = rules.replan / timedelta(hours=1)
    put = "a put is evaluated at once" if rules.put is None else "a put answers with its default first"
    return "  ·  ".join(
        (
            f"planned anew each {every:g} h",
            f"the last {rules.latency / timedelta(minutes=1):g} min unknown",
            f"warm after {words.span(rules.start_up)}",
            put,
            f"times in {rules.zone}",
        )
    )


def share(cold: float) -> str:
    """A cold share in per cent, three digits after the point: promises are that small."""
    return f"{100 * cold:.3f} %"


def _difference(report: Report, ours: Score, rival: Score, *, hibernating: bool) -> str:
    mine, theirs = (report.monthly(score, hibernating=hibernating) for score in (ours, rival))
    amount = words.money(abs(theirs - mine), report.currency)
    part = f" ({100 * abs(theirs - mine) / theirs:.0f} %)" if theirs > 0 else ""
    return f"{amount} {'saved' if mine <= theirs else 'more'}{part}"
