"""A document against a load, minute by minute: what was cold, what was warm, what was busy.

Many cases are replayed side by side: every array has the shape (cases, minutes), so a thousand candidate days cost
little more than one. The rules are those of `reading`, and for the trackers: FC evaluates each minute, scales out to
ceil(warm * metric / target) once the metric has stood above the target for `hold` minutes, scales in by
`scale_in * (1 - metric / target)` of what is there once it has stood below for five times as long, and otherwise
holds what is there; the result is kept between floor and ceiling (FC's documentation, 191172, and the product's FAQ;
the minutes and the coefficient are not published, so they are parameters with a prudent default).
An instance is billed from when it is asked for and warm `lead` minutes later; what is too much goes at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from planner.provision import MetricType, ProvisionConfig
from planner.reading import NONE, Among, Minutes, inside, schedule_values

Floats = NDArray[np.float64]
EPSILON = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Reaction:
    """How fast a tracker answers; FC does not publish it."""

    hold: int = 3
    scale_in: float = 0.5


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Tracker:
    """A concurrency tracker in every case. `target` has shape (cases, 1); the others broadcast to (cases, minutes)."""

    target: Floats
    floor: Minutes
    ceiling: Minutes
    active: NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Replay:
    """Totals per case; shape (cases,). Concurrency-minutes and instance-minutes.

    `offered` and `cold` are of concurrency, `provisioned` and `busy` of instances,
    `target` is FC's value per minute, shape (cases, minutes).
    """

    offered: Floats
    cold: Floats
    provisioned: Floats
    busy: Floats
    target: Minutes

    @property
    def cold_share(self) -> Floats:
        """Share of the offered concurrency that found no warm instance."""
        share: Floats = self.cold / np.maximum(self.offered, EPSILON)
        return share


@dataclass(slots=True, kw_only=True, eq=False)
class _State:
    warm: Minutes
    coming: Minutes
    """Shape (cases, lead + 1): instances asked for that are warm in 0 .. lead minutes."""
    metric: Floats
    above: list[Minutes] = field(default_factory=list)
    below: list[Minutes] = field(default_factory=list)


def simulate(
    schedule: Minutes,
    trackers: Sequence[Tracker],
    load: Floats,
    *,
    default: int = 0,
    instance_concurrency: int = 1,
    lead: int = 2,
    reaction: Reaction = Reaction(),
) -> Replay:
    """Replay `load` (offered concurrency a minute) under `schedule` (instances a minute, NONE where it has no value).

    Each case begins as if its schedule had been running: warm at its own first value (or at the highest floor of its
    trackers, or the default).
    """
    cases, minutes = load.shape
    schedule = np.broadcast_to(schedule, load.shape)
    state = _beginning(_first_value(schedule[:, 0], trackers, default), len(trackers), lead)
    targets = np.zeros((cases, minutes), dtype=np.int64)
    cold, provisioned, busy = (np.zeros(cases) for _ in range(3))
    for minute in range(minutes):
        value = schedule[:, minute]
        for number, tracker in enumerate(trackers):
            value = np.maximum(value, _tracked(tracker, number, state, minute, reaction))
        value = np.where(value == NONE, default, value)
        targets[:, minute] = value
        _move(state, value)
        capacity = state.warm * instance_concurrency
        served = np.minimum(load[:, minute], capacity)
        state.metric = np.where(capacity > 0, served / np.maximum(capacity, 1), (load[:, minute] > 0).astype(float))
        cold += load[:, minute] - served
        busy += served
        provisioned += state.warm + state.coming.sum(axis=1)
    return Replay(
        offered=load.sum(axis=1),
        cold=cold,
        provisioned=provisioned,
        busy=busy / instance_concurrency,
        target=targets,
    )


def replay_document(
    config: ProvisionConfig,
    start: datetime,
    load: Floats,
    *,
    instance_concurrency: int,
    lead: int,
    among: Among = Among.LAST,
) -> Replay:
    """Replay loads of shape (cases, minutes) that begin at `start` under one document.

    Only trackers of concurrency utilisation can be replayed from a load; one on CPU or GPU memory counts with its
    floor.
    """
    minutes = load.shape[1]
    trackers = []
    for policy in config.tracking_policies:
        replayable = policy.metric_type == MetricType.CONCURRENCY
        trackers.append(
            Tracker(
                target=np.array([[policy.metric_target]]),
                floor=np.array([[policy.min_capacity]]),
                ceiling=np.array([[policy.max_capacity if replayable else policy.min_capacity]]),
                active=inside(policy, start, minutes)[None, :],
            )
        )
    return simulate(
        schedule_values(config, start, minutes, among)[None, :],
        trackers,
        load,
        default=config.default_target,
        instance_concurrency=instance_concurrency,
        lead=lead,
    )


def _beginning(warm: Minutes, trackers: int, lead: int) -> _State:
    cases = len(warm)
    return _State(
        warm=warm,
        coming=np.zeros((cases, lead + 1), dtype=np.int64),
        metric=np.full(cases, np.nan),
        above=[np.zeros(cases, dtype=np.int64) for _ in range(trackers)],
        below=[np.zeros(cases, dtype=np.int64) for _ in range(trackers)],
    )


def _first_value(schedule: Minutes, trackers: Sequence[Tracker], default: int) -> Minutes:
    value = schedule.copy()
    for tracker in trackers:
        active = np.broadcast_to(tracker.active, (len(value), tracker.active.shape[1]))[:, 0]
        floor = np.broadcast_to(tracker.floor, (len(value), tracker.floor.shape[1]))[:, 0]
        value = np.maximum(value, np.where(active, floor, NONE))
    return np.where(value == NONE, default, value)


def _tracked(tracker: Tracker, number: int, state: _State, minute: int, reaction: Reaction) -> Minutes:
    """What one tracker asks for in this minute, on the last minute's metric; NONE outside its window."""
    active, floor, ceiling = (
        column[:, min(minute, column.shape[1] - 1)] for column in (tracker.active, tracker.floor, tracker.ceiling)
    )
    there = state.warm + state.coming.sum(axis=1)
    known = active & (there > 0) & ~np.isnan(state.metric)
    ratio = np.where(known, state.metric / tracker.target[:, 0], 1.0)
    above = np.where(ratio > 1, state.above[number] + 1, np.where(active, 0, state.above[number]))
    below = np.where(ratio < 1, state.below[number] + 1, np.where(active, 0, state.below[number]))
    state.above[number], state.below[number] = above, below
    out = np.maximum(there, np.ceil(state.warm * ratio - EPSILON).astype(np.int64))
    reduced = there - np.floor(there * reaction.scale_in * (1 - ratio) + EPSILON).astype(np.int64)
    wanted = np.where(above >= reaction.hold, out, np.where(below >= 5 * reaction.hold, reduced, there))
    return np.where(active, np.clip(wanted, floor, ceiling), NONE)


def _move(state: _State, target: Minutes) -> None:
    """Ask for what is missing, drop what is too much (the newest first), and let what is due become warm."""
    missing = target - state.warm - state.coming.sum(axis=1)
    state.coming[:, -1] = np.maximum(missing, 0)
    surplus = np.maximum(-missing, 0)
    if surplus.any():
        for slot in range(state.coming.shape[1] - 1, -1, -1):
            gone = np.minimum(surplus, state.coming[:, slot])
            state.coming[:, slot] -= gone
            surplus = surplus - gone
    state.warm = state.warm - surplus + state.coming[:, 0]
    state.coming[:, :-1] = state.coming[:, 1:]
    state.coming[:, -1] = 0
