"""What the ladder of the daemon brings: our plans with and without it, on the last days of each trace in a folder.

    python benchmarks/ladder.py FOLDER [--days 1] [--only NAME ...] [--margin 0.25] [--jobs 2]

A trace becomes a service as `traces.py` says, planned each hour by the choice of the day (`living.py`). Beside the
traces stand hard variants of the bundled sample, whose trouble begins on the first judged day: those of `variants.py`
that break within it, and breaks of this file: of the load, and of the metric, which then tells something else than what
comes. Both columns follow the same champion's plans; with the ladder a fallback takes their place where
`planner.ladder` says so. Neither is held by the gate: each hour's document is put.

A row gives cold share and hours (times those of an instant, all-knowing scaler) without and with the ladder, the share
of the time below the champion, and the steps. The last rows are the median and the worst of traces and of variants.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from living import Plans, promise
from traces import DAY, JUDGED, LATENCY, SEED, Trace, drawn, midnights, scaled_rate, traces
from variants import VARIANTS, Rate, minutes

from planner import fallbacks
from planner.backtest import Past, Rules, judge
from planner.base import MINUTE, FunctionRef
from planner.config import FunctionConfig, load_config
from planner.fallbacks import Kept
from planner.fits import FitFolder
from planner.hindsight import Came, still_cold
from planner.history import History
from planner.ladder import LOOK_BACK, Footing, Promise, Rung, Signs, judged
from planner.ladder import judge as step
from planner.lately import lately
from planner.pipeline import Question, make_plan
from planner.plan import Plan
from planner.policies import prices, sizing_of
from planner.provision import LiveDocument, ProvisionConfig
from planner.reading import least_values
from planner.rungs import RECENT_LOAD
from planner.sources.files import read_history
from planner.sources.sample import sample_path
from planner.undo import Present

CONFIG = Path(__file__).parents[1] / "config" / "traces.yaml"
HOUR = timedelta(hours=1)
LONGEST = 42 * DAY
"""Of a trace; more changes no plan and costs time."""
WITHOUT, WITH = "without", "with"
HEADS = ("series", "cold without", "cold with", "hours without", "hours with", "below", "steps")


def broken_tide(rate: Rate, first: datetime) -> Rate:
    """From six in the morning on the day comes eight hours late."""
    values = rate.to_numpy()
    late = np.roll(values, 8 * 60)
    return pd.Series(np.where(minutes(rate, first + DAY + 6 * HOUR) >= 0, late, values), index=rate.index)


def swinging(rate: Rate, first: datetime) -> Rate:
    """Every other 25 minutes three times the load, which no nowcast follows."""
    since = minutes(rate, first + DAY + 6 * HOUR)
    return rate * np.where((since >= 0) & (since // 25 % 2 == 0), 3.0, 1.0)


def runaway(rate: Rate, first: datetime) -> Rate:
    """The load doubles each four hours, up to sixteen times."""
    since = minutes(rate, first + DAY + 6 * HOUR)
    return rate * np.where(since >= 0, 2 ** np.minimum(since / 240, 4), 1.0)


def doubled(rate: Rate, first: datetime) -> Rate:
    """From one midnight on twice the load."""
    return rate * np.where(minutes(rate, first + DAY) >= 0, 2.0, 1.0)


def shifted(rate: Rate, first: datetime) -> Rate:
    """From one midnight on the day comes six hours late."""
    values = rate.to_numpy()
    return pd.Series(np.where(minutes(rate, first + DAY) >= 0, np.roll(values, 6 * 60), values), index=rate.index)


def rough(rate: Rate, first: datetime) -> Rate:
    """From one midnight on no minute is like the one before it: batches, of the same mean."""
    drawn = np.random.default_rng(SEED).lognormal(-(0.8**2) / 2, 0.8, len(rate))
    return rate * np.where(minutes(rate, first + DAY) >= 0, drawn, 1.0)


def usual(rate: Rate, _: datetime) -> Rate:
    """As it was: what breaks is the metric."""
    return rate


BREAKS: Mapping[str, Callable[[Rate, datetime], Rate]] = {
    "broken tide": broken_tide,
    "swinging": swinging,
    "runaway": runaway,
    "doubled": doubled,
    "shifted": shifted,
    "rough": rough,
    **{name: VARIANTS[name] for name in ("flash crowd", "launch ×20")},
    **dict.fromkeys(("nothing", "dead metric", "stuck metric", "half metric"), usual),
}
AWAY = (DAY + 6 * HOUR, DAY + 20 * HOUR)
"""Of a metric that breaks: from and until when, after the first judged day of the variants."""


def stuck(values: np.ndarray) -> np.ndarray:
    """The metric's last true value, again and again."""
    return np.full_like(values, values[0])


