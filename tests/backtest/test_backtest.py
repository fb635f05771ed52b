"""Rolling origins: what is known when, what is carried on, and what is charged."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta

import numpy as np
import pytest

from planner.backtest import (
    OURS,
    baseline_documents,
    judge,
    judged_days,
    origins,
    our_documents,
    past_of,
)
from planner.base import MINUTE
from planner.baselines import BASELINES, STATIC, VENDOR
from planner.calendar.campaigns import Campaign, Dates
from planner.errors import HistoryError
from planner.provision import ProvisionConfig
from planner.reading import least_values
from planner.replay import Put
from tests.backtest.given import NOW, history, past, rules, settings, tide

DAY, HOUR = timedelta(days=1), timedelta(hours=1)


def always(count: int, days: tuple[datetime, ...], **changes) -> dict[datetime, ProvisionConfig]:
    return {now: ProvisionConfig(default_target=count) for now in origins(days, rules(**changes))}


class TestWhatIsKnown:
    def test_the_newest_minutes_and_the_running_interval_are_not(self) -> None:
        known = past().known(NOW - HOUR, timedelta(minutes=3))

        assert known.end == NOW - HOUR - timedelta(minutes=5)

    def test_an_hourly_source_tells_nothing_of_the_last_hour(self) -> None:
        hourly = past_of(history(tide(5)[::60], step=HOUR), 1)

        assert hourly.known(NOW - DAY, timedelta(minutes=3)).end == NOW - DAY - HOUR

    def test_minutes_that_have_not_come_in_hold_the_last_value(self) -> None:
        minutes = past().minutes(NOW - 18 * HOUR, timedelta(minutes=58))

        assert len(minutes) == 4.25 * 24 * 60
        assert len(set(minutes[-90:])) > 1
        assert len(set(minutes[-60:])) == 1

    def test_no_document_depends_on_what_came_later(self) -> None:
        day = NOW - DAY
        poisoned = tide(5)
        poisoned[-24 * 60 :] = 900
        other = past_of(history(poisoned[::5]), 1)

        for name in BASELINES:
            assert baseline_documents(name, past(), (day,), rules()) == baseline_documents(name, other, (day,), rules())
        assert our_documents(settings(), past(), (day,), rules()) == our_documents(settings(), other, (day,), rules())


class TestTheDays:
    def test_they_are_the_last_whole_ones_with_two_days_before_them(self) -> None:
        assert judged_days(past(5), NOW, rules(), count=7, every=1) == (NOW - 3 * DAY, NOW - 2 * DAY, NOW - DAY)

    def test_they_begin_at_the_midnights_of_the_people(self) -> None:
        found = judged_days(past(5), NOW, rules(zone="Asia/Shanghai"), count=1, every=1)

        assert found == (NOW - 8 * HOUR - DAY,)

    def test_each_nth_of_them_counts_from_the_oldest(self) -> None:
        assert judged_days(past(8), NOW, rules(), count=5, every=2) == (NOW - 5 * DAY, NOW - 3 * DAY, NOW - DAY)

    def test_the_end_of_the_history_counts_where_it_lies_before_now(self) -> None:
        assert judged_days(past(4), NOW + 90 * DAY, rules(), count=1, every=1) == (NOW - DAY,)

    def test_a_day_that_the_history_lacks_is_left_out(self) -> None:
        values = tide(5)[::5]
        values[-288 - 20 : -288 - 10] = np.nan
        holed = past_of(history(values), 1)

        assert judged_days(holed, NOW, rules(), count=2, every=1) == (NOW - DAY,)

    def test_a_history_of_two_days_has_nothing_to_judge(self) -> None:
        with pytest.raises(HistoryError, match="no whole day") as refused:
            judged_days(past(2), NOW, rules(), count=7, every=1)

        assert "3 days" in refused.value.remedy

    def test_days_before_which_less_was_known_than_the_owner_asks_for_are_left_out(self) -> None:
        found = judged_days(past(9), NOW, rules(), count=7, every=1, minimum=7 * DAY)

        assert found == (NOW - DAY,)  # the day before it lacks the minutes that had not arrived
        asks = settings().model_copy(update={"history": settings().history.model_copy(update={"minimum": 7 * DAY})})
        assert our_documents(asks, past(9), found, rules())

    def test_with_a_shorter_replan_there_are_as_many_origins_as_fit(self) -> None:
        found = origins((NOW,), rules(replan=6 * HOUR))

        assert found == tuple(NOW + 6 * part * HOUR for part in range(4))


class TestTheScore:
    def test_what_is_charged_is_what_was_held_and_what_was_cold(self) -> None:
        days = (NOW - DAY,)
        result = judge({"ten": always(10, days)}, past(), days, rules(carry=False))
        load = tide(1)
        # The history says five minutes at a time.
        load = np.repeat(load[::5], 5)
        score = result.score("ten")

        assert score.cold_share == pytest.approx(np.maximum(load - 10, 0).sum() / load.sum())
        assert score.hours == 240.0
        assert score.hours_ratio == pytest.approx(24 * 60 * 10 / np.ceil(load).sum())
        assert score.changes == 0

    def test_the_bill_of_a_day_without_cold_starts_is_that_of_its_busy_and_idle_minutes(self) -> None:
        days = (NOW - DAY,)
        (day,) = judge({"x": always(20, days)}, past(), days, rules(carry=False)).score("x").days

        assert (day.cold, day.provisioned) == (0, 20 * 24 * 60)
        assert day.always_allocated == pytest.approx(60 * 0.5 * 2.0 * day.provisioned)
        assert day.hibernating == pytest.approx(60 * 0.5 * (2.0 * day.offered + 0.5 * (day.provisioned - day.offered)))

    def test_what_was_cold_is_billed_as_on_demand(self) -> None:
        days = (NOW - DAY,)
        (day,) = judge({"x": always(0, days)}, past(), days, rules(carry=False)).score("x").days

        assert day.cold == day.offered
        assert day.always_allocated == day.hibernating >= 60 * 0.5 * 2.0 * day.offered

    def test_a_broken_promise_has_an_infinite_regret_and_a_kept_one_a_number(self) -> None:
        days = (NOW - DAY,)
        documents = {"one": always(1, days), "twenty": always(20, days)}
        result = judge(documents, past(), days, rules(carry=False))

        assert np.isinf(result.score("one").regret)
        assert 1 < result.score("twenty").regret < 3

    def test_days_without_a_request_cannot_be_compared(self) -> None:
        silent = past_of(history(np.zeros(5 * 288)), 1)
        days = (NOW - DAY,)

        with pytest.raises(HistoryError, match="no request came"):
            judge({"x": always(1, days)}, silent, days, rules())

    def test_policies_keep_their_order_and_days_their_dates(self) -> None:
        days = (NOW - 2 * DAY, NOW - DAY)
        result = judge({"b": always(2, days), "a": always(1, days)}, past(), days, rules())

        assert [score.name for score in result.scores] == ["b", "a"]
        assert tuple(day.start for day in result.scores[0].days) == days
        assert len(result.load) == len(result.scores[0].days[0].target) * 2


class TestWhatIsCarriedOn:
    DAYS = (NOW - 2 * DAY, NOW - DAY)

    def after(self, first: int, second: int, **changes) -> tuple[float, float]:
        documents = always(first, self.DAYS[:1], **changes) | always(second, self.DAYS[1:], **changes)
        result = judge({"x": documents}, past(), self.DAYS, rules(**changes))
        yesterday, today = result.score("x").days
        return yesterday.cold, today.cold

    def test_instances_asked_for_at_midnight_come_after_the_lead(self) -> None:
        # The load is nothing at midnight; a lead of twelve hours leaves the whole noon cold.
        _, carried = self.after(0, 20, start_up=12 * HOUR)
        _, fresh = self.after(0, 20, start_up=12 * HOUR, carry=False)

        assert carried > 1000
        assert fresh == 0

    def test_a_day_apart_begins_afresh(self) -> None:
        days = (NOW - 3 * DAY, NOW - DAY)
        documents = always(0, days[:1]) | always(20, days[1:])
        result = judge({"x": documents}, past(), days, rules(start_up=12 * HOUR))

        assert result.score("x").days[1].cold == 0

    def test_a_put_destroys_what_is_above_the_default_and_the_same_document_is_not_put_again(self) -> None:
        noon = rules(replan=12 * HOUR, put=Put(evaluation_lag=2), carry=False)
        days = (NOW - DAY,)
        vendor = baseline_documents(VENDOR, past(), days, noon)
        renamed = {
            now: replace(
                document,
                tracking_policies=tuple(
                    replace(policy, max_capacity=policy.max_capacity - part) for policy in document.tracking_policies
                ),
            )
            for part, (now, document) in enumerate(vendor.items())
        }

        same = judge({"x": vendor}, past(), days, noon).score("x")
        put = judge({"x": renamed}, past(), days, noon).score("x")

        assert same.days[0].target[720] > 50
        assert put.days[0].target[720] == 1
        assert put.cold_share > same.cold_share

    def test_parts_of_a_day_add_up_to_the_whole(self) -> None:
        days = (NOW - DAY,)
        whole, parts = (
            judge({"x": always(10, days, replan=span)}, past(), days, rules(replan=span)).score("x")
            for span in (DAY, HOUR)
        )

        assert (parts.cold_share, parts.hours) == (whole.cold_share, whole.hours)
        assert parts.days[0].target.tolist() == whole.days[0].target.tolist()


class TestOurPlans:
    def test_they_are_made_at_every_origin_and_judged_like_the_rest(self) -> None:
        days = judged_days(past(), NOW, rules(), count=1, every=1)
        documents = {OURS: our_documents(settings(), past(), days, rules())}
        documents[STATIC] = baseline_documents(STATIC, past(), days, rules())

        result = judge(documents, past(), days, rules())

        assert result.score(OURS).cold_share < 0.01
        assert result.score(OURS).days[0].offered == result.score(STATIC).days[0].offered

    def test_they_know_the_campaigns_of_the_company(self) -> None:
        days = (NOW - DAY,)
        sale = Campaign(start=days[0] + 2 * HOUR, end=days[0] + 4 * HOUR, name="sale", source="own.yaml", at_least=50.0)
        told = replace(past(), company=Dates(campaigns=(sale,)))

        (usual,), (raised,) = (our_documents(settings(), one, days, rules()).values() for one in (past(), told))

        at = slice(2 * 60, 4 * 60)
        assert least_values(usual, days[0], 1440)[at].max() < 50 <= least_values(raised, days[0], 1440)[at].min()

    def test_several_workers_give_the_same_documents(self) -> None:
        days = (NOW - DAY,)
        half = rules(replan=12 * HOUR)
        with ThreadPoolExecutor(2) as pool:
            assert our_documents(settings(), past(), days, half, pool.map) == our_documents(
                settings(), past(), days, half
            )


def test_a_history_that_begins_within_a_minute_is_read_from_the_next_one() -> None:
    ragged = history(tide(3)[::5], end=NOW + timedelta(seconds=30))

    assert past_of(ragged, 1).start == NOW - 3 * DAY + MINUTE
