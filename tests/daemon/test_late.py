"""A put that was taken for lost comes late: no person's change, and taken back whatever `drift` says."""

from __future__ import annotations

from datetime import timedelta

import pytest

from planner.base import MINUTE
from tests.daemon.site import ASR, Site


def lived(site: Site, section: str):
    """A daemon that has put two documents, and both."""
    daemon, _ = site.daemon(section)
    site.beat(daemon)
    first = site.fc.get_provision_config(ASR).config
    for _ in range(40):
        site.beat(daemon, 15 * MINUTE)
        if site.puts() > 1:
            break
        if len(site.store.applied(ASR, limit=9)) > 1:
            break
    second = site.fc.get_provision_config(ASR).config
    assert second != first
    return daemon, first, second


@pytest.mark.parametrize("drift", ["leave", "adopt", "revert"])
def test_a_put_of_ours_that_comes_late_is_taken_back_within_a_minute(site: Site, drift: str) -> None:
    daemon, first, _ = lived(site, f"mode: auto, drift: {drift}, min_interval: 10m, worth_hours: 0")
    site.pass_by(6 * MINUTE)
    site.beat(daemon)
    site.fc.put_provision_config(ASR, first)
    site.beat(daemon, timedelta(minutes=1))

    assert site.said("verify").startswith("LATE: Function Compute holds the document of plan 1, whose put")
    last = site.store.last_applied(ASR)
    assert last is not None
    assert site.fc.get_provision_config(ASR).config == site.store.plan(last.plan_id).wanted
    assert "came late, after another one" in site.said("plan")


def test_what_was_sent_long_ago_is_a_persons_choice_again(site: Site) -> None:
    daemon, first, _ = lived(site, "mode: auto, min_interval: 10m, worth_hours: 0")
    for _ in range(5):
        site.beat(daemon, 15 * MINUTE)
    site.fc.put_provision_config(ASR, first)
    site.beat(daemon, MINUTE)
    assert site.said("verify").startswith("DRIFTED: somebody else changed the document")
