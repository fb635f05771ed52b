"""What a backtest says in words, of policies made up for it."""

from __future__ import annotations

import io
import json
import math
from dataclasses import replace
from datetime import date

import numpy as np
import pytest
from matplotlib.image import imread

from planner.backtest import OURS, Backtest, Day, Score
from planner.baselines import BASELINES, STATIC, VENDOR
from planner.exports import backtest_files, backtest_picture
from planner.exports.backtest_words import Report, headline, rows, savings
from planner.regret import Reference
from tests.backtest.given import NOW, rules

REFERENCE = Reference(cold_shares=(0.1, 0.0001), hours=(1.0, 1.5))


def a_score(name: str, *, cold: float = 0.0, money: float = 100.0, regret: float = 1.2) -> Score:
    day = Day(
        start=NOW,
        offered=1000.0,
        cold=cold,
        provisioned=3000.0,
        changes=5,
        ideal=1500.0,
        always_allocated=money,
        hibernating=money / 2,
        target=np.full(1440, 2),
    )
    return Score(name=name, days=(day, replace(day, changes=8)), regret=regret)


def a_report(*scores: Score) -> Report:
    usual = {name: a_score(name) for name in (OURS, *BASELINES)} | {score.name: score for score in scores}
    result = Backtest(
        rules=rules(),
        instance_concurrency=1,
        scores=tuple(usual.values()),
        reference=REFERENCE,
        load=np.ones(2880),
    )
    return Report(function="asr-gpu:prod", backtest=result, dated=date(2025, 12, 13))


def test_a_month_is_thirty_days_like_those_that_were_judged() -> None:
    report = a_report()

    assert report.monthly(report.backtest.score(OURS), hibernating=False) == 30 * 100
    assert report.monthly(report.backtest.score(OURS), hibernating=True) == 30 * 50


def test_savings_are_told_against_the_static_peak_and_the_vendors_example() -> None:
    against, vendor, month = savings(a_report(a_score(OURS, money=60), a_score(VENDOR, money=80, cold=1)))

    assert against == (
        f"Against {STATIC} (0.000 % cold): CNY 1,200 saved (40 %) a month; both hibernating: CNY 600 saved (40 %)."
    )
    assert vendor == (
        f"Against {VENDOR} (0.100 % cold): CNY 600 saved (25 %) a month; both hibernating: CNY 300 saved (25 %)."
    )
    assert month == "A month is 30 days like these, at the price table of 13 Dec 2025."


def test_what_would_have_cost_more_is_said_so() -> None:
    against, _, _ = savings(a_report(a_score(OURS, money=150)))

    assert "CNY 1,500 more (50 %) a month" in against


def test_without_prices_nothing_is_saved_and_nothing_breaks() -> None:
    free = [a_score(name, money=0.0) for name in (OURS, *BASELINES)]

    assert "CNY 0.00 saved a month" in savings(a_report(*free))[0]
    backtest_picture.render(a_report(*free))


@pytest.mark.parametrize(("cold", "said"), [(1.0, "0.100 % cold, 0.1 % promised;"), (2.0, "0.1 % promised, not kept;")])
def test_the_headline_says_whether_the_promise_was_kept(cold: float, said: str) -> None:
    assert said in headline(a_report(a_score(OURS, cold=cold)))


def test_a_policy_that_broke_the_promise_has_no_regret_in_table_and_json() -> None:
    report = a_report(a_score(STATIC, cold=500, regret=math.inf))

    assert next(row for row in rows(report) if row[0] == STATIC)[1:5] == ("50.000 %", "×2.00", "-", "6")
    policy = backtest_files.data(report)["policies"][1]
    assert (policy["name"], policy["regret"]) == (STATIC, None)
    json.dumps(backtest_files.data(report), allow_nan=False)


def test_the_reference_stands_beside_our_plans_at_our_cold_share() -> None:
    *_, last = rows(a_report(a_score(OURS, cold=0.1)))

    # Not below a fifth of the objective of 0.1 %.
    assert last[1:4] == ("0.020 %", f"×{REFERENCE.hours_at(0.0002):.2f}", "1.00")


@pytest.mark.parametrize("cold", [0.0, 1000.0])
def test_the_picture_is_drawn_whatever_was_cold(cold: float) -> None:
    image = backtest_picture.render(a_report(a_score(OURS, cold=cold), a_score(STATIC, cold=cold, regret=math.inf)))

    assert imread(io.BytesIO(image), format="png").shape[:2] == (900, 1600)
