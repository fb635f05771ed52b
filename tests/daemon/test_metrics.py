"""What the metrics say of a daemon at work, read back by Prometheus' own parser and by a small one of ours."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import pytest

from planner.base import MINUTE, FunctionRef
from planner.emulator import Fault
from planner.errors import SourceError, StoreError
from planner.fc.arrival import instances_in_effect
from planner.footing import coverage, note_step
from planner.ladder import Coverage, Footing, Rung
from planner.lease import Leases
from planner.observing import Observer
from planner.observing.exposition import Family, Kind, Page
from planner.observing.families import FAMILIES
from planner.pipeline import Question
from planner.scheduler import Scheduler
from planner.store import Pause, Point
from tests.daemon.site import ASR, START, TTS, Site
from tests.promtool import promtool

QUARTER = 15 * MINUTE
SAMPLE = re.compile(r'([a-z_0-9]+)(?:\{((?:[a-z_]+="(?:[^"\\\n]|\\["\\n])*",?)*)\})? (\S+)')


def samples(text: str) -> dict[str, float]:
    """Values by `name{label="value",...}`; every line is one, or a comment."""
    found: dict[str, float] = {}
    for line in text.splitlines():
        if not line.startswith("# "):
            match = SAMPLE.fullmatch(line)
            assert match is not None, line
            found[line.rpartition(" ")[0]] = float(match[3])
    return found


@dataclass(slots=True)
class Watched:
    """A daemon, and what is seen of it."""

    daemon: Scheduler
    observer: Observer
    site: Site

    def beat(self, span: timedelta = timedelta(0)) -> None:
        self.site.beat(self.daemon, span)
        self.observer.beaten()

    def __call__(self, name: str, function: FunctionRef = ASR, **labels: str) -> float | None:
        """The value of a sample now; None: there is none."""
        every = {"function": function.name, "qualifier": function.qualifier, **labels}
        inner = ",".join(f'{label}="{value}"' for label, value in every.items())
        return samples(self.observer.metrics()).get(f"planner_{name}{{{inner}}}")

    def bare(self, name: str) -> float | None:
        return samples(self.observer.metrics()).get(f"planner_{name}")


def watched(site: Site, section: str, *functions: FunctionRef, name: str = "one") -> Watched:
    leases = Leases(site.store.control, f"daemon of me@{name} pid 1", clock=site.clock, ticks=site.clock.monotonic)
    observer = Observer([site.world(section, each, leases) for each in functions or (ASR,)], clock=site.clock)
    return Watched(Scheduler(observer.worlds, leases, clock=site.clock), observer, site)


def seconds(moment: datetime) -> float:
    return moment.timestamp()


class TestThePage:
    def test_prometheus_reads_it_and_has_nothing_to_object(self, site: Site) -> None:
        seen = watched(site, "mode: auto", ASR, TTS)
        site.points = [Point(at=START - MINUTE, value=3.5, step=MINUTE)]
        seen.beat()
        text = seen.observer.metrics()
        promtool("check", "metrics", stdin=text)
        named = {line.split()[2] for line in text.splitlines() if line.startswith("# TYPE ")}
        waits = {"planner_proposal_expiry_timestamp_seconds", "planner_forecast_coverage_ratio"}
        waits |= {family.name for family in FAMILIES if family.name.startswith("planner_backtest_")}
        assert named == {family.name for family in FAMILIES} - waits, "every metric was tried here but those that wait"
        assert len(samples(text)) == sum(not line.startswith("#") for line in text.splitlines()), "none comes twice"

    @pytest.mark.parametrize("value", ['a"b', "a\\b", "a\nb", "中文", 'a\\"\nb', ""])
    def test_a_label_says_what_it_was_given(self, value: str) -> None:
        family = Family(name="planner_x", help="With \\ and\na break.", labels=("whose",))
        page = Page([family])
        page.add(family, 1.5, {"whose": value})
        text = page.text()
        promtool("check", "metrics", stdin=text)
        (key,) = samples(text)
        quoted = key.removeprefix('planner_x{whose="').removesuffix('"}')
        assert re.sub(r"\\(.)", lambda each: {"n": "\n"}.get(each[1], each[1]), quoted) == value

    @pytest.mark.parametrize(
        ("value", "text"),
        [
            (1, "1"),
            (True, "1"),
            (0.1, "0.1"),
            (1e-9, "1e-09"),
            (2.0**60, "1.152921504606847e+18"),
            (float("nan"), "NaN"),
            (float("inf"), "+Inf"),
            (float("-inf"), "-Inf"),
            (MINUTE, "60"),
            (START, "1795482000"),
        ],
    )
    def test_a_value_is_written_as_prometheus_reads_it(self, value: float | datetime | timedelta, text: str) -> None:
        family = Family(name="planner_x", help="X.")
        page = Page([family])
        page.add(family, value, {})
        assert page.text().splitlines()[-1] == f"planner_x {text}"
        promtool("check", "metrics", stdin=page.text())

    def test_what_would_spoil_the_page_is_refused(self) -> None:
        family = Family(name="planner_x", help="X.", labels=("a",))
        page = Page([family])
        page.add(family, 1, {"a": "1"})
        with pytest.raises(ValueError, match="already"):
            page.add(family, 2, {"a": "1"})
        with pytest.raises(ValueError, match="labels"):
            page.add(family, 2, {"b": "1"})
        for name, kind in (("x-y", Kind.GAUGE), ("x_total", Kind.GAUGE), ("x", Kind.COUNTER)):
            with pytest.raises(ValueError, match="x"):
                Family(name=name, help="X.", kind=kind)


class TestAFunction:
    def test_instances_wanted_there_and_asked_for(self, site: Site) -> None:
        seen = watched(site, "mode: auto")
        assert (seen("wanted_instances"), seen("current_instances"), seen("plan_created_timestamp_seconds")) == (
            None,
            None,
            None,
        )
        seen.beat()
        seen.beat(3 * MINUTE)
        live, plan = site.fc.get_provision_config(ASR), site.store.plan(1)
        now = site.clock.now()
        assert seen("current_instances") == live.current > 0
        assert seen("target_instances") == live.target
        assert seen("wanted_instances") == seen("planned_instances") == instances_in_effect(plan.schedule, now)
        assert seen("observed_timestamp_seconds") == seconds(now)
        assert seen("schedule_start_timestamp_seconds") == seconds(plan.schedule.start)
        assert seen("schedule_end_timestamp_seconds") == seconds(plan.schedule.end)
        assert seen("last_applied_timestamp_seconds") == seconds(START)

    def test_a_scrape_asks_function_compute_nothing(self, site: Site) -> None:
        seen = watched(site, "mode: auto")
        seen.beat()
        calls = len(site.emulator.journal.entries())
        seen.observer.metrics()
        assert len(site.emulator.journal.entries()) == calls

    def test_what_was_seen_long_ago_is_no_figure_of_the_present(self, site: Site) -> None:
        seen = watched(site, "mode: auto")
        seen.beat()
        site.pass_by(11 * MINUTE)
        assert seen("observed_timestamp_seconds") == seconds(START)
        assert (seen("current_instances"), seen("target_instances"), seen("document_drifted")) == (None, None, None)

    def test_a_change_by_hand_is_a_drift_until_it_is_settled(self, site: Site) -> None:
        seen = watched(site, "mode: auto")
        seen.beat()
        assert seen("document_drifted") == 0
        site.by_hand(7)
        seen.beat(MINUTE)
        assert seen("document_drifted") == 1

    def test_the_forecast_is_of_the_present_slot(self, site: Site) -> None:
        seen = watched(site, "mode: observe, plan_every: 1d")
        seen.beat()
        evidence = site.store.plan(1).evidence
        assert evidence is not None
        band = evidence.band
        for passed in (timedelta(0), 7 * band.slot):
            site.pass_by(passed)
            slot = (site.clock.now() - band.start) // band.slot
            told = [seen("forecast_concurrency", level=f"{level:g}") for level in band.levels]
            assert told == [values[slot] for values in band.values]
        site.pass_by(timedelta(days=3))
        assert seen("forecast_concurrency", level="0.5") is None
        assert seen("planned_instances") is None, "the schedule has ended"

    def test_coverage_is_the_share_of_slots_that_stayed_within_what_was_promised(self, site: Site) -> None:
        seen = watched(site, "mode: observe")
        seen.beat()
        assert seen("forecast_coverage_ratio") is None, "no slot is over"
        for _ in range(4):
            seen.beat(QUARTER)
        assert seen("forecast_coverage_ratio") == 1.0
        site.changed = lambda history: replace(history, series=history.series * 9)
        seen.beat(QUARTER)
        assert seen("forecast_coverage_ratio") == 0.0, "of a history that was another one all the while"
        note_step(site.store.control, ASR, Footing(rung=Rung.GUARDRAILS, since=site.clock.now(), sentence="said"))
        site.changed = lambda history: history
        seen.beat(QUARTER)
        assert seen("forecast_coverage_ratio") == 1.0, "of the last day, whatever step there was in it"
        assert coverage(site.store.control, ASR, site.clock.now()) == Coverage(kept=6, slots=6)

    def test_the_actual_load_is_the_newest_point_that_has_ended(self, site: Site) -> None:
        seen = watched(site, "mode: observe")
        seen.beat()
        history = site.store.plan(1).evidence
        assert history is not None
        assert (seen("actual_concurrency"), seen("history_end_timestamp_seconds")) == (
            None,
            seconds(history.history_end),
        )
        site.points = [
            Point(at=START + MINUTE, value=4.5, step=MINUTE),
            Point(at=START + 2 * MINUTE, value=None, step=MINUTE),
            Point(at=START + 3 * MINUTE, value=9.0, step=MINUTE),
        ]
        site.pass_by(3 * MINUTE + MINUTE / 2)
        assert seen("actual_concurrency") == 4.5
        assert seen("history_end_timestamp_seconds") == seconds(START + 2 * MINUTE)
        assert seen("history_limit_seconds") == 1800

    def test_what_the_plan_expects_is_in_seconds_and_adds_up(self, site: Site) -> None:
        seen = watched(site, "mode: observe")
        seen.beat()
        plan = site.store.plan(1)
        estimate = plan.estimate
        assert estimate is not None
        for name in ("wanted", "live", "static_peak"):
            cost = getattr(estimate, name)
            hours = seen("expected_instance_seconds", document=name)
            assert hours == pytest.approx(3600 * cost.instance_hours)
            assert seen("expected_cold_ratio", document=name) == cost.cold_share
            assert seen("expected_cost", document=name, currency=estimate.currency) == cost.money
        saved = seen("expected_saving", currency=estimate.currency)
        assert saved == pytest.approx(estimate.static_peak.money - estimate.wanted.money)
        assert seen("plan_horizon_seconds") == 86400
        assert seen("plan_safe") == plan.safe


class TestTheDaemon:
    def test_jobs_are_late_from_the_end_of_the_period_that_saw_them(self, site: Site) -> None:
        seen = watched(site, "mode: observe, plan_every: 1h")
        site.pass_by(2 * MINUTE)
        assert seen("job_lateness_seconds", task="plan") == 120, "it never ran since the daemon was started"
        assert seen("job_last_run_timestamp_seconds", task="plan") is None
        seen.beat()
        assert seen("job_lateness_seconds", task="plan") == 0
        assert seen("job_last_run_timestamp_seconds", task="plan") == seconds(START + 2 * MINUTE)
        assert (seen("job_period_seconds", task="plan"), seen("job_period_seconds", task="collect")) == (3600, None)
        site.pass_by(timedelta(hours=1))
        assert seen("job_lateness_seconds", task="plan") == 120
        assert seen("job_lateness_seconds", task="verify") == 3600 - 60

    def test_a_clock_that_was_set_back_makes_nothing_late(self, site: Site) -> None:
        seen = watched(site, "mode: observe")
        seen.beat()
        site.clock._start -= timedelta(days=1)
        assert seen("job_lateness_seconds", task="verify") == 0

    def test_a_job_that_failed_says_so(self, site: Site) -> None:
        seen = watched(site, "mode: auto")
        seen.beat()
        assert seen("job_last_run_failed", task="plan") == 0

        def fails(_now: datetime, _adopt: bool) -> Question:
            raise SourceError("no metrics")

        (care,) = seen.daemon._cares
        care.world = replace(care.world, ask=fails)
        seen.beat(QUARTER)
        assert (seen("job_last_run_failed", task="plan"), seen("job_last_run_failed", task="verify")) == (1, 0)

    def test_one_of_two_daemons_holds_the_lease(self, site: Site) -> None:
        one, two = watched(site, "mode: auto"), watched(site, "mode: auto", name="two")
        one.beat()
        two.beat()
        assert (one("lease_held"), two("lease_held")) == (1, 0)
        assert one("lease_expiry_timestamp_seconds") == two("lease_expiry_timestamp_seconds")
        assert two("wanted_instances") == one("wanted_instances") is not None, "the records are common to both"
        site.pass_by(timedelta(minutes=1))
        assert one("lease_held") == 0, "it ran out"

    def test_a_pause_and_a_proposal_show(self, site: Site) -> None:
        seen = watched(site, "mode: propose")
        seen.beat()
        assert (seen("paused"), seen("proposals_waiting")) == (0, 1)
        assert seen("proposal_expiry_timestamp_seconds") == seconds(site.proposal().expires_at)
        site.store.control.pause(Pause(function=None, since=START, until=START + MINUTE, who="me", why=""))
        assert seen("paused") == 1
        site.pass_by(timedelta(hours=2))
        assert (seen("paused"), seen("proposals_waiting"), seen("proposal_expiry_timestamp_seconds")) == (0, 0, None)
        assert seen("function_info", mode="propose", drift="leave") == 1

    def test_a_window_without_pushes_shows(self, site: Site) -> None:
        seen = watched(site, "mode: auto, freeze: [{from: 2026-11-24T09:00, to: 2026-11-24T10:00, why: a sale}]")
        seen.beat()
        assert seen("frozen") == 1
        site.pass_by(timedelta(hours=1))
        assert seen("frozen") == 0

    def test_applies_are_counted_by_what_came_of_them(self, site: Site) -> None:
        seen = watched(site, "mode: auto", ASR, TTS)
        assert seen("applies_total", outcome="failed") == 0, "so that an increase is seen from the first one on"
        seen.beat()
        site.store.begin(site.store.plan(1), who="me", at=site.clock.now())
        kinds = ("applied", "unchanged", "stale", "refused", "drifted", "failed")
        assert [seen("applies_total", outcome=kind) for kind in kinds] == [1, 0, 0, 0, 0, 0]
        assert seen("applies_total", TTS, outcome="applied") == 1
        assert [seen("applies_unfinished", each) for each in (ASR, TTS)].count(1) == 1

    def test_calls_of_function_compute_are_counted_by_what_came_of_them(self, site: Site) -> None:
        seen = watched(site, "mode: auto")
        seen.beat()
        first = seen("fc_calls_total", operation="GetProvisionConfig", outcome="ok")
        assert first is not None
        assert seen("fc_calls_total", operation="PutProvisionConfig", outcome="ok") == 1

        site.emulator.faults.add(Fault(action="GetProvisionConfig", status=403, code="AccessDenied"))
        seen.beat(MINUTE)
        assert seen("fc_calls_total", operation="GetProvisionConfig", outcome="refused") == 1
        assert seen("fc_calls_total", operation="GetProvisionConfig", outcome="ok") == first

    def test_without_its_records_it_still_says_that_it_lives(self, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
        seen = watched(site, "mode: auto", ASR, TTS)
        seen.beat()
        assert (seen.bare("database_up"), seen("function_complete"), seen.observer.unready()) == (1, 1, "")
        asked: list[FunctionRef] = []

        def fails(_self: object, function: FunctionRef) -> None:
            asked.append(function)
            raise StoreError("the database is gone")

        # A database that stops answering can't be had at a chosen moment otherwise.
        monkeypatch.setattr("planner.store.control.Control.lease", fails)
        text = seen.observer.metrics()
        assert asked == [ASR], "the second function would wait as long"
        promtool("check", "metrics", stdin=text)
        assert (seen.bare("database_up"), seen("function_complete"), seen("function_complete", TTS)) == (0, 0, 0)
        assert seen.bare("last_beat_timestamp_seconds") == seconds(START)
        assert (seen.observer.unready(), seen.observer.trouble()) == ("the database is gone", "")

    def test_a_plan_that_cannot_be_read_hides_nothing_else(self, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
        from sqlalchemy import text

        watched(site, "mode: auto").beat()
        with site.store._database.writing() as session:
            session.execute(text("UPDATE plans SET payload = replace(payload, 'asr', 'ASR')"))
        again = watched(site, "mode: auto")
        assert (again.bare("database_up"), again("function_complete")) == (1, 0)
        assert again("job_last_run_failed", task="plan") == 0
        assert again("applies_total", outcome="applied") == 1
        assert again("wanted_instances") is None

    def test_it_lives_while_it_beats_and_is_ready_once_it_did(self, site: Site) -> None:
        seen = watched(site, "mode: observe")
        assert (seen.observer.trouble(), seen.observer.unready()) == ("", "no beat yet")
        assert seen.bare("last_beat_timestamp_seconds") is None
        seen.beat()
        site.pass_by(timedelta(seconds=60))
        assert (seen.observer.trouble(), seen.observer.unready()) == ("", "")
        site.pass_by(timedelta(seconds=1))
        assert seen.observer.trouble() == seen.observer.unready() == "no beat for 61 s"
        assert seen.bare("last_beat_timestamp_seconds") == seconds(START)
