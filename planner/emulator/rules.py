"""What wins: the value of schedules, of trackers, and the target that follows from them.

Published: while any policy is in effect the default is not used, several in effect give the
maximum, none in effect gives the default again
(https://help.aliyun.com/zh/functioncompute/instance-scaling-restrictions-and-rules). Open points
are read by `Settings`.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from planner.emulator.expressions import At, Trigger
from planner.emulator.models.document import Document, ScheduledAction, TrackingPolicy
from planner.emulator.settings import Settings
from planner.emulator.windows import Window, parse_expression, parse_window

_ROUNDING = 1e-9
"""Keeps 3 x 0.6 / 0.6 from becoming 4 instances by a binary fraction."""

Utilisations = Mapping[str, Sequence[float | None]]
"""Per metric type the last full minutes, oldest first; None where there was nothing to measure."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """A scheduled action, read."""

    name: str
    target: int
    trigger: Trigger
    window: Window

    def fired(self, at: datetime, put_at: datetime, settings: Settings) -> datetime | None:
        """When the entry, in effect at `at`, last triggered; None if it has no value."""
        if not self.window.contains(at):
            return None
        fired = self.trigger.last(at)
        if fired is None:
            return None
        start = self.window.start
        if settings.look_back == "window" and start is not None and fired < start:
            return None
        if settings.past_at == "ignored" and isinstance(self.trigger, At) and fired < put_at:
            return None
        return fired

    def steady_until(self, at: datetime) -> datetime | None:
        """An instant after `at` before which `fired` stays what it is; None if it stays for ever."""
        opens, closes = self.window.start, self.window.end
        if opens is not None and at < opens:
            return opens
        if closes is not None and closes <= at:
            return None
        return _earliest(self.trigger.steady_until(at), closes)


def _earliest(*moments: datetime | None) -> datetime | None:
    """The earliest, where None is never."""
    return min((moment for moment in moments if moment is not None), default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tracker:
    """A target tracking policy, read."""

    policy: TrackingPolicy
    window: Window


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """Everything that an evaluation looks at, besides the policies."""

    at: datetime
    put_at: datetime
    warm: int
    current: int
    """Warm and starting instances."""
    utilisations: Utilisations
    steps: bool
    """Whether trackers may step: at whole minutes, when a minute has just been measured."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The target of the moment and who set it."""

    target: int
    by: str


