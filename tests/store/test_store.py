"""What the store keeps and how it gives it back; every test runs on SQLite and on PostgreSQL."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import StatementError

from planner.apply import Audit
from planner.base import MINUTE, FunctionRef
from planner.errors import PlanFileError, StoreError
from planner.outcome import Arrival, Outcome, OutcomeKind
from planner.provision import ProvisionConfig
from planner.store import Adoption, Attempt, Point, Store, StoredPlan
from tests.builders import FUNCTION, NOON, a_breach, a_config, a_plan, an_action

OTHER = FunctionRef(name="tts-gpu", qualifier="prod")


def an_outcome(kind: OutcomeKind = OutcomeKind.APPLIED, at: datetime = NOON) -> Outcome:
    """Of an apply whose instances came."""
    return Outcome(
        kind=kind,
        at=at,
        message="FC holds the wanted document.",
        live_before="a" * 64,
        live_after="b" * 64,
        arrival=Arrival.ARRIVED,
        wanted_instances=4,
        target=4,
        current=3,
        current_error="waiting",
    )


def an_apply(
    store: Store, minutes: int, kind: OutcomeKind | None = OutcomeKind.APPLIED, function: FunctionRef = FUNCTION
) -> int:
    """A plan of `minutes` past noon and its attempt, without an outcome where `kind` is None; the attempt's id."""
    at = NOON + minutes * MINUTE
    attempt = store.begin(a_plan(at, function=function), who="ann", at=at)
    if kind is not None:
        store.finish(attempt, an_outcome(kind, at))
    return attempt


def an_adoption(config: ProvisionConfig, function: FunctionRef = FUNCTION) -> Adoption:
    """Made by Ann at noon."""
    return Adoption(function=function, config=config, complete=True, adopted_at=NOON, who="ann")


def test_a_plan_comes_back_whole(store: Store) -> None:
    plan = a_plan(notes=("早高峰 é 🚀",))
    assert store.plan(store.save_plan(plan, who="ann", at=NOON)) == plan


def test_a_plan_saved_again_keeps_its_id_author_and_time(store: Store) -> None:
    first = store.save_plan(a_plan(), who="ann", at=NOON)
    assert store.save_plan(a_plan(), who="bob", at=NOON + MINUTE) == first
    (listed,) = store.plans(None, limit=9)
    assert (listed.who, listed.recorded_at) == ("ann", NOON)


def test_ids_count_up_without_holes(store: Store) -> None:
    ids = []
    for minutes in range(3):
        plan = a_plan(NOON + minutes * MINUTE)
        ids += [store.save_plan(plan, who="ann", at=NOON), store.save_plan(plan, who="ann", at=NOON)]
    assert ids == [1, 1, 2, 2, 3, 3]


def test_the_list_says_what_each_plan_is_for(store: Store) -> None:
    store.save_plan(a_plan(), who="ann", at=NOON)
    store.save_plan(a_plan(breaches=(a_breach(),)), who="ann", at=NOON)
    store.save_plan(a_plan(changes=()), who="ann", at=NOON)
    same, unsafe, safe = store.plans(FUNCTION, limit=9)
    assert (safe.safe, safe.why) == (True, "4 changes: covers the step in effect until FC evaluates the policies; tide")
    assert (unsafe.safe, unsafe.why) == (False, "unsafe: 20 instances fall to 2 within an hour")
    assert (same.safe, same.why) == (True, "nothing to change")
    assert unsafe.digest == a_plan(breaches=(a_breach(),)).digest


@pytest.mark.parametrize("plan_id", [0, -1, 7, 2**31, 10**30])
def test_an_unknown_plan_is_an_input_error(store: Store, plan_id: int) -> None:
    with pytest.raises(PlanFileError, match=f"no plan {plan_id}") as caught:
        store.plan(plan_id)
    assert "planner history" in caught.value.remedy


def test_a_plan_that_was_changed_in_the_database_is_refused(store: Store, url: str) -> None:
    plan_id = store.save_plan(a_plan(), who="ann", at=NOON)
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(text("""UPDATE plans SET payload = replace(payload, '"target": 6', '"target": 0')"""))
    engine.dispose()
    with pytest.raises(PlanFileError, match=r"plan 1 in .* does not match its digest"):
        store.plan(plan_id)


def test_an_attempt_is_unfinished_until_its_outcome_is_written(store: Store) -> None:
    attempt = store.begin(a_plan(), who="ann", at=NOON)
    (open_one,) = store.unfinished(FUNCTION)
    assert open_one == Attempt(
        id=attempt,
        plan_id=1,
        function=FUNCTION,
        digest=a_plan().digest,
        who="ann",
        began_at=NOON,
        forced=False,
        outcome=None,
    )
    assert store.last_outcome(FUNCTION) is None
    store.finish(attempt, an_outcome())
    assert store.unfinished(FUNCTION) == ()
    last = store.last_outcome(FUNCTION)
    assert last is not None
    assert last.outcome == an_outcome()


