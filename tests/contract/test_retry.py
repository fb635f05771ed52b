"""Asking again: how often, how long, on what."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from planner.clock import ManualClock
from planner.errors import FCError, FCRefused, FCServerError, FCThrottled, FCUnreachable
from planner.fc.retry import ANY_TROUBLE, NO_EFFECT, Budgets, Retrier, RetryPolicy
from tests.builders import NOON


class Flaky:
    """Fails with these errors in turn, then answers."""

    def __init__(self, *errors: FCError) -> None:
        self._errors = list(errors)
        self.asked = 0

    def __call__(self) -> str:
        self.asked += 1
        if self._errors:
            raise self._errors.pop(0)
        return "answer"


def a_retrier(
    clock: ManualClock, *, policy: RetryPolicy | None = None, draw: Callable[[], float] = lambda: 1.0
) -> Retrier:
    return Retrier(policy or RetryPolicy(), clock, draw)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOON)


def test_a_call_is_made_three_times_at_most(clock: ManualClock) -> None:
    flaky = Flaky(*[FCServerError()] * 9)

    with pytest.raises(FCServerError):
        a_retrier(clock).call(flaky, ANY_TROUBLE)

    assert flaky.asked == 3
    assert clock.slept == [0.5, 1.0]


def test_the_pause_is_drawn_from_the_whole_range(clock: ManualClock) -> None:
    draws = iter([0.0, 0.25])

    answer = a_retrier(clock, draw=lambda: next(draws)).call(Flaky(FCServerError(), FCServerError()), ANY_TROUBLE)

    assert (answer, clock.slept) == ("answer", [0.0, 0.25])


def test_the_wait_that_the_server_asks_for_is_kept(clock: ManualClock) -> None:
    a_retrier(clock, draw=lambda: 0.5).call(Flaky(FCThrottled(retry_after=7.0)), NO_EFFECT)

    assert clock.slept == [7.25]


def test_a_wait_beyond_patience_is_left_to_the_caller(clock: ManualClock) -> None:
    flaky = Flaky(FCThrottled(retry_after=600.0))

    with pytest.raises(FCThrottled):
        a_retrier(clock).call(flaky, ANY_TROUBLE)

    assert (flaky.asked, clock.slept) == (1, [])


@pytest.mark.parametrize(
    ("error", "again_on"),
    [(FCRefused(), ANY_TROUBLE), (FCServerError(), NO_EFFECT), (FCUnreachable(), NO_EFFECT)],
    ids=["a refusal", "a write that may have had its effect", "a write that was cut"],
)
def test_what_asking_again_can_not_help_is_asked_once(
    clock: ManualClock, error: FCError, again_on: tuple[type[FCError], ...]
) -> None:
    flaky = Flaky(error)

    with pytest.raises(type(error)):
        a_retrier(clock).call(flaky, again_on)

    assert flaky.asked == 1


def test_in_an_outage_the_budget_bounds_the_retries_of_all_functions_together(clock: ManualClock) -> None:
    """Thirty minutes, 200 functions, a round a minute: 6,000 first calls, and 20 + 0.1/s x 1,800 s = 200 retries."""
    budgets, policy = Budgets(), RetryPolicy()
    retriers = [Retrier(policy, clock, lambda: 1.0, budgets.of("fc", policy, clock)) for _ in range(200)]
    asked = 0
    start = clock.monotonic()
    for minute in range(30):
        clock.sleep(max(0.0, start + 60 * minute - clock.monotonic()))
        for retrier in retriers:
            flaky = Flaky(*[FCUnreachable()] * 3)
            with pytest.raises(FCUnreachable):
                retrier.call(flaky, ANY_TROUBLE)
            asked += flaky.asked
    assert 6_000 < asked <= 6_000 + 20 + 0.1 * (clock.monotonic() - start)


def test_each_api_has_a_budget_of_its_own(clock: ManualClock) -> None:
    budgets, policy = Budgets(), RetryPolicy(budget=1.0, refill_per_second=0.0)
    for api in ("fc", "cms"):
        first, second = (Retrier(policy, clock, lambda: 0.0, budgets.of(api, policy, clock)) for _ in range(2))
        assert first.call(Flaky(FCServerError()), ANY_TROUBLE) == "answer"
        with pytest.raises(FCServerError):
            second.call(Flaky(FCServerError()), ANY_TROUBLE)


def test_the_budget_grows_back(clock: ManualClock) -> None:
    retrier = a_retrier(clock, policy=RetryPolicy(budget=1.0, refill_per_second=0.1))
    retrier.call(Flaky(FCServerError()), ANY_TROUBLE)
    with pytest.raises(FCServerError):
        retrier.call(Flaky(FCServerError()), ANY_TROUBLE)

    clock.sleep(10.0)

    assert retrier.call(Flaky(FCServerError()), ANY_TROUBLE) == "answer"
