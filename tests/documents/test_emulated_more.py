"""What else is put, on a running Function Compute: what is taken back, an owner's trackers, a week alone, a renewal.

Under every combination of the switches that decide what a document means. There is no load but where a test says so:
with none every tracker sinks to its floor, so nothing but the document itself keeps the target up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from planner.base import MINUTE, iso
from planner.clock import ManualClock
from planner.custody import adopt, settle, to_restore
from planner.emulator import Load, Running, running
from planner.history import History
from planner.outcome import Outcome, OutcomeKind
from planner.plan import Plan
from planner.policies import guard_policy, safety_rules
from planner.provision import EVALUATION_LAG, ProvisionConfig, ScheduledAction
from planner.store import Store
from planner.undo import Present, release, release_to_zero, rollback
from tests.builders import FUNCTION, an_action
from tests.contract.support import connected
from tests.documents.given import printed
from tests.documents.test_emulated import FOREIGN, SWITCHES
from tests.documents.test_emulated import a_function as a_world
from tests.documents.test_pipeline import DAY, HOUR, WEEKS, a_function, plan
from tests.documents.test_recurring_form import level
from tests.forecast.given import a_history, a_tide

Switches = dict[str, object]
SWITCH = pytest.mark.parametrize("switches", SWITCHES)
LOOK = timedelta(seconds=10)
TAKEN_IN = EVALUATION_LAG + MINUTE
"""For so long after a put the target is looked at every LOOK: it may change between two whole minutes."""


def target(server: Running) -> int:
    config = server.emulator.config(FUNCTION.name, FUNCTION.qualifier)
    assert config is not None
    return int(config["target"])


def put(server: Running, document: ProvisionConfig) -> None:
    """By the official SDK; then FC holds what was sent, byte for byte."""
    fc = connected(server.url)
    assert fc.put_provision_config(FUNCTION, document).config == document
    assert fc.get_provision_config(FUNCTION).config.wire() == document.wire()


def lived(server: Running, start: datetime, until: datetime) -> dict[datetime, int]:
    """The target in each whole minute of [start, until), which the server lives up to."""
    server.emulator.move_to(until)
    minutes = server.emulator.report(FUNCTION.name, FUNCTION.qualifier, start, until).minutes
    assert len(minutes) >= (until - start) / MINUTE - 1
    return {minute.start: minute.target for minute in minutes}


def assert_serves(server: Running, start: datetime, until: datetime, wanted: Callable[[datetime], int]) -> None:
    """In every minute the target is not below what is wanted."""
    found = lived(server, start, until)
    assert [(iso(at), value, wanted(at)) for at, value in found.items() if value < wanted(at)] == []


def assert_takes_over(server: Running, until: datetime, wanted: Callable[[datetime], int]) -> None:
    """The same from a put at this moment on, and every ten seconds while FC takes it in."""
    evaluated = server.emulator.now() + TAKEN_IN
    while (at := server.emulator.now()) < evaluated:
        assert target(server) >= wanted(at), at
        server.emulator.advance(LOOK)
    assert_serves(server, evaluated - MINUTE, until, wanted)


def prints(made: Plan) -> Callable[[datetime], int]:
    """The printed step in effect, then the printed recurring form."""
    return lambda at: printed(made.schedule if at < made.schedule.end else made.recurring, at)


def present(server: Running) -> Present:
    return Present(
        function=FUNCTION,
        time_zone="Asia/Shanghai",
        now=server.emulator.now(),
        valid_for=15 * MINUTE,
        live=connected(server.url).get_provision_config(FUNCTION),
    )


def times(factor: float) -> History:
    return replace(WEEKS, series=WEEKS.series * factor)


def failing(reason: str, when: Callable[[Switches], bool]) -> list[object]:
    """The switches, those under which a known defect shows marked."""
    mark = pytest.mark.xfail(strict=True, raises=AssertionError, reason=reason)
    return [
        pytest.param(*given.values, id=given.id, marks=mark if when(given.values[0]) else ())  # type: ignore[arg-type]
        for given in SWITCHES
    ]


class TestRollback:
    SALE = an_action(WEEKS.end - 2 * DAY, 30, name="sale")
    """A person's action that is over."""

    @classmethod
    @cache
    def earlier(cls, factor: float) -> Plan:
        """Yesterday's, for so many times today's load, made beside what a person set."""
        beside = ProvisionConfig(scheduled_actions=(cls.SALE,), tracking_policies=(FOREIGN,))
        return plan(times(factor), now=WEEKS.end - 17 * HOUR, live=beside)

    @classmethod
    @cache
    def live(cls, factor: float) -> Plan:
        return plan(live=cls.earlier(factor).wanted)

    @SWITCH
    @pytest.mark.parametrize(
        ("factor", "hours"), [(3.0, 2), (0.2, 5), (3.0, 30)], ids=["to more", "to fewer", "after the horizon"]
    )
    def test_it_serves_at_least_what_it_prints_over_whatever_plan_is_live(
        self, factor: float, hours: int, switches: Switches
    ) -> None:
        settings, earlier, live = a_function(), self.earlier(factor), self.live(factor)
        world, clock = a_world(live.created_at + timedelta(seconds=7), switches)
        with running(world, clock=clock) as server:
            put(server, live.wanted)
            assert_takes_over(server, live.created_at + hours * HOUR, prints(live))
            back = rollback(earlier, present(server), guards=guard_policy(settings), safety=safety_rules(settings))
            assert_serves(server, back.created_at, back.valid_until, prints(live))
            put(server, back.wanted)
            assert_takes_over(server, back.schedule.end + 3 * HOUR, prints(back))
        assert self.SALE in back.wanted.scheduled_actions
        assert FOREIGN in back.wanted.tracking_policies


