"""What the daemon does with a function as time passes: through the scheduler's beat, the SDK and the emulator."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

import numpy as np
import pytest

from planner.apply import apply
from planner.base import MINUTE
from planner.fc.arrival import instances_in_effect
from planner.ledger import promised_today
from planner.outcome import OutcomeKind
from planner.pipeline import make_plan
from planner.provision import MetricType, TrackingPolicy
from planner.reading import least_values
from planner.store import Pause, Point
from planner.undo import Present, release_to_zero
from tests.daemon.site import ASR, START, TTS, Site

TEAM = TrackingPolicy(
    name="team-memory", metric_type=MetricType.GPU_MEMORY, metric_target=0.9, min_capacity=1, max_capacity=9
)
HOUR, QUARTER = timedelta(hours=1), 15 * MINUTE


def test_in_auto_a_day_is_kept_by_itself(site: Site) -> None:
    daemon, _ = site.daemon("mode: auto, plan_every: 2h")
    site.beat(daemon)
    for _ in range(24 * 4):
        site.beat(daemon, QUARTER)
        last = site.store.last_applied(ASR)
        assert last is not None
        live = site.fc.get_provision_config(ASR)
        assert live.current >= instances_in_effect(site.store.plan(last.plan_id).schedule, site.clock.now())
        assert {run.failed for run in site.store.control.last_runs(ASR).values()} == {False}

    applied = [each for each in site.store.applied(ASR, limit=99) if each.outcome is not None]
    assert {each.outcome.kind for each in applied if each.outcome} == {OutcomeKind.APPLIED}
    assert 2 <= len(applied) == site.puts() <= 13
    assert "the document is as applied; " in site.said("verify")


def test_a_new_function_is_only_watched(site: Site) -> None:
    daemon, _ = site.daemon("plan_every: 12h")
    for _ in range(48):
        site.beat(daemon, HOUR)

    assert site.puts() == 0
    assert site.store.unfinished(ASR) == site.store.applied(ASR, limit=9) == ()
    assert "held: observed only: " in site.said("plan")
    assert site.said("verify") == "no plan was applied yet"


def test_a_change_by_hand_is_reported_and_left(site: Site) -> None:
    daemon, _ = site.daemon("mode: auto")
    site.beat(daemon)
    site.by_hand(7)
    puts = site.puts()
    site.beat(daemon, MINUTE)
    assert site.said("verify").startswith("DRIFTED: somebody else changed the document (defaultTarget 7 instead of ")
    for _ in range(4):
        site.beat(daemon, QUARTER)

    assert "held: somebody else changed the document; it is left" in site.said("plan")
    assert (site.puts(), site.fc.get_provision_config(ASR).config.default_target) == (puts, 7)


def test_a_change_by_hand_is_taken_back_where_the_owner_says_so(site: Site) -> None:
    daemon, _ = site.daemon("mode: auto, drift: revert, min_interval: 0s, worth_hours: 0")
    site.beat(daemon)
    site.pass_by(10 * MINUTE)
    site.by_hand(0)
    # No quarter has passed: what was seen makes the plan due.
    site.beat(daemon, MINUTE)

    assert site.said("verify").startswith("DRIFTED: ")
    assert "applied: " in site.said("plan")
    site.beat(daemon, MINUTE)
    assert site.said("verify").startswith("the document is as applied")


def test_what_was_left_goes_on_once_a_person_applied_a_plan(site: Site) -> None:
    daemon, (world,) = site.daemon("mode: auto, plan_every: 1h")
    site.beat(daemon)
    site.by_hand(7)
    puts = site.puts()
    for _ in range(3):
        site.beat(daemon, HOUR)
        assert site.said("verify").startswith("DRIFTED: "), "it is said each time"
    assert site.puts() == puts

    plan = make_plan(world.settings, world.ask(site.clock.now(), False))
    apply(plan, fc=site.fc, audit=site.store, clock=site.clock, who="ann", follow=timedelta(0))
    puts = site.puts()
    site.beat(daemon, MINUTE)
    assert site.said("verify").startswith("the document is as applied")
    site.beat(daemon, 13 * HOUR)
    assert site.puts() == puts + 1, "the daemon renews again"


@pytest.mark.parametrize("drift", ["adopt", "revert"])
def test_a_tracker_of_somebody_else_is_kept_whatever_the_owner_says(site: Site, drift: str) -> None:
    daemon, _ = site.daemon(f"mode: auto, drift: {drift}, min_interval: 0s, worth_hours: 0")
    site.beat(daemon)
    live = site.fc.get_provision_config(ASR)
    trackers = (*live.config.tracking_policies, TEAM)
    site.fc.put_provision_config(ASR, replace(live.config, default_target=0, tracking_policies=trackers))
    puts = site.puts()
    for _ in range(6):
        site.beat(daemon, 5 * MINUTE)

    assert site.puts() > puts
    assert TEAM in site.fc.get_provision_config(ASR).config.tracking_policies


def test_a_pause_holds_and_watches_on_and_afterwards_one_push_converges(site: Site) -> None:
    daemon, _ = site.daemon("mode: auto")
    until = START + HOUR
    site.store.control.pause(Pause(function=None, since=START, until=until, who="ann", why="a sale"))
    for _ in range(3):
        site.beat(daemon, QUARTER)
    assert site.puts() == 0
    assert site.said("plan").endswith(
        "held: paused by ann since 2026-11-24T01:00:00Z until 2026-11-24T02:00:00Z: a sale"
    )
    assert len(site.store.plans(ASR, limit=99)) == 3

    site.beat(daemon, QUARTER)
    assert site.puts() == 1


def test_a_frozen_window_holds_and_its_end_lets_one_push_through(site: Site) -> None:
    daemon, _ = site.daemon("mode: auto, freeze: [{from: 2026-11-24T09:00, to: 2026-11-24T10:00, why: a sale}]")
    for _ in range(4):
        site.beat(daemon)
        assert site.said("plan").endswith("held: frozen until 2026-11-24T02:00:00Z: a sale")
        site.pass_by(QUARTER)
    assert (site.puts(), len(site.store.plans(ASR, limit=99))) == (0, 4)

    site.beat(daemon)
    assert site.puts() == 1


@pytest.mark.parametrize("alive", [True, False], ids=["metric alive", "metric dead"])
def test_a_dead_metric_never_lowers(site: Site, *, alive: bool) -> None:
    site.by_hand(30)
    site.metric_ends = None if alive else START
    site.pass_by(HOUR)
    daemon, _ = site.daemon("mode: auto")
    said = []
    for _ in range(4):
        site.beat(daemon, QUARTER)
        said.append(site.said("plan"))

    applied = [site.store.plan(each.plan_id) for each in site.store.applied(ASR, limit=99)]
    lowered = [
        bool((np.array(least_values(p.wanted, p.created_at, 600)) < least_values(p.live, p.created_at, 600)).any())
        for p in applied
    ]
    assert any(lowered) == alive
    if not alive:
        assert any("the newest metric is too old, and the plan would lower capacity" in each for each in said)
        assert site.fc.get_provision_config(ASR).target == 30


def test_a_rise_beyond_what_one_push_may_add_comes_in_parts(site: Site) -> None:
    daemon, _ = site.daemon("mode: auto, max_rise: 2, plan_every: 1h")
    tops = [0]
    for _ in range(8):
        site.beat(daemon, HOUR)
        live = site.fc.get_provision_config(ASR)
        tops.append(int(least_values(live.config, site.clock.now(), 24 * 60).max()))

    rises = [after - before for before, after in pairwise(tops)]
    assert tops[-1] > 4, "the plan wants more than two parts"
    assert rises[:2] == [2, 2]
    assert max(rises) == 2


def test_no_number_of_pushes_passes_the_budget_of_a_local_day(site: Site) -> None:
    """Each plan asks for more, as by surprises; a daemon that counts only the plan at hand would push them all."""
    daemon, (world,) = site.daemon("mode: auto, plan_every: 1h, max_daily_hours: 225, horizon: 6h")
    said = []
    for hour in range(14):
        more = world.settings.capacity.model_copy(update={"min_instances": 4 + hour})
        daemon._cares[0].world = replace(world, settings=world.settings.model_copy(update={"capacity": more}))
        site.beat(daemon, HOUR if hour else timedelta(0))
        said.append(site.said("plan"))

    spent = promised_today(site.store, ASR, zone="Asia/Shanghai", now=START.replace(hour=16) - MINUTE)
    assert site.puts() > 1
    assert 200 < spent <= 225
    assert any("held: 2026-11-24 would take 2" in each and each.endswith("; 225 are allowed") for each in said), said


def test_functions_share_a_quota(site: Site) -> None:
    daemon, worlds = site.daemon("mode: auto, plan_every: 1h", ASR, TTS, workers=1)
    for care, world, other in zip(daemon._cares, worlds, (TTS, ASR), strict=True):
        care.world = replace(world, others=(other,), shared_quota=40)
    site.beat(daemon)
    site.beat(daemon, MINUTE)

    # Both need more than half of it, so that whoever comes second waits.
    first, second = sorted((site.said("plan", ASR), site.said("plan", TTS)), key=lambda each: "held: " in each)
    assert site.puts() == 1
    assert "applied: " in first
    assert "of other functions; the quota is 40" in second


class TestProposals:
    def test_an_approval_is_pushed_at_once_and_once(self, site: Site) -> None:
        daemon, _ = site.daemon("mode: propose")
        site.beat(daemon)
        proposed = site.proposal()
        assert f"plan 1: proposed until {'2026-11-24T03:00:00Z'}: waits for a person: " in site.said("plan")
        site.beat(daemon, QUARTER)
        assert "plan 1 waits for a person until " in site.said("plan")
        assert (site.proposal(), site.puts()) == (proposed, 0)

        site.pass_by(3 * MINUTE)
        site.store.control.decide(proposed.plan_id, approved=True, who="ann", at=site.clock.now())
        site.beat(daemon, timedelta(seconds=2))
        assert site.puts() == 1
        last = site.store.last_applied(ASR)
        assert last is not None
        assert last.plan_id != proposed.plan_id, "the plan is made afresh"

    def test_an_approval_is_for_one_push(self, site: Site) -> None:
        daemon, _ = site.daemon("mode: propose, min_interval: 0s, worth_hours: 0")
        site.beat(daemon)
        site.store.control.decide(1, approved=True, who="ann", at=site.clock.now())
        site.beat(daemon, MINUTE)
        assert site.puts() == 1
        for _ in range(3):
            site.beat(daemon, QUARTER)

        assert site.puts() == 1
        assert site.proposal().plan_id > 2
        assert site.proposal().approved is None

    def test_what_adds_much_more_than_was_approved_is_proposed_anew(self, site: Site) -> None:
        daemon, _ = site.daemon("mode: propose")
        site.beat(daemon)
        site.store.control.decide(1, approved=True, who="ann", at=site.clock.now())
        daemon.close()
        dearer, (world,) = site.daemon("mode: propose", name="two")
        more = world.settings.capacity.model_copy(update={"min_instances": 20})
        settings = world.settings.model_copy(update={"capacity": more})
        dearer._cares[0].world = replace(world, settings=settings)
        site.beat(dearer, MINUTE)

        assert (site.puts(), site.proposal().plan_id, site.proposal().approved) == (0, 2, None)

    def test_what_saves_much_more_than_was_approved_is_proposed_anew(self, site: Site) -> None:
        """The approved plan took nothing away; meanwhile somebody asked for 25 instances, and the next one would."""
        daemon, _ = site.daemon("mode: propose")
        site.beat(daemon)
        site.store.control.decide(1, approved=True, who="ann", at=site.clock.now())
        site.by_hand(25)
        by_hand = site.puts()
        site.beat(daemon, MINUTE)
        assert (site.puts(), site.proposal().plan_id, site.proposal().approved) == (by_hand, 2, None)

    def test_a_rejection_silences_until_it_runs_out(self, site: Site) -> None:
        daemon, _ = site.daemon("mode: propose")
        site.beat(daemon)
        site.store.control.decide(1, approved=False, who="ann", at=site.clock.now())
        for _ in range(7):
            site.beat(daemon, QUARTER)
        assert "plan 1 was rejected by ann; nothing is proposed until 2026-11-24T03:00:00Z" in site.said("plan")
        assert site.proposal().plan_id == 1

        site.beat(daemon, QUARTER)
        assert (site.proposal().plan_id, site.proposal().approved, site.puts()) == (9, None, 0)

    def test_nobody_answers_for_three_days_and_the_fallback_serves_the_tide(self, site: Site) -> None:
        """The approved document ends after a day; what follows is its recurring form, neither nothing nor its peak."""
        daemon, _ = site.daemon("mode: propose, plan_every: 2h")
        site.beat(daemon)
        site.store.control.decide(1, approved=True, who="ann", at=site.clock.now())
        site.beat(daemon, MINUTE)
        (applied,) = site.store.applied(ASR, limit=9)
        plan = site.store.plan(applied.plan_id)
        hourly = []
        for _ in range(3 * 24):
            site.beat(daemon, HOUR)
            hourly.append(site.fc.get_provision_config(ASR).target)

        assert site.puts() == 1, "nobody approved another"
        assert min(hourly) >= 1
        for at, target in enumerate(hourly[24:], 25):
            planned = least_values(plan.wanted, plan.created_at + at * HOUR, 1)[0]
            assert target >= planned >= 1, "the emulator gives what the document says"
        for day in (hourly[24:48], hourly[48:]):
            assert min(day) < max(day) / 2, "it follows the tide"
        loads = [float(site.load(site.clock.now()).series.asof(plan.created_at + at * HOUR)) for at in range(25, 73)]
        cold = sum(max(load - 8 * target, 0.0) for load, target in zip(loads, hourly[24:], strict=True))
        assert cold / sum(loads) < 0.02


def test_a_surprise_makes_a_plan_due_and_not_another_for_five_minutes(site: Site) -> None:
    daemon, _ = site.daemon("mode: observe")
    site.beat(daemon)
    site.points = [Point(at=START + n * MINUTE, value=1e6, step=MINUTE) for n in range(30)]
    plans = []
    for _ in range(12):
        site.beat(daemon, MINUTE)
        plans.append(len(site.store.plans(ASR, limit=99)))

    assert plans == [1] * 4 + [2] * 5 + [3] * 3
    assert "SURPRISE: 1000000.0 requests in flight or more for 12 min, above P99 of the forecast" in site.said("verify")


def test_what_a_killed_daemon_left_open_is_closed_with_what_is_true(site: Site) -> None:
    daemon, (world,) = site.daemon("mode: auto")
    plan = make_plan(world.settings, world.ask(START, False))
    site.store.begin(plan, who="daemon of me@elsewhere pid 7", at=START)
    site.fc.put_provision_config(ASR, plan.wanted)
    site.pass_by(timedelta(seconds=30))
    site.beat(daemon)

    assert site.store.unfinished(ASR) == ()
    assert "was interrupted after it was applied" in site.said("verify")
    assert site.puts() == 1


def test_what_a_person_applies_on_another_machine_is_waited_for(site: Site) -> None:
    daemon, (world,) = site.daemon("mode: auto")
    site.store.begin(make_plan(world.settings, world.ask(START, False)), who="ann@elsewhere pid 7", at=START)
    site.beat(daemon, MINUTE)

    assert (site.puts(), site.run("verify").failed, site.run("plan").failed) == (0, True, True)
    assert "is under way on another machine" in site.said("plan")


def test_a_released_function_is_left_alone(site: Site) -> None:
    daemon, _ = site.daemon("mode: auto")
    site.beat(daemon)
    present = Present(
        function=ASR,
        time_zone="UTC",
        now=site.clock.now(),
        valid_for=QUARTER,
        live=site.fc.get_provision_config(ASR),
        endpoint=site.endpoint,
    )
    apply(release_to_zero(present), fc=site.fc, audit=site.store, clock=site.clock, who="ann", follow=timedelta(0))
    puts = site.puts()
    for _ in range(4):
        site.beat(daemon, QUARTER)
    assert site.puts() == puts
    assert "held: released; the next plan that a person applies begins anew" in site.said("plan")


def test_an_error_of_one_function_is_its_sentence_and_tried_again(site: Site) -> None:
    daemon, worlds = site.daemon("mode: auto", ASR, TTS)

    def broken(*_: object) -> None:
        raise RuntimeError("boom")

    daemon._cares[0].world = replace(worlds[0], ask=broken)
    site.beat(daemon)
    assert (site.run("plan").failed, site.said("plan")) == (True, "a bug of the planner: RuntimeError: boom")
    assert site.run("plan", TTS).failed is False
    assert site.puts() == 1

    began = site.run("plan").began_at
    site.beat(daemon, MINUTE)
    assert site.run("plan").began_at == began
    daemon._cares[0].world = worlds[0]
    site.beat(daemon, MINUTE)
    assert (site.run("plan").failed, site.puts()) == (False, 2)


@pytest.mark.parametrize("hours", [13, 72])
def test_after_any_absence_one_turn_is_as_if_nothing_had_been(site: Site, hours: int) -> None:
    daemon, _ = site.daemon("mode: auto")
    site.beat(daemon)
    site.beat(daemon, hours * HOUR)
    assert "applied: " in site.said("plan")
    site.beat(daemon, MINUTE)
    assert site.said("verify").startswith("the document is as applied; ")
    assert "MISSING" not in site.said("verify")


def test_old_records_go(site: Site) -> None:
    daemon, _ = site.daemon("mode: observe, keep_records: 7d")
    site.beat(daemon)
    site.beat(daemon, 8 * 24 * HOUR)
    # The retain of the first day was the newest until now, and so was its fit unless the one beside this ended before.
    gone = site.said("retain").removesuffix(" runs of before 2026-11-25T01:00:00Z and 1 plans that came to nothing")
    assert gone in ("dropped 2", "dropped 3")
    assert set(site.store.control.last_runs(ASR)) == {"verify", "plan", "retain", "fit"}


def test_plans_that_came_to_nothing_go_after_two_days_however_long_runs_are_kept(site: Site) -> None:
    daemon, _ = site.daemon("mode: observe")
    site.beat(daemon)
    for _ in range(3):
        site.beat(daemon, 24 * HOUR)
    assert site.said("retain") == "dropped 0 runs of before 2026-10-28T01:00:00Z and 1 plans that came to nothing"
    assert [plan.id for plan in site.store.plans(ASR, limit=9)] == [4, 3, 2]