def half(values: np.ndarray) -> np.ndarray:
    """One of two exporters is gone."""
    return values / 2


TOLD: Mapping[str, Callable[[np.ndarray], np.ndarray]] = {"stuck metric": stuck, "half metric": half}


@dataclass(frozen=True, kw_only=True)
class Case:
    """One series, its judged days, what its metric tells, and between which instants it tells nothing."""

    name: str
    trace: Trace
    days: tuple[datetime, ...]
    told: History
    dead: tuple[datetime, datetime] | None = None

    def known(self, now: datetime) -> History:
        """What may be seen at `now`."""
        if self.dead and self.dead[0] <= now < self.dead[1]:
            now = self.dead[0]
        return replace(self.trace, minutes=self.told).known(now)


@dataclass(kw_only=True)
class Life:
    """What a daemon with the ladder has on record while it goes from tick to tick."""

    footing: Footing
    promises: list[Promise] = field(default_factory=list)
    stood: list[tuple[datetime, ProvisionConfig]] = field(default_factory=list)
    good: list[tuple[int, Plan]] = field(default_factory=list)
    steps: list[Footing] = field(default_factory=list)
    below: int = 0


@dataclass(frozen=True, kw_only=True)
class Row:
    """One series; pairs are without and with the ladder."""

    kind: str
    name: str
    cold: tuple[float, float]
    hours: tuple[float, float]
    below: float
    steps: tuple[str, ...]


def main() -> None:
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("folder", type=Path, help="CSV files, timestamp,value")
    ask.add_argument("--days", type=int, default=1, help="judged days of each series")
    ask.add_argument("--only", nargs="*", default=[""], help="series whose names hold one of these")
    ask.add_argument("--margin", type=float, default=fallbacks.MARGIN, help="of the objective, on the rung last-week")
    ask.add_argument("--jobs", type=int, default=2, help="processes")
    asked = ask.parse_args()
    (settings,) = load_config(CONFIG, environ={}).functions
    cases = [case for case in (*varied(asked.days), *traced(asked)) if any(word in case.name for word in asked.only)]
    rows: list[Row] = []
    with ProcessPoolExecutor(asked.jobs) as pool:
        for done in as_completed([pool.submit(measured, settings, asked.margin, case) for case in cases]):
            rows.append(done.result())
            print(" | ".join(line(rows[-1])), file=sys.stderr, flush=True)
    print(report(sorted(rows, key=lambda row: (row.kind, row.name))))


def traced(asked: argparse.Namespace) -> Iterator[Case]:
    for whole in traces(asked.folder):
        days = whole.days(asked.days)
        if days and any(whole.rate[day : day + DAY].sum() for day in days):
            trace = short(whole)
            yield Case(name=trace.name, trace=trace, days=days, told=trace.minutes)