class TestRelease:
    HAND = ProvisionConfig(
        default_target=6,
        always_allocate_cpu=False,
        scheduled_actions=(
            ScheduledAction(name="day", schedule_expression="cron(0 0 9 * * *)", target=12, time_zone="Asia/Shanghai"),
            ScheduledAction(
                name="night", schedule_expression="cron(0 0 21 * * *)", target=2, time_zone="Asia/Shanghai"
            ),
        ),
        tracking_policies=(FOREIGN,),
    )
    """What a person set: 12 by day, 2 by night, and a default that counts until these are evaluated."""
    ONCE = ProvisionConfig(
        default_target=3,
        scheduled_actions=(
            ScheduledAction(name="launch", schedule_expression=f"at({iso(WEEKS.end - 12 * HOUR)})", target=8),
        ),
    )
    """Up once, and for good."""

    @pytest.fixture
    def store(self, tmp_path: Path) -> Iterator[Store]:
        with Store.open(f"sqlite:///{tmp_path}/planner.db", migrate=True) as opened:
            yield opened

    @staticmethod
    @cache
    def adopting(found: ProvisionConfig) -> Plan:
        """A plan that takes out what a person scheduled."""
        return plan(times(0.3), function=a_function(qualifier=FUNCTION.qualifier), live=found, adopt=True)

    @staticmethod
    @cache
    def unknown() -> Plan:
        """A plan that is not on record."""
        return plan()

    def taken_over(self, server: Running, store: Store, found: ProvisionConfig) -> dict[datetime, int]:
        """A day by a person's document, minute by minute; then that is on record, and the plan is put in its place."""
        put(server, found)
        made = self.adopting(found)
        by_hand = lived(server, made.created_at - DAY, made.valid_until)
        adopt(store, made, who="ann", clock=ManualClock(made.created_at), say=pytest.fail)
        put(server, made.wanted)
        return by_hand

    def released(self, server: Running, store: Store, *, default: int | None = None) -> Plan:
        given = present(server)
        made = release(to_restore(store, given, default=default), given)
        put(server, made.wanted)
        settle(store, made, Outcome(kind=OutcomeKind.APPLIED, at=given.now, message=""))
        assert store.adoption(FUNCTION) is None
        return made

    @SWITCH
    def test_it_never_gives_less_than_ran_by_hand_under_a_default_that_covers_it_and_soon_the_same(
        self, store: Store, switches: Switches
    ) -> None:
        found = replace(self.HAND, default_target=12)
        world, clock = a_world(WEEKS.end - DAY - HOUR, switches)
        with running(world, clock=clock) as server:
            by_hand = self.taken_over(server, store, found)
            at = WEEKS.end + 14 * HOUR + timedelta(seconds=20)
            lived(server, WEEKS.end + HOUR, at)
            assert self.released(server, store).wanted == found

            def a_day_ago(now: datetime) -> int:
                return by_hand[now.replace(day=20, second=0)]

            assert_takes_over(server, at + DAY, a_day_ago)
            again = lived(server, at + HOUR, at + DAY)
            assert again == {minute: a_day_ago(minute) for minute in again}

    @SWITCH
    def test_it_gives_the_default_that_was_found_until_fc_has_evaluated_it(
        self, store: Store, switches: Switches
    ) -> None:
        """No more, by day: a default that held until then would stay behind."""
        world, clock = a_world(WEEKS.end - DAY - HOUR, switches)
        with running(world, clock=clock) as server:
            self.taken_over(server, store, self.HAND)
            lived(server, WEEKS.end + HOUR, WEEKS.end + 3 * HOUR)
            self.released(server, store)
            evaluated = server.emulator.now() + timedelta(seconds=float(str(switches["evaluation_lag_seconds"])))
            while server.emulator.now() < evaluated:
                assert target(server) == 6
                server.emulator.advance(LOOK)
            assert set(lived(server, evaluated, evaluated + HOUR).values()) == {12}

    @pytest.mark.parametrize(
        "switches",
        failing(
            "a release puts a person's past at() back and prints its value; nothing stands in where it does not fire",
            lambda switches: switches["past_at"] == "ignored",
        ),
    )
    def test_once_evaluated_it_serves_at_least_what_it_prints_where_a_person_scaled_up_once(
        self, store: Store, switches: Switches
    ) -> None:
        world, clock = a_world(WEEKS.end - DAY - HOUR, switches)
        with running(world, clock=clock) as server:
            by_hand = self.taken_over(server, store, self.ONCE)
            assert by_hand[WEEKS.end - MINUTE] == 8
            made = self.released(server, store)
            server.emulator.advance(TAKEN_IN)
            assert_serves(server, server.emulator.now(), WEEKS.end + 2 * HOUR, prints(made))

    @SWITCH
    def test_with_a_named_default_that_is_what_it_gives_from_the_put_on(self, store: Store, switches: Switches) -> None:
        made = self.unknown()
        world, clock = a_world(made.created_at, switches)
        with running(world, clock=clock) as server:
            put(server, made.wanted)
            lived(server, made.created_at, made.created_at + 2 * HOUR)
            back = self.released(server, store, default=5)
            assert back.wanted == ProvisionConfig(
                default_target=5,
                always_allocate_cpu=made.wanted.always_allocate_cpu,
                always_allocate_gpu=made.wanted.always_allocate_gpu,
            )
            assert target(server) == 5
            assert set(lived(server, back.created_at, back.created_at + DAY).values()) == {5}

    @SWITCH
    def test_to_zero_nothing_is_left_from_the_put_on(self, switches: Switches) -> None:
        made = self.adopting(self.HAND)
        world, clock = a_world(made.created_at, switches)
        with running(world, clock=clock) as server:
            server.emulator.offer(FUNCTION.name, Load.constant(40), qualifier=FUNCTION.qualifier)
            put(server, made.wanted)
            lived(server, made.created_at, made.created_at + 2 * HOUR)
            back = release_to_zero(present(server))
            put(server, back.wanted)
            assert not back.wanted.scheduled_actions
            assert not back.wanted.tracking_policies
            assert target(server) == 0
            assert set(lived(server, back.created_at, back.created_at + DAY).values()) == {0}


