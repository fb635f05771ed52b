"""What people run today: documents that Function Compute takes, early enough, never below one instance."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given as examples
from hypothesis import strategies as st

from planner.base import MINUTE
from planner.baselines import BASELINES, DAY, STATIC, VENDOR
from planner.emulator import Settings
from planner.emulator.models.validation import merge
from planner.provision import ProvisionConfig
from planner.reading import least_values, schedule_values
from tests.backtest.given import LEAD, NOW, known, tide

every_baseline = pytest.mark.parametrize("name", BASELINES)
STEPS = ["last week's hours + 10 %", "P99 of 4 weeks", "like AHPA", "like AWS predictive", "Holt-Winters"]
QUICK = [name for name in BASELINES if name != "Holt-Winters"]


def scheduled(document: ProvisionConfig) -> np.ndarray:
    return schedule_values(document, NOW, DAY)


@every_baseline
@pytest.mark.parametrize("days", [1, 2, 8, 30])
def test_the_document_is_one_that_function_compute_takes(name: str, days: int) -> None:
    document = BASELINES[name](known(tide(days)))

    merge(document.wire(), None, Settings())  # raises where Function Compute refuses
    assert least_values(document, NOW, DAY).min() >= 1


@every_baseline
def test_no_baseline_passes_the_owners_ceiling(name: str) -> None:
    document = BASELINES[name](known(tide(8, top=50), ceiling=7))

    assert least_values(document, NOW, DAY).max() <= 7
    assert all(policy.max_capacity == 7 for policy in document.tracking_policies)


@every_baseline
def test_a_service_that_was_never_called_keeps_one_or_two_instances(name: str) -> None:
    assert least_values(BASELINES[name](known(np.zeros(9 * DAY))), NOW, DAY).max() <= 2


@every_baseline
def test_an_instance_that_serves_several_needs_fewer_of_them(name: str) -> None:
    one, four = (least_values(BASELINES[name](known(tide(9), each=each)), NOW, DAY).max() for each in (1, 4))

    assert four <= -(-one // 4) + 1


@pytest.mark.parametrize("name", STEPS)
def test_the_same_day_again_finds_its_instances_there_before_it_needs_them(name: str) -> None:
    day = tide(1)
    held = scheduled(BASELINES[name](known(np.tile(day, 14))))

    # Forecasts of a mean leave the noise to their tracker; without noise the mean itself is what they promise.
    assert (held[:-LEAD] >= day[LEAD:]).all()


def test_the_static_peak_is_that_of_the_last_seven_days_alone() -> None:
    minutes = np.full(20 * DAY, 3.0)
    minutes[-7 * DAY - 1] = 99
    minutes[-7 * DAY] = 41

    assert BASELINES[STATIC](known(minutes)) == ProvisionConfig(default_target=41)


def test_the_vendors_example_is_a_lone_tracker_at_thirty_per_cent_from_one_instance() -> None:
    (tracker,) = BASELINES[VENDOR](known(tide(3))).tracking_policies

    assert (tracker.metric_target, tracker.min_capacity, tracker.max_capacity) == (0.3, 1, 1000)


def test_a_tracking_document_never_changes_so_that_nothing_is_put_again() -> None:
    assert BASELINES["tracking 0.6"](known(tide(3))) == BASELINES["tracking 0.6"](known(tide(9, top=80)))


def test_last_weeks_hours_are_raised_by_the_lead_and_lowered_on_time() -> None:
    minutes = np.ones(8 * DAY)
    ten = 10 * 60
    minutes[-7 * DAY :][ten : ten + 60] = 20

    held = scheduled(BASELINES["last week's hours + 10 %"](known(minutes)))

    assert held.tolist() == [2] * (ten - LEAD) + [22] * (60 + LEAD) + [2] * (DAY - ten - 60)


def test_until_a_week_is_known_last_weeks_hours_are_yesterdays() -> None:
    minutes = np.concatenate([np.full(DAY, 50.0), np.full(DAY, 10.0)])

    assert set(scheduled(BASELINES["last week's hours + 10 %"](known(minutes)))) == {11}


def test_a_rare_spike_is_above_p99_and_a_weekly_one_is_not() -> None:
    once, weekly = np.ones(29 * DAY), np.ones(29 * DAY)
    once[-7 * DAY + 600] = 30
    for week in range(1, 5):
        weekly[-week * 7 * DAY + 600 : -week * 7 * DAY + 603] = 30

    assert scheduled(BASELINES["P99 of 4 weeks"](known(once))).max() == 1
    assert scheduled(BASELINES["P99 of 4 weeks"](known(weekly)))[600] == 30


def test_the_cron_table_has_the_hours_that_cost_least() -> None:
    # Eight hours of twenty from 09:00 in Shanghai, which is 01:00 UTC.
    day = np.ones(DAY)
    day[60 : 9 * 60] = 20

    document = BASELINES["day and night by cron"](known(np.tile(day, 7)))

    assert [(a.schedule_expression, a.target, a.time_zone) for a in document.scheduled_actions] == [
        ("cron(0 56 8 * * *)", 20, "Asia/Shanghai"),
        ("cron(0 0 17 * * *)", 1, "Asia/Shanghai"),
    ]
    assert scheduled(document).tolist() == [1] * 56 + [20] * (4 + 8 * 60) + [1] * (DAY - 9 * 60)


def test_predictive_scaling_moves_with_the_level_of_the_last_day() -> None:
    usual = np.tile(tide(1), 14)
    risen = usual.copy()
    risen[-DAY:] *= 1.5

    plain, moved = (scheduled(BASELINES["like AWS predictive"](known(m))).sum() for m in (usual, risen))

    assert moved > 1.3 * plain


def test_one_odd_day_does_not_become_ahpas_forecast() -> None:
    minutes = np.tile(tide(1), 8)
    minutes[-3 * DAY : -2 * DAY] *= 2

    assert scheduled(BASELINES["like AHPA"](known(minutes))).max() <= 21


def test_holt_winters_finds_the_level_of_the_last_week() -> None:
    risen = np.tile(tide(1), 14) * np.repeat([1.0, 2.0], 7 * DAY)
    usual, high = (scheduled(BASELINES["Holt-Winters"](known(m))).max() for m in (np.tile(tide(1), 14), risen))

    assert usual <= 22
    assert high >= 35


@examples(minutes=st.lists(st.floats(0, 500), min_size=24, max_size=24 * 9), name=st.sampled_from(QUICK))
def test_any_history_gives_a_document_of_at_most_a_hundred_steps(minutes: list[float], name: str) -> None:
    document = BASELINES[name](known(np.repeat(minutes, 60)))

    assert len(document.scheduled_actions) <= 100
    assert len({action.name for action in document.scheduled_actions}) == len(document.scheduled_actions)


@examples(scale=st.floats(1, 10), name=st.sampled_from(QUICK))
def test_more_load_never_gets_fewer_instances(scale: float, name: str) -> None:
    less, more = (least_values(BASELINES[name](known(tide(9) * factor)), NOW, DAY) for factor in (1.0, scale))

    assert (more >= less).all()


def test_less_than_a_day_is_refused() -> None:
    with pytest.raises(ValueError, match="a day"):
        known(np.ones(DAY - 1))


@every_baseline
def test_what_is_known_decides_alone_and_the_instant_only_dates_the_steps(name: str) -> None:
    # Shanghai's wall clock is the cron table's business.
    if name == "day and night by cron":
        return
    here, later = known(tide(9)), replace(known(tide(9)), now=NOW + timedelta(hours=7))
    document, moved = BASELINES[name](here), BASELINES[name](later)

    assert schedule_values(moved, NOW + 7 * 60 * MINUTE, DAY).tolist() == scheduled(document).tolist()
