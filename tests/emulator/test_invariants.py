"""What holds for every conversation: random puts, deletes and moves of the clock."""

from collections.abc import Sequence
from datetime import timedelta
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planner.emulator import Emulator, Load, ManualClock, Settings, World
from planner.emulator.models.document import Json
from planner.emulator.models.operations import Call
from tests.emulator.fc import ASR, NOON
from tests.published import Body, action, policy

_QUOTA = 12
_PROD = {"qualifier": "prod"}

_ACTIONS = st.lists(
    st.builds(
        action,
        st.sampled_from(["a", "b", "c", "d"]),
        st.sampled_from(
            [
                "cron(0 */3 * * * *)",
                "cron(0 5/7 * * * ?)",
                "at(2026-11-23T11:30:00Z)",
                "at(2026-11-23T12:20:00Z)",
            ]
        ),
        st.integers(0, 15),
    ),
    max_size=4,
    unique_by=lambda entry: str(entry["name"]),
)
_BODIES = st.fixed_dictionaries(
    {"defaultTarget": st.integers(0, 15), "scheduledActions": _ACTIONS},
    optional={
        "targetTrackingPolicies": st.sampled_from(
            [[], [policy(metricTarget=0.37)], [policy(minCapacity=2, maxCapacity=5)]]
        )
    },
)
_STEPS = st.lists(
    st.one_of(_BODIES, st.none(), st.integers(1, 40).map(lambda count: timedelta(seconds=count * 37))),
    max_size=12,
)


def _emulator() -> Emulator:
    switches = Settings(region_instances=_QUOTA, growth_burst=6, growth_per_minute=3)
    emulator = Emulator(World(functions=(ASR,), settings=switches), clock=ManualClock(NOON))
    emulator.offer("asr", Load(values=(3, 40, 11, 0, 0, 25), repeat=True), qualifier="prod")
    return emulator


def _converse(steps: Sequence[Body | timedelta | None], *, pieces: int) -> list[Json | None]:
    """The config after every step, the clock moved in so many pieces."""
    emulator, seen = _emulator(), []
    for step in steps:
        if isinstance(step, timedelta):
            for _ in range(pieces):
                emulator.advance(step / pieces)
        elif step is None:
            emulator.call("DeleteProvisionConfig", Call(function_name="asr", query=_PROD))
        else:
            put = Call(function_name="asr", query=_PROD, body=step)
            emulator.call("PutProvisionConfig", put)
        seen.append(emulator.config("asr", "prod"))
    return seen


@given(_STEPS)
@settings(deadline=None, max_examples=80)
def test_the_account_is_never_over_its_quota_and_a_shortfall_has_a_reason(
    steps: list[Body | timedelta | None],
) -> None:
    for config in _converse([*steps, timedelta(minutes=6)], pieces=1):
        if config is not None:
            assert 0 <= config["current"] <= min(config["target"], _QUOTA)
            assert config["target"] <= _QUOTA or config["currentError"]


@given(_STEPS)
@settings(deadline=None, max_examples=40)
def test_one_long_move_of_the_clock_is_many_short_ones(
    steps: list[Body | timedelta | None],
) -> None:
    assert _converse(steps, pieces=1) == _converse(steps, pieces=37)


@pytest.mark.parametrize(
    ("among", "past_at", "lag"),
    [*product(["last", "max"], ["fires", "ignored"], [0, 60, 120])],
)
def test_a_document_that_says_the_same_in_every_reading_is_read_the_same(among: str, past_at: str, lag: int) -> None:
    """A default equal to the step in effect, and windows that do not overlap."""
    switches = Settings.from_mapping({"among": among, "past_at": past_at, "evaluation_lag_seconds": lag})
    emulator = Emulator(World(functions=(ASR,), settings=switches), clock=ManualClock(NOON))
    early = action("now", "at(2026-11-23T11:00:00Z)", 4, endTime="2026-11-23T12:30:00Z")
    late = action("next", "at(2026-11-23T12:30:00Z)", 7, startTime="2026-11-23T12:30:00Z")
    body = {"defaultTarget": 4, "scheduledActions": [early, late]}
    emulator.call("PutProvisionConfig", Call(function_name="asr", query=_PROD, body=body))
    targets = []
    for _ in range(40):
        emulator.advance(timedelta(minutes=1))
        config = emulator.config("asr", "prod")
        assert config is not None
        targets.append(config["target"])
    assert targets == [4] * 29 + [7] * 11
