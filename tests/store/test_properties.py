"""Whatever is written comes back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from planner.outcome import Outcome
from planner.plan import Plan
from planner.provision import ProvisionConfig, config_from_wire
from planner.store import Adoption, Point, Store
from tests.builders import FUNCTION, NOON
from tests.plancodec.strategies import plans, values

ON_ONE_STORE = settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
# Half of these zones and days have a change of the clock within reach. A local time that the change skips or repeats
# never equals itself in another zone (PEP 495), so it can't be compared with what comes back.
instants = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.timezones()).filter(
    lambda moment: moment.replace(fold=0).utcoffset() == moment.replace(fold=1).utcoffset()
)
plain_text = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20)
outcomes = st.builds(
    Outcome,
    at=instants,
    message=plain_text,
    live_before=plain_text,
    live_after=plain_text,
    current_error=plain_text,
    wanted_instances=st.integers(0, 10_000),
    target=st.integers(0, 10_000),
    current=st.integers(0, 10_000),
)
# As FC gives them: an empty text is no text.
documents = values(ProvisionConfig).map(lambda config: config_from_wire(config.wire()))
loads = st.none() | st.floats(allow_nan=False, allow_infinity=False, allow_subnormal=False)
revisions = st.lists(st.dictionaries(st.integers(0, 30), loads), max_size=5)


@ON_ONE_STORE
@given(plan=plans, at=instants)
def test_plans(store: Store, plan: Plan, at: datetime) -> None:
    plan_id = store.save_plan(plan, who="ann", at=at)
    assert store.plan(plan_id) == plan
    assert store.save_plan(store.plan(plan_id), who="ann", at=at) == plan_id


@ON_ONE_STORE
@given(plan=plans, outcome=outcomes, began=instants)
def test_attempts(store: Store, plan: Plan, outcome: Outcome, began: datetime) -> None:
    attempt = store.begin(plan, who="ann", at=began)
    store.finish(attempt, outcome)
    last = store.last_outcome(plan.function)
    assert last is not None
    assert (last.id, last.digest, last.began_at, last.outcome) == (attempt, plan.digest, began.astimezone(UTC), outcome)


@ON_ONE_STORE
@given(config=documents, complete=st.booleans(), at=instants)
def test_adoptions(store: Store, config: ProvisionConfig, complete: bool, at: datetime) -> None:
    store.forget_adoption(FUNCTION)
    found = Adoption(function=FUNCTION, config=config, complete=complete, adopted_at=at, who="ann")
    store.adopt(found)
    assert store.adoption(FUNCTION) == found


@ON_ONE_STORE
@given(revisions=revisions, source=plain_text)
def test_points_are_those_of_the_last_revision(
    store: Store, revisions: list[dict[int, float | None]], source: str
) -> None:
    expected: dict[datetime, Point] = {}
    for revision in revisions:
        read = [a_point(minute, value) for minute, value in revision.items()]
        store.save_points("asr-gpu", source, read)
        expected |= {point.at: point for point in read}
    stored = store.load_points("asr-gpu", source, start=NOON, end=NOON + timedelta(minutes=31))
    # The store lives as long as the test: an earlier example may have left more.
    assert expected.items() <= {point.at: point for point in stored}.items()


def a_point(minute: int, value: float | None) -> Point:
    """Of the minute after noon."""
    return Point(at=NOON + timedelta(minutes=minute), value=value, step=timedelta(minutes=1))
