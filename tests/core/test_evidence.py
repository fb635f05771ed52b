"""What a plan tells its reviewer."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pandas as pd
from hypothesis import given

from planner.base import MINUTE
from planner.decision import Policies
from planner.evidence import SHOWN_LEVELS, collect_evidence, notes, reasons, waking
from planner.forecast import LEVELS, Champion, Elected, Forecast, Score
from planner.guard import NO_GUARD, GuardWindow
from planner.history import History, Repair, RepairKind, Statistic
from planner.provision import MetricType, ProvisionConfig
from planner.risk import Choice, Policy
from tests.builders import NOON, a_config, a_tracker, an_action
from tests.documents.given import Case, cases

NAN = float("nan")
SLOT = 15 * MINUTE


def a_history(*values: float, step: timedelta = SLOT) -> History:
    """Ends at noon."""
    index = pd.date_range(NOON - len(values) * step, periods=len(values), freq=step, tz="UTC")
    return History(
        series=pd.Series(values, index=index, dtype=np.float64, name="concurrency"),
        step=step,
        statistic=Statistic.MAX,
        repairs=(Repair(kind=RepairKind.GAPS, count=1, detail="one gap"),),
        source="drawn",
    )


def a_champion() -> Champion:
    values = np.outer(np.arange(1, 9), np.linspace(1, 2, len(LEVELS)))
    scores = (
        Score(forecaster="prophet", origins=0, wql=NAN, coverage99=NAN, excuse="needs 14 days, has 2.0"),
        Score(forecaster="seasonal", origins=3, wql=0.25, coverage99=0.99, excuse=""),
        Score(forecaster="lastweek", origins=3, wql=0.123456, coverage99=0.98, excuse=""),
    )
    forecast = Forecast(start=NOON, slot=SLOT, levels=LEVELS, values=values, forecaster="lastweek")
    return Champion(
        forecast=forecast,
        usual=forecast.quantile(0.5),
        nowcast_end=NOON,
        backtests=(),
        hourly=(),
        elected=Elected(forecaster="lastweek", scores=scores, reason="lastweek: lowest loss"),
    )


def a_choice(worth: float, reason: str) -> Choice:
    return Choice(policy=Policy(worth=worth, errors=False, guard=NO_GUARD), reason=reason)


def collected(history: History) -> object:
    return collect_evidence(
        history,
        a_champion(),
        Policies(hour=a_choice(0.3, "near"), day=a_choice(0.1, "later"), near_end=NOON + 60 * MINUTE),
        chosen_at=NOON,
        guard=(GuardWindow(start=NOON, end=NOON + 60 * MINUTE, target=0.8),),
        end=NOON + 80 * MINUTE,
        instance_concurrency=4,
        lead=3 * MINUTE,
    )


def test_scores_come_in_order_of_merit_and_the_excused_last() -> None:
    found = collected(a_history(1, 2))
    assert found.scores == (  # type: ignore[attr-defined]
        ("lastweek", 0.1235, ""),
        ("seasonal", 0.25, ""),
        ("prophet", 0.0, "needs 14 days, has 2.0"),
    )


def test_the_band_covers_the_horizon_in_whole_slots_and_no_more() -> None:
    band = collected(a_history(1, 2)).band  # type: ignore[attr-defined]
    assert (band.start, band.slot, band.levels) == (NOON, SLOT, SHOWN_LEVELS)
    assert [len(values) for values in band.values] == [6] * len(SHOWN_LEVELS)
    assert all(low <= high for low, high in zip(band.values[0], band.values[-1], strict=True))


def test_the_recent_past_is_three_days_of_peaks_and_a_gap_stays_a_gap() -> None:
    minutes = a_history(*[1.0] * 7200, step=MINUTE)
    series = minutes.series.copy()
    series.iloc[-30:-15] = np.nan
    series.iloc[-7] = 9.0
    recent = collected(replace(minutes, series=series)).recent  # type: ignore[attr-defined]
    assert (recent.start, recent.slot, len(recent.peaks)) == (NOON - timedelta(days=3), SLOT, 288)
    assert recent.peaks[-3:] == (1.0, None, 9.0)


def test_what_was_read_is_told_with_its_repairs_and_digest() -> None:
    history = a_history(1, NAN, 3)
    found = collected(history)
    assert (found.history_digest, found.repairs) == (history.digest, ("one gap",))  # type: ignore[attr-defined]
    assert (found.history_start, found.history_end) == (NOON - 45 * MINUTE, NOON)  # type: ignore[attr-defined]


def test_both_policies_are_told_with_their_reasons_and_until_when_the_first_is_followed() -> None:
    found = collected(a_history(1, 2))
    assert found.policy == "instances that are busy at least 10.00% of the time around the tide, no guard"  # type: ignore[attr-defined]
    assert found.near_policy.startswith("instances that are busy at least 30.00%")  # type: ignore[attr-defined]
    assert (found.policy_reason, found.near_reason) == ("later", "near")  # type: ignore[attr-defined]
    assert (found.near_end, len(found.guard)) == (NOON + 60 * MINUTE, 1)  # type: ignore[attr-defined]


@given(cases())
def test_every_policy_of_ours_has_its_reason_and_each_step_its_own(case: Case) -> None:
    steps = tuple(replace(step, reason=f"step {n}") for n, step in enumerate(case.schedule.steps))
    why = reasons(case.document, replace(case.schedule, steps=steps))
    ours = [p.name for p in (*case.document.scheduled_actions, *case.document.tracking_policies) if p.ours]
    assert all(why.get(name) for name in ours)
    dated = [a.name for a in case.document.scheduled_actions if a.name.startswith("planner-step-")]
    assert [why[name] for name in dated] == [step.reason for step in steps]


def test_the_notes_name_what_was_adopted_and_whose_trackers_are_kept() -> None:
    live = replace(a_config(default=5), tracking_policies=(a_tracker("busy"),))
    memory = replace(a_tracker("memory"), metric_type=MetricType.GPU_MEMORY)
    wanted = ProvisionConfig(default_target=2, tracking_policies=(a_tracker("busy"), memory, a_tracker()))
    found = notes(live, wanted, (an_action(name="sale"),))
    assert len(found) == 4
    assert "'sale'" in found[0]
    assert "'busy'" in found[1]
    assert "with its floor" in found[2]
    assert "brings it back" in found[0]
    assert "default target 5 is recorded" in found[3]


def test_a_default_beside_policies_of_ours_is_our_own_and_not_what_comes_back() -> None:
    assert notes(a_config(2, default=5), ProvisionConfig(default_target=2), ()) == ()
    assert notes(a_config(default=5, trackers=(a_tracker(),)), ProvisionConfig(default_target=2), ()) == ()


def test_a_default_that_stays_is_no_news() -> None:
    assert notes(ProvisionConfig(default_target=2), ProvisionConfig(default_target=2), ()) == ()


def test_hibernation_is_told_with_its_wake_time_and_only_then() -> None:
    awake = ProvisionConfig()
    assert waking(awake, timedelta(seconds=1)) == ()
    for asleep in (replace(awake, always_allocate_gpu=False), replace(awake, always_allocate_cpu=False)):
        [told] = waking(asleep, timedelta(seconds=2.5))
        assert told.endswith("waits up to 2.5 s more")
