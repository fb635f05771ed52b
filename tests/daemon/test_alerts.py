"""What the daemon finds worth a message, and how often it says so."""

from __future__ import annotations

from datetime import timedelta

from planner.base import MINUTE
from planner.notices.alerts import ALERT, Alert, Topic, note, topic_of
from tests.daemon.site import ASR, START, Site

HOUR, QUARTER = timedelta(hours=1), 15 * MINUTE


class TestAlerts:
    def alerts(self, site: Site) -> list[tuple[str, str]]:
        found = site.store.control.events(ASR, ALERT)
        return [(topic_of(event).value, event.sentence) for event in reversed(found)]

    def test_drift_is_told_once_and_another_change_again(self, site: Site) -> None:
        daemon, _ = site.daemon("mode: auto")
        site.beat(daemon)
        for default in (7, 7, 9):
            site.by_hand(default)
            site.beat(daemon, MINUTE)
        assert [topic for topic, _ in self.alerts(site)] == ["drift", "drift"]
        assert "defaultTarget 9 instead of" in self.alerts(site)[-1][1]

    def test_what_a_wrong_clock_told_for_next_month_keeps_nobody_quiet(self, site: Site) -> None:
        alert = Alert(topic=Topic.SHORTFALL, sentence="only 3 of 9")
        later = START + timedelta(days=30)
        assert note(site.store, ASR, alert, now=later, repeat_every=HOUR)
        assert note(site.store, ASR, alert, now=START, repeat_every=HOUR)
        assert not note(site.store, ASR, alert, now=START + QUARTER, repeat_every=HOUR)

    def test_a_proposal_is_told_and_reminded_of(self, site: Site) -> None:
        daemon, _ = site.daemon("mode: propose")
        for _ in range(6):
            site.beat(daemon, QUARTER)
        told = self.alerts(site)
        assert [topic for topic, _ in told] == ["proposal", "proposal"]
        assert told[0][1].startswith("plan 1 is proposed until ")
        assert told[1][1].startswith("plan 1 waits for a person until ")

    def test_plans_that_fail_are_told_after_half_an_hour(self, site: Site) -> None:
        daemon, worlds = site.daemon("mode: observe")
        site.beat(daemon)
        site.metric_ends = START - timedelta(days=400)
        for _ in range(2):
            site.beat(daemon, QUARTER - MINUTE)
        assert self.alerts(site) == []
        site.beat(daemon, QUARTER)
        ((topic, sentence),) = self.alerts(site)
        assert topic == "failing"
        assert sentence.startswith("no plan was made since 2026-11-24T01:00:00Z: ")
        assert worlds[0].repeat_every == HOUR
