"""The jobs that take long and send nothing: what is chosen for the coming day, and what the last days would have been.

They are done beside a function's other jobs, and leave early when the daemon is being stopped.
"""

from __future__ import annotations

from datetime import datetime

from planner import choices, lookback
from planner.errors import HistoryError
from planner.pipeline import choose
from planner.world import Finding, World


def fit(world: World, now: datetime) -> Finding:
    """Choose forecaster and policies for the plans of the coming day."""
    chosen = choose(world.settings, world.ask(now, False), world.leave, fits=world.fits)
    world.leave()
    return Finding(sentence=choices.keep(world.store, world.function, chosen))


def backtest(world: World, now: datetime) -> Finding:
    """Live the last days through once more; a function that is too new for that is no failure."""
    question = world.ask(now, False)
    try:
        found = lookback.look_back(world.settings, question, fits=world.fits, leave=world.leave)
    except HistoryError as error:
        return Finding(sentence=f"not yet: {error.message}")
    lookback.note(world.store, world.function, found, at=now)
    return Finding(sentence=found.sentence)
