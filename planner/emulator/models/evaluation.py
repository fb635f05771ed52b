"""The passing of time: every minute is measured, written down, judged, and turned into instances.

One order at every evaluation, for all configs: instances that are ready become warm and the last
minute is measured; targets are computed; surplus is destroyed; then missing instances are asked
for, in order of name, as far as growth limit and quotas allow. After that on-demand instances are
started for the load that found none warm, out of the same room.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import NamedTuple

from planner.emulator import rules
from planner.emulator.models.account import Account
from planner.emulator.models.config import ConfigState, Key
from planner.emulator.models.fleet import Fleet
from planner.emulator.models.ledger import MINUTE
from planner.emulator.models.load import CONCURRENCY, Load
from planner.emulator.models.meter import Meter, Serving
from planner.emulator.models.room import Room
from planner.emulator.models.validation import METRIC_TYPES

_UTILISATION = METRIC_TYPES[0]


class _Life(NamedTuple):
    """What decides how a function and qualifier lives through a piece of time."""

    key: Key
    meter: Meter
    fleet: Fleet | None
    load: Load | None
    serving: Serving


def advance(account: Account, to: datetime, *, looks: bool = False) -> bool:
    """Let the account live from where it stands up to `to`; whether anything was evaluated.

    For a mere look at configs the piece of a minute since the last evaluation is measured later,
    unless an instance got ready in it: with 1,000 functions that is most of what a Get takes.
    """
    evaluated = False
    _attend(account)
    while account.meters and (moment := _next_evaluation(account, to)) is not None:
        _evaluate_at(account, moment)
        evaluated = True
    behind = not looks and any(meter.at < to for meter in account.meters.values())
    if behind or any(config.fleet.due(to) for config in account.configs.values()):
        _run(account, to)
    account.at = max(account.at, to)
    return evaluated


def evaluate_now(account: Account, config: ConfigState) -> None:
    """Evaluate one config at the account's present, between two whole minutes."""
    verdict = _judge(account, config, account.at, steps=False)
    config.target, config.by = verdict.target, verdict.by
    settle(account, [config])


def _next_evaluation(account: Account, to: datetime) -> datetime | None:
    """The next whole minute or first evaluation after a put, if it comes before or at `to`."""
    moments = [account.at.replace(second=0, microsecond=0) + MINUTE]
    moments += [config.evaluate_from for config in account.configs.values() if config.evaluate_from > account.at]
    moment = min(moments)
    return moment if moment <= to else None


def _evaluate_at(account: Account, moment: datetime) -> None:
    whole = not (moment.second or moment.microsecond)
    _run(account, moment)
    # From here on the moment is past: what fails below fails once, and the next minute is evaluated anew.
    account.at = moment
    if whole:
        for config in account.configs.values():
            _measure(account, config, moment)
        _write_down(account)
    due = [
        config
        for config in account.configs.values()
        if moment == config.evaluate_from or (whole and moment > config.evaluate_from)
    ]
    verdicts = [_judge(account, config, moment, steps=whole) for config in due]
    for config, verdict in zip(due, verdicts, strict=True):
        config.target, config.by = verdict.target, verdict.by
    settle(account, account.configs.values())


def _attend(account: Account) -> None:
    """Meter every function and qualifier that has a config or is asked for something."""
    meters = account.meters
    asked = {(name, qualifier) for name, qualifier, metric in account.loads if metric == CONCURRENCY}
    for key in asked.union(account.configs).difference(meters):
        meters[key] = Meter(at=account.at)


def _run(account: Account, to: datetime) -> None:
    settings = account.settings
    idle = timedelta(seconds=settings.on_demand_idle_seconds)
    lives: list[_Life] = []
    for key, meter in account.meters.items():
        config, load = account.configs.get(key), account.loads.get((*key, CONCURRENCY))
        concurrency = account.function(key[0]).instance_concurrency
        serving = Serving(instance_concurrency=concurrency, dispatch=settings.dispatch, idle=idle)
        lives.append(_Life(key, meter, config.fleet if config else None, load, serving))
    _meet_demand(account, [life for life in lives if life.meter.at < to])
    for _, meter, fleet, load, serving in lives:
        meter.run(to, load, fleet, serving)
        if fleet is not None:
            fleet.run(to, 0.0 if load is None else load.at(fleet.at), serving.instance_concurrency)


def _meet_demand(account: Account, lives: Iterable[_Life]) -> None:
    """Start on-demand instances for load that no provisioned one takes, in order of name, as far as there is room."""
    short = [
        (life.key, life.meter, missing)
        for life in lives
        if (missing := life.meter.missing(life.load, life.fleet, life.serving.instance_concurrency))
    ]
    if short:
        room = Room.of(account)
        for key, meter, missing in sorted(short, key=lambda entry: entry[0]):
            room.start(key, meter.elastic, missing, meter.at)


def _write_down(account: Account) -> None:
    """Close the minute that ends now in the ledger; who is gone is metered no more."""
    meters = account.meters
    for key in list(meters):
        meter, config = meters[key], account.configs.get(key)
        if config is None and (*key, CONCURRENCY) not in account.loads and meter.empty:
            del meters[key]
        else:
            account.ledger.add(key, meter.take(config))


def _measure(account: Account, config: ConfigState, moment: datetime) -> None:
    """Note the metrics of the minute that has just ended, if the config saw all of it."""
    utilisation = config.fleet.take_utilisation()
    start = moment - MINUTE
    if config.metered_from > start:
        return
    if not account.function(config.key[0]).instance_metrics and account.settings.trackers_without_metrics == "hold":
        utilisation = None
    keep = max(account.settings.tracker_in_minutes, account.settings.tracker_out_minutes)
    for metric in METRIC_TYPES:
        value = utilisation
        if metric != _UTILISATION:
            # An instance reports CPU and GPU memory: without one there is no series.
            value = None if utilisation is None else account.offered(config.key, start, metric)
        minutes = config.utilisations.setdefault(metric, [])
        minutes.append(value)
        del minutes[:-keep]


def _judge(account: Account, config: ConfigState, moment: datetime, *, steps: bool) -> rules.Verdict:
    fleet = config.fleet
    return rules.evaluate(
        config.policies,
        rules.Moment(
            at=moment,
            put_at=config.put_at,
            warm=fleet.warm,
            current=fleet.count,
            utilisations=config.utilisations,
            steps=steps,
        ),
        account.settings,
    )


def settle(account: Account, configs: Iterable[ConfigState]) -> None:
    """Bring the instances of these configs to their targets, as far as there is room."""
    ordered = sorted(configs, key=lambda config: config.key)
    for config in ordered:
        config.fleet.shrink(config.target)
    room: Room | None = None
    for config in ordered:
        missing = config.target - config.fleet.count
        if missing > 0:
            room = room or Room.of(account)
            room.grow(config, missing)
        else:
            config.error = ""