def test_a_forced_apply_is_on_record(store: Store) -> None:
    store.begin(a_plan(breaches=(a_breach(),)), who="ann", at=NOON, forced=True)
    assert store.unfinished(FUNCTION)[0].forced


def test_the_store_is_the_audit_that_apply_writes(store: Store) -> None:
    audit: Audit = store
    audit.finish(audit.begin(a_plan(), who="ann", at=NOON, forced=False), an_outcome())
    assert store.last_applied(FUNCTION) is not None


def test_beginning_puts_the_plan_on_record_too(store: Store) -> None:
    store.begin(a_plan(), who="ann", at=NOON)
    assert store.plan(1) == a_plan()


def test_one_plan_can_be_applied_twice(store: Store) -> None:
    assert [an_apply(store, 0), an_apply(store, 0)] == [1, 2]
    assert [attempt.plan_id for attempt in store.applied(FUNCTION, limit=9)] == [1, 1]


@pytest.mark.parametrize("attempt", [1, 99, -5])
def test_an_outcome_is_written_once_and_only_for_a_known_attempt(store: Store, attempt: int) -> None:
    an_apply(store, 0)
    with pytest.raises(StoreError, match=f"Attempt {attempt} .* unknown or has ended"):
        store.finish(attempt, an_outcome(OutcomeKind.FAILED))
    last = store.last_outcome(FUNCTION)
    assert last is not None
    assert last.outcome == an_outcome()


def test_every_outcome_comes_back(store: Store) -> None:
    for kind, arrival in product(OutcomeKind, Arrival):
        outcome = Outcome(kind=kind, at=NOON, message="", arrival=arrival)
        store.finish(store.begin(a_plan(), who="ann", at=NOON), outcome)
        last = store.last_outcome(FUNCTION)
        assert last is not None
        assert last.outcome == outcome


def test_what_the_database_cannot_hold_becomes_a_visible_mark(store: Store) -> None:
    outcome = Outcome(kind=OutcomeKind.FAILED, at=NOON, message="a\0b", current_error="half \ud83d")
    store.finish(store.begin(a_plan(), who="ann\0", at=NOON), outcome)
    last = store.last_outcome(FUNCTION)
    assert last is not None
    assert last.outcome is not None
    assert (last.who, last.outcome.message, last.outcome.current_error) == ("ann�", "a�b", "half ?")


def test_the_last_outcome_is_of_the_newest_attempt_that_ended(store: Store) -> None:
    an_apply(store, 0)
    an_apply(store, 1, OutcomeKind.STALE)
    an_apply(store, 2, None)
    an_apply(store, 3, function=OTHER)
    last = store.last_outcome(FUNCTION)
    assert last is not None
    assert last.id == 2


def test_a_rollback_finds_what_was_in_force_newest_first(store: Store) -> None:
    for minutes, kind in enumerate([*OutcomeKind, None, OutcomeKind.APPLIED]):
        an_apply(store, minutes, kind)
    in_force = {OutcomeKind.APPLIED, OutcomeKind.UNCHANGED}
    found = store.applied(FUNCTION, limit=9)
    assert [attempt.id for attempt in found] == [8, 2, 1]
    assert all(attempt.outcome is not None and attempt.outcome.kind in in_force for attempt in found)
    assert store.last_applied(FUNCTION) == found[0]
    assert store.last_applied(OTHER) is None


def test_aliases_of_one_function_are_kept_apart(store: Store) -> None:
    alias = FunctionRef(name=FUNCTION.name, qualifier="canary")
    an_apply(store, 0, function=alias)
    assert store.plans(FUNCTION, limit=9) == ()
    assert store.last_outcome(FUNCTION) is None
    assert len(store.audit(alias, limit=9)) == 2


def test_the_audit_tells_every_plan_and_attempt_newest_first(store: Store) -> None:
    store.save_plan(a_plan(), who="ann", at=NOON)
    an_apply(store, 5)
    an_apply(store, 7, None, OTHER)
    told = [(type(entry), entry.function, entry.who) for entry in store.audit(None, limit=9)]
    assert told == [
        (Attempt, OTHER, "ann"),
        (StoredPlan, OTHER, "ann"),
        (Attempt, FUNCTION, "ann"),
        (StoredPlan, FUNCTION, "ann"),
        (StoredPlan, FUNCTION, "ann"),
    ]
    assert store.audit(None, limit=2) == store.audit(None, limit=9)[:2]
    assert len(store.audit(FUNCTION, limit=9)) == 3