def varied(count: int) -> Iterator[Case]:
    with sample_path() as path:
        source = read_history(path)
    rate = scaled_rate(source)
    first = midnights(rate, JUDGED)[0]
    days = tuple(first + DAY * (1 + n) for n in range(count))
    start, end = first + AWAY[0], first + AWAY[1]
    for name, change in BREAKS.items():
        trace = short(drawn("sample", source, change(rate, first)))
        told = trace.minutes.series.copy()
        if name in TOLD:
            told[start : end - MINUTE] = TOLD[name](told[start : end - MINUTE].to_numpy())
        dead = (start, end) if name == "dead metric" else None
        yield Case(name=name, trace=trace, days=days, told=replace(trace.minutes, series=told), dead=dead)


def short(trace: Trace) -> Trace:
    series = trace.minutes.series
    series = series[series.index[-1] - LONGEST :]
    series = series[series.first_valid_index() : series.last_valid_index()]
    kept = replace(trace.minutes, series=series)
    return replace(trace, minutes=kept, rate=trace.rate[series.index[0] : series.index[-1]])


def measured(settings: FunctionConfig, margin: float, case: Case) -> Row:
    fallbacks.MARGIN = margin  # type: ignore[misc]  # what is measured
    past = Past(
        history=case.trace.minutes,
        native=case.trace.native,
        start=case.trace.minutes.start,
        load=np.asarray(case.trace.minutes.series.ffill(), dtype=np.float64),
        rate=np.asarray(case.trace.rate.ffill(), dtype=np.float64),
        instance_concurrency=1,
    )
    moments = [day + n * HOUR for day in case.days for n in range(24)]
    life = Life(footing=Footing(rung=Rung.CHAMPION, since=moments[0] - LOOK_BACK))
    with tempfile.TemporaryDirectory() as folder:
        plans = Plans(settings=settings, every=HOUR, fits=FitFolder(folder=Path(folder)), known=case.known)
        without = dict(zip(moments, plans.of(case.days), strict=True))
    documents = {
        WITHOUT: {now: plan.wanted for now, plan in without.items()},
        WITH: {now: followed(settings, case, life, without[now]) for now in moments},
    }
    scores = judge(documents, past, case.days, rules(settings)).scores
    return Row(
        kind="variant" if case.name in BREAKS else "trace",
        name=case.name,
        cold=(scores[0].cold_share, scores[1].cold_share),
        hours=(scores[0].hours_ratio, scores[1].hours_ratio),
        below=life.below / len(moments),
        steps=tuple(f"{each.since - moments[0]} {each.sentence}" for each in life.steps),
    )


def planned(settings: FunctionConfig, case: Case, now: datetime) -> Plan:
    question = Question(now=now, horizon=DAY, history=case.known(now), live=LiveDocument(), instance_concurrency=1)
    return make_plan(settings, question)


def followed(settings: FunctionConfig, case: Case, life: Life, champion: Plan) -> ProvisionConfig:
    """The document of one tick with the ladder, as `planner.rungs` makes it."""
    now, known = champion.created_at, case.known(champion.created_at)
    stands = step(life.footing, seen(settings, life, known, now))
    if stands is not life.footing:
        life.footing = stands
        life.steps.append(stands)
    life.promises.append(promise(Rung.CHAMPION, champion))
    if stands.rung is Rung.CHAMPION:
        life.good.append((len(life.good), champion))
        life.stood.append((now, champion.wanted))
        return champion.wanted
    life.below += 1
    plan = fallback(settings, case, life, known, now)
    life.stood.append((now, plan.wanted))
    return plan.wanted


