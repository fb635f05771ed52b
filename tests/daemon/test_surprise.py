"""A load that nobody forecast: how soon Function Compute is told, and within which bounds."""

from __future__ import annotations

import json
from datetime import datetime, timedelta

import pytest

from planner.base import MINUTE, iso
from planner.calendar.oneoffs import one_offs
from planner.provision import ProvisionConfig
from planner.reading import least_values
from planner.surprises import recorded
from tests.daemon.site import ASR, START, Site

JUMP = START + 35 * MINUTE
"""Five minutes after a plan that was due by the clock, ten before the next."""


def targets(site: Site, section: str, *, minutes: int) -> dict[datetime, int]:
    """Function Compute's target minute by minute, while three times the load comes from JUMP on."""
    site.surges = (JUMP, JUMP + timedelta(hours=6), 3.0)
    daemon, _ = site.daemon(section)
    site.beat(daemon)
    seen = {}
    for _ in range(minutes):
        site.beat(daemon, MINUTE)
        seen[site.clock.now()] = site.fc.get_provision_config(ASR).target
    return seen


def top(document: ProvisionConfig, start: datetime) -> int:
    """The highest that it asks for in the coming day."""
    return int(least_values(document, start, 24 * 60).max())


def load(site: Site, at: datetime) -> float:
    return float(site.load(at).series.asof(at))


def test_a_jump_of_the_load_is_answered_a_minute_after_it_was_seen(site: Site) -> None:
    seen = targets(site, "mode: auto", minutes=45)
    before = seen[JUMP]
    raised = next(at for at, target in seen.items() if at > JUMP and target > before)

    assert load(site, JUMP + MINUTE) > 8 * before, "the usual schedule doesn't serve it"
    assert raised - JUMP <= 6 * MINUTE
    assert 8 * seen[raised] >= load(site, raised), "what is asked for serves what was seen"
    assert site.said("plan").count("applied: ") == 1


def test_the_answer_stays_within_what_one_push_may_add(site: Site) -> None:
    targets(site, "mode: auto, max_rise: 20", minutes=50)
    pushed = [site.store.plan(each.plan_id) for each in reversed(site.store.applied(ASR, limit=99))]
    rises = [top(plan.wanted, plan.created_at) - top(plan.live, plan.created_at) for plan in pushed]

    assert max(rises) == 20
    assert len([rise for rise in rises if rise == 20]) > 1, "the rest comes with the next plans"


@pytest.mark.parametrize("section", ["mode: observe", "mode: propose"])
def test_without_leave_nothing_is_sent_for_it(site: Site, section: str) -> None:
    targets(site, section, minutes=45)
    assert site.puts() == 0


def test_a_surprise_is_on_record_and_left_out_of_later_fits_once_it_has_passed(site: Site) -> None:
    targets(site, "mode: observe", minutes=41)
    event = site.store.control.events(ASR, "surprise")[-1]
    assert json.loads(event.facts)["from"] == iso(JUMP)
    assert json.loads(event.facts)["to"] == iso(JUMP + 5 * MINUTE)
    assert event.sentence.endswith(" requests in flight or more for 5 min, above P99 of the forecast")

    surprises = recorded(site.store, ASR, since=START)
    site.surges = (JUMP, JUMP + timedelta(minutes=30), 3.0)
    early, late = (site.load(at).until(at) for at in (JUMP + timedelta(hours=1), JUMP + timedelta(hours=3)))
    assert one_offs(surprises, early, "Asia/Shanghai") == ()
    (ignored,) = one_offs(surprises, late, "Asia/Shanghai")
    assert (ignored.start, ignored.end) == (JUMP, JUMP + timedelta(minutes=30))