def test_what_was_found_at_adoption_is_recorded_once(store: Store) -> None:
    found = an_adoption(a_config(2, 3, default=7))
    assert store.adopt(found) == found
    later = replace(found, config=a_config(9), complete=False, who="bob", adopted_at=NOON + MINUTE)
    assert store.adopt(later) == found
    assert store.adoption(FUNCTION) == found
    assert store.adoption(OTHER) is None


def test_schedules_that_are_taken_out_later_join_the_adoption_and_of_one_name_the_newest_counts(store: Store) -> None:
    first, changed, other = an_action(name="sale"), an_action(target=9, name="sale"), an_action(name="night")
    found = an_adoption(ProvisionConfig(default_target=7, always_allocate_gpu=False, scheduled_actions=(first,)))
    store.adopt(found)
    store.add_taken(FUNCTION, (changed, other))
    store.add_taken(FUNCTION, ())
    kept = replace(found, config=replace(found.config, scheduled_actions=(changed, other)))
    assert store.adoption(FUNCTION) == kept


def test_after_a_release_the_next_adoption_is_a_first_one(store: Store) -> None:
    store.adopt(an_adoption(a_config(2)))
    store.adopt(an_adoption(a_config(5), OTHER))
    store.forget_adoption(FUNCTION)
    store.forget_adoption(FUNCTION)
    assert store.adoption(FUNCTION) is None
    second = replace(an_adoption(ProvisionConfig()), complete=False)
    assert store.adopt(second) == second
    assert store.adoption(OTHER) is not None


def test_instants_come_back_in_utc_whatever_zone_they_had(store: Store) -> None:
    shanghai = NOON.astimezone(ZoneInfo("Asia/Shanghai")) + timedelta(microseconds=123_456)
    store.save_plan(a_plan(), who="ann", at=shanghai)
    recorded = store.plans(None, limit=1)[0].recorded_at
    assert recorded == shanghai
    assert recorded.tzinfo is UTC


def test_a_naive_instant_is_a_programming_error(store: Store) -> None:
    with pytest.raises(StatementError, match="naive"):
        store.save_plan(a_plan(), who="ann", at=datetime(2026, 11, 23))


def points(*values: float | None, start: datetime = NOON) -> tuple[Point, ...]:
    """A point a minute."""
    return tuple(Point(at=start + index * MINUTE, value=value, step=MINUTE) for index, value in enumerate(values))


def everything(store: Store, function: str = "asr-gpu", source: str = "cms") -> tuple[Point, ...]:
    """The whole series."""
    return store.load_points(function, source, start=NOON - timedelta(days=9), end=NOON + timedelta(days=9))


def test_points_come_back_in_order_with_their_gaps(store: Store) -> None:
    store.save_points("asr-gpu", "cms", reversed(points(1.5, None, 0.0)))
    assert everything(store) == points(1.5, None, 0.0)


def test_reading_a_source_again_changes_nothing_and_a_revision_wins(store: Store) -> None:
    for _ in range(2):
        store.save_points("asr-gpu", "cms", points(1.0, 2.0, 3.0))
    store.save_points("asr-gpu", "cms", points(7.0, None, start=NOON + MINUTE))
    assert everything(store) == points(1.0, 7.0, None)


def test_of_one_instant_given_twice_the_later_word_counts(store: Store) -> None:
    store.save_points("asr-gpu", "cms", points(1.0) + points(2.0))
    assert everything(store) == points(2.0)


def test_series_are_kept_apart_by_function_and_source(store: Store) -> None:
    store.save_points("asr-gpu", "cms", points(1.0))
    store.save_points("asr-gpu", "sls", points(2.0))
    store.save_points("tts-gpu", "cms", points(3.0))
    assert everything(store) == points(1.0)
    assert everything(store, source="sls") == points(2.0)
    assert everything(store, function="tts-gpu") == points(3.0)
    assert everything(store, function="unknown") == ()


def test_the_end_of_a_range_is_not_in_it(store: Store) -> None:
    store.save_points("asr-gpu", "cms", points(1.0, 2.0, 3.0))
    assert store.load_points("asr-gpu", "cms", start=NOON, end=NOON + 2 * MINUTE) == points(1.0, 2.0)


def test_no_points_leave_no_trace(store: Store) -> None:
    store.save_points("asr-gpu", "cms", ())
    assert everything(store) == ()


def test_the_store_is_a_context_and_names_its_place(store: Store, url: str) -> None:
    with store as same:
        assert same is store
    assert store.location.endswith(url.partition("?")[0].rpartition("/")[2])