def fallback(settings: FunctionConfig, case: Case, life: Life, known: History, now: datetime) -> Plan:
    stands = life.footing
    if stands.rung is Rung.LAST_WEEK:
        plan = planned(fallbacks.last_week(settings), case, now)
        life.promises.append(promise(Rung.LAST_WEEK, plan))
        return plan
    live = life.stood[-1][1] if life.stood else ProvisionConfig()
    late = lately(known, now, sizing_of(settings, 1))
    present = Present(
        function=FunctionRef(name="trace"),
        time_zone=settings.time_zone,
        now=now,
        valid_for=settings.plan.valid_for,
        live=LiveDocument(config=live, exists=True, target=int(least_values(live, now, 1)[0])),
    )
    kept = Kept(needed=late.needed, first=stands.since == now)
    number = stands.plan
    if number is None:
        number = fallbacks.did_well(reversed(life.good[-48:]), late.load, now, settings)
    if stands.rung is Rung.LAST_GOOD and number is not None:
        life.footing = replace(stands, plan=number)
        return fallbacks.last_good(settings, life.good[number][1], present, kept)
    return fallbacks.guardrails_only(settings, present, kept)


def seen(settings: FunctionConfig, life: Life, known: History, now: datetime) -> Signs:
    footing = life.footing
    since = max(footing.since, now - LOOK_BACK)
    shadow = judged([each for each in life.promises if each.rung is Rung.CHAMPION], known, since)
    served = shadow
    if footing.rung is not Rung.CHAMPION:
        served = judged([each for each in life.promises if each.rung is footing.rung], known, since)
    return Signs(
        now=now,
        served=served,
        shadow=shadow,
        age=now - known.end,
        fresh_within=settings.daemon.fresh_within,
        cold=cold(settings, life, known),
        objective=settings.objective.cold_share,
        relapses=sum(each.rung is Rung.CHAMPION for each in life.steps),
    )


def cold(settings: FunctionConfig, life: Life, known: History) -> float | None:
    start = max(life.footing.since, known.end - RECENT_LOAD)
    stood = [(at, document) for at, document in life.stood if at < known.end]
    if not stood or known.end - max(start, stood[0][0]) < RECENT_LOAD / 2:
        return None
    start = max(start, stood[0][0])
    first = max(place for place, (at, _) in enumerate(stood) if at <= start)
    load = known.series[start : known.end - MINUTE].ffill().fillna(0.0).to_numpy()
    came = Came(start=start, load=load, instance_concurrency=1, start_up=settings.capacity.start_up)
    # As `judge` has it: the plans are made against an empty document, so a put destroys nothing here.
    return still_cold(stood[first:], came, put=None)


def rules(settings: FunctionConfig) -> Rules:
    capacity = settings.capacity
    return Rules(
        start_up=capacity.start_up,
        prices=prices(settings),
        early=-(-(capacity.start_up + capacity.evaluation_lag) // MINUTE),
        ceiling=capacity.max_instances,
        zone=settings.time_zone,
        objective=settings.objective.cold_share,
        replan=HOUR,
        latency=LATENCY,
    )


def report(rows: list[Row]) -> str:
    lines = [line(row) for row in rows]
    for kind in ("trace", "variant"):
        some = [row for row in rows if row.kind == kind]
        for name, pick in (("median", np.median), ("worst", np.max)):
            if some:
                lines.append(summary(f"{name} of {len(some)} {kind}s", some, partial(pick, axis=0)))
    marks = ("---", *("---:" for _ in HEADS[1:]))
    return "\n".join("| " + " | ".join(each) + " |" for each in (HEADS, marks, *lines))


def line(row: Row) -> tuple[str, ...]:
    return (row.name, *figures(row.cold, row.hours), f"{row.below:.0%}", "; ".join(row.steps))


def summary(name: str, rows: list[Row], pick: Callable[..., np.ndarray]) -> tuple[str, ...]:
    cold, hours = pick(np.array([row.cold for row in rows])), pick(np.array([row.hours for row in rows]))
    return (name, *figures(tuple(cold), tuple(hours)), f"{float(pick(np.array([row.below for row in rows]))):.0%}", "")


def figures(cold: tuple[float, ...], hours: tuple[float, ...]) -> tuple[str, ...]:
    return (*(f"{100 * each:.3f} %" for each in cold), *(f"×{each:.2f}" for each in hours))


if __name__ == "__main__":
    main()
