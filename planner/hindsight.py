"""What documents did, or would have done, with the load that came: replayed afterwards, minute by minute."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import numpy as np

from planner.base import MINUTE, minutes_between
from planner.provision import EVALUATION_LAG, ProvisionConfig
from planner.reading import least_values
from planner.replay import Floats, Put, State, replay_document

PUT = Put(evaluation_lag=EVALUATION_LAG // MINUTE)
LEAST, MOST = 15 * MINUTE, timedelta(hours=6)
"""A push is judged from a quarter of an hour after it (its instances have to start) until it is old: then the ladder
looks after it."""
REGRET_LEAST, REGRET_TIMES = 0.02, 10.0
"""Cold share since the push, at least and in times the objective, from which it is regretted ..."""
BETTER = 0.5
"""... if the document that stood before would have left no more than this share of it cold."""
STILL = 30 * MINUTE
"""What was cold before that, and is no more, is no reason for another plan: those made since have caught up."""
NOTHING = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Came:
    """The load of each minute from `start` on, as offered concurrency: shape (minutes,)."""

    start: datetime
    load: Floats
    instance_concurrency: int
    start_up: timedelta

    @property
    def end(self) -> datetime:
        """When the last minute ends."""
        return self.start + len(self.load) * MINUTE


def cold_share(
    documents: Sequence[tuple[datetime, ProvisionConfig]],
    came: Came,
    begin: State | None = None,
    put: Put | None = PUT,
) -> float:
    """Share of the load that found no warm instance under the documents that stood, each from an instant on.

    In order of time; each is put when it comes, and a put destroys what is above its default target. Without `begin`
    the first stood before the load began; with `begin` it was put on that.
    """
    return _cold(documents, came, begin, put) / max(float(came.load.sum()), NOTHING)


def still_cold(documents: Sequence[tuple[datetime, ProvisionConfig]], came: Came, put: Put | None = PUT) -> float:
    """The same share, or that of the newest STILL of the load where it is smaller."""
    before = replace(came, load=came.load[: -(STILL // MINUTE)])
    cold = _cold(documents, came, None, put)
    newest = cold - _cold(documents, before, None, put)
    return min(
        cold / max(float(came.load.sum()), NOTHING),
        newest / max(float(came.load.sum() - before.load.sum()), NOTHING),
    )


def _cold(
    documents: Sequence[tuple[datetime, ProvisionConfig]], came: Came, begin: State | None, put: Put | None
) -> float:
    """Concurrency-minutes that found no warm instance."""
    cold, state = 0.0, begin
    starts = [max(since, came.start) for since, _ in documents]
    for (_, document), start, end in zip(documents, starts, [*starts[1:], came.end], strict=True):
        first, last = minutes_between(came.start, start), minutes_between(came.start, end)
        if last <= first:
            continue
        found = replay_document(
            document,
            came.start + first * MINUTE,
            came.load[None, first:last],
            instance_concurrency=came.instance_concurrency,
            lead=-(-came.start_up // MINUTE),
            begin=state or standing(document, came),
            put=put if state else None,
        )
        cold, state = cold + float(found.cold[0]), found.end
    return cold


def standing(document: ProvisionConfig, came: Came) -> State:
    """What is warm when the load begins: what the document asks for, no less than the first minute needs and one more.

    What a tracker has scaled out to by then is on no record; it isn't held against the document.
    """
    needed = int(np.ceil(came.load[0] / came.instance_concurrency)) + 1
    return State(warm=np.maximum(least_values(document, came.start, 1), needed))


def regretted(
    stood: Sequence[tuple[datetime, ProvisionConfig]], before: ProvisionConfig, came: Came, *, objective: float
) -> str:
    """Why a push should be taken back, in a sentence; empty where it stands.

    `stood`: the document of the push, and those that followed; `before`: the one from before it; `came`: the load
    since. Both are replayed on the same minutes from the instances that the earlier one asked for at that time.
    """
    if not LEAST <= came.end - came.start + MINUTE <= MOST or not came.load.any():
        return ""
    begin = standing(before, came)
    now, bound = cold_share(stood, came, begin), max(REGRET_LEAST, REGRET_TIMES * objective)
    if now <= bound:
        return ""
    otherwise = cold_share([(came.start, before)], came)
    if otherwise > BETTER * now:
        return ""
    return (
        f"{now:.1%} of the load found no warm instance in the {(came.end - came.start) // MINUTE} min since a push "
        f"(bound {bound:.1%}), and {otherwise:.1%} would have under the document from before it"
    )
