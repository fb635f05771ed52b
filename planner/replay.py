"""A document against a load, minute by minute: what was cold, what was warm, what was busy.

Many cases are replayed side by side: every array has the shape (cases, minutes) or broadcasts to it, and the loop over
the minutes (`loop`) is compiled. The rules are those of `reading`, and for the trackers: FC evaluates each minute,
scales out to ceil(warm * metric / target) once the metric has stood above the target for `hold` minutes, scales in by
`scale_in * (1 - metric / target)` of what is there once it has stood below for five times as long, and otherwise
holds what is there; the result is kept between floor and ceiling (FC's documentation, 191172, and the product's FAQ;
the minutes and the coefficient are not published, so they are parameters with a prudent default).
An instance is billed from when it is asked for and warm `lead` minutes later; what is too much goes at once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from planner.loop import EPSILON, NO_PUT, Found, Given, Living, Rules, run
from planner.provision import MetricType, ProvisionConfig
from planner.reading import NONE, Among, Minutes, inside, schedule_values

Floats = NDArray[np.float64]
Kind = TypeVar("Kind", bound=np.generic)
NOTHING: Minutes = np.zeros((1, 0), dtype=np.int64)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reaction:
    """How fast a tracker answers; FC does not publish it."""

    hold: int = 3
    scale_in: float = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Put:
    """The document is put in the first minute, and what that does until the policies are evaluated.

    FC answers a put with the default target: what is above it is destroyed at once, what is missing is asked for. The
    policies are evaluated `evaluation_lag` whole minutes later (0, 1 or 2: FC takes up to 120 s). Until then trackers
    only count their minutes; with a lag of 0 they hold what is left, since nothing has been measured after the put.
    Source: the live tests of fc-java-sdk, and FC's page on the events of instances.
    """

    evaluation_lag: int = 0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Tracker:
    """A concurrency tracker in every case; each array is of two axes and broadcasts to (cases, minutes).

    `window` is 0 where the tracker is not in effect. Where its number changes it is a new policy: its minutes count
    anew. Under `name` (or its place among the trackers) they live on in the next document.
    """

    target: Floats
    floor: Minutes
    ceiling: Minutes
    window: Minutes
    name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class State:
    """What lives on from one document to the next; each array broadcasts over the cases.

    `warm`: instances, shape (cases,). `coming`: those asked for that become warm in the next minute, the one after,
    .., shape (cases, any). `metric`: the last minute's utilisation, shape (cases,), NaN where nothing was measured.
    `on_demand`: instances that served what was cold, shape (cases,).
    `counters`: of each tracker the window it was in and the full minutes above and below its target, (cases, 3).
    """

    warm: Minutes
    coming: Minutes = field(default_factory=lambda: NOTHING)
    metric: Floats = field(default_factory=lambda: np.array([np.nan]))
    on_demand: Minutes = field(default_factory=lambda: np.zeros(1, dtype=np.int64))
    counters: Mapping[str, Minutes] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Replay:
    """Totals per case; shape (cases,).

    `offered` and `cold` are concurrency-minutes; `provisioned` and `busy` are instance-minutes, `spilled` those of
    on-demand instances, as full as the provisioned ones, that serve what was cold, and `starts` how often one more of
    them was needed than in the minute before. `changes` counts the minutes in which FC's target was another than
    before, `cold_minutes` those in which anything was cold. `target` is FC's value per minute, shape (cases, minutes),
    or (cases, 0) where it was not asked for. `end` is what the next document begins with.
    """

    offered: Floats
    cold: Floats
    provisioned: Floats
    busy: Floats
    spilled: Floats
    starts: Minutes
    changes: Minutes
    cold_minutes: Minutes
    target: Minutes
    end: State

    @property
    def cold_share(self) -> Floats:
        """Share of the offered concurrency that found no warm instance."""
        share: Floats = self.cold / np.maximum(self.offered, EPSILON)
        return share


def simulate(
    schedule: Minutes,
    trackers: Sequence[Tracker],
    load: Floats,
    *,
    default: int = 0,
    instance_concurrency: int = 1,
    lead: int = 2,
    reaction: Reaction = Reaction(),
    begin: State | None = None,
    put: Put | None = None,
    keep_target: bool = False,
) -> Replay:
    """Replay `load` (offered concurrency a minute) under `schedule` (instances a minute, NONE where it has no value).

    Both, and the trackers' arrays, have two axes and broadcast to (cases, minutes); views are not copied, but for the
    arrays of several trackers, which are stacked. Without `begin` each case begins as if its schedule had been
    running: warm at its own first value (or at the highest floor of its trackers, or the default). Without `put`
    the document is there, and evaluated, from the first minute on.
    """
    load = np.asarray(load, dtype=np.float64)
    given = _given(schedule, trackers, load, () if begin is None else begin.warm.shape)
    cases, minutes = given.load.shape
    names = [tracker.name or str(place) for place, tracker in enumerate(trackers)]
    living = _living(begin or State(warm=_first_value(given, default)), names, cases, lead)
    found = _nothing_found(cases, minutes if keep_target else 0)
    rules = Rules(
        default=default,
        instance_concurrency=instance_concurrency,
        lead=lead,
        hold=reaction.hold,
        lag=NO_PUT if put is None else put.evaluation_lag,
        scale_in=reaction.scale_in,
    )
    run(given, rules, living, found)
    return Replay(
        # A load of one minute is spread before it is summed, one of one case afterwards.
        offered=np.broadcast_to(np.broadcast_to(load, (len(load), minutes)).sum(axis=1), cases),
        cold=found.cold,
        provisioned=found.provisioned,
        busy=found.busy / instance_concurrency,
        spilled=found.cold / instance_concurrency,
        starts=found.starts,
        changes=found.changes,
        cold_minutes=found.cold_minutes,
        target=found.target,
        end=_state(living, names),
    )


def replay_document(
    config: ProvisionConfig,
    start: datetime,
    load: Floats,
    *,
    instance_concurrency: int,
    lead: int,
    among: Among = Among.LAST,
    reaction: Reaction = Reaction(),
    begin: State | None = None,
    put: Put | None = None,
    keep_target: bool = False,
) -> Replay:
    """Replay loads of shape (cases, minutes) that begin at `start` under one document.

    Only trackers of concurrency utilisation can be replayed from a load; one on CPU or GPU memory counts with its
    floor. `begin`, `put` and `keep_target` are those of `simulate`.
    """
    minutes = load.shape[1]
    trackers = []
    for policy in config.tracking_policies:
        replayable = policy.metric_type == MetricType.CONCURRENCY
        trackers.append(
            Tracker(
                name=policy.name,
                target=np.array([[policy.metric_target]]),
                floor=np.array([[policy.min_capacity]]),
                ceiling=np.array([[policy.max_capacity if replayable else policy.min_capacity]]),
                window=inside(policy, start, minutes)[None, :].astype(np.int64),
            )
        )
    return simulate(
        schedule_values(config, start, minutes, among)[None, :],
        trackers,
        load,
        default=config.default_target,
        instance_concurrency=instance_concurrency,
        lead=lead,
        reaction=reaction,
        begin=begin,
        put=put,
        keep_target=keep_target,
    )


def _given(schedule: Minutes, trackers: Sequence[Tracker], load: Floats, states: tuple[int, ...]) -> Given:
    """Everything that is read, as views of one shape; `states`: the shape of the instances that a case begins with."""
    fields = (array.shape for t in trackers for array in (t.target, t.floor, t.ceiling, t.window))
    shape = np.broadcast_shapes(schedule.shape, load.shape, *fields, (*states, 1))
    return Given(
        schedule=np.broadcast_to(np.asarray(schedule, dtype=np.int64), shape),
        load=np.broadcast_to(load, shape),
        target=_stacked([tracker.target for tracker in trackers], np.float64, shape),
        floor=_stacked([tracker.floor for tracker in trackers], np.int64, shape),
        ceiling=_stacked([tracker.ceiling for tracker in trackers], np.int64, shape),
        window=_stacked([tracker.window for tracker in trackers], np.int64, shape),
    )


def _stacked(arrays: Sequence[NDArray[Kind]], kind: type[Kind], shape: tuple[int, ...]) -> NDArray[Kind]:
    """The trackers' arrays with a first axis of trackers; a single tracker's, the usual case, is not copied."""
    found = np.broadcast_arrays(*(np.asarray(array, dtype=kind) for array in arrays))
    if not found:
        return np.zeros((0, *shape), dtype=kind)
    one = found[0][None] if len(found) == 1 else np.stack(found)
    return np.broadcast_to(one, (len(found), *shape))


def _first_value(given: Given, default: int) -> Minutes:
    floors = np.where(given.window[:, :, 0] != 0, given.floor[:, :, 0], NONE)
    value = np.maximum(given.schedule[:, 0], floors.max(axis=0, initial=NONE))
    return np.where(value == NONE, default, value)


def _nothing_found(cases: int, kept: int) -> Found:
    cold, provisioned, busy = np.zeros((3, cases))
    starts, changes, cold_minutes = np.zeros((3, cases), dtype=np.int64)
    return Found(cold, provisioned, busy, starts, changes, cold_minutes, np.zeros((cases, kept), dtype=np.int64))


def _living(begin: State, names: Sequence[str], cases: int, lead: int) -> Living:
    """A state of every case that may be changed, with a slot for what is asked for now."""
    coming = np.zeros((cases, max(lead, begin.coming.shape[1]) + 1), dtype=np.int64)
    coming[:, : begin.coming.shape[1]] = begin.coming
    counters = np.zeros((len(names), cases, 3), dtype=np.int64)
    for place, name in enumerate(names):
        counters[place] = begin.counters.get(name, 0)
    return Living(
        warm=np.array(np.broadcast_to(begin.warm, cases), dtype=np.int64),
        coming=coming,
        metric=np.array(np.broadcast_to(begin.metric, cases), dtype=np.float64),
        on_demand=np.array(np.broadcast_to(begin.on_demand, cases), dtype=np.int64),
        counters=counters,
    )


def _state(living: Living, names: Sequence[str]) -> State:
    counters = {name: living.counters[place] for place, name in enumerate(names)}
    return State(
        warm=living.warm,
        coming=living.coming[:, :-1],
        metric=living.metric,
        on_demand=living.on_demand,
        counters=counters,
    )