@dataclass(slots=True, kw_only=True)
class _Memory:
    """The schedules' verdict as it was last computed, and how long it stays."""

    since: datetime | None = None
    until: datetime | None = None
    put_at: datetime | None = None
    settings: Settings | None = None
    verdict: Verdict | None = None

    def holds(self, moment: Moment, settings: Settings) -> bool:
        """Whether the verdict is that of this moment, too."""
        return (
            self.since is not None
            and self.since <= moment.at
            and (self.until is None or moment.at < self.until)
            and self.put_at == moment.put_at
            and self.settings is settings
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Policies:
    """The readable form of a stored document.

    Remembers what its schedules say until the next of them may say something else: of 10,000
    minutes of a week few change anything.
    """

    default_target: int
    schedules: tuple[Schedule, ...]
    trackers: tuple[Tracker, ...]
    _memory: _Memory = field(default_factory=_Memory, init=False, repr=False, compare=False)

    def scheduled(self, moment: Moment, settings: Settings) -> Verdict | None:
        """What the schedules ask for; None where none is in effect."""
        memory = self._memory
        if not memory.holds(moment, settings):
            memory.verdict = scheduled(self.schedules, moment, settings)
            memory.since, memory.put_at, memory.settings = moment.at, moment.put_at, settings
            memory.until = _earliest(*(schedule.steady_until(moment.at) for schedule in self.schedules))
        return memory.verdict


def read_action(action: ScheduledAction, settings: Settings) -> Schedule:
    """A scheduled action, read; `InvalidArgument` for what FC refuses."""
    return Schedule(
        name=action.name,
        target=action.target,
        window=parse_window(action.start_time, action.end_time, action.time_zone),
        trigger=parse_expression(action.schedule_expression, action.time_zone, settings),
    )


def read_policy(policy: TrackingPolicy) -> Tracker:
    """A tracking policy, read; `InvalidArgument` for what FC refuses."""
    window = parse_window(policy.start_time, policy.end_time, policy.time_zone)
    return Tracker(policy=policy, window=window)


def read_document(document: Document, settings: Settings) -> Policies:
    """A stored document, read."""
    return Policies(
        default_target=document.default_target,
        schedules=tuple(read_action(a, settings) for a in document.scheduled_actions),
        trackers=tuple(read_policy(p) for p in document.target_tracking_policies),
    )


def evaluate(policies: Policies, moment: Moment, settings: Settings) -> Verdict:
    """The target at a moment: maximum of schedule and trackers, else the default."""
    values = []
    if (verdict := policies.scheduled(moment, settings)) is not None:
        values.append(verdict)
    for tracker in policies.trackers:
        if tracker.window.contains(moment.at):
            value = tracked(tracker.policy, moment, settings)
            values.append(Verdict(target=value, by=f"tracker '{tracker.policy.name}'"))
    default = Verdict(target=policies.default_target, by="default")
    return max(values, key=lambda verdict: verdict.target, default=default)


def scheduled(schedules: Sequence[Schedule], moment: Moment, settings: Settings) -> Verdict | None:
    """What schedules ask for, computed from nothing but the moment."""
    fired = [
        (when, schedule)
        for schedule in schedules
        if (when := schedule.fired(moment.at, moment.put_at, settings)) is not None
    ]
    if not fired:
        return None
    if settings.among == "max":
        winner = max(fired, key=lambda pair: pair[1].target)[1]
    else:
        winner = max(fired, key=lambda pair: (pair[0], pair[1].target))[1]
    return Verdict(target=winner.target, by=f"schedule '{winner.name}'")


def tracked(policy: TrackingPolicy, moment: Moment, settings: Settings) -> int:
    """The value of a tracker in effect, kept in its capacities.

    Out, after some full minutes above the metric target t: ceil(warm x m / t), where m is the
    last full minute's metric, and never fewer than there are. Published is ceil(current x m / t)
    (https://developer.aliyun.com/ask/672406); only warm ones carry the metric. In, after more
    full minutes below: current - floor(current x k x (1 - m / t)), the published expression read
    as the number to remove. Else the tracker asks for what exists, and so holds up a scheduled
    step-down.

    Worked: 10 warm, m 0.9, t 0.6 gives 15. 10 running, m 0.3, t 0.6, k 0.5 gives
    10 - floor(2.5) = 8.
    """
    value = moment.current
    minutes = moment.utilisations.get(policy.metric_type, ())
    goal = policy.metric_target
    above = _all_last(minutes, settings.tracker_out_minutes, lambda metric: metric > goal)
    below = _all_last(minutes, settings.tracker_in_minutes, lambda metric: metric < goal)
    if moment.steps and above is not None:
        # Bounded before it is rounded: beside a tiny goal the quotient may be infinite.
        wanted = min(moment.warm * above / goal, policy.max_capacity)
        value = max(value, math.ceil(wanted - _ROUNDING))
    elif moment.steps and below is not None:
        surplus = value * settings.scale_in_coefficient * (1 - below / goal)
        value -= math.floor(surplus + _ROUNDING)
    return min(max(value, policy.min_capacity), policy.max_capacity)


def _all_last(minutes: Sequence[float | None], count: int, test: Callable[[float], bool]) -> float | None:
    """The last minute's metric, if each of the last `count` minutes has one that passes."""
    last = minutes[-count:]
    if len(last) < count:
        return None
    measured = [metric for metric in last if metric is not None and test(metric)]
    return measured[-1] if len(measured) == count else None
