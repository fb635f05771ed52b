"""Hundreds of short lives of the daemon in which things go wrong, drawn by a seed, and what has to hold after each.

    python -m tests.campaigns.faults [--runs 200] [--seed 1] [--jobs 2] [--only SEED] [--json FILE]

A life is 40 minutes of one to three daemons (looked at every 20 s) with two to four harms, and then 12 minutes in which
nothing more goes wrong. The harms and how they are done: `harm.py`. The exit code is 1 where something failed.
"""

from __future__ import annotations

import argparse
import json
import sqlite3
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import pairwise
from multiprocessing import get_context
from pathlib import Path
from random import Random

from planner.base import minutes_between
from planner.plan import Plan
from planner.provision import holds_ours
from planner.reading import least_values
from planner.store import Attempt, Store
from tests.campaigns.harm import HARMS, Harm
from tests.campaigns.life import ASR, CONCURRENCY, FLOOR, STEP, Life, Scene, a_life

STEPS, AFTER = 120, 36
HEALED = timedelta(seconds=80)
"""A minute until the next verify, and the step at whose end it is looked at."""
RECOVERED = timedelta(minutes=10)
"""After the last harm: a failed job is tried again after two minutes, then plan, put, evaluation, start-up."""
FRESH = timedelta(minutes=10)
MOST_PUTS, WITHIN = 8, timedelta(minutes=5)
SCENES = (
    ("an ordinary Tuesday", datetime(2026, 11, 24, 1, 10, tzinfo=UTC), "Asia/Shanghai"),
    ("summer time begins", datetime(2027, 3, 28, 0, 40, tzinfo=UTC), "Europe/Berlin"),
    ("summer time ends", datetime(2026, 10, 25, 0, 30, tzinfo=UTC), "Europe/Berlin"),
    ("a leap day", datetime(2028, 2, 28, 23, 40, tzinfo=UTC), "UTC"),
    ("the year ends", datetime(2026, 12, 31, 23, 30, tzinfo=UTC), "America/New_York"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lived:
    """What one run was, and what came of it."""

    seed: int
    scene: str
    daemons: int
    drift: str
    harms: tuple[str, ...]
    puts: int
    healed_seconds: float
    """The longest time in which FC held another document than was applied last, while nothing hindered."""
    recovered_seconds: float
    """From the last harm's end until document and instances were as wanted."""
    failures: tuple[str, ...]


@dataclass(slots=True, kw_only=True)
class _Watch:
    """Measures how long FC holds something else than what was applied last."""

    since: datetime | None = None
    longest: timedelta = timedelta(0)
    hindered: bool = False

    def look(self, now: datetime, *, sound: bool, hindered: bool) -> None:
        if sound:
            if self.since is not None and not self.hindered:
                self.longest = max(self.longest, now - self.since)
            self.since, self.hindered = None, False
            return
        self.since = self.since or now - STEP
        self.hindered = self.hindered or hindered


@dataclass(frozen=True, slots=True, kw_only=True)
class _Planned:
    """A harm in its time."""

    name: str
    harm: Harm
    begins: int
    ends: int


@dataclass(slots=True, kw_only=True)
class _Course:
    """The harms of a life, and those that are under way."""

    planned: Sequence[_Planned]
    under_way: list[_Planned] = field(default_factory=list)

    def at(self, step: int, life: Life) -> None:
        for each in [each for each in self.under_way if each.ends <= step]:
            each.harm.end(life)
            self.under_way.remove(each)
        for each in self.planned:
            if each.begins == step:
                each.harm.begin(life)
                self.under_way.append(each)

    def hinders(self, step: int) -> bool:
        """Whether something hinders now, or did so lately that a failed job waits for its next try."""
        lately = timedelta(minutes=3) // STEP
        return any(each.harm.hinders and each.begins <= step <= each.ends + lately for each in self.planned)


def live(seed: int, folder: Path) -> Lived:
    """One life, judged."""
    draw = Random(seed)
    name, begin, zone = SCENES[seed % len(SCENES)]
    scene = Scene(
        begin=begin,
        zone=zone,
        forecaster=draw.choice(["recent", "lastweek", "seasonal"]),
        drift=draw.choice(["revert", "revert", "adopt", "leave"]),
        daemons=draw.choice([1, 1, 2, 3]),
    )
    course = _Course(planned=_planned(seed))
    with a_life(folder, scene, draw) as life:
        for _ in range(scene.daemons):
            life.start_daemon()
        watch = _Watch()
        for step in range(STEPS):
            course.at(step, life)
            life.beat()
            watch.look(life.now, sound=_sound(life), hindered=course.hinders(step))
        course.at(10 * STEPS, life)
        ended, recovered = life.now, None
        for step in range(STEPS, STEPS + AFTER):
            life.beat()
            watch.look(life.now, sound=_sound(life), hindered=course.hinders(step))
            if recovered is None and _sound(life) and _enough(life):
                recovered = life.now - ended
        failures = tuple(_failures(life, watch, recovered))
        return Lived(
            seed=seed,
            scene=name,
            daemons=scene.daemons,
            drift=scene.drift,
            harms=tuple(each.name for each in course.planned),
            puts=sum(put.ours for put in life.puts),
            healed_seconds=watch.longest.total_seconds(),
            recovered_seconds=-1.0 if recovered is None else recovered.total_seconds(),
            failures=failures,
        )


def _planned(seed: int) -> tuple[_Planned, ...]:
    """Two to four harms; the first goes through the list with the seeds, so that each comes as often."""
    draw = Random(f"harms of {seed}")
    names = [list(HARMS)[seed % len(HARMS)], *draw.sample(list(HARMS), draw.randint(1, 3))]
    found = []
    for name in dict.fromkeys(names):
        begins = draw.randint(6, STEPS - 40)
        found.append(_Planned(name=name, harm=HARMS[name](draw), begins=begins, ends=begins + draw.randint(3, 36)))
    return tuple(found)


def _sound(life: Life) -> bool:
    """FC holds what was applied last, or what a person's edit is left to be; true while nobody can look."""
    if life.server is None or not (life.folder / "planner.db").is_file():
        return True
    with Store.open(life.database, migrate=False) as store:
        last = store.last_applied(ASR)
        if last is None:
            return True
        held = life.held()
        if held.digest == store.plan(last.plan_id).wanted.digest:
            return True
    return life.scene.drift == "leave" and bool(life.puts) and not life.puts[-1].ours and held.digest not in _ours(life)


def _ours(life: Life) -> set[str]:
    return {put.config.digest for put in life.puts if put.ours}


def _enough(life: Life) -> bool:
    """Whether the instances are there that the load takes."""
    assert life.server is not None
    wire = life.server.emulator.config(ASR.name)
    assert wire is not None
    return int(wire["current"]) * CONCURRENCY >= life.load.at(life.now) or life.scene.drift == "leave"


def _failures(life: Life, watch: _Watch, recovered: timedelta | None) -> Iterator[str]:
    """What doesn't hold at the end, a sentence each."""
    assert life.server is not None
    yield from dict.fromkeys(life.bugs)
    if watch.longest > HEALED:
        yield f"FC held another document for {watch.longest}, and nothing hindered"
    if watch.since is not None:
        yield f"at the end FC holds another document than what was applied last, since {watch.since}"
    if not any(put.ours for put in life.puts) and life.scene.drift != "leave":
        yield "no daemon put anything at all"
    if recovered is None or recovered > RECOVERED:
        yield f"document and instances were as wanted {recovered} after the last harm"
    with Store.open(life.database, migrate=False) as store:
        if store.unfinished(ASR):
            yield "an apply is on record without an end"
        attempts = [entry for entry in store.audit(ASR, limit=10_000) if isinstance(entry, Attempt)]
        plans = {attempt.plan_id: store.plan(attempt.plan_id) for attempt in attempts}
        yield from _unexplained(life, list(plans.values()))
        for attempt in attempts:
            yield from _lowered(plans[attempt.plan_id])
    with closing(sqlite3.connect(life.folder / "planner.db")) as connection:
        if connection.execute("PRAGMA integrity_check").fetchone() != ("ok",):
            yield "the database is damaged"
    yield from _below_the_floor(life)


def _below_the_floor(life: Life) -> Iterator[str]:
    """From minute to minute without a hole Function Compute wants no less than the owner's floor."""
    assert life.server is not None
    minutes = life.server.emulator.report(ASR.name, start=life.scene.begin).minutes
    if low := [minute.start for minute in minutes if minute.target < FLOOR]:
        yield f"below the floor of {FLOOR} in {len(low)} minutes from {low[0]} on"
    for one, other in pairwise(minutes):
        if other.start - one.start != timedelta(minutes=1):
            yield f"a minute is missing after {one.start}"


def _unexplained(life: Life, plans: Sequence[Plan]) -> Iterator[str]:
    """Every document that a daemon put is that of an attempt on record, and they don't come in crowds."""
    wanted = {plan.wanted.digest for plan in plans}
    ours = [put for put in life.puts if put.ours]
    for put in ours:
        if put.config.digest not in wanted:
            yield f"no attempt on record explains the put at {put.at}"
    for one, other in zip(ours, ours[MOST_PUTS:], strict=False):
        if other.at - one.at < WITHIN:
            yield f"more than {MOST_PUTS} puts from {one.at} to {other.at}"


def _lowered(plan: Plan) -> Iterator[str]:
    """A plan without fresh metrics that was sent takes nothing away from what stood there."""
    if plan.evidence is None or plan.created_at - plan.evidence.history_end <= FRESH or not holds_ours(plan.wanted):
        return
    start, minutes = plan.schedule.start, minutes_between(plan.schedule.start, plan.schedule.end)
    if (least_values(plan.wanted, start, minutes) < least_values(plan.live, start, minutes)).any():
        yield f"the plan of {plan.created_at} knew nothing after {plan.evidence.history_end}, and lowered capacity"


def campaign(seeds: Sequence[int], *, jobs: int = 1) -> list[Lived]:
    """All of them, in order; a life that broke the campaign itself is a failure of its own."""
    with tempfile.TemporaryDirectory(prefix="planner-faults-") as folder:
        one = partial(_guarded, Path(folder))
        if jobs == 1:
            return [_told(one(seed)) for seed in seeds]
        with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
            return [_told(life) for life in pool.map(one, seeds)]


def _guarded(folder: Path, seed: int) -> Lived:
    try:
        return live(seed, folder / str(seed))
    except Exception as error:  # noqa: BLE001  # whatever it is, the others go on
        broken = (f"the run broke: {type(error).__name__}: {error}",)
        return Lived(
            seed=seed, scene="", daemons=0, drift="", harms=tuple(each.name for each in _planned(seed)),
            puts=0, healed_seconds=0.0, recovered_seconds=-1.0, failures=broken,
        )  # fmt: skip


def _told(life: Lived) -> Lived:
    """A word on the way, since a campaign takes a while."""
    for failure in life.failures or ("as it has to be",):
        sys.stderr.write(f"seed {life.seed} ({', '.join(life.harms)}; {life.scene}, {life.drift}): {failure}\n")
    return life


def table(lives: Sequence[Lived]) -> str:
    """The report for people."""
    harms = Counter(harm for life in lives for harm in life.harms)
    failed = Counter(harm for life in lives if life.failures for harm in life.harms)
    scenes = Counter(life.scene for life in lives)
    healed, recovered = max(life.healed_seconds for life in lives), max(life.recovered_seconds for life in lives)
    puts, failures = sum(life.puts for life in lives), sum(bool(life.failures) for life in lives)
    return "\n".join(
        (
            f"{len(lives)} lives, {puts} puts, {failures} failed",
            f"longest time with another document than what was applied last, unhindered: {healed:.0f} s",
            f"longest recovery of document and instances after the last harm: {recovered:.0f} s",
            *(f"{count:5} times: {name}" for name, count in scenes.most_common()),
            f"{'harm':32}{'lives':>6}{'failed':>8}",
            *(f"{name:32}{count:6}{failed[name]:8}" for name, count in sorted(harms.items())),
            f"several daemons at once: {sum(life.daemons > 1 for life in lives)} lives",
        )
    )


def main() -> int:
    """The command line; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.campaigns.faults")
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1, help="of the first run; each next one has the next")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--only", type=int, help="this one seed")
    parser.add_argument("--json", type=Path, help="write the report here, too")
    asked = parser.parse_args()
    seeds = [asked.only] if asked.only is not None else range(asked.seed, asked.seed + asked.runs)
    lives = campaign(seeds, jobs=asked.jobs)
    sys.stdout.write(table(lives) + "\n")
    if asked.json:
        asked.json.write_text(json.dumps([asdict(life) for life in lives], indent=1), encoding="utf-8")
    return 1 if any(life.failures for life in lives) else 0


if __name__ == "__main__":
    sys.exit(main())