class TestOwnTrackers:
    """Beside the live guard, and with a load that moves them: an hour's surge, and an hour of full GPU memory."""

    SURGE, FULL = WEEKS.end + 2 * HOUR, WEEKS.end + 8 * HOUR
    OWN = a_function(
        guardrails={
            "trackers": (
                {
                    "name": "busy",
                    "metric": "ProvisionedConcurrencyUtilization",
                    "target": 0.7,
                    "min_instances": 3,
                    "max_instances": 30,
                },
                {
                    "name": "memory",
                    "metric": "GPUMemUtilization",
                    "target": 0.8,
                    "min_instances": 2,
                    "max_instances": 35,
                    "from": WEEKS.end + 8 * HOUR,
                    "to": WEEKS.end + 10 * HOUR,
                },
            )
        }
    )
    FLOOR = a_function(
        guardrails={
            "trackers": (
                {"name": "floor", "metric": "CPUUtilization", "target": 0.9, "min_instances": 25, "max_instances": 25},
            )
        }
    )

    @classmethod
    @cache
    def plan(cls) -> Plan:
        return plan(function=cls.OWN, live=ProvisionConfig(tracking_policies=(FOREIGN,)))

    @classmethod
    @cache
    def floors(cls) -> tuple[Plan, Plan]:
        """A plan and its renewal an hour later; neither has a step of 25."""
        old = plan(function=cls.FLOOR, now=WEEKS.end - HOUR)
        return old, plan(function=cls.FLOOR, live=old.wanted)

    def offer(self, server: Running) -> None:
        emulator = server.emulator
        for first, value, metric in ((self.SURGE, 200.0, "Concurrency"), (self.FULL, 1.0, "GPUMemUtilization")):
            load = Load(values=(*[value] * 60, 0.0), start=first)
            emulator.offer(FUNCTION.name, load, qualifier=FUNCTION.qualifier, metric=metric)

    @SWITCH
    def test_a_plan_beside_them_serves_what_it_prints_and_they_answer_what_it_did_not_foresee(
        self, switches: Switches
    ) -> None:
        made = self.plan()
        assert made.evidence is not None
        assert made.evidence.guard
        assert sum(policy.name.startswith("planner-own-") for policy in made.wanted.tracking_policies) == 2
        world, clock = a_world(made.valid_until, switches)
        with running(world, clock=clock) as server:
            self.offer(server)
            put(server, made.wanted)
            assert_takes_over(server, made.schedule.end + 3 * HOUR, prints(made))
            found = lived(server, made.created_at + HOUR, server.emulator.now())
            assert min(found.values()) >= 3, "the owner's floor"
            # The guard, whose ceiling is the function's, goes beyond the owner's 30 and the other's 40.
            assert max(value for at, value in found.items() if at < self.FULL) > 40
            assert found[self.FULL + 50 * MINUTE] == 35
            assert found[self.FULL + 3 * HOUR] < 35

    @SWITCH
    def test_a_put_during_the_surge_destroys_nothing_that_the_guard_has_built(self, switches: Switches) -> None:
        made = self.plan()
        world, clock = a_world(made.valid_until, switches)
        with running(world, clock=clock) as server:
            self.offer(server)
            put(server, made.wanted)
            server.emulator.move_to(self.SURGE + 30 * MINUTE)
            built = target(server)
            assert built > 40
            again = rollback(made, present(server), guards=guard_policy(self.OWN), safety=safety_rules(self.OWN))
            put(server, again.wanted)
            assert_takes_over(server, server.emulator.now() + 15 * MINUTE, lambda _: built)

    @SWITCH
    def test_the_owners_floor_holds_while_fc_takes_a_renewal_in(self, switches: Switches) -> None:
        old, new = self.floors()
        world, clock = a_world(old.created_at, switches)
        with running(world, clock=clock) as server:
            put(server, old.wanted)
            assert set(lived(server, old.created_at + TAKEN_IN, new.created_at).values()) == {25}
            put(server, new.wanted)
            assert_takes_over(server, new.created_at + HOUR, lambda _: 25)


