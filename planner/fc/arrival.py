"""Whether the instances came: `current` against the step in effect, until it arrives, FC explains, or time is up."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from planner.capacity import CapacitySchedule
from planner.clock import Clock
from planner.errors import FCError, FCRefused
from planner.fc.port import FunctionCompute
from planner.outcome import Arrival
from planner.plan import Plan
from planner.provision import EVALUATION_LAG, LiveDocument

POLL = timedelta(seconds=5)
"""As Serverless Devs' fc3 component polls."""
TRANSIENT = ("an internal error has occurred", "resources are being replenished")
"""`currentError` texts that pass by themselves, as seen by devsapp/fc3; any other is FC's explanation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """What was seen last, with a sentence on it."""

    arrival: Arrival
    wanted: int
    live: LiveDocument
    sentence: str


def instances_in_effect(schedule: CapacitySchedule, now: datetime) -> int:
    """What the step in effect at `now` asks for; before the first step that of the first, without steps zero."""
    begun = [step for step in schedule.steps if step.at <= now]
    steps = begun[-1:] or schedule.steps[:1]
    return steps[0].instances if steps else 0


class Follower:
    """Watches a function after a put."""

    def __init__(self, fc: FunctionCompute, clock: Clock, say: Callable[[str], None]) -> None:
        self._fc, self._clock, self._say = fc, clock, say

    def follow(self, plan: Plan, live: LiveDocument, old_error: str, within: timedelta) -> Sighting:
        """Wait for the step in effect, starting from the read-back `live`.

        A later, higher step is not waited for; a lower one that begins meanwhile lowers what is wanted. `old_error`
        is what `current_error` said before the put.
        """
        start = self._clock.monotonic()
        wanted = instances_in_effect(plan.schedule, self._clock.now())
        if not within:
            return _sighting(Arrival.NOT_FOLLOWED, wanted, live, "The instances were not waited for.")
        while True:
            waited = timedelta(seconds=self._clock.monotonic() - start)
            wanted = min(wanted, instances_in_effect(plan.schedule, self._clock.now()))
            verdict = _verdict(live, wanted, fresh=waited >= EVALUATION_LAG or live.current_error != old_error)
            if verdict is not Arrival.STARTING or waited + POLL > within:
                return _concluded(verdict, wanted, live, waited)
            self._say(f"{live.current} of {wanted} instances are there")
            self._clock.sleep(POLL.total_seconds())
            try:
                live = self._fc.get_provision_config(plan.function)
            except FCRefused as error:
                return _sighting(Arrival.NOT_FOLLOWED, wanted, live, f"Following it ended: {error.message}.")
            except FCError as error:
                # The document is in place; an FC that doesn't answer for a moment doesn't change that.
                self._say(error.message)


def _verdict(live: LiveDocument, wanted: int, *, fresh: bool) -> Arrival:
    if live.current >= wanted:
        return Arrival.ARRIVED
    text = live.current_error.lower()
    if text and fresh and not any(passing in text for passing in TRANSIENT):
        return Arrival.BLOCKED
    return Arrival.STARTING


def _concluded(verdict: Arrival, wanted: int, live: LiveDocument, waited: timedelta) -> Sighting:
    count = f"{live.current} of {wanted} instances are there"
    if verdict is Arrival.ARRIVED:
        return _sighting(verdict, wanted, live, f"Instances: {live.current}, wanted now: {wanted}.")
    if live.current_error:
        return _sighting(Arrival.BLOCKED, wanted, live, f"Only {count}; FC says: {live.current_error}")
    return _sighting(verdict, wanted, live, f"Only {count} after {waited.seconds} s, and FC gives no reason.")


def _sighting(arrival: Arrival, wanted: int, live: LiveDocument, sentence: str) -> Sighting:
    return Sighting(arrival=arrival, wanted=wanted, live=live, sentence=sentence)