class TestWeekAlone:
    @staticmethod
    @cache
    def plan(month: int, day: int) -> Plan:
        """Of sixteen days, high at noon in New York, whose clocks change in the weekend after them."""
        history = a_history(np.roll(a_tide(16), 48), start=datetime(2026, month, day, tzinfo=UTC))
        return plan(history, function=a_function(time_zone="America/New_York"))

    @SWITCH
    @pytest.mark.parametrize(("month", "day"), [(2, 16), (10, 12)], ids=["clocks go forward", "clocks go back"])
    def test_for_eight_days_after_the_horizon_it_serves_at_least_the_printed_form(
        self, month: int, day: int, switches: Switches
    ) -> None:
        made = self.plan(month, day)
        end, zone = made.schedule.end, made.time_zone
        assert [pattern.name for pattern in made.patterns] == ["workday", "weekend"]

        def wanted(at: datetime) -> int:
            own = level(made.patterns, at, zone)
            return max(own, printed(made.recurring, at)) if at < made.recurring.end else own

        world, clock = a_world(made.valid_until, switches)
        with running(world, clock=clock) as server:
            put(server, made.wanted)
            assert_serves(server, end, end + 8 * DAY, wanted)
        offsets = {(end + days * DAY).astimezone(ZoneInfo(zone)).utcoffset() for days in (0, 8)}
        assert len(offsets) == 2


class TestRenewal:
    @staticmethod
    @cache
    def plans() -> tuple[Plan, ...]:
        """One an hour, each against the last one's document; what was seen tripled in the first hour, then it fell."""
        values = WEEKS.series.to_numpy().copy()
        values[-12:] *= np.repeat((3.0, 0.2, 2.0), 4)
        history = replace(WEEKS, series=WEEKS.series.copy())
        history.series[:] = values
        made: list[Plan] = []
        for hours in (3, 2, 1, 0):
            live = made[-1].wanted if made else ProvisionConfig(tracking_policies=(FOREIGN,))
            made.append(plan(history, function=TestOwnTrackers.OWN, now=WEEKS.end - hours * HOUR, live=live))
        return tuple(made)

    @SWITCH
    @pytest.mark.parametrize("late", [7, 900], ids=lambda seconds: f"{seconds}s late")
    def test_no_minute_is_below_the_smaller_of_the_plans_before_and_after(self, late: int, switches: Switches) -> None:
        """Nor below the one that was put last, which is more."""
        plans = self.plans()
        world, clock = a_world(plans[0].created_at + timedelta(seconds=late), switches)
        with running(world, clock=clock) as server:
            for made, following in pairwise(plans):
                put(server, made.wanted)
                assert_takes_over(server, following.created_at + timedelta(seconds=late), prints(made))
            put(server, plans[-1].wanted)
            assert_takes_over(server, plans[-1].created_at + 5 * HOUR, prints(plans[-1]))
